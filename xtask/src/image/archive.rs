//! An image as an OCI layout in one file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tar::{Builder, EntryType};

use super::layer::{Layer, gzip, header};
use crate::dist;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A processor that there are programs for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Platform {
    Amd64,
    Arm64,
}

impl Platform {
    pub(super) const ALL: [Self; 2] = [Self::Amd64, Self::Arm64];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|platform| platform.name() == name)
    }

    /// As images name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// As Rust names it.
    fn machine(self) -> &'static str {
        match self {
            Self::Amd64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// Whether this machine has such a processor.
    pub(super) fn is_this(self) -> bool {
        self.machine() == std::env::consts::ARCH
    }

    /// That of this machine.
    pub(super) fn this() -> Result<Self> {
        let this = Self::ALL.into_iter().find(|platform| platform.is_this());
        this.context("there is no image for this machine's processor")
    }

    /// Where its programs are: what ships, which is built, or for this machine those that are under test.
    pub(super) fn programs(self) -> Result<PathBuf> {
        if self.is_this() {
            return dist::programs();
        }
        let target = format!("{}-unknown-linux-musl", self.machine());
        Ok(dist::build(Some(&target))?.folder)
    }

    /// Refuses what this processor cannot run, or what needs a loader that the image does not have.
    pub(super) fn check(self, name: &str, program: &[u8]) -> Result<()> {
        let machine = match self {
            Self::Amd64 => 62,
            Self::Arm64 => 183,
        };
        let is_program =
            program.starts_with(b"\x7fELF\x02\x01") && program.get(18..20) == Some(&[machine, 0]);
        ensure!(is_program, "{name} is no program for {}", self.name());
        ensure!(!is_dynamic(program), "{name} is not linked statically");
        Ok(())
    }
}

/// Whether a program names an interpreter (a program header of the kind `PT_INTERP`).
fn is_dynamic(program: &[u8]) -> bool {
    let number = |at: usize, length: usize| -> usize {
        let bytes = program.get(at..at + length).unwrap_or_default();
        bytes
            .iter()
            .rev()
            .fold(0, |all, byte| all << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    (0..count).any(|index| number(table.saturating_add(index * size), 4) == 3)
}

/// An image that is being put together.
pub(super) struct Archive {
    name: String,
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: Vec<Value>,
}

impl Archive {
    /// With its name and tag.
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            blobs: BTreeMap::new(),
            manifests: Vec::new(),
        }
    }

    /// Adds a platform; tells the size of what a node fetches.
    pub(super) fn add(&mut self, platform: Platform, layers: &[Layer]) -> Result<usize> {
        let mut descriptors = Vec::new();
        let mut plain = Vec::new();
        let mut size = 0;
        for layer in layers {
            let bytes = layer.bytes()?;
            plain.push(name_of(&bytes));
            let packed = gzip(&bytes)?;
            size += packed.len();
            descriptors.push(self.blob(LAYER, packed));
        }
        let version = env!("CARGO_PKG_VERSION");
        let config = json!({
            "architecture": platform.name(),
            "os": "linux",
            "config": {
                "Entrypoint": ["/usr/src/multus-cni/bin/multus-daemon"],
                "WorkingDir": "/",
                "Labels": {
                    "org.opencontainers.image.title": "multus-rs",
                    "org.opencontainers.image.version": version,
                    "org.opencontainers.image.licenses": "Apache-2.0",
                    "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
                },
            },
            "rootfs": {"type": "layers", "diff_ids": plain},
        });
        let config = self.blob(CONFIG, serde_json::to_vec(&config)?);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": descriptors,
        });
        let mut manifest = self.blob(MANIFEST, serde_json::to_vec(&manifest)?);
        manifest["platform"] = json!({"architecture": platform.name(), "os": "linux"});
        self.manifests.push(manifest);
        Ok(size)
    }

    /// Writes the archive; tells the image's digest.
    pub(super) fn write(mut self, path: &Path) -> Result<String> {
        let index = json!({
            "schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests,
        });
        let mut index = self.blob(INDEX, serde_json::to_vec(&index)?);
        let image = index["digest"].as_str().unwrap_or_default().to_owned();
        let tag = self.name.rsplit(':').next().unwrap_or_default();
        index["annotations"] = json!({
            "io.containerd.image.name": self.name,
            "org.opencontainers.image.ref.name": tag,
        });
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [index]});
        let mut archive = Builder::new(Vec::new());
        let mut put = |name: &str, bytes: &[u8]| {
            let mut header = header(EntryType::Regular, 0o644, bytes.len());
            archive.append_data(&mut header, name, bytes)
        };
        put("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        put("index.json", &serde_json::to_vec(&index)?)?;
        for (name, bytes) in &self.blobs {
            put(&format!("blobs/{}", name.replace(':', "/")), bytes)?;
        }
        fs::write(path, archive.into_inner()?)
            .with_context(|| format!("write {}", path.display()))?;
        Ok(image)
    }

    /// Puts bytes into the archive; returns what describes them.
    fn blob(&mut self, kind: &str, bytes: Vec<u8>) -> Value {
        let name = name_of(&bytes);
        let descriptor = json!({"mediaType": kind, "digest": name, "size": bytes.len()});
        self.blobs.insert(name, bytes);
        descriptor
    }
}

fn name_of(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    let hex: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}
