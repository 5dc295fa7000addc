//! Builds one part with Go.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::cache::{self, say};
use super::part::{Part, Recipe, Stamp};
use crate::process;

/// How long a silent build may look dead.
const REPORT_EVERY: Duration = Duration::from_secs(15);
/// Longer than the longest build on a slow machine with an empty Go cache.
const BUILD_LIMIT: Duration = Duration::from_secs(45 * 60);

/// Returns the directory with the part's programs; builds them when the cache has none for these pins.
pub(super) fn ensure(recipe: &Recipe) -> anyhow::Result<PathBuf> {
    let module = directory_of(recipe);
    let read = |name: &str| {
        let path = module.join(name);
        fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
    };
    let (go_mod, go_sum) = (read("go.mod")?, read("go.sum")?);
    let ldflags = ldflags(recipe, &go_mod)?;
    let flags = format!("{ldflags}{}", recipe.tags);
    let hash = cache::hash(&[go_mod.as_bytes(), go_sum.as_bytes(), flags.as_bytes()]);

    let entry = cache::entry(&format!("{}-{hash:016x}", recipe.name), |directory| {
        let started = Instant::now();
        say(&format!("building {} ({})", recipe.name, recipe.what));
        build(recipe, &module, &ldflags, directory)?;
        say(&format!(
            "built {} in {} s",
            recipe.name,
            started.elapsed().as_secs()
        ));
        Ok(())
    })?;
    Ok(entry.join("bin"))
}

fn build(recipe: &Recipe, module: &Path, ldflags: &str, directory: &Path) -> anyhow::Result<()> {
    go_for(module)?;
    let bin = directory.join("bin");
    fs::create_dir(&bin).with_context(|| format!("failed to create {}", bin.display()))?;
    // A directory has to end with a slash, or Go takes it for the name of the program.
    let output = format!("{}/{}", bin.display(), recipe.program);
    let log = directory.join("log");

    let mut go = process::dies_with_us("go");
    go.args([
        "build",
        "-mod=readonly",
        "-buildvcs=false",
        "-trimpath",
        "-ldflags",
        ldflags,
        "-tags",
        recipe.tags,
        "-o",
        &output,
    ])
    .arg(recipe.package)
    .current_dir(module)
    // What is static starts in any mount namespace. What is not is for nodes, which have the machine's libraries.
    .env("CGO_ENABLED", if recipe.c { "1" } else { "0" })
    .env("GOWORK", "off")
    .env_remove("GOFLAGS")
    .stdin(Stdio::null())
    .stdout(Stdio::null())
    .stderr(File::create(&log).with_context(|| format!("failed to create {}", log.display()))?);
    let status = run(go, recipe.name)?;
    if !status.success() {
        let log = process::tail(&log, 20);
        anyhow::bail!("go build failed ({status}); it needs a Go module proxy that answers\n{log}");
    }
    Ok(())
}

/// Whether there is a Go that can build every part: at least the one that they name, or one that fetches that by itself.
pub fn check_go() -> anyhow::Result<()> {
    let mut newest = (String::new(), PathBuf::new());
    for part in Part::ALL {
        let module = directory_of(&part.recipe());
        let needed = needed_go(&module)?;
        if is_at_least(&needed, &newest.0) {
            newest = (needed, module);
        }
    }
    go_for(&newest.1)
}

fn directory_of(recipe: &Recipe) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tools")
        .join(recipe.module)
}

/// The Go release that a module asks for.
fn needed_go(module: &Path) -> anyhow::Result<String> {
    let path = module.join("go.mod");
    let text =
        fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    Ok(go_version_of(&text).to_owned())
}

fn go_for(module: &Path) -> anyhow::Result<()> {
    let needed = needed_go(module)?;
    let mut go = Command::new("go");
    go.args(["env", "GOVERSION"])
        .current_dir(module)
        .env("GOWORK", "off")
        .env_remove("GOFLAGS");
    let hint = format!("Go ≥ {needed} is needed: https://go.dev/dl");
    let said = go
        .output()
        .with_context(|| format!("go cannot be started; {hint}"))?;
    let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        anyhow::bail!("{hint}; {why}");
    }
    anyhow::ensure!(
        is_at_least(&version, &needed),
        "{hint}; what is installed is {version}"
    );
    Ok(())
}

