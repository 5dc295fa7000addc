//! `cargo xtask image`: one image with every program, as an OCI archive that a container runtime imports, for one processor or
//! for both. No engine, no registry; the same programs make the same bytes.

mod archive;
mod layer;

use std::collections::BTreeMap;
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
pub(crate) const FILES: [&str; 5] = [
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

const USAGE: &str =
    "usage: cargo xtask image [--debug] [amd64|amd64=DIRECTORY] [arm64|arm64=DIRECTORY]";

/// Which image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What runs on nodes.
    Plain,
    /// The same with busybox, for people.
    Debug,
}

impl Kind {
    fn file(self) -> &'static str {
        match self {
            Self::Plain => "multus-rs.tar",
            Self::Debug => "multus-rs-debug.tar",
        }
    }

    /// The image's name and tag.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Plain => format!("{REPOSITORY}:{TAG}"),
            Self::Debug => format!("{REPOSITORY}:{TAG}-debug"),
        }
    }
}

/// Builds the image for the processors that the words name, or for this machine's.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    let (kind, mut asked) = read(words)?;
    if asked.is_empty() {
        asked.insert(Platform::this()?, None);
    }
    let mut folders: Vec<(Platform, PathBuf)> = Vec::new();
    for (platform, folder) in asked {
        folders.push((platform, folder.map_or_else(|| platform.programs(), Ok)?));
    }
    let directory = target_directory()?.join("image");
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    let mut archive = Archive::new(kind.name());
    for (platform, folder) in &folders {
        let layers = layers(*platform, folder, kind)?;
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
            kind == Kind::Debug || size <= LARGEST,
            "the image for {} has {size} bytes, more than {LARGEST}",
            platform.name()
        );
    }
    let path = directory.join(kind.file());
    let digest = archive.write(&path)?;
    println!("{}@{digest}\n{}", kind.name(), path.display());
    Ok(())
}

/// What the words ask for: which image, for which processors, and where their programs are if they are there already.
fn read(words: &[&str]) -> Result<(Kind, BTreeMap<Platform, Option<PathBuf>>)> {
    let mut kind = Kind::Plain;
    let mut asked = BTreeMap::new();
    for word in words {
        if *word == "--debug" {
            kind = Kind::Debug;
            continue;
        }
        let (name, folder) = match word.split_once('=') {
            Some((name, folder)) => (name, Some(PathBuf::from(folder))),
            None => (*word, None),
        };
        let platform = Platform::parse(name).with_context(|| format!("{word:?}? {USAGE}"))?;
        ensure!(
            asked.insert(platform, folder).is_none(),
            "{name} is named twice: an image has one set of programs for each processor"
        );
    }
    Ok((kind, asked))
}

/// The image of the programs in this folder, for this machine alone, under this name: an archive in `directory`.
pub(crate) fn of_this_machine(
    programs: &Path,
    directory: &Path,
    kind: Kind,
    name: &str,
) -> Result<PathBuf> {
    let platform = Platform::this()?;
    let mut archive = Archive::new(name.to_owned());
    archive.add(platform, &layers(platform, programs, kind)?)?;
    let path = directory.join(kind.file());
    archive.write(&path)?;
    Ok(path)
}

