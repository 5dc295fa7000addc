//! The servers of a node, and how each is started.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::files::Files;
use crate::apiserver::{of_any_api, of_any_etcd};
use crate::tools::{self, Part};
use crate::world::World;

/// Where the API listens: on the first node.
pub(super) const API: SocketAddrV4 = SocketAddrV4::new(address(1), 6443);
const ETCD: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2379);
const ETCD_PEERS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2380);
/// Where the kubelet tells that it is well.
pub(super) const KUBELET_HEALTH: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 10248);
/// containerd's socket.
pub const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// A node's address; `network.sh` gives it.
pub(super) const fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 250, 0, number)
}

/// A server of the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The API server's store.
    Etcd,
    /// `kube-apiserver`.
    ApiServer,
    /// `kube-controller-manager`.
    Controllers,
    /// `kube-scheduler`.
    Scheduler,
    /// `containerd`. Its containers go on without it.
    Containerd,
    /// `kubelet`.
    Kubelet,
}

impl Program {
    /// Every server, in the order of their start.
    pub(super) const ALL: [Self; 6] = [
        Self::Etcd,
        Self::ApiServer,
        Self::Containerd,
        Self::Controllers,
        Self::Scheduler,
        Self::Kubelet,
    ];

    /// Those of a further node.
    pub(super) const FOR_PODS: [Self; 2] = [Self::Containerd, Self::Kubelet];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::Controllers => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Containerd => "containerd",
            Self::Kubelet => "kubelet",
        }
    }

    fn part(self) -> Part {
        match self {
            Self::Etcd => Part::Etcd,
            Self::ApiServer => Part::KubeApiserver,
            Self::Controllers => Part::KubeControllerManager,
            Self::Scheduler => Part::KubeScheduler,
            Self::Containerd => Part::Containerd,
            Self::Kubelet => Part::Kubelet,
        }
    }

    /// Where its program is.
    pub(super) fn path(self) -> anyhow::Result<PathBuf> {
        tools::program(self.part(), self.name())
    }

    /// What starts it on the node.
    pub(super) fn command(self, world: &World, files: &Files) -> anyhow::Result<Command> {
        let program = self.path()?;
        // containerd looks for its shim on the path.
        let folder = program.parent().unwrap_or(Path::new("/"));
        let mut command = world.server(&program, &[folder]);
        command.args(self.arguments(files));
        Ok(command)
    }

    fn arguments(self, files: &Files) -> Vec<String> {
        let file = |name: &str| files.directory().join(name).display().to_string();
        let kubeconfig = || {
            format!(
                "--kubeconfig={}",
                file(&format!("{}.kubeconfig", self.name()))
            )
        };
        match self {
            Self::Etcd => of_any_etcd(Path::new("/var/lib/etcd"), ETCD, ETCD_PEERS),
            Self::ApiServer => {
                let mut arguments = of_any_api(files.directory(), API, ETCD);
                arguments.extend([
                    "--enable-admission-plugins=NodeRestriction".to_owned(),
                    format!("--kubelet-certificate-authority={}", file("ca.crt")),
                    format!("--kubelet-client-certificate={}", file("admin.crt")),
                    format!("--kubelet-client-key={}", file("admin.key")),
                    "--kubelet-preferred-address-types=InternalIP".to_owned(),
                ]);
                arguments
            }
            Self::Controllers => vec![
                kubeconfig(),
                format!(
                    "--service-account-private-key-file={}",
                    file("service-account.key")
                ),
                format!("--root-ca-file={}", file("ca.crt")),
                format!("--cluster-signing-cert-file={}", file("ca.crt")),
                format!("--cluster-signing-key-file={}", file("ca.key")),
                "--use-service-account-credentials=true".to_owned(),
                "--leader-elect=false".to_owned(),
                "--bind-address=127.0.0.1".to_owned(),
                "--kube-api-qps=100".to_owned(),
                "--kube-api-burst=200".to_owned(),
                // A range for each node, for networks that ask the API for it.
                "--allocate-node-cidrs=true".to_owned(),
                format!("--cluster-cidr={}", super::POD_RANGE),
            ],
            Self::Scheduler => vec![
                kubeconfig(),
                "--leader-elect=false".to_owned(),
                "--bind-address=127.0.0.1".to_owned(),
            ],
            Self::Containerd => vec![format!("--config={}", file("containerd.toml"))],
            Self::Kubelet => vec![
                kubeconfig(),
                format!("--config={}", file("kubelet.json")),
                format!("--node-ip={}", files.address()),
                format!("--hostname-override={}", files.name()),
            ],
        }
    }
}