/// Compares releases (`go1.26.4`) with what a `go.mod` asks for (`1.26.0`). What is no release is believed to be new.
fn is_at_least(version: &str, needed: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        let text = text.strip_prefix("go").unwrap_or(text);
        let text = text.strip_suffix(".0").unwrap_or(text);
        text.split(|letter: char| !letter.is_ascii_digit())
            .map_while(|number| number.parse().ok())
            .collect()
    };
    let installed = numbers(version);
    installed.is_empty() || installed >= numbers(needed)
}

/// Runs a build to its end, with a sign of life from time to time.
fn run(command: Command, name: &str) -> anyhow::Result<ExitStatus> {
    let mut child = process::spawn(command)?;
    let started = Instant::now();
    let mut reported = started;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > BUILD_LIMIT {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("go build did not end within {} s", BUILD_LIMIT.as_secs());
        }
        if reported.elapsed() >= REPORT_EVERY {
            reported = Instant::now();
            say(&format!(
                "still building {}, {} s",
                name,
                started.elapsed().as_secs()
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Small programs; and those that report a version, report the one that is pinned.
fn ldflags(recipe: &Recipe, go_mod: &str) -> anyhow::Result<String> {
    let mut flags = "-s -w".to_owned();
    if let Some(Stamp {
        dependency,
        variables,
    }) = &recipe.stamp
    {
        let version = version_of(go_mod, dependency)
            .with_context(|| format!("{}/go.mod does not pin {dependency}", recipe.module))?;
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (
            numbers.next().unwrap_or_default(),
            numbers.next().unwrap_or_default(),
        );
        for (name, value) in [
            ("gitVersion", version),
            ("gitMajor", major),
            ("gitMinor", minor),
            ("gitTreeState", "clean"),
        ] {
            flags.push_str(&format!(" -X {variables}.{name}={value}"));
        }
    }
    Ok(flags)
}

/// The version at which a `go.mod` requires a module.
fn version_of<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| *word == "require");
        (words.next() == Some(module))
            .then(|| words.next())
            .flatten()
    })
}

/// The Go release that a `go.mod` asks for.
fn go_version_of(go_mod: &str) -> &str {
    go_mod
        .lines()
        .find_map(|line| line.strip_prefix("go "))
        .unwrap_or("1.24")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_pinned_by_a_module() {
        for part in Part::ALL {
            let recipe = part.recipe();
            let module = directory_of(&recipe);
            let go_mod = fs::read_to_string(module.join("go.mod")).unwrap();
            assert!(
                go_mod.contains("\ntool"),
                "{}: no tool directive",
                recipe.name
            );
            assert!(
                module.join("go.sum").is_file(),
                "{}: no go.sum",
                recipe.name
            );
            assert!(
                ldflags(&recipe, &go_mod).is_ok(),
                "{}: no version to stamp",
                recipe.name
            );
        }
    }

    #[test]
    fn version_is_read_from_either_form_of_requirement() {
        let go_mod = "go 1.26.0\n\nrequire example.org/one v1.0.0\n\nrequire (\n\texample.org/two v2.3.4 // indirect\n)\n";
        assert_eq!(version_of(go_mod, "example.org/one"), Some("v1.0.0"));
        assert_eq!(version_of(go_mod, "example.org/two"), Some("v2.3.4"));
        assert_eq!(version_of(go_mod, "example.org/three"), None);
        assert_eq!(go_version_of(go_mod), "1.26.0");
    }

    #[test]
    fn a_go_that_is_too_old_is_told_from_one_that_is_not() {
        for (version, needed, expected) in [
            ("go1.19.8", "1.24.2", false),
            ("go1.26.0", "1.26.0", true),
            ("go1.26", "1.26.0", true),
            ("go1.26.10", "1.26.7", true),
            ("go1.26.6", "1.26.7", false),
            ("go2.0", "1.26.7", true),
            ("go1.27rc1", "1.26.7", true),
            ("devel +abc", "1.26.7", true),
        ] {
            assert_eq!(is_at_least(version, needed), expected, "{version}");
        }
    }

    #[test]
    fn the_readme_names_the_go_that_is_needed() {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
        let text = fs::read_to_string(readme).unwrap();
        let named = text
            .split_once("With Go ")
            .and_then(|(_, text)| text.split_once(" or newer"));
        let (named, _) = named.unwrap();
        for part in Part::ALL {
            let needed = needed_go(&directory_of(&part.recipe())).unwrap();
            assert!(is_at_least(named, &needed), "{part:?} needs {needed}");
        }
    }
}