/// What the image holds.
fn layers(platform: Platform, folder: &Path, kind: Kind) -> Result<Vec<Layer>> {
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
    base.file("LICENSE", 0o644, &bytes_of(&root().join("LICENSE"))?)?;
    for name in FILES {
        let bytes = bytes_of(&folder.join(name))?;
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
    if kind == Kind::Debug {
        let bytes = bytes_of(&busybox(platform)?)?;
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

fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// The static program of the Debian package, which is there for this machine's processor alone.
fn busybox(platform: Platform) -> Result<PathBuf> {
    ensure!(
        platform.is_this(),
        "the debug image for {0} needs busybox for {0}: make it on such a machine",
        platform.name()
    );
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
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use serde_json::Value;

    use super::*;

    /// The beginning of a static program for a processor.
    fn program(platform: Platform, name: &str) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18] = match platform {
            Platform::Amd64 => 62,
            Platform::Arm64 => 183,
        };
        bytes.extend(name.bytes());
        bytes
    }

    fn image(platforms: &[Platform]) -> (tempfile::TempDir, PathBuf, String) {
        let scratch = tempfile::tempdir().unwrap();
        let mut archive = Archive::new("example/multus:v1".to_owned());
        for platform in platforms {
            for name in FILES {
                fs::write(scratch.path().join(name), program(*platform, name)).unwrap();
            }
            let layers = layers(*platform, scratch.path(), Kind::Plain).unwrap();
            archive.add(*platform, &layers).unwrap();
        }
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

    fn json(archive: &BTreeMap<String, (String, Vec<u8>)>, name: &str) -> Value {
        serde_json::from_slice(&archive[name].1).unwrap()
    }

    fn blob(descriptor: &Value) -> String {
        let digest = descriptor["digest"].as_str().unwrap();
        format!("blobs/{}", digest.replace(':', "/"))
    }

    /// The image in the archive, and its manifests.
    fn contents(archive: &BTreeMap<String, (String, Vec<u8>)>) -> (Value, Vec<Value>) {
        let first = json(archive, "index.json")["manifests"][0].clone();
        let index = json(archive, &blob(&first));
        (first, index["manifests"].as_array().unwrap().clone())
    }

    #[test]
    fn the_same_programs_make_the_same_image() {
        let (one, other) = (image(&Platform::ALL), image(&Platform::ALL));
        assert_eq!(one.2, other.2);
        assert_eq!(fs::read(&one.1).unwrap(), fs::read(&other.1).unwrap());
    }

    #[test]
    fn everything_lies_where_upstreams_manifests_look_for_it() {
        // B8.34, B8.40, B8.41
        for platform in Platform::ALL {
            let (_scratch, path, digest) = image(&[platform]);
            let archive = entries(&fs::read(path).unwrap());
            let (first, manifests) = contents(&archive);
            assert_eq!(first["digest"], digest);
            assert_eq!(
                first["annotations"]["io.containerd.image.name"],
                "example/multus:v1"
            );
            let manifest = json(&archive, &blob(&manifests[0]));
            let mut layer = Vec::new();
            GzDecoder::new(archive[&blob(&manifest["layers"][0])].1.as_slice())
                .read_to_end(&mut layer)
                .unwrap();
            let files = entries(&layer);
            assert_eq!(files["var/run"].0, "/run");
            assert!(files["etc/passwd"].1.starts_with(b"root:"));
            for name in FILES {
                let expected = program(platform, name);
                assert_eq!(files[&format!("{PROGRAMS}/{name}")].1, expected);
            }
            for name in CHORES {
                assert_eq!(files[name].0, format!("/{PROGRAMS}/{name}"));
                assert_eq!(files[&format!("{PROGRAMS}/{name}")].0, "multus-node");
            }
        }
    }

    #[test]
    fn one_image_serves_both_processors() {
        let (_scratch, path, _) = image(&Platform::ALL);
        let archive = entries(&fs::read(path).unwrap());
        let (_, manifests) = contents(&archive);
        for (platform, manifest) in Platform::ALL.iter().zip(&manifests) {
            assert_eq!(manifest["platform"]["architecture"], platform.name());
            let manifest = json(&archive, &blob(manifest));
            let config = json(&archive, &blob(&manifest["config"]));
            assert_eq!(config["architecture"], platform.name());
            let manifest = bytes_of(&root().join("Cargo.toml")).unwrap();
            let manifest = String::from_utf8(manifest).unwrap();
            let source = &config["config"]["Labels"]["org.opencontainers.image.source"];
            let source = source.as_str().filter(|source| !source.is_empty()).unwrap();
            assert!(manifest.contains(&format!("repository = {source:?}\n")));
        }
        assert_eq!(manifests.len(), 2);
    }

    #[test]
    fn a_word_that_is_not_known_is_named_and_no_processor_stands_twice() {
        let refused = |words: &[&str]| read(words).unwrap_err().to_string();
        assert!(refused(&["--debg"]).starts_with("\"--debg\"? usage: cargo xtask image"));
        assert!(refused(&["riscv64=/x"]).starts_with("\"riscv64=/x\"? "));
        for words in [["amd64=/x", "amd64=/y"], ["amd64", "amd64=/y"]] {
            assert!(refused(&words).starts_with("amd64 is named twice"));
        }
        let (kind, asked) = read(&["arm64=/x", "--debug", "amd64"]).unwrap();
        assert_eq!(kind, Kind::Debug);
        let expected = [
            (Platform::Amd64, None),
            (Platform::Arm64, Some("/x".into())),
        ];
        assert!(asked.into_iter().eq(expected));
    }

    #[test]
    fn programs_that_would_not_run_are_refused() {
        let scratch = tempfile::tempdir().unwrap();
        for name in FILES {
            fs::write(scratch.path().join(name), b"#!/bin/sh\n").unwrap();
        }
        let wrong = layers(Platform::Amd64, scratch.path(), Kind::Plain)
            .err()
            .unwrap()
            .to_string();
        assert_eq!(wrong, "multus is no program for amd64");
    }
}
