//! `cargo xtask manifests`: the files of `deploy/` for those who apply rather than install, rendered from the chart.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use testkit::tools::{self, Part};

use crate::workspace::root;

/// A file, and what `helm template` is told for it.
const MANIFESTS: [(&str, &[&str]); 3] = [
    ("multus-daemonset-thick.yml", &["--set", "mode=thick"]),
    ("multus-daemonset.yml", &["--set", "mode=thin"]),
    (
        "multus-daemonset-crio.yml",
        &[
            "--set",
            "mode=thin",
            "--values",
            "deploy/chart/platforms/crio.yaml",
        ],
    ),
];

/// Writes them, or with `--check` says whether they are as they would be written.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let check = match words {
        [] => false,
        ["--check"] => true,
        _ => bail!("usage: cargo xtask manifests [--check]"),
    };
    let mut stale = Vec::new();
    for (name, arguments) in MANIFESTS {
        let path = root().join("deploy").join(name);
        let text = render(name, arguments)?;
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            continue;
        }
        stale.push(name);
        if !check {
            fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
            println!("{}", path.display());
        }
    }
    ensure!(
        !check || stale.is_empty(),
        "not as the chart renders them: {}; `cargo xtask manifests` writes them",
        stale.join(", ")
    );
    Ok(())
}

fn render(name: &str, arguments: &[&str]) -> Result<String> {
    let helm = tools::program(Part::Helm, "helm")?;
    let output = Command::new(helm)
        .args([
            "template",
            "multus",
            "deploy/chart",
            "--namespace",
            "kube-system",
        ])
        .args(["--include-crds", "--no-hooks"])
        .args(arguments)
        .current_dir(root())
        .output()
        .context("start helm")?;
    ensure!(
        output.status.success(),
        "helm template: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8(output.stdout).context("read what helm rendered")?;
    let file = Path::new("deploy").join(name);
    let head = format!(
        "# {}, rendered from deploy/chart by `cargo xtask manifests`. To change it, change the chart.\n",
        file.display()
    );
    Ok(head + &text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_manifests_are_what_the_chart_renders() {
        super::run(&["--check"]).unwrap();
    }
}
