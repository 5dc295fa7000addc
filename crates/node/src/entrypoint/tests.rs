mod ends;
mod own;

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, thread};

use sys::files::{Durability, write_atomic};
use tempfile::TempDir;

use super::*;
use crate::flags;

/// A node with a primary network, and a pod's account.
struct Node {
    root: TempDir,
    flags: Vec<String>,
}

const LIST: &str = r#"{"cniVersion": "1.0.0", "name": "cluster", "plugins": [{"type": "bridge"}]}"#;

impl Node {
    fn bare(more: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let node = Self {
            flags: more.iter().map(|flag| (*flag).to_owned()).collect(),
            root,
        };
        for directory in ["conf", "bin", "account", "source"] {
            fs::create_dir(node.path(directory)).unwrap();
        }
        node.put("account/token", "one\n");
        node.put("account/ca.crt", "authority");
        node.put("source/multus", "program");
        node
    }

    fn new(more: &[&str]) -> Self {
        let node = Self::bare(more);
        node.put("conf/10-cluster.conflist", LIST);
        node
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        write_atomic(&self.path(name), text.as_bytes(), 0o644, Durability::None).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    fn options(&self) -> Result<Options, Failure> {
        let path = |name: &str| self.path(name).display().to_string();
        let mut words = vec![
            format!("--cni-conf-dir={}", path("conf")),
            format!("--multus-autoconfig-dir={}", path("conf")),
            format!("--cni-bin-dir={}", path("bin")),
            format!("--multus-bin-file={}", path("source/multus")),
        ];
        words.extend(self.flags.iter().cloned());
        if !words
            .iter()
            .any(|word| word.starts_with("--multus-cni-conf-dir"))
        {
            words.push(format!("--multus-cni-conf-dir={}", path("networks")));
        }
        let words = words.into_iter().map(OsString::from);
        let options = Options::new(&flags::read(FLAGS, words).unwrap().unwrap())?;
        Ok(Options {
            daemon: self.path("daemon.sock"),
            ..options
        })
    }

    fn keeper(&self) -> Keeper {
        let account = Account {
            directory: self.path("account"),
            server: kubeconfig::server("https", "10.96.0.1", "443"),
            skip_tls_verify: self.options().unwrap().skip_tls_verify,
        };
        Keeper::new(self.options().unwrap(), account)
    }

    fn begin(&self) -> Result<(), Failure> {
        self.keeper().begin(&DirWatcher::new().unwrap()).map(drop)
    }
}

/// Runs the keeper beside `work`, and ends it.
fn beside(node: &Node, work: impl FnOnce()) {
    let mut keeper = node.keeper();
    let watcher = DirWatcher::new().unwrap();
    let stop = watcher.stop();
    thread::scope(|scope| {
        let kept = scope.spawn(|| keeper.run(&watcher).unwrap());
        work();
        stop.stop();
        kept.join().unwrap();
    });
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// What upstream's program wrote, but for the key that it got wrong (Q33).
#[test]
fn what_is_written_is_what_upstream_writes() {
    // B6.142, B6.145, B6.147, T6.6
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/entrypoint");
    for case in ["plain", "options", "master-file", "rename"] {
        let folder = fixtures.join(case);
        let flags = fs::read_to_string(folder.join("flags.txt")).unwrap();
        let flags: Vec<&str> = flags
            .lines()
            .filter(|flag| !flag.starts_with("--multus-bin-file"))
            .collect();
        let node = Node::bare(&flags);
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if !name.starts_with("00-") && name != "flags.txt" {
                fs::copy(folder.join(&name), node.path("conf").join(&name)).unwrap();
            }
        }

        node.begin().unwrap();

        let networks = node.path("networks").display().to_string();
        let expected = fs::read_to_string(folder.join("00-multus.conflist"))
            .unwrap()
            .replace(
                "\"cniConf\": \"/host/etc/cni/multus/net.d\"",
                "\"confDir\": \"…\"",
            );
        let written = node.text("conf/00-multus.conflist").replace(&networks, "…");
        assert_eq!(written, expected, "{case}");
        let kubeconfig = fs::read_to_string(fixtures.join("multus.kubeconfig"))
            .unwrap()
            .replace("<token>", "one")
            .replace("<base64 of ca.crt>", "YXV0aG9yaXR5");
        assert_eq!(node.text("conf/multus.d/multus.kubeconfig"), kubeconfig);
        let renamed = node.has("conf/10-cluster.conflist.old");
        assert_eq!(renamed, case == "rename");
        assert!(!node.has("bin/multus"));
    }
}

#[test]
fn definitions_without_a_configuration_are_looked_for_where_they_lie_on_the_node() {
    // Q33
    let flags = ["--multus-cni-conf-dir=/host/does-not-matter"];
    let options = Node::new(&flags).options().unwrap();
    assert_eq!(options.wishes.conf_dir, "/does-not-matter");
}

#[test]
fn the_directory_for_such_configurations_is_made() {
    // B1.65
    let node = Node::new(&[]);
    node.begin().unwrap();
    let about = fs::metadata(node.path("networks")).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o755);
}

