//! The log of `multus`: what is told, where, and that it never stands in the way.

#[path = "logging/files.rs"]
mod files;
#[path = "logging/levels.rs"]
mod levels;
#[path = "logging/lines.rs"]
mod lines;
#[path = "logging/secrets.rs"]
mod secrets;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use suites::scene::Scene;

/// A scene whose `multus` writes a log.
struct Logged {
    scene: Scene,
    folder: PathBuf,
}

impl Logged {
    fn new() -> Self {
        let scene = Scene::new();
        let folder = scene.node.world.directory().join("var/log");
        Self { scene, folder }
    }

    /// The log file.
    fn file(&self) -> PathBuf {
        self.folder.join("multus.log")
    }

    /// A configuration that tells this much to the file alone.
    fn conf(&self, level: &str, networks: &[Value]) -> Value {
        let mut conf = self.scene.conf(networks);
        conf["logFile"] = json!(self.file());
        conf["logLevel"] = json!(level);
        conf["logToStderr"] = json!(false);
        conf
    }

    /// The lines of the log file, without their times.
    #[track_caller]
    fn lines(&self) -> Vec<String> {
        lines(&text(&self.file()))
    }
}

#[track_caller]
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Lines without their times, each of which has to be one: `2026-01-31T23:59:59+01:00` or with a `Z`.
#[track_caller]
fn lines(text: &str) -> Vec<String> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let line = |line: &str| {
        let (time, rest) = line.split_once(' ').unwrap_or_default();
        let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
        let shape: String = time.chars().map(digits).collect();
        let (seconds, zone) = shape.split_at_checked(19).unwrap_or_default();
        assert!(
            seconds == "0000-00-00T00:00:00" && ["Z", "+00:00", "-00:00"].contains(&zone),
            "no time in front: {line:?}"
        );
        rest.to_owned()
    };
    text.lines().map(line).collect()
}
