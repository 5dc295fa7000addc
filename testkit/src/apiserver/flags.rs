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
    command.args(of_any_etcd(data, clients, peers));
    command
}

/// What any `etcd` gets whose data lies in `data`.
pub(crate) fn of_any_etcd(data: &Path, clients: SocketAddrV4, peers: SocketAddrV4) -> Vec<String> {
    vec![
        format!("--data-dir={}", data.display()),
        format!("--listen-client-urls=http://{clients}"),
        format!("--advertise-client-urls=http://{clients}"),
        format!("--listen-peer-urls=http://{peers}"),
        format!("--initial-advertise-peer-urls=http://{peers}"),
        format!("--initial-cluster=default=http://{peers}"),
        "--unsafe-no-fsync".to_owned(),
        "--log-level=error".to_owned(),
    ]
}

/// `kube-apiserver`, with what needs a controller turned off.
pub(super) fn api(
    program: &Path,
    directory: &Path,
    api: SocketAddrV4,
    etcd: SocketAddrV4,
    audit: &Path,
) -> Command {
    let mut command = hermetic(program);
    command
        .args(of_any_api(directory, api, etcd))
        .arg("--service-account-extend-token-expiration=false")
        .arg("--disable-admission-plugins=ServiceAccount")
        .arg("--endpoint-reconciler-type=none")
        .arg(format!(
            "--audit-policy-file={}",
            directory.join("audit-policy.yaml").display()
        ))
        .arg(format!("--audit-log-path={}", audit.display()));
    command
}

/// What any `kube-apiserver` gets whose files lie in `directory`.
pub(crate) fn of_any_api(directory: &Path, api: SocketAddrV4, etcd: SocketAddrV4) -> Vec<String> {
    let file = |name: &str| directory.join(name).display().to_string();
    vec![
        format!("--bind-address={}", api.ip()),
        format!("--secure-port={}", api.port()),
        format!("--advertise-address={}", api.ip()),
        format!("--etcd-servers=http://{etcd}"),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--tls-cert-file={}", file("server.crt")),
        format!("--tls-private-key-file={}", file("server.key")),
        format!("--client-ca-file={}", file("ca.crt")),
        format!("--service-account-issuer={ISSUER}"),
        format!(
            "--service-account-signing-key-file={}",
            file("service-account.key")
        ),
        format!("--service-account-key-file={}", file("service-account.pub")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--allow-privileged=true".to_owned(),
    ]
}

/// A command that sees nothing of the environment: no proxy, no tuning of the machine's own cluster.
pub(super) fn hermetic(program: &Path) -> Command {
    let mut command = process::dies_with_us(program);
    command.env_clear().env(
        "PATH",
        std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
    );
    command
}
