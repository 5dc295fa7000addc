//! podman with its CNI backend on a [`Node`]: a container runtime that nobody here wrote, and no cluster.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::tools;
use testkit::world::{Finished, Run};

use crate::node::Node;

/// The name of the network in podman's eyes.
pub const NETWORK: &str = "pods";

/// The image: busybox.
const IMAGE: &str = "localhost/busybox";

/// podman, with storage, state, locks and cgroups of its own. Its containers end with it.
#[derive(Debug)]
pub struct Podman<'n> {
    node: &'n Node,
    folder: PathBuf,
    cgroup: String,
}

impl<'n> Podman<'n> {
    /// podman whose network [`NETWORK`] is `multus` with this configuration.
    #[track_caller]
    pub fn new(node: &'n Node, conf: &Value) -> Self {
        tools::debian(&["podman", "runc", "busybox-static"]).expect("podman is there");
        let users = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        assert!(
            users.contains("4294967295"),
            "podman needs the machine's root: containers have files of several users"
        );
        let folder = node.world.folder("podman").expect("folders can be made");
        let world = node.world.directory().file_name();
        let id = world
            .expect("a world's folder has a name")
            .to_string_lossy();
        let podman = Self {
            node,
            folder,
            cgroup: format!("multus-{id}"),
        };
        // Results of libcni and locks of podman would be the machine's.
        let hide =
            "mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/cni && mount -t tmpfs tmpfs /dev/shm";
        let hide = node.world.command("sh").args(["-c", hide]);
        hide.check().expect("the machine's state can be hidden");
        podman.configure(conf);
        podman.import_image();
        podman
    }

    /// What Debian's podman needs for its CNI backend, and what a machine without systemd and CAP_SYS_RESOURCE needs besides.
    fn configure(&self, conf: &Value) {
        let list = json!({"cniVersion": conf["cniVersion"], "name": NETWORK, "plugins": [conf]});
        let networks = self.node.configurations.join("10-pods.conflist");
        fs::write(networks, list.to_string()).expect("a configuration can be written");
        let text = format!(
            "[network]\nnetwork_backend = \"cni\"\ncni_plugin_dirs = [{:?}]\nnetwork_config_dir = {:?}\n\
             [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n\
             [containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n",
            self.node.plugins, self.node.configurations
        );
        fs::write(self.folder.join("containers.conf"), text)
            .expect("a configuration can be written");
    }

    fn import_image(&self) {
        let pack =
            "mkdir -p image/bin && cp /bin/busybox image/bin && tar -C image -cf image.tar .";
        let pack = self.node.world.command("sh").args(["-c", pack]);
        pack.working_directory(&self.folder)
            .check()
            .expect("an image can be packed");
        let archive = self.folder.join("image.tar");
        self.good(&["import", &archive.to_string_lossy(), IMAGE]);
    }

    fn command(&self, words: &[&str]) -> Run {
        let folder = |name| self.folder.join(name).into_os_string();
        let own = [
            ("--root", folder("root")),
            ("--runroot", folder("runroot")),
            ("--tmpdir", folder("tmp")),
        ];
        let mut run = self.node.world.command("podman");
        for (option, value) in own {
            run = run.arg(option).arg(value);
        }
        run.args(words)
            .env("CONTAINERS_CONF", self.folder.join("containers.conf"))
            .env("HOME", &self.folder)
    }

    /// Runs podman with these words.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> Finished {
        self.command(words).run().expect("podman ends")
    }

    /// Runs podman with these words, with success; its output.
    #[track_caller]
    pub fn good(&self, words: &[&str]) -> String {
        let done = self
            .command(words)
            .check()
            .unwrap_or_else(|error| panic!("{error:#}"));
        done.stdout_text().trim().to_owned()
    }

    /// Starts a container on [`NETWORK`] that does nothing for a while.
    #[track_caller]
    pub fn start(&self, name: &str, options: &[&str]) {
        self.good(&self.start_words(name, options));
    }

    /// The words that start a container.
    pub fn start_words<'w>(&'w self, name: &'w str, options: &[&'w str]) -> Vec<&'w str> {
        let mut words = vec!["run", "--detach", "--cgroup-parent", &self.cgroup];
        words.extend(["--name", name, "--network", NETWORK]);
        words.extend(options);
        // Whatever becomes of the test, it ends some time.
        words.extend([IMAGE, "/bin/busybox", "sleep", "300"]);
        words
    }

    /// Stops a container and waits until podman has tidied up after it: its supervisor goes on for a moment.
    #[track_caller]
    pub fn stop(&self, name: &str) {
        self.good(&["stop", "--time", "0", name]);
        self.wait_for_supervisors();
    }

    /// Removes a container, as [`Podman::stop`].
    #[track_caller]
    pub fn remove(&self, name: &str) {
        self.good(&["rm", "--force", "--time", "0", name]);
        self.wait_for_supervisors();
    }

    fn wait_for_supervisors(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self
            .node
            .world
            .processes()
            .iter()
            .any(|(_, line)| line.contains("podman"))
        {
            assert!(
                Instant::now() < deadline,
                "podman goes on: {:?}",
                self.node.world.processes()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Part of what podman knows about a container.
    #[track_caller]
    pub fn inspect(&self, name: &str, template: &str) -> String {
        self.good(&["inspect", name, "--format", template])
    }

    /// The interfaces of a container with their IPv4 addresses, without loopback, as its own network namespace has them.
    #[track_caller]
    pub fn interfaces(&self, name: &str) -> Vec<String> {
        let netns = self.inspect(name, "{{.NetworkSettings.SandboxKey}}");
        let run = self.node.world.command("nsenter");
        let run = run.args([&format!("--net={netns}"), "ip", "-j", "-4", "address"]);
        let links = run.check().and_then(|done| done.json());
        let links = links.expect("the container's namespace can be looked at");
        let links = links.as_array().expect("a list of links").iter();
        links
            .filter_map(|link| {
                let address = link.pointer("/addr_info/0/local")?.as_str()?;
                Some(format!("{} {address}", link["ifname"].as_str()?))
            })
            .filter(|text| !text.starts_with("lo "))
            .collect()
    }
}

impl Drop for Podman<'_> {
    fn drop(&mut self) {
        let words = ["rm", "--all", "--force", "--time", "0"];
        let removed = self
            .command(&words)
            .timeout(Duration::from_secs(60))
            .check();
        if let Err(error) = removed {
            eprintln!("podman's containers are still there: {error:#}");
        }
        // One directory in each hierarchy; deepest first.
        let tidy =
            r#"find /sys/fs/cgroup -depth -type d -path "*/$1*" -exec rmdir {} + 2>/dev/null"#;
        let tidy = self
            .node
            .world
            .command("sh")
            .args(["-c", tidy, "sh", &self.cgroup]);
        let _ = tidy.run();
    }
}
