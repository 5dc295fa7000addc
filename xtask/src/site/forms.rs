//! How Multus comes to a node and goes from it: by the manifests or by the chart, as the daemon or as the thin plugin.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testkit::kube::wait;
use testkit::tools::{self, Part};

use super::{LIMIT, Site, pause};
use crate::workspace::root;

const UNINSTALLER: &str = "/apis/apps/v1/namespaces/kube-system/daemonsets/multus-uninstall";

/// What carries pods' networks out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A daemon plans.
    Thick,
    /// The plugin plans by itself.
    Thin,
}

impl Form {
    /// The type of the plugin that the runtime calls.
    pub(crate) fn plugin(self) -> &'static str {
        match self {
            Self::Thick => "multus-shim",
            Self::Thin => "multus",
        }
    }

    fn manifest(self) -> &'static str {
        match self {
            Self::Thick => "deploy/multus-daemonset-thick.yml",
            Self::Thin => "deploy/multus-daemonset.yml",
        }
    }
}

impl Site {
    /// Applies our manifest, as a person does.
    pub(crate) fn apply(&self, form: Form) -> Result<()> {
        let kubectl = self
            .node
            .kubectl(["apply", "--server-side", "--force-conflicts", "-f"])?;
        let manifest = root().join(form.manifest());
        kubectl.arg(manifest).check().map(drop)
    }

    /// Deletes Multus' DaemonSet; its pods may take their time.
    pub(crate) fn delete_daemon_set(&self) -> Result<()> {
        let words = ["-n", "kube-system", "delete", "daemonset/kube-multus-ds"];
        self.node
            .kubectl(words.into_iter().chain(["--wait=false"]))?
            .check()
            .map(drop)
    }

    /// Waits until Multus has no pod.
    pub(crate) fn wait_for_no_daemon(&self) -> Result<()> {
        wait::until_true("Multus' pods to be gone", LIMIT, || {
            pause();
            Ok(self.pods()?.is_empty())
        })
    }

    /// Lets helm have what the manifest brought, as a person does who changes to the chart: of what kubectl owns as well, helm
    /// removes nothing later.
    pub(crate) fn install_chart(&self) -> Result<()> {
        for words in [
            &["daemonset", "kube-multus-ds", "--cascade=orphan"][..],
            &["configmap", "multus-daemon-config"],
        ] {
            let words = ["-n", "kube-system", "delete"].iter().chain(words);
            self.node.kubectl(words.copied())?.check()?;
        }
        let chart = root().join("deploy/chart").display().to_string();
        self.helm(&[
            "upgrade",
            "--install",
            "--take-ownership",
            "--force-conflicts",
            "multus",
            &chart,
        ])?;
        self.wait_for_daemon()
    }

    /// Uninstalls the chart, and waits until the node is given back.
    pub(crate) fn uninstall_chart(&self) -> Result<()> {
        self.helm(&["uninstall", "multus"])?;
        wait::until_true("the node to be given back", LIMIT, || {
            pause();
            let status = &self.client().get(UNINSTALLER)?["status"];
            Ok(status["numberReady"] == 1 && status["desiredNumberScheduled"] == 1)
        })
    }

    /// What the pod says that the uninstallation left.
    pub(crate) fn uninstaller_says(&self) -> Result<String> {
        let words = ["-n", "kube-system", "logs", "daemonset/multus-uninstall"];
        Ok(self.node.kubectl(words)?.check()?.stdout_text())
    }

    /// Deletes what the uninstallation left.
    pub(crate) fn delete_uninstaller(&self) -> Result<()> {
        let words = ["-n", "kube-system", "delete"];
        let words = words
            .into_iter()
            .chain(["daemonset,configmap", "multus-uninstall"]);
        self.node.kubectl(words)?.check().map(drop)
    }

    fn helm(&self, words: &[&str]) -> Result<()> {
        let program = tools::program(Part::Helm, "helm")?;
        let home = self.node.logs();
        let output = Command::new(program)
            .args(words)
            .args(["--namespace", "kube-system", "--kubeconfig"])
            .arg(self.node.kubeconfig())
            .env_clear()
            .env("HOME", home)
            .output()
            .context("start helm")?;
        ensure!(
            output.status.success(),
            "helm {}: {}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    /// What `multus-daemon get` says in Multus' pod.
    pub(crate) fn ask(&self, path: &str) -> Result<String> {
        let words = ["-n", "kube-system", "exec", "daemonset/kube-multus-ds"];
        let program = ["--", "/usr/src/multus-cni/bin/multus-daemon", "get", path];
        let words = words.into_iter().chain(program);
        Ok(self.node.kubectl(words)?.check()?.stdout_text())
    }

    /// Whether a file of the node is there.
    pub(crate) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }
}
