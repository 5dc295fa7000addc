//! `multus-daemon uninstall`: gives a node back to its primary network (row 4 of what users report).
//!
//! Our configuration goes last, and nothing goes that is not ours: plugins and ledgers stay, so that pods which run can still
//! be detached. A runtime that remembers our configuration does so by itself; one that does not (containerd) tells the primary's
//! plugins alone when a pod ends, and [`Sweep`] does the rest.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use plan::{PRIMARY_RECORD, Whose};
use sys::files::{FileError, config_dir_listing, read_bounded, remove};
use sys::lock::Presence;

use crate::keeper::{DIRECTORY_OF_THIN, OUR_FILE, OUR_LIST};
use crate::settings::{ConfigFile, Settings};
use crate::socket;
use crate::sweep::Sweep;

/// How long a daemon that ends, or `thin_entrypoint`, may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between looks.
const PAUSE: Duration = Duration::from_secs(1);
/// So often our configuration may come back: whoever keeps it is about to end.
const ROUNDS: u32 = 30;
/// It has to stay away for so many looks.
const QUIET: u32 = 3;
/// Between two looks for pods that have ended.
const SWEEP: Duration = Duration::from_secs(5);
/// No configuration file comes near it.
const LARGEST: u64 = 1 << 20;

/// Why the node is not as it was before.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("a daemon still serves on {}: take its DaemonSet away first", .0.display())]
    Serving(PathBuf),
    #[error("thin_entrypoint still keeps {}: take its DaemonSet away first", .0.display())]
    Keeping(PathBuf),
    #[error("{} holds plugins of others as well ({plugins}): take them out of it, or remove it by hand", file.display())]
    Shared { file: PathBuf, plugins: String },
    #[error("{} is no CNI configuration ({reason}), and nobody can tell whose it is: remove it, or mend it", file.display())]
    Broken {
        file: PathBuf,
        reason: cni::ConfError,
    },
    #[error("{} comes back again and again: something still keeps it", .0.display())]
    Kept(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
}

/// Uninstalls, and tells what there is afterwards. With `stay`, it goes on to detach pods of ours that end, until it is killed.
pub(crate) fn run(settings: &Settings, stay: bool) -> ExitCode {
    match (Uninstall {
        settings,
        patience: PATIENCE,
        pause: PAUSE,
    })
    .uninstall()
    {
        Ok(lines) => lines.iter().for_each(|line| sys::say!("{line}")),
        Err(failure) => {
            sys::complain!("multus-daemon: not uninstalled: {failure}");
            return ExitCode::FAILURE;
        }
    }
    let mut sweep = Sweep::new(settings);
    loop {
        for line in sweep.once() {
            sys::say!("{line}");
        }
        if !stay {
            return ExitCode::SUCCESS;
        }
        sleep(SWEEP);
    }
}

struct Uninstall<'a> {
    settings: &'a Settings,
    patience: Duration,
    pause: Duration,
}

