//! The daemon of a node in suites whose cases run over it: its cluster is a real one, or the node's manifests.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use testkit::kube::NODE;
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
pub(crate) fn plans_here() -> bool {
    let own = std::env::current_exe().expect("the running program has a path");
    let name = own.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(SUITES)
}

/// A daemon that plans for the node's pods. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Planning {
    /// `socketDir`.
    pub(crate) run: PathBuf,
    /// Cases that call from many threads share the node.
    _running: Mutex<Running>,
}

impl Planning {
    /// Starts it over the API that this kubeconfig names, and waits until pods can be planned.
    #[track_caller]
    pub(crate) fn start(place: &Place<'_>, kubeconfig: &Path) -> Self {
        let world = place.world;
        let folder = |name| world.folder(name).expect("folders can be made");
        let (run, primaries, own) = (folder("run"), folder("primaries"), folder("etc"));
        let write = |path: PathBuf, text: String| {
            fs::write(&path, text).expect("files can be written");
            path
        };
        // Each configuration of a test names its own default network.
        let primary = json!({"cniVersion": "1.0.0", "name": "primary", "type": "primary"});
        write(primaries.join("10-primary.conf"), primary.to_string());
        let config = json!({
            "cniVersion": "1.0.0",
            "socketDir": run,
            "cniConfigDir": own,
            "multusAutoconfigDir": primaries,
            "kubeconfig": kubeconfig,
            "cniDir": place.state,
            "binDir": place.plugins,
            "logToStderr": true,
        });
        let config = write(
            world.directory().join("daemon-config.json"),
            config.to_string(),
        );
        let command = world.command(program("multus-daemon"));
        let command = command.env("MULTUS_NODE_NAME", NODE);
        let command = command.arg("-config").arg(config).timeout(LIFE);
        let running = command.spawn().expect("the daemon can be started");
        until("the daemon is ready", || {
            ask(&run, "/readyz").is_some_and(|(status, _)| status == 200)
        });
        Self {
            run,
            _running: Mutex::new(running),
        }
    }

    /// Waits until it has done what no plugin waits for: events, and statuses of pods without networks of their own.
    #[track_caller]
    pub(crate) fn settle(&self) {
        let idle = ["multus_statuses_pending 0", "multus_events_pending 0"];
        until("the daemon has told everything", || {
            let text = ask(&self.run, "/metrics").unwrap_or_default().1;
            idle.iter().all(|line| text.lines().any(|is| is == *line))
        });
    }
}

/// Where on a node a daemon works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) world: &'a World,
    pub(crate) state: &'a Path,
    pub(crate) plugins: &'a Path,
}

/// What the daemon with this `socketDir` answers to a person with `curl`; `None` without a daemon.
pub(crate) fn ask(run: &Path, path: &str) -> Option<(u16, String)> {
    let mut stream = UnixStream::connect(run.join("multus.sock")).ok()?;
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// A daemon whose API are the node's manifests. Dropped, both end.
#[derive(Debug)]
pub(super) struct NodeDaemon {
    pub(super) planning: Planning,
    /// Where statuses are.
    pub(super) statuses: PathBuf,
    _api: Manifests,
}

impl NodeDaemon {
    #[track_caller]
    pub(super) fn start(place: &Place<'_>, manifests: &Path) -> Self {
        let world = place.world;
        let statuses = world.folder("statuses").expect("folders can be made");
        let api = Manifests::serve(world.node(), manifests, &statuses);
        let api = api.expect("an API can be served");
        let kubeconfig = world.directory().join("kubeconfig");
        fs::write(&kubeconfig, api.kubeconfig()).expect("files can be written");
        Self {
            planning: Planning::start(place, &kubeconfig),
            statuses,
            _api: api,
        }
    }
}