#[test]
fn the_plugin_is_installed_unless_it_is_not_wanted() {
    // B1.66, B6.141
    let node = Node::new(&[]);
    node.begin().unwrap();
    assert_eq!(node.text("bin/multus"), "program");
    let node = Node::new(&["--skip-multus-binary-copy"]);
    node.begin().unwrap();
    assert!(!node.has("bin/multus"));
}

#[test]
fn before_version_one_the_configuration_is_no_list() {
    // B6.147, B6.149, Q76
    let node = Node::bare(&["--multus-log-to-stderr=false"]);
    node.put(
        "conf/10-a.conf",
        r#"{"type":"x","name":"a","cniVersion":"0.3.1","capabilities":{"mac":true},"vlan":9007199254740993}"#,
    );
    node.begin().unwrap();
    let text = node.text("conf/00-multus.conf");
    let networks = node.path("networks");
    assert_eq!(
        text,
        format!(
            r#"{{
    "cniVersion": "0.3.1",
    "name": "multus-cni-network",
    "type": "multus",
    "capabilities": {{"mac":true}},
    "logToStderr": false,
    "confDir": "{}",
    "kubeconfig": "/etc/cni/net.d/multus.d/multus.kubeconfig",
    "delegates": [
        {{"capabilities":{{"mac":true}},"cniVersion":"0.3.1","name":"a","type":"x","vlan":9007199254740993}}
    ]
}}
"#,
            networks.display()
        )
    );
    let mode = fs::metadata(node.path("conf/00-multus.conf"))
        .unwrap()
        .permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn our_file_of_the_other_ending_goes_and_another_programs_stays() {
    // B6.148, Q42: the one that sorts first would be in force
    let node = Node::new(&[]);
    node.put(
        "conf/00-multus.conf",
        r#"{"name":"multus-cni-network","type":"multus-shim"}"#,
    );
    node.begin().unwrap();
    assert!(!node.has("conf/00-multus.conf"));
    node.put("conf/00-multus.conf", r#"{"name":"mine","type":"other"}"#);
    node.put("conf/00-multus.conflist", &"x".repeat(10_000));
    node.begin().unwrap();
    assert!(node.has("conf/00-multus.conf"));
    assert!(
        node.text("conf/00-multus.conflist")
            .starts_with("{\n    \"cniVersion\": \"1.0.0\"")
    );
}

#[test]
fn the_version_has_to_be_the_one_that_is_asked_for_unless_it_is_forced() {
    // B6.145, Q34
    let failure = Node::new(&["--cni-version=0.4.0"]).begin().unwrap_err();
    assert_eq!(
        failure.to_string(),
        "10-cluster.conflist: its cniVersion is 1.0.0, not the 0.4.0 of --cni-version; --force-cni-version would change it"
    );
    let node = Node::new(&["--cni-version=0.4.0", "--force-cni-version"]);
    node.begin().unwrap();
    let text = node.text("conf/00-multus.conf");
    assert_eq!(text.matches(r#""cniVersion":"0.4.0""#).count(), 1, "{text}");
    assert_eq!(node.text("conf/10-cluster.conflist"), LIST);
}

#[test]
fn what_is_missing_or_wrong_is_told_by_its_flag() {
    // B6.140, B6.146, Q34
    for (flag, expected) in [
        ("--cni-bin-dir=/none", "--cni-bin-dir: /none is missing"),
        (
            "--multus-bin-file=/none",
            "--multus-bin-file: /none is missing",
        ),
        (
            "--multus-conf-file=/none",
            "--multus-conf-file: /none is missing",
        ),
        (
            "--multus-log-level=LOUD",
            "--multus-log-level: \"loud\" is none of debug, error, panic, verbose",
        ),
    ] {
        assert_eq!(
            Node::new(&[flag]).options().unwrap_err().to_string(),
            expected
        );
    }
    let node = Node::new(&[]);
    node.put("account/token", "\n");
    let failure = node.begin().unwrap_err().to_string();
    assert!(failure.ends_with("account/token: not a token"), "{failure}");
}

#[test]
fn a_primary_that_is_ours_is_passed_over_and_a_broken_one_is_waited_for() {
    // row 5 of what users report
    let node = Node::bare(&[]);
    node.put(
        "conf/05-old.conf",
        r#"{"cniVersion":"1.0.0","name":"a","type":"multus"}"#,
    );
    node.put("conf/10-broken.conf", "{");
    node.put("conf/20-cluster.conflist", LIST);
    beside(&node, || {
        until("the kubeconfig is there", || {
            node.has("conf/multus.d/multus.kubeconfig")
        });
        node.put(
            "conf/10-broken.conf",
            r#"{"cniVersion":"1.0.0","name":"mended","type":"x"}"#,
        );
        until("it is generated", || node.has("conf/00-multus.conflist"));
    });
    assert!(node.text("conf/00-multus.conflist").contains("mended"));
}

#[test]
fn a_token_that_is_replaced_is_in_the_kubeconfig_whatever_the_flags_say() {
    // Q80
    for flags in [&[][..], &["--skip-config-watch"], &["--skip-tls-verify"]] {
        let node = Node::new(flags);
        beside(&node, || {
            until("it is generated", || node.has("conf/00-multus.conflist"));
            node.put("account/token", "two");
            let is_new = || {
                node.text("conf/multus.d/multus.kubeconfig")
                    .contains("\"two\"")
            };
            until("the kubeconfig has the new token", is_new);
        });
        let skips = flags == ["--skip-tls-verify"];
        let text = node.text("conf/multus.d/multus.kubeconfig");
        assert_eq!(text.contains("insecure-skip-tls-verify: true"), skips);
        assert_eq!(text.contains("certificate-authority-data"), !skips);
    }
}

#[test]
fn no_kubeconfig_is_written_without_authorities_or_with_what_is_no_token() {
    let node = Node::new(&[]);
    let mut keeper = node.keeper();
    let watcher = DirWatcher::new().unwrap();
    keeper.begin(&watcher).unwrap();
    let good = node.text("conf/multus.d/multus.kubeconfig");
    for (file, text) in [("ca.crt", "\n"), ("token", ""), ("token", "two words")] {
        let file = format!("account/{file}");
        let before = node.text(&file);
        node.put(&file, text);
        let begun = keeper.begin(&watcher);
        assert!(matches!(begun, Err(Failure::Account(_))), "{file}");
        node.put(&file, &before);
    }
    assert_eq!(node.text("conf/multus.d/multus.kubeconfig"), good);
}

#[test]
fn what_somebody_clears_away_comes_back() {
    let node = Node::new(&[]);
    beside(&node, || {
        let is_there =
            || node.has("conf/00-multus.conflist") && node.has("conf/multus.d/multus.kubeconfig");
        until("both are there", is_there);
        // At once: what is cleared away file by file may be filled meanwhile.
        fs::rename(node.path("conf/multus.d"), node.path("cleared")).unwrap();
        fs::remove_file(node.path("conf/00-multus.conflist")).unwrap();
        until("both are there again", is_there);
    });
}

#[test]
fn the_configuration_follows_the_primary_and_is_put_back() {
    // B6.144
    let node = Node::new(&[]);
    let generated = || fs::read_to_string(node.path("conf/00-multus.conflist")).unwrap_or_default();
    beside(&node, || {
        until("it is generated", || generated().contains("bridge"));
        node.put("conf/10-cluster.conflist", &LIST.replace("bridge", "ptp"));
        until("it follows", || generated().contains("ptp"));
        fs::rename(
            node.path("conf/00-multus.conflist"),
            node.path("conf/00-multus.bak"),
        )
        .unwrap();
        until("it is back", || generated().contains("ptp"));
        node.put(
            "conf/05-earlier.conflist",
            &LIST.replace("bridge", "earlier"),
        );
        fs::remove_file(node.path("conf/10-cluster.conflist")).unwrap();
        node.put(
            "conf/10-cluster.conf",
            r#"{"cniVersion":"1.0.0","name":"single","type":"x"}"#,
        );
        until("it follows to the other ending", || {
            generated().contains("single")
        });
    });
    // B1.76: it stays unless it is to go.
    assert!(generated().contains("single"));
}

#[test]
fn a_daemons_configuration_is_left_alone_until_the_daemon_is_gone() {
    let node = Node::new(&["--cleanup-config-on-exit"]);
    let shim = r#"{"cniVersion":"0.3.1","name":"multus-cni-network","type":"multus-shim"}"#;
    node.put("conf/00-multus.conf", shim);
    let daemon = UnixListener::bind(node.path("daemon.sock")).unwrap();
    beside(&node, || {
        until("the account's kubeconfig is there", || {
            node.has("conf/multus.d/multus.kubeconfig")
        });
    });
    assert_eq!(node.text("conf/00-multus.conf"), shim);
    assert!(!node.has("conf/00-multus.conflist"));

    let node = Node {
        flags: Vec::new(),
        ..node
    };
    beside(&node, || {
        drop(daemon);
        until("ours is in force", || {
            node.has("conf/00-multus.conflist") && !node.has("conf/00-multus.conf")
        });
    });
}

#[test]
fn an_address_of_the_sixth_version_is_bracketed() {
    // B6.142
    assert_eq!(
        kubeconfig::server("https", "fd00::1", "443"),
        "https://[fd00::1]:443"
    );
    assert_eq!(kubeconfig::server("http", "api", "80"), "http://api:80");
}