impl Uninstall<'_> {
    fn uninstall(&self) -> Result<Vec<String>, Failure> {
        let _alone = self.wait_for_the_end()?;
        // Before anything goes.
        let mut ours = self.ours()?;
        let directory = &self.settings.cni_config_dir;
        remove(&self.settings.netconf.cni_dir.join(PRIMARY_RECORD))?;
        remove(&directory.join(DIRECTORY_OF_THIN).join("multus.kubeconfig"))?;
        let mut lines = Vec::new();
        let mut quiet = 0;
        for _ in 0..ROUNDS {
            // One that has come meanwhile is here to stay.
            if let Some(socket) = self.served() {
                return Err(Failure::Serving(socket));
            }
            quiet = if ours.is_empty() { quiet + 1 } else { 0 };
            for file in &ours {
                remove(file)?;
                lines.push(format!("removed {}", file.display()));
            }
            if quiet > QUIET {
                lines.push(self.what_is_left());
                return Ok(lines);
            }
            sleep(self.pause);
            ours = self.ours()?;
        }
        Err(Failure::Kept(directory.join(OUR_FILE)))
    }

    /// A daemon or `thin_entrypoint` would put our configuration back. As long as what this returns is held, no `thin_entrypoint`
    /// begins.
    fn wait_for_the_end(&self) -> Result<Option<Presence>, Failure> {
        let directory = self.settings.cni_config_dir.join(DIRECTORY_OF_THIN);
        let own = Presence::beside_others(&directory, Instant::now()).ok();
        let deadline = Instant::now() + self.patience;
        let mut is_told = false;
        loop {
            let failure = match self.served() {
                Some(socket) => Failure::Serving(socket),
                None if own.as_ref().is_none_or(Presence::is_alone) => return Ok(own),
                None => Failure::Keeping(directory.clone()),
            };
            if Instant::now() >= deadline {
                return Err(failure);
            }
            if !std::mem::replace(&mut is_told, true) {
                sys::complain!("multus-daemon: waits: {failure}");
            }
            sleep(self.pause);
        }
    }

    /// The socket, where a daemon serves on it.
    fn served(&self) -> Option<PathBuf> {
        let socket = socket::path(&self.settings.socket_dir);
        sys::socket::is_served(&socket).then_some(socket)
    }

    /// Files that are Multus' configuration and nobody else's.
    fn ours(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut names = vec![PathBuf::from(OUR_FILE), OUR_LIST.into()];
        if let ConfigFile::Copy(source) = &self.settings.config_file {
            names.extend(source.file_name().map(PathBuf::from));
        }
        let own = &self.settings.generated.plugin_type;
        let mut ours = Vec::new();
        for name in names {
            let file = self.settings.cni_config_dir.join(name);
            let Some(bytes) = read_bounded(&file, LARGEST)? else {
                continue;
            };
            let conf = match cni::NetworkConf::parse(&bytes) {
                Ok(conf) => conf,
                // Left alone it would keep containerd from taking the primary's.
                Err(reason) => return Err(Failure::Broken { file, reason }),
            };
            match plan::whose(&conf, own) {
                Whose::Others => {}
                Whose::Multus => ours.push(file),
                Whose::Shared(others) => {
                    let plugins = others.join(", ");
                    return Err(Failure::Shared { file, plugins });
                }
            }
        }
        Ok(ours)
    }

    fn what_is_left(&self) -> String {
        let directory = &self.settings.cni_config_dir;
        let listing = config_dir_listing(directory).unwrap_or_default();
        let mut broken = String::new();
        for (file, bytes) in &listing.files {
            match cni::NetworkConf::parse(bytes) {
                Ok(conf) => {
                    return format!("new pods get network {:?} ({file}){broken}", conf.name());
                }
                Err(_) if broken.is_empty() => {
                    broken = format!(
                        "; containerd gives them none as long as {file}, which nobody can read, is before it"
                    );
                }
                Err(_) => {}
            }
        }
        format!(
            "there is no other configuration in {}: the node has no network until there is",
            directory.display()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use serde_json::json;
    use sys::files::{Durability, write_atomic};
    use tempfile::TempDir;

    use super::*;

    const OURS: &str = r#"{"cniVersion":"1.0.0","name":"multus-cni-network","type":"multus-shim"}"#;
    const PRIMARY: &str = r#"{"cniVersion":"1.0.0","name":"cluster","type":"bridge"}"#;

    fn node() -> (TempDir, Settings) {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for directory in ["conf", "state", "run"] {
            fs::create_dir(path(directory)).unwrap();
        }
        let settings = json!({
            "cniVersion": "1.0.0", "cniConfigDir": path("conf"), "cniDir": path("state"),
            "socketDir": path("run"), "multusAutoconfigDir": path("conf"),
        });
        let settings = Settings::parse(settings.to_string().as_bytes()).unwrap();
        put(&root, "conf/10-cluster.conf", PRIMARY);
        put(&root, "conf/00-multus.conf", OURS);
        put(&root, "state/.primary", "{}");
        put(&root, "state/0badcafe", "[]");
        (root, settings)
    }

    fn put(root: &TempDir, name: &str, text: &str) {
        write_atomic(
            &root.path().join(name),
            text.as_bytes(),
            0o600,
            Durability::None,
        )
        .unwrap();
    }

    fn has(root: &TempDir, name: &str) -> bool {
        root.path().join(name).exists()
    }

    fn uninstall(settings: &Settings) -> Result<Vec<String>, Failure> {
        uninstall_with(Duration::from_millis(10), settings)
    }

    /// Between two looks others have time to come, on a busy machine as well.
    fn uninstall_slowly(settings: &Settings) -> Result<Vec<String>, Failure> {
        uninstall_with(Duration::from_millis(500), settings)
    }

    fn uninstall_with(pause: Duration, settings: &Settings) -> Result<Vec<String>, Failure> {
        let patience = 10 * pause;
        Uninstall {
            settings,
            patience,
            pause,
        }
        .uninstall()
    }

    #[test]
    fn our_configuration_goes_and_everything_else_stays() {
        // row 4
        let (root, settings) = node();
        put(
            &root,
            "conf/00-multus.conflist",
            r#"{"cniVersion":"1.0.0","name":"other","plugins":[{"type":"x"}]}"#,
        );
        let lines = uninstall(&settings).unwrap();
        assert!(!has(&root, "conf/00-multus.conf") && !has(&root, "state/.primary"));
        assert!(has(&root, "conf/00-multus.conflist") && has(&root, "conf/10-cluster.conf"));
        assert!(has(&root, "state/0badcafe"));
        assert!(lines[0].starts_with("removed ") && lines[0].ends_with("00-multus.conf"));
        assert_eq!(
            lines[1],
            "new pods get network \"other\" (00-multus.conflist)"
        );
        // A second time there is nothing to do.
        assert_eq!(uninstall(&settings).unwrap().len(), 1);
    }

    #[test]
    fn the_list_of_the_thin_plugin_and_its_token_go_as_well() {
        let (root, settings) = node();
        fs::create_dir(root.path().join("conf/multus.d")).unwrap();
        put(&root, "conf/multus.d/multus.kubeconfig", "token");
        put(
            &root,
            "conf/00-multus.conflist",
            r#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"multus"}]}"#,
        );
        let lines = uninstall(&settings).unwrap();
        assert!(
            !has(&root, "conf/00-multus.conflist")
                && !has(&root, "conf/multus.d/multus.kubeconfig")
        );
        assert!(lines.contains(&"new pods get network \"cluster\" (10-cluster.conf)".to_owned()));
    }

    #[test]
    fn a_list_that_others_have_their_plugins_in_stops_everything() {
        let (root, settings) = node();
        put(
            &root,
            "conf/00-multus.conflist",
            r#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"multus-shim"},{"type":"istio-cni"}]}"#,
        );
        let failure = uninstall(&settings).unwrap_err().to_string();
        assert!(
            failure.contains("holds plugins of others as well (istio-cni)"),
            "{failure}"
        );
        assert!(has(&root, "conf/00-multus.conf") && has(&root, "state/.primary"));
    }

    #[test]
    fn a_file_of_our_name_that_nobody_can_read_stops_everything() {
        for text in [
            "not JSON",
            "",
            r#"{"cniVersion":"1.0.0","name":"n","type":"#,
        ] {
            let (root, settings) = node();
            put(&root, "conf/00-multus.conf", text);
            put(&root, "conf/00-multus.conflist", OURS);
            let failure = uninstall(&settings).unwrap_err().to_string();
            assert!(
                failure.contains("00-multus.conf is no CNI configuration ("),
                "{failure}"
            );
            for file in [
                "conf/00-multus.conf",
                "conf/00-multus.conflist",
                "state/.primary",
            ] {
                assert!(has(&root, file), "{file}");
            }
        }
    }

    #[test]
    fn a_broken_configuration_before_the_next_network_is_named() {
        let (root, settings) = node();
        put(&root, "conf/05-broken.conflist", "not JSON");
        put(&root, "conf/20-broken.conflist", "not JSON");
        let lines = uninstall(&settings).unwrap();
        assert_eq!(
            lines.last().unwrap(),
            "new pods get network \"cluster\" (10-cluster.conf); containerd gives them none as long as 05-broken.conflist, which nobody can read, is before it"
        );
    }

    #[test]
    fn while_a_daemon_serves_nothing_goes() {
        let (root, settings) = node();
        let listener = UnixListener::bind(root.path().join("run/multus.sock")).unwrap();
        let failure = uninstall(&settings).unwrap_err().to_string();
        assert!(
            failure.starts_with("a daemon still serves on "),
            "{failure}"
        );
        assert!(has(&root, "conf/00-multus.conf"));
        drop(listener);
        uninstall(&settings).unwrap();
        assert!(!has(&root, "conf/00-multus.conf"));
    }

    #[test]
    fn a_daemon_that_comes_meanwhile_keeps_its_configuration() {
        let (root, settings) = node();
        let removed = || !has(&root, "conf/00-multus.conf");
        thread::scope(|scope| {
            let coming = scope.spawn(|| {
                while !removed() {
                    sleep(Duration::from_millis(1));
                }
                let listener = UnixListener::bind(root.path().join("run/multus.sock")).unwrap();
                put(&root, "conf/00-multus.conf", OURS);
                listener
            });
            let failure = uninstall_slowly(&settings).unwrap_err().to_string();
            assert!(
                failure.starts_with("a daemon still serves on "),
                "{failure}"
            );
            drop(coming.join().unwrap());
        });
        assert!(!removed());
    }

    #[test]
    fn while_thin_entrypoint_keeps_the_configuration_nothing_goes() {
        let (root, settings) = node();
        let directory = root.path().join("conf/multus.d");
        fs::create_dir(&directory).unwrap();
        let keeping = Presence::beside_others(&directory, Instant::now()).unwrap();
        let failure = uninstall(&settings).unwrap_err().to_string();
        assert!(
            failure.starts_with("thin_entrypoint still keeps "),
            "{failure}"
        );
        assert!(has(&root, "conf/00-multus.conf"));
        drop(keeping);
        uninstall(&settings).unwrap();
        assert!(!has(&root, "conf/00-multus.conf"));
    }

    #[test]
    fn what_comes_back_is_removed_again_until_nobody_keeps_it() {
        let (root, settings) = node();
        thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..3 {
                    while has(&root, "conf/00-multus.conf") {
                        sleep(Duration::from_millis(1));
                    }
                    put(&root, "conf/00-multus.conf", OURS);
                }
            });
            uninstall_slowly(&settings).unwrap();
        });
        assert!(!has(&root, "conf/00-multus.conf"));
    }
}
