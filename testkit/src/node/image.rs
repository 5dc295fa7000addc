//! Images without a registry: OCI archives that containerd imports.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::process::words;

/// The image of every pod's sandbox.
pub(super) const PAUSE: &str = "multus-rs.test/pause:1";
/// An image with busybox and nothing else. Pods say `imagePullPolicy: Never`.
pub const BUSYBOX: &str = "multus-rs.test/busybox:1";

/// Makes the archives of the pause image and of [`BUSYBOX`], which share their only layer.
pub(super) fn archives(directory: &Path) -> Result<Vec<PathBuf>> {
    let root = directory.join("busybox");
    let bin = root.join("bin");
    for folder in [
        &bin,
        &root.join("etc"),
        &root.join("proc"),
        &root.join("sys"),
        &root.join("tmp"),
    ] {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::copy("/bin/busybox", bin.join("busybox")).context("copy /bin/busybox")?;
    for applet in output(Command::new("/bin/busybox").arg("--list"))?.lines() {
        if applet != "busybox" {
            symlink("busybox", bin.join(applet)).with_context(|| format!("name {applet}"))?;
        }
    }
    let image = |name: &str, entry: &[&str]| archive(directory, name, &root, entry);
    Ok(vec![
        // A sandbox is ended by SIGKILL, and its only process has no children.
        image(PAUSE, &["/bin/busybox", "sleep", "2000000000"])?,
        image(BUSYBOX, &["/bin/sh"])?,
    ])
}

/// Makes an archive of an image with one layer, which holds what is in `root`.
pub fn archive(directory: &Path, name: &str, root: &Path, entry: &[&str]) -> Result<PathBuf> {
    let short: String = name
        .chars()
        .map(|letter| {
            if letter.is_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    let folder = directory.join(&short);
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("create {}", blobs.display()))?;

    let layer = folder.join("layer");
    tar(root, &layer)?;
    let layer = blob(&blobs, &layer)?;
    let config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": entry, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described(written(&blobs, &config)?, "application/vnd.oci.image.config.v1+json"),
        "layers": [described(layer, "application/vnd.oci.image.layer.v1.tar")],
    });
    let mut manifest = described(
        written(&blobs, &manifest)?,
        "application/vnd.oci.image.manifest.v1+json",
    );
    manifest["annotations"] = json!({"io.containerd.image.name": name});
    manifest["platform"] = json!({"architecture": architecture(), "os": "linux"});
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest],
    });
    fs::write(folder.join("index.json"), index.to_string()).context("write an index")?;
    fs::write(
        folder.join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .context("write a layout")?;

    let archive = directory.join(format!("{short}.tar"));
    tar(&folder, &archive)?;
    fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    Ok(archive)
}

/// Go's name for this machine's architecture.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn described(mut blob: Value, media_type: &str) -> Value {
    blob["mediaType"] = media_type.into();
    blob
}

fn written(blobs: &Path, document: &Value) -> Result<Value> {
    let path = blobs.join("document");
    fs::write(&path, document.to_string()).with_context(|| format!("write {}", path.display()))?;
    blob(blobs, &path)
}

/// Moves a file to where its digest says, and returns digest and size.
fn blob(blobs: &Path, path: &Path) -> Result<Value> {
    let line = output(Command::new("sha256sum").arg(path))?;
    let digest = line
        .split_whitespace()
        .next()
        .context("sha256sum says nothing")?;
    let size = fs::metadata(path)
        .with_context(|| format!("find {}", path.display()))?
        .len();
    fs::rename(path, blobs.join(digest)).with_context(|| format!("move {}", path.display()))?;
    Ok(json!({"digest": format!("sha256:{digest}"), "size": size}))
}

fn tar(root: &Path, archive: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command
        .args([
            "--create",
            "--sort=name",
            "--mtime=@0",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
        ])
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(root);
    let mut names: Vec<_> = fs::read_dir(root)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()?;
    names.sort();
    output(command.args(names)).map(drop)
}

fn output(command: &mut Command) -> Result<String> {
    let line = words(command);
    let done = command.output().with_context(|| format!("start {line}"))?;
    ensure!(
        done.status.success(),
        "{line}: {}",
        String::from_utf8_lossy(&done.stderr).trim()
    );
    String::from_utf8(done.stdout).with_context(|| format!("read what {line} printed"))
}
