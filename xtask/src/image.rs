//! `cargo xtask image`: one image with every program, as an OCI archive that a container runtime imports. No engine, no
//! registry; the same programs make the same bytes.

mod archive;
mod layer;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use testkit::tools;

use crate::workspace::{root, target_directory};
use archive::{Archive, Platform};
use layer::Layer;

/// The image's name without its tag.
pub(crate) const REPOSITORY: &str = "ghcr.io/multus-rs/multus-rs";
/// Its tag.
pub(crate) const TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// What a node has to fetch at most.
const LARGEST: usize = 15 << 20;

/// Where upstream's manifests expect programs.
const PROGRAMS: &str = "usr/src/multus-cni/bin";

/// What has to be in the folder of programs.
const FILES: [&str; 5] = [
    "multus",
    "multus-daemon",
    "multus-node",
    "multus-shim",
    "passthru",
];

/// Names of `multus-node`.
const CHORES: [&str; 4] = [
    "cert-approver",
    "install_multus",
    "kubeconfig_generator",
    "thin_entrypoint",
];

/// Programs that upstream's manifests call at the root too.
const AT_ROOT: [&str; 5] = [
    "cert-approver",
    "install_multus",
    "kubeconfig_generator",
    "multus-daemon",
    "thin_entrypoint",
];

/// Commands of the image for people.
const APPLETS: [&str; 21] = [
    "cat", "chroot", "cp", "find", "grep", "head", "hexdump", "ip", "less", "ls", "mount", "mv",
    "nc", "nsenter", "ping", "ps", "rm", "sh", "sleep", "tail", "vi",
];

const USAGE: &str = "usage: cargo xtask image [--debug] [amd64=DIRECTORY] [arm64=DIRECTORY]";

/// Builds the image of the programs in these folders, or of those that `cargo xtask dist` left.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let debug = words.contains(&"--debug");
    let target = target_directory()?;
    let mut folders: Vec<(Platform, PathBuf)> = Vec::new();
    for word in words.iter().filter(|word| **word != "--debug") {
        let (platform, folder) = word.split_once('=').context(USAGE)?;
        folders.push((
            Platform::parse(platform).context(USAGE)?,
            PathBuf::from(folder),
        ));
    }
    if folders.is_empty() {
        let built = Platform::ALL.map(|platform| (platform, platform.dist(&target)));
        folders = built
            .into_iter()
            .filter(|(_, folder)| folder.join("multus-node").is_file())
            .collect();
    }
    ensure!(
        !folders.is_empty(),
        "there are no programs in {}: `cargo xtask dist` makes them",
        target.join("dist").display()
    );
    folders.sort_unstable();
    let busybox = match debug {
        true => Some(busybox()?),
        false => None,
    };
    let (file, tag) = match debug {
        true => ("multus-rs-debug.tar", format!("{TAG}-debug")),
        false => ("multus-rs.tar", TAG.to_owned()),
    };
    let directory = target.join("image");
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    let mut archive = Archive::new(format!("{REPOSITORY}:{tag}"));
    for (platform, folder) in &folders {
        let layers = layers(*platform, folder, busybox.as_deref())?;
        let size = archive.add(*platform, &layers)?;
        if let [base] = layers.as_slice() {
            // For `deploy/Dockerfile`.
            let path = directory.join(format!("rootfs-{}.tar", platform.name()));
            fs::write(&path, base.bytes()?).with_context(|| format!("write {}", path.display()))?;
        }
        println!(
            "{}: {} KiB compressed",
            platform.name(),
            size.div_ceil(1024)
        );
        ensure!(
            debug || size <= LARGEST,
            "the image for {} has {size} bytes, more than {LARGEST}",
            platform.name()
        );
    }
    let path = directory.join(file);
    let digest = archive.write(&path)?;
    println!("{REPOSITORY}:{tag}@{digest}\n{}", path.display());
    Ok(())
}

/// The image of the programs in this folder, for this machine alone: an archive in `directory`.
pub(crate) fn of_this_machine(programs: &Path, directory: &Path) -> Result<PathBuf> {
    let platform = Platform::ALL
        .into_iter()
        .find(|platform| platform.is_this());
    let platform = platform.context("there is no image for this processor")?;
    let mut archive = Archive::new(format!("{REPOSITORY}:{TAG}"));
    archive.add(platform, &layers(platform, programs, None)?)?;
    let path = directory.join("multus-rs.tar");
    archive.write(&path)?;
    Ok(path)
}

