//! A node whose kubelet tells about devices, and the files in which device information lies.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use testkit::kubelet::{Answer, Kubelet};

use crate::node::Node;

/// Device information of devices and of attachments, as the node sees it.
const DEVICE_INFO: &str = "/var/run/k8s.cni.cncf.io/devinfo";

impl Node {
    /// Puts a kubelet's folders at their fixed place: ones of the node's own.
    #[track_caller]
    pub fn kubelet(&self) -> KubeletNode<'_> {
        let folder = |name| self.world.folder(name).expect("folders can be made");
        let (sockets, checkpoints) = (folder("pod-resources"), folder("device-plugins"));
        let script = "mount -t tmpfs tmpfs /var/lib && cd /var/lib && mkdir -p kubelet/pod-resources kubelet/device-plugins \
                      && mount --bind \"$1\" kubelet/pod-resources && mount --bind \"$2\" kubelet/device-plugins";
        let mounted = self.world.command("sh").args(["-c", script, "sh"]);
        let mounted = mounted.arg(&sockets).arg(&checkpoints).check();
        mounted.expect("the kubelet's folders can be mounted");
        KubeletNode {
            node: self,
            sockets,
            checkpoints,
        }
    }

    /// Where device information is, as seen from outside.
    pub fn device_info(&self, name: &str) -> PathBuf {
        // `/var/run` is a link to `/run`, which from outside would lead to the machine's own.
        let inside = DEVICE_INFO.replace("/var/run", "/run");
        self.world.outside(&Path::new(&inside).join(name))
    }

    /// What a device plugin leaves about a device.
    #[track_caller]
    pub fn leave_device_info(&self, name: &str, text: &str) {
        let path = self.device_info(name);
        let folder = path.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("folders can be made");
        fs::write(path, text).expect("files can be written");
    }

    /// The files of attachments.
    #[track_caller]
    pub fn attachments_with_device_info(&self) -> Vec<String> {
        let folder = fs::read_dir(self.device_info("cni"));
        let entries = folder.into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Permission bits of a file or folder of device information.
    #[track_caller]
    pub fn mode_of_device_info(&self, name: &str) -> u32 {
        let metadata = fs::metadata(self.device_info(name));
        metadata.expect("it is there").mode() & 0o7777
    }
}

/// The kubelet's folders on a node. Nobody serves there yet, and there is no checkpoint.
#[derive(Debug)]
pub struct KubeletNode<'a> {
    node: &'a Node,
    sockets: PathBuf,
    checkpoints: PathBuf,
}

impl KubeletNode<'_> {
    /// Serves pod resources at the kubelet's socket.
    #[track_caller]
    pub fn serve(&self, answer: Answer) -> Kubelet {
        Kubelet::start(&self.sockets.join("kubelet.sock"), answer).expect("a socket can be served")
    }

    /// Writes the device manager's checkpoint.
    #[track_caller]
    pub fn write_checkpoint(&self, text: &str) {
        let path = self.checkpoints.join("kubelet_internal_checkpoint");
        fs::write(path, text).expect("files can be written");
    }

    /// The node.
    pub fn node(&self) -> &Node {
        self.node
    }
}
