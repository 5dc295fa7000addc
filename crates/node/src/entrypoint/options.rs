//! What the command line says (B1.60–B1.82).

use std::path::{Path, PathBuf};

use super::Failure;
use crate::flags::{Flag, Flags, Values};

pub(crate) const FLAGS: Flags = &[
    Flag::text(
        "cni-bin-dir",
        "/host/opt/cni/bin",
        "directory of the node's CNI plugins",
    ),
    Flag::text(
        "cni-conf-dir",
        "/host/etc/cni/net.d",
        "directory of the runtime's CNI configuration",
    ),
    Flag::text(
        "cni-version",
        "",
        "version that the primary's configuration has to have",
    ),
    Flag::text(
        "multus-conf-file",
        AUTO,
        "configuration to copy, or auto: it is generated",
    ),
    Flag::text(
        "multus-bin-file",
        "/usr/src/multus-cni/bin/multus",
        "the plugin",
    ),
    Flag::text(
        "multus-cni-conf-dir",
        "/host/etc/cni/multus/net.d",
        "directory of configurations for definitions without one",
    ),
    Flag::switch(
        "skip-multus-binary-copy",
        false,
        "leave the plugin's directory alone",
    ),
    Flag::text(
        "multus-kubeconfig-file-host",
        "/etc/cni/net.d/multus.d/multus.kubeconfig",
        "the kubeconfig's path on the node",
    ),
    Flag::text(
        "multus-master-cni-file-name",
        "",
        "the primary's file, if not the first by name",
    ),
    Flag::switch(
        "namespace-isolation",
        false,
        "pods may name definitions of their own namespace only",
    ),
    Flag::text(
        "global-namespaces",
        "",
        "namespaces whose definitions all pods may name",
    ),
    Flag::text(
        "multus-autoconfig-dir",
        "/host/etc/cni/net.d",
        "where the primary's file lies",
    ),
    Flag::switch(
        "multus-log-to-stderr",
        true,
        "whether the plugin logs to stderr",
    ),
    Flag::text("multus-log-level", "", "debug, verbose, error or panic"),
    Flag::text("multus-log-file", "", "the plugin's log on the node"),
    Flag::switch("override-network-name", false, "take the primary's name"),
    Flag::switch(
        "cleanup-config-on-exit",
        false,
        "remove the configuration at the end",
    ),
    Flag::switch(
        "skip-config-watch",
        false,
        "generate the configuration once",
    ),
    Flag::switch(
        "rename-conf-file",
        false,
        "rename the primary's file to <file>.old",
    ),
    Flag::text(
        "readiness-indicator-file",
        "",
        "file on the node that is there when the primary is ready",
    ),
    Flag::text(
        "additional-bin-dir",
        "",
        "further directory of CNI plugins on the node",
    ),
    Flag::switch("skip-tls-verify", false, ""),
    Flag::switch("force-cni-version", false, ""),
];

/// In place of a file: the configuration is generated.
const AUTO: &str = "auto";

/// Where a daemon of the node listens. There is none, unless another manifest is about to take our place, or we are its successor.
const DAEMON: &str = "/run/multus/multus.sock";

/// Directories of the node are seen below it.
const HOST: &str = "/host";

/// Where things lie, as this program sees them, and what is to be done.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) plugin: Option<PathBuf>,
    pub(super) plugin_dir: PathBuf,
    pub(super) conf_dir: PathBuf,
    pub(super) networks_dir: PathBuf,
    pub(super) primary_dir: PathBuf,
    pub(super) master: Option<String>,
    /// The socket of the node's daemon.
    pub(super) daemon: PathBuf,
    /// To be copied, in place of a generated one.
    pub(super) own_file: Option<PathBuf>,
    pub(super) watches: bool,
    pub(super) cleans_up: bool,
    pub(super) renames: bool,
    pub(super) skip_tls_verify: bool,
    pub(super) wishes: Wishes,
}

/// What the generated configuration is to say.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) version: String,
    pub(super) forces_version: bool,
    pub(super) overrides_name: bool,
    pub(super) namespace_isolation: bool,
    pub(super) global_namespaces: String,
    pub(super) log_to_stderr: bool,
    pub(super) log_level: String,
    pub(super) log_file: String,
    pub(super) readiness_file: String,
    pub(super) bin_dir: String,
    pub(super) conf_dir: String,
    pub(super) kubeconfig: String,
}

impl Options {
    /// Checked (B6.140, B6.146).
    pub(super) fn new(flags: &Values) -> Result<Self, Failure> {
        let text = |name| flags.text(name).to_owned();
        let path = |name| PathBuf::from(flags.text(name));
        let log_level = text("multus-log-level").to_lowercase();
        if !["", "debug", "error", "panic", "verbose"].contains(&log_level.as_str()) {
            return Err(Failure::LogLevel(log_level));
        }
        let own_file = match flags.text("multus-conf-file") {
            AUTO => None,
            file => Some(PathBuf::from(file)),
        };
        for flag in [
            "cni-conf-dir",
            "cni-bin-dir",
            "multus-bin-file",
            "multus-conf-file",
        ] {
            let is_auto = flag == "multus-conf-file" && own_file.is_none();
            if !is_auto && !path(flag).exists() {
                let path = text(flag);
                return Err(Failure::Missing { flag, path });
            }
        }
        let plugin = (!flags.is_on("skip-multus-binary-copy")).then(|| path("multus-bin-file"));
        let name = text("multus-master-cni-file-name");
        Ok(Self {
            plugin,
            plugin_dir: path("cni-bin-dir"),
            conf_dir: path("cni-conf-dir"),
            networks_dir: path("multus-cni-conf-dir"),
            primary_dir: path("multus-autoconfig-dir"),
            master: (!name.is_empty()).then_some(name),
            daemon: PathBuf::from(DAEMON),
            own_file,
            watches: !flags.is_on("skip-config-watch"),
            cleans_up: flags.is_on("cleanup-config-on-exit"),
            renames: flags.is_on("rename-conf-file"),
            skip_tls_verify: flags.is_on("skip-tls-verify"),
            wishes: Wishes {
                version: text("cni-version"),
                forces_version: flags.is_on("force-cni-version"),
                overrides_name: flags.is_on("override-network-name"),
                namespace_isolation: flags.is_on("namespace-isolation"),
                global_namespaces: text("global-namespaces"),
                log_to_stderr: flags.is_on("multus-log-to-stderr"),
                log_level,
                log_file: text("multus-log-file"),
                readiness_file: text("readiness-indicator-file"),
                bin_dir: text("additional-bin-dir"),
                conf_dir: on_the_node(flags.text("multus-cni-conf-dir")),
                kubeconfig: text("multus-kubeconfig-file-host"),
            },
        })
    }
}

/// A directory as the plugin sees it, which runs on the node (Q33).
fn on_the_node(path: &str) -> String {
    match Path::new(path).strip_prefix(HOST) {
        Ok(below) => Path::new("/").join(below).to_string_lossy().into_owned(),
        Err(_) => path.to_owned(),
    }
}
