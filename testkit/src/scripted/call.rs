//! One call of the scripted plugin, as its log has it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What a plugin was given, and when it ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// `CNI_COMMAND`.
    pub verb: String,
    /// The name that it was called by: the last part of the first argument.
    pub plugin: String,
    /// The variables that begin with `CNI_`.
    pub cni: BTreeMap<String, String>,
    /// The whole environment, where the script asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
    /// All arguments, the program's own name first.
    pub argv: Vec<String>,
    /// Standard input, byte for byte.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub stdin: Vec<u8>,
    /// Standard input as JSON, if it is that.
    pub config: Option<Value>,
    /// What stood in the file that `runtimeConfig.CNIDeviceInfoFile` names; nothing where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_info: Option<String>,
    /// The process.
    pub pid: u32,
    /// Its parent.
    pub ppid: u32,
    /// Its process group.
    pub pgid: u32,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Its network namespace, as `net:[…]`.
    pub network_namespace: String,
    /// Its mount namespace, as `mnt:[…]`.
    pub mount_namespace: String,
    /// What it had open when it started.
    pub descriptors: Vec<Descriptor>,
    /// When it started: nanoseconds since 1970.
    pub started: u64,
    /// When it ended; nothing if it was killed, crashed or still runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

/// An open file descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Its number.
    pub number: u32,
    /// What it points to, as the kernel writes it (a removed file ends in ` (deleted)`).
    pub target: String,
    /// The inode behind it, to compare with a file's.
    pub inode: u64,
}

/// A line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    /// A call began.
    Start(Box<Call>),
    /// The call of that process ended.
    End {
        /// Its process and start time.
        pid: u32,
        /// See [`Call::started`].
        started: u64,
        /// See [`Call::ended`].
        ended: u64,
    },
}

impl Call {
    /// The call that this process is.
    pub(super) fn observe(stdin: Vec<u8>, config: Option<Value>, whole_environment: bool) -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .map(|(key, value)| {
                (
                    key.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect();
        let cni: BTreeMap<_, _> = environment
            .clone()
            .into_iter()
            .filter(|(key, _)| key.starts_with("CNI_"))
            .collect();
        let argv: Vec<String> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let plugin = argv
            .first()
            .and_then(|word| word.rsplit('/').next())
            .unwrap_or_default()
            .to_owned();
        Self {
            verb: cni.get("CNI_COMMAND").cloned().unwrap_or_default(),
            plugin,
            cni,
            environment: whole_environment.then_some(environment),
            argv,
            stdin,
            device_info: device_info_file(config.as_ref())
                .and_then(|path| std::fs::read_to_string(path).ok()),
            config,
            pid: std::process::id(),
            ppid: std::os::unix::process::parent_id(),
            pgid: rustix::process::getpgrp().as_raw_pid().unsigned_abs(),
            cwd: std::env::current_dir().unwrap_or_default(),
            network_namespace: link_text("/proc/self/ns/net"),
            mount_namespace: link_text("/proc/self/ns/mnt"),
            descriptors: open_descriptors(),
            started: now(),
            ended: None,
        }
    }

    /// The text of one of the variables that begin with `CNI_`; empty if it is not set.
    pub fn variable(&self, name: &str) -> &str {
        self.cni.get(name).map_or("", String::as_str)
    }

    /// Part of the configuration by JSON pointer, as `/runtimeConfig/mac`; null where it is missing.
    pub fn at(&self, pointer: &str) -> &Value {
        self.config
            .as_ref()
            .and_then(|config| config.pointer(pointer))
            .unwrap_or(&Value::Null)
    }

    /// The network's name in the configuration.
    pub fn network(&self) -> &str {
        self.at("/name").as_str().unwrap_or_default()
    }

    /// Whether the call was over before `other` began.
    pub fn ended_before(&self, other: &Self) -> bool {
        self.ended.is_some_and(|ended| ended <= other.started)
    }
}

/// Where a plugin that declares the capability finds and leaves device information.
pub(super) fn device_info_file(config: Option<&Value>) -> Option<PathBuf> {
    let path = config?.pointer("/runtimeConfig/CNIDeviceInfoFile")?;
    path.as_str().map(PathBuf::from)
}

/// Nanoseconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX))
}

fn link_text(path: &str) -> String {
    std::fs::read_link(path)
        .map(|target| target.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn open_descriptors() -> Vec<Descriptor> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let mut found: Vec<Descriptor> = entries
        .flatten()
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let target = std::fs::read_link(entry.path())
                .ok()?
                .to_string_lossy()
                .into_owned();
            let inode = std::fs::metadata(entry.path()).ok()?.ino();
            Some(Descriptor {
                number,
                target,
                inode,
            })
        })
        // The directory that is being read is this function's own.
        .filter(|descriptor| {
            !descriptor.target.starts_with("/proc/") || !descriptor.target.ends_with("/fd")
        })
        .collect();
    found.sort_by_key(|descriptor| descriptor.number);
    found
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}
