//! The daemon of a node whose manifests are its cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use testkit::manifests::Manifests;
use testkit::world::{Running, World};

use crate::multus::program;
use crate::scene::until;

/// Longer than any test here.
const LIFE: Duration = Duration::from_secs(600);

/// The name of a suite whose cases run over `multus-shim` and `multus-daemon` begins with it.
const SUITES: &str = "thick_";

/// Whether this is such a suite. Its cases are those of the suite that is called the same without the prefix: nothing in
/// them says who plans.
pub(super) fn plans_here() -> bool {
    let own = std::env::current_exe().expect("the running program has a path");
    let name = own.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(SUITES)
}

/// A daemon, and the API that it asks. Dropped, both end.
#[derive(Debug)]
pub(super) struct NodeDaemon {
    /// `socketDir`.
    pub(super) run: PathBuf,
    /// Where statuses are.
    pub(super) statuses: PathBuf,
    /// Cases that call from many threads share the node.
    _daemon: Mutex<Running>,
    _api: Manifests,
}

impl NodeDaemon {
    /// Starts both, and waits until pods can be planned.
    #[track_caller]
    pub(super) fn start(world: &World, state: &Path, manifests: &Path, plugins: &Path) -> Self {
        let folder = |name| world.folder(name).expect("folders can be made");
        let (run, statuses) = (folder("run"), folder("statuses"));
        let (primaries, own) = (folder("primaries"), folder("etc"));
        let api = Manifests::serve(world.node(), manifests, &statuses);
        let api = api.expect("an API can be served");
        let write = |path: PathBuf, text: String| {
            fs::write(&path, text).expect("files can be written");
            path
        };
        let kubeconfig = write(world.directory().join("kubeconfig"), api.kubeconfig());
        // Each configuration of a test names its own default network.
        let primary = json!({"cniVersion": "1.0.0", "name": "primary", "type": "primary"});
        write(primaries.join("10-primary.conf"), primary.to_string());
        let config = json!({
            "cniVersion": "1.0.0",
            "socketDir": run,
            "cniConfigDir": own,
            "multusAutoconfigDir": primaries,
            "kubeconfig": kubeconfig,
            "cniDir": state,
            "binDir": plugins,
            "logToStderr": true,
        });
        let config = write(
            world.directory().join("daemon-config.json"),
            config.to_string(),
        );
        let command = world.command(program("multus-daemon"));
        let command = command.arg("-config").arg(config).timeout(LIFE);
        let daemon = command.spawn().expect("the daemon can be started");
        until("the daemon keeps the node's configuration", || {
            own.join("00-multus.conf").exists() && run.join("multus.sock").exists()
        });
        Self {
            run,
            statuses,
            _daemon: Mutex::new(daemon),
            _api: api,
        }
    }
}
