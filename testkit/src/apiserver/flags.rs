//! How the two servers are started.

use std::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;

use super::token::ISSUER;
use crate::process;

/// `etcd`, which keeps its data for one run only and therefore never waits for the disk.
pub(super) fn etcd(
    program: &Path,
    data: &Path,
    clients: SocketAddrV4,
    peers: SocketAddrV4,
) -> Command {
    let mut command = hermetic(program);
    command
        .arg(format!("--data-dir={}", data.display()))
        .arg(format!("--listen-client-urls=http://{clients}"))
        .arg(format!("--advertise-client-urls=http://{clients}"))
        .arg(format!("--listen-peer-urls=http://{peers}"))
        .arg(format!("--initial-advertise-peer-urls=http://{peers}"))
        .arg(format!("--initial-cluster=default=http://{peers}"))
        .args(["--unsafe-no-fsync", "--log-level=error"]);
    command
}

/// `kube-apiserver`, with what needs a controller turned off.
pub(super) fn api(
    program: &Path,
    directory: &Path,
    api: SocketAddrV4,
    etcd: SocketAddrV4,
    audit: &Path,
) -> Command {
    let file = |name: &str| directory.join(name).display().to_string();
    let mut command = hermetic(program);
    command
        .arg(format!("--bind-address={}", api.ip()))
        .arg(format!("--secure-port={}", api.port()))
        .arg(format!("--advertise-address={}", api.ip()))
        .arg(format!("--etcd-servers=http://{etcd}"))
        .arg("--service-cluster-ip-range=10.96.0.0/16")
        .arg(format!("--tls-cert-file={}", file("server.crt")))
        .arg(format!("--tls-private-key-file={}", file("server.key")))
        .arg(format!("--client-ca-file={}", file("ca.crt")))
        .arg(format!("--service-account-issuer={ISSUER}"))
        .arg(format!(
            "--service-account-signing-key-file={}",
            file("service-account.key")
        ))
        .arg(format!(
            "--service-account-key-file={}",
            file("service-account.pub")
        ))
        .args([
            "--service-account-extend-token-expiration=false",
            "--authorization-mode=Node,RBAC",
        ])
        .args([
            "--allow-privileged=true",
            "--disable-admission-plugins=ServiceAccount",
        ])
        .arg("--endpoint-reconciler-type=none")
        .arg(format!("--audit-policy-file={}", file("audit-policy.yaml")))
        .arg(format!("--audit-log-path={}", audit.display()));
    command
}

/// A command that sees nothing of the environment: no proxy, no tuning of the machine's own cluster.
fn hermetic(program: &Path) -> Command {
    let mut command = process::dies_with_us(program);
    command.env_clear().env(
        "PATH",
        std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
    );
    command
}
