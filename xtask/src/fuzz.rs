//! `cargo xtask fuzz`: the fuzz targets, each for a time, over the committed corpus.

use anyhow::{Context, Result, bail};

use crate::workspace::{cargo, root};

/// The version that is installed where `cargo fuzz` is missing.
const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

/// Runs the named targets, or all, for so many seconds each (600 where none are given): `[SECONDS] [TARGET…]`.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let (seconds, names) = match arguments {
        [first, rest @ ..] if first.bytes().all(|byte| byte.is_ascii_digit()) => (*first, rest),
        names => ("600", names),
    };
    let seconds: u32 = seconds.parse().context("the number of seconds")?;
    install()?;
    let known: Vec<&str> = fuzz_targets::TARGETS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!(
            "there is no fuzz target {unknown:?}; there are {}",
            known.join(", ")
        );
    }
    for name in if names.is_empty() { &known } else { names } {
        println!("── fuzz {name} for {seconds} s");
        fuzz(name, seconds)?;
    }
    Ok(())
}

/// Findings land in `fuzz/libfuzzer/artifacts/<target>`, new inputs beside the committed ones below the target directory.
fn fuzz(name: &str, seconds: u32) -> Result<()> {
    let found = root().join("fuzz/libfuzzer/target/found").join(name);
    std::fs::create_dir_all(&found).with_context(|| format!("make {}", found.display()))?;
    let corpus = root().join("fuzz/corpus").join(name);
    // Without sanitizer: those need a nightly compiler, and there is no unsafe code to watch.
    let mut command = cargo(&[
        "fuzz",
        "run",
        "--fuzz-dir",
        "fuzz/libfuzzer",
        "--sanitizer",
        "none",
        name,
    ]);
    command.arg(&found).arg(&corpus).arg("--");
    let dictionary = root().join("fuzz/dictionary");
    command.arg(format!("-dict={}", dictionary.display()));
    command.arg(format!("-max_total_time={seconds}")).args([
        "-rss_limit_mb=1024",
        "-timeout=5",
        "-print_final_stats=1",
    ]);
    if !command.status().context("start cargo fuzz")?.success() {
        bail!(
            "{name}: a finding, see fuzz/libfuzzer/artifacts/{name}: put it into fuzz/corpus/{name} and mend what it shows"
        );
    }
    Ok(())
}

fn install() -> Result<()> {
    let there = cargo(&["fuzz", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if there {
        return Ok(());
    }
    println!("installing {CARGO_FUZZ}");
    if !cargo(&["install", "--locked", CARGO_FUZZ])
        .status()
        .context("start cargo install")?
        .success()
    {
        bail!("cargo fuzz could not be installed: cargo install --locked {CARGO_FUZZ}");
    }
    Ok(())
}
