//! A daemon that runs.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testkit::kube::NODE;

use super::group::Group;

/// Until it has read its lists, also on a tenth of a core.
const PATIENCE: Duration = Duration::from_secs(60);
/// In which the kernel counts a process' time.
const TICK: Duration = Duration::from_millis(10);

/// What a daemon is started with.
pub(crate) struct Place<'a> {
    pub(crate) program: &'a Path,
    /// A folder for its files.
    pub(crate) home: PathBuf,
    pub(crate) kubeconfig: &'a Path,
    pub(crate) plugins: &'a Path,
    /// The default network.
    pub(crate) primary: &'a Value,
    pub(crate) group: Option<&'a Group>,
}

/// A daemon that runs; dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    /// What the runtime gives the plugin.
    pub(crate) configuration: Value,
}

impl Daemon {
    /// Starts one, and waits until it is ready.
    pub(crate) fn start(place: &Place<'_>) -> Result<Self> {
        let folder = |name: &str| -> Result<PathBuf> {
            let path = place.home.join(name);
            std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
            Ok(path)
        };
        let (run, etc, primaries) = (folder("run")?, folder("etc")?, folder("primaries")?);
        let text = place.primary.to_string();
        std::fs::write(primaries.join("10-primary.conf"), text).context("write the primary")?;
        let state = folder("state")?;
        let config = json!({
            "cniVersion": "1.0.0",
            "socketDir": run,
            "daemonSocketDir": run,
            "cniConfigDir": etc,
            "multusAutoconfigDir": primaries,
            "kubeconfig": place.kubeconfig,
            "cniDir": state,
            "binDir": place.plugins,
            "confDir": folder("net.d")?,
            "logLevel": "error",
            "logToStderr": true,
        });
        let path = place.home.join("daemon.json");
        std::fs::write(&path, config.to_string()).context("write the daemon's configuration")?;
        let child = Command::new(place.program)
            .arg("-config")
            .arg(&path)
            .env("MULTUS_NODE_NAME", NODE)
            .stdin(Stdio::null())
            .spawn()
            .context("start multus-daemon")?;
        if let Some(group) = place.group {
            group.add(child.id())?;
        }
        let mut daemon = Self {
            child,
            configuration: Value::Null,
        };
        daemon.wait(&run.join("multus.sock"))?;
        let generated =
            std::fs::read(etc.join("00-multus.conf")).context("read what it generated")?;
        daemon.configuration = serde_json::from_slice(&generated)?;
        daemon.configuration["cniDir"] = json!(state);
        daemon.configuration["binDir"] = json!(place.plugins);
        Ok(daemon)
    }

    fn wait(&mut self, socket: &Path) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !is_ready(socket) {
            if let Some(status) = self.child.try_wait()? {
                bail!("multus-daemon ended: {status}");
            }
            if Instant::now() > until {
                bail!("multus-daemon is not ready after {} s", PATIENCE.as_secs());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The time of its threads, in user and kernel.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // After the name, which ends with the last parenthesis, `utime` and `stime` are the 12th and 13th.
        let (_, rest) = text.rsplit_once(')').context("read /proc/<pid>/stat")?;
        let ticks = rest.split_whitespace().skip(11).take(2);
        let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
        Ok(TICK * ticks)
    }

    /// What it has resident, and the most that it had, in bytes.
    pub(crate) fn memory(&self) -> Result<(u64, u64)> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            let kilobytes =
                line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
            kilobytes.map(|kilobytes: u64| kilobytes << 10)
        };
        value("VmRSS:")
            .zip(value("VmHWM:"))
            .context("read /proc/<pid>/status")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn is_ready(socket: &Path) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
}