/// What the image holds.
fn layers(platform: Platform, folder: &Path, busybox: Option<&Path>) -> Result<Vec<Layer>> {
    let mut base = Layer::default();
    for directory in [
        "etc",
        "run",
        "usr",
        "usr/src",
        "usr/src/multus-cni",
        PROGRAMS,
        "var",
    ] {
        base.directory(directory, 0o755)?;
    }
    base.directory("tmp", 0o1777)?;
    // B8.34: both `/var/run/netns` and `/run/netns` are what is mounted.
    base.link("var/run", "/run")?;
    base.file("etc/passwd", 0o644, b"root:x:0:0:root:/:/sbin/nologin\n")?;
    base.file("etc/group", 0o644, b"root:x:0:\n")?;
    base.file("LICENSE", 0o644, &read(&root().join("LICENSE"))?)?;
    for name in FILES {
        let bytes = read(&folder.join(name))?;
        platform.check(name, &bytes)?;
        base.file(&format!("{PROGRAMS}/{name}"), 0o755, &bytes)?;
    }
    for name in CHORES {
        base.link(&format!("{PROGRAMS}/{name}"), "multus-node")?;
    }
    for name in AT_ROOT {
        base.link(name, &format!("/{PROGRAMS}/{name}"))?;
    }
    let mut layers = vec![base];
    if let Some(busybox) = busybox {
        let bytes = read(busybox)?;
        platform.check("busybox", &bytes)?;
        let mut people = Layer::default();
        people.directory("bin", 0o755)?;
        people.file("bin/busybox", 0o755, &bytes)?;
        for name in APPLETS {
            people.link(&format!("bin/{name}"), "busybox")?;
        }
        layers.push(people);
    }
    Ok(layers)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// The static program of the Debian package.
fn busybox() -> Result<PathBuf> {
    tools::debian(&["busybox-static"])?;
    let path = PathBuf::from("/bin/busybox");
    if !path.is_file() {
        bail!(
            "{} is missing: sudo apt-get install busybox-static",
            path.display()
        );
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use serde_json::Value;

    use super::*;

    /// The beginning of a static program for this processor.
    fn program(name: &str) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18] = 62;
        bytes.extend(name.bytes());
        bytes
    }

    fn image() -> (tempfile::TempDir, PathBuf, String) {
        let scratch = tempfile::tempdir().unwrap();
        for name in FILES {
            fs::write(scratch.path().join(name), program(name)).unwrap();
        }
        let mut archive = Archive::new("example/multus:v1".to_owned());
        let layers = layers(Platform::Amd64, scratch.path(), None).unwrap();
        archive.add(Platform::Amd64, &layers).unwrap();
        let path = scratch.path().join("image.tar");
        let digest = archive.write(&path).unwrap();
        (scratch, path, digest)
    }

    fn entries(tar: &[u8]) -> BTreeMap<String, (String, Vec<u8>)> {
        let mut archive = tar::Archive::new(tar);
        let mut found = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().mtime().unwrap(), 0);
            assert_eq!(entry.header().uid().unwrap(), 0);
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let link = entry.link_name().unwrap();
            let link = link.map_or_else(String::new, |link| link.to_string_lossy().into_owned());
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            assert!(found.insert(path, (link, bytes)).is_none());
        }
        found
    }

    #[test]
    fn the_same_programs_make_the_same_image() {
        let (one, other) = (image(), image());
        assert_eq!(one.2, other.2);
        assert_eq!(fs::read(&one.1).unwrap(), fs::read(&other.1).unwrap());
    }

    #[test]
    fn everything_lies_where_upstreams_manifests_look_for_it() {
        // B8.34, B8.40, B8.41
        let (_scratch, path, digest) = image();
        let archive = entries(&fs::read(path).unwrap());
        let json = |name: &str| -> Value { serde_json::from_slice(&archive[name].1).unwrap() };
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            format!("blobs/{}", digest.replace(':', "/"))
        };
        let first = json("index.json")["manifests"][0].clone();
        assert_eq!(first["digest"], digest);
        assert_eq!(
            first["annotations"]["io.containerd.image.name"],
            "example/multus:v1"
        );
        let index = json(&blob(&first));
        let manifest = json(&blob(&index["manifests"][0]));
        let mut layer = Vec::new();
        GzDecoder::new(archive[&blob(&manifest["layers"][0])].1.as_slice())
            .read_to_end(&mut layer)
            .unwrap();
        let files = entries(&layer);
        assert_eq!(files["var/run"].0, "/run");
        assert!(files["etc/passwd"].1.starts_with(b"root:"));
        for name in FILES {
            assert_eq!(files[&format!("{PROGRAMS}/{name}")].1, program(name));
        }
        for name in CHORES {
            assert_eq!(files[name].0, format!("/{PROGRAMS}/{name}"));
            assert_eq!(files[&format!("{PROGRAMS}/{name}")].0, "multus-node");
        }
    }

    #[test]
    fn programs_that_would_not_run_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        for name in FILES {
            fs::write(scratch.path().join(name), b"#!/bin/sh\n").unwrap();
        }
        let wrong = layers(Platform::Amd64, scratch.path(), None)
            .err()
            .unwrap()
            .to_string();
        assert_eq!(wrong, "multus is no program for amd64");
    }
}
