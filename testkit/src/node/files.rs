//! What the servers of a node read: certificates, kubeconfigs, configurations. They lie in the world's scratch folder.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;

use super::image::PAUSE;
use super::program::{ADDRESS, API, CONTAINERD, Program};
use crate::apiserver::{Identity, Pki};
use crate::kube::{Kubeconfig, User};

/// The files of one node.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    pki: Pki,
}

impl Files {
    /// Writes them all. `outside` is where the API is reached from this process's network.
    pub(super) fn write(directory: &Path, group: &str, outside: Ipv4Addr) -> anyhow::Result<Self> {
        let pki = Pki::new(&[ADDRESS, outside]).context("failed to make certificates")?;
        pki.write(directory)?;
        let files = Self {
            directory: directory.to_owned(),
            pki,
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
            (
                Program::Kubelet,
                &format!("system:node:{}", super::NAME),
                "system:nodes",
            ),
        ] {
            let user = User::Certificate(files.pki.client(user, of)?);
            files.kubeconfig(&format!("{}.kubeconfig", program.name()), API.into(), &user)?;
        }
        files.put("containerd.toml", &containerd())?;
        files.put("kubelet.json", &files.kubelet(group).to_string())?;
        Ok(files)
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
            "address": ADDRESS,
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
