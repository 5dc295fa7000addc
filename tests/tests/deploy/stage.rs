//! A cluster that the chart is installed in.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use testkit::apiserver::ApiServer;
use testkit::tools::{self, Part};

/// The setting with which each node has a certificate of its own.
pub(crate) const CERTIFICATES: &str = "daemonConfig.perNodeCertificate.enabled=true";

/// The chart's folder.
pub(crate) fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/chart")
}

/// Runs helm, which has to succeed; what it prints.
#[track_caller]
pub(crate) fn helm(words: &[&str]) -> String {
    let output = try_helm(words);
    assert!(
        output.status.success(),
        "helm {}: {}{}",
        words.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs helm with nothing of this machine's user.
#[track_caller]
pub(crate) fn try_helm(words: &[&str]) -> Output {
    let home = tempfile::tempdir().unwrap();
    let program = tools::program(Part::Helm, "helm").unwrap();
    Command::new(program)
        .args(words)
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap()
}

/// What the chart renders.
#[track_caller]
pub(crate) fn rendered(words: &[&str]) -> String {
    let chart = chart().display().to_string();
    let mut all = vec!["template", "multus", &chart, "--namespace", "kube-system"];
    all.extend_from_slice(words);
    helm(&all)
}

/// An API in which the chart is installed, with all its parts.
pub(crate) fn installed() -> &'static ApiServer {
    let installed = ApiServer::shared_bare(|api| {
        let kubeconfig = api.admin_kubeconfig().display().to_string();
        let chart = chart().display().to_string();
        helm(&[
            "install",
            "multus",
            &chart,
            "--namespace",
            "kube-system",
            "--kubeconfig",
            &kubeconfig,
            "--set",
            "certApprover.enabled=true",
            "--set",
            CERTIFICATES,
        ]);
        Ok(())
    });
    installed.unwrap()
}
