//! What the servers of a node read: certificates, kubeconfigs, configurations. They lie in the world's scratch folder.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;

use super::image::PAUSE;
use super::program::{API, CONTAINERD, Program};
use crate::apiserver::{Identity, Pki};
use crate::kube::{Kubeconfig, User};

/// The files of one node.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    /// The cluster's.
    pki: Arc<Pki>,
    /// The node's.
    number: u8,
}

impl Files {
    /// Writes those of a cluster's first node. `outside` is where the API is reached from this process's network.
    pub(super) fn write(directory: &Path, group: &str, outside: Ipv4Addr) -> anyhow::Result<Self> {
        let pki = Pki::new(&[*API.ip(), outside]).context("failed to make certificates")?;
        pki.write(directory)?;
        let files = Self {
            directory: directory.to_owned(),
            pki: Arc::new(pki),
            number: 1,
        };
        files.put("admin.crt", &files.pki.admin.certificate)?;
        files.put("admin.key", &files.pki.admin.key)?;
        for (program, user, of) in [
            (
                Program::Controllers,
                "system:kube-controller-manager",
                "system:controllers",
            ),
            (
                Program::Scheduler,
                "system:kube-scheduler",
                "system:schedulers",
            ),
        ] {
            files.identify(program, user, of)?;
        }
        files.write_for_pods(group)?;
        Ok(files)
    }

    /// Writes those of a further node of this one's cluster.
    pub(super) fn write_further(
        &self,
        number: u8,
        directory: &Path,
        group: &str,
    ) -> anyhow::Result<Self> {
        let files = Self {
            directory: directory.to_owned(),
            pki: self.pki.clone(),
            number,
        };
        let serving = files.pki.serving(&[files.address()])?;
        files.put("ca.crt", &files.pki.ca)?;
        files.put("server.crt", &serving.certificate)?;
        files.put("server.key", &serving.key)?;
        files.write_for_pods(group)?;
        Ok(files)
    }

    /// What every node has.
    fn write_for_pods(&self, group: &str) -> anyhow::Result<()> {
        let user = format!("system:node:{}", self.name());
        self.identify(Program::Kubelet, &user, "system:nodes")?;
        self.put("containerd.toml", &containerd())?;
        self.put("kubelet.json", &self.kubelet(group).to_string())
    }

    /// Tells a program who it is.
    fn identify(&self, program: Program, user: &str, group: &str) -> anyhow::Result<()> {
        let user = User::Certificate(self.pki.client(user, group)?);
        self.kubeconfig(&format!("{}.kubeconfig", program.name()), API.into(), &user)?;
        Ok(())
    }

    /// The node's name in its cluster.
    pub(super) fn name(&self) -> &'static str {
        super::name(self.number)
    }

    /// The node's address.
    pub(super) fn address(&self) -> Ipv4Addr {
        super::program::address(self.number)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The authority's certificate, PEM.
    pub(super) fn ca(&self) -> &str {
        &self.pki.ca
    }

    /// Who may do everything.
    pub(super) fn admin(&self) -> Identity {
        self.pki.admin.clone()
    }

    /// Writes a kubeconfig for a user of the API at this address.
    pub(super) fn kubeconfig(
        &self,
        name: &str,
        api: SocketAddr,
        user: &User,
    ) -> anyhow::Result<PathBuf> {
        let path = self.directory.join(name);
        Kubeconfig {
            server: &format!("https://{api}"),
            ca: &self.pki.ca,
            user,
        }
        .write(&path)?;
        Ok(path)
    }

    fn put(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.directory.join(name);
        fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))
    }

    fn kubelet(&self, group: &str) -> serde_json::Value {
        let file = |name: &str| self.directory.join(name);
        json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address(),
            "authentication": {
                "anonymous": {"enabled": false},
                "webhook": {"enabled": true},
                "x509": {"clientCAFile": file("ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": file("server.crt"),
            "tlsPrivateKeyFile": file("server.key"),
            "containerRuntimeEndpoint": format!("unix://{CONTAINERD}"),
            "staticPodPath": "/etc/kubernetes/manifests",
            "volumePluginDir": "/var/lib/kubelet/volumeplugins",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": format!("/{group}"),
            "enforceNodeAllocatable": [],
            "failCgroupV1": false,
            "failSwapOn": false,
            // Less needs CAP_SYS_RESOURCE, which containers that tests run in may not have.
            "oomScoreAdj": 0,
            "makeIPTablesUtilChains": false,
            // How full the machine's disk is, is none of the tests' business.
            "localStorageCapacityIsolation": false,
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            "maxPods": 250,
            "clusterDNS": ["10.96.0.10"],
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
            "eventRecordQPS": 0,
            "serializeImagePulls": false,
        })
    }
}

fn containerd() -> String {
    format!(
        r#"version = 3
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
address = "{CONTAINERD}"

[plugins."io.containerd.nri.v1.nri"]
disable = true

[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{PAUSE}"

[plugins."io.containerd.cri.v1.runtime"]
# Less needs CAP_SYS_RESOURCE, and runc dies without it.
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/opt/cni/bin"]
conf_dir = "/etc/cni/net.d"
max_conf_num = 1

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"#
    )
}
