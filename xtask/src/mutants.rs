//! `cargo xtask mutants`: changes the code in every way that `cargo mutants` knows, and counts what no test notices.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::{cargo, root};

/// What has to be noticed, in percent.
const ENOUGH: usize = 90;

/// The packages, with the files that count where these are not all.
const PACKAGES: [(&str, &[&str]); 5] = [
    ("gojson", &[]),
    ("npwg", &[]),
    (
        "cni",
        &[
            "crates/cni/src/args.rs",
            "crates/cni/src/config*",
            "crates/cni/src/config/*",
            "crates/cni/src/names.rs",
            "crates/cni/src/result*",
            "crates/cni/src/result/*",
            "crates/cni/src/version.rs",
        ],
    ),
    ("plan", &[]),
    ("engine", &[]),
];

/// Runs it over the named packages, or all: `[PACKAGE…]`.
pub(crate) fn run(names: &[&str]) -> Result<()> {
    let there = cargo(&["mutants", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    ensure!(
        there,
        "cargo mutants is missing: cargo install --locked cargo-mutants"
    );
    let known = PACKAGES.map(|(name, _)| name);
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        bail!("{unknown:?} is none of {}", known.join(", "));
    }
    let mut few = Vec::new();
    for (name, files) in PACKAGES {
        if (names.is_empty() || names.contains(&name)) && mutate(name, files)? < ENOUGH {
            few.push(name);
        }
    }
    ensure!(
        few.is_empty(),
        "less than {ENOUGH} % noticed in {}: see target/mutants/<package>/mutants.out/missed.txt",
        few.join(", ")
    );
    Ok(())
}

/// How much of a package's mutants its own tests notice, in percent. A test that never ends has noticed.
fn mutate(name: &str, files: &[&str]) -> Result<usize> {
    let out = root().join("target/mutants").join(name);
    std::fs::create_dir_all(&out).with_context(|| format!("make {}", out.display()))?;
    let mut command = cargo(&["mutants", "--package", name]);
    for file in files {
        command.arg("--file").arg(file);
    }
    // Fewer cases: what a property finds in one mutant it finds soon.
    command
        .env("PROPTEST_CASES", "32")
        .env("PROPTEST_FAILURE_PERSISTENCE", "off")
        .arg("--output")
        .arg(&out);
    // It also fails where a single mutant was missed: what it wrote down decides.
    command.status().context("start cargo mutants")?;
    let out = out.join("mutants.out");
    let [caught, timeout, missed, unviable] = [
        count(&out, "caught")?,
        count(&out, "timeout")?,
        count(&out, "missed")?,
        count(&out, "unviable")?,
    ];
    let noticed = caught + timeout;
    ensure!(noticed > 0, "{name}: no mutant was noticed");
    let percent = 100 * noticed / (noticed + missed);
    println!(
        "── {name}: {percent} % noticed ({caught} caught, {timeout} timeouts, {missed} missed, {unviable} unviable)"
    );
    Ok(percent)
}

fn count(out: &Path, outcome: &str) -> Result<usize> {
    let path = out.join(format!("{outcome}.txt"));
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(text.lines().count())
}
