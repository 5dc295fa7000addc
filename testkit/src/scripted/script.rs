//! What the scripted plugin shall do: the key `script` of its configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The environment variable that names a file of scripts, a JSON object with a script for each plugin, by its name, or by
/// its name and that of the network, `macvlan lan`, which counts more. They are for
/// configurations that hold none: those of other programs, which must stay as they are.
pub const SCRIPTS: &str = "TESTKIT_SCRIPTS";

/// The behaviour of one call. Steps run in the order of the fields.
///
/// An unknown key is an error, so that a test's typing mistake does not pass as a well-mannered plugin.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The log: a file that all plugins of a test may share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<PathBuf>,
    /// Record the whole environment, not only the variables that begin with `CNI_`.
    #[serde(skip_serializing_if = "is_false")]
    pub record_environment: bool,
    /// Create this file when the call has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touch: Option<PathBuf>,
    /// Wait until this file exists (two minutes at most).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_for_file: Option<PathBuf>,
    /// Wait so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sleep_ms: Option<u64>,
    /// ADD makes a veth pair with one end in `CNI_NETNS`, DEL removes it. `true` names it `CNI_IFNAME`. Addresses and
    /// routes are those of `result`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create_link: Option<Value>,
    /// ADD writes this into the file that `runtimeConfig.CNIDeviceInfoFile` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_info: Option<Value>,
    /// Wait, with the link in place, until this file exists (two minutes at most).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then_wait_for_file: Option<PathBuf>,
    /// Never answer (ten minutes at most).
    #[serde(skip_serializing_if = "is_false")]
    pub hang: bool,
    /// Hang through SIGTERM too.
    #[serde(skip_serializing_if = "is_false")]
    pub ignore_sigterm: bool,
    /// Die.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crash: Option<Crash>,
    /// Leave a process behind that holds standard output open for so long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spawn_grandchild_holding_stdout_ms: Option<u64>,
    /// Text for standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// So many bytes for standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr_bytes: Option<u64>,
    /// So many bytes for standard output, in place of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout_bytes: Option<u64>,
    /// This text for standard output, in place of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Answer with a CNI error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<Fail>,
    /// The result of ADD. `${CNI_IFNAME}` and other variables of the call are filled in, and `cniVersion` if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The exit status, where it is not to be 0 (or 1 for an error).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Keys that replace those above for one verb: `{"DEL": {"exit": 3}}`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub per_verb: BTreeMap<String, Map<String, Value>>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A CNI error as an answer.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fail {
    /// Only for this verb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<String>,
    /// Only while this file exists: a test takes it away and the next call succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub while_file: Option<PathBuf>,
    /// The CNI error code.
    pub code: u32,
    /// The message.
    pub msg: String,
    /// The details.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// A way to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Crash {
    /// Killed, as by the kernel that is out of memory.
    #[serde(rename = "SIGKILL")]
    Kill,
    /// Asked to end.
    #[serde(rename = "SIGTERM")]
    Terminate,
    /// A bad memory access.
    #[serde(rename = "SIGSEGV")]
    Segmentation,
    /// A failed assertion.
    #[serde(rename = "abort")]
    Abort,
}

impl Script {
    /// The script of a call: its configuration's own, else the one that the file of scripts has for this plugin.
    pub fn of_call(config: Option<&Value>, plugin: &str, verb: &str) -> Result<Self> {
        let own = config.is_some_and(|config| config.get("script").is_some());
        let Some(path) = std::env::var_os(SCRIPTS).filter(|_| !own) else {
            return Self::of(config, verb);
        };
        let text = std::fs::read(&path)
            .with_context(|| format!("read the scripts {}", path.to_string_lossy()))?;
        let scripts: Map<String, Value> = serde_json::from_slice(&text)
            .with_context(|| format!("read the scripts {}", path.to_string_lossy()))?;
        let network = config.and_then(|config| config["name"].as_str());
        let of_network = network.and_then(|network| scripts.get(&format!("{plugin} {network}")));
        let script = of_network
            .or_else(|| scripts.get(plugin))
            .map(|script| serde_json::json!({"script": script}));
        Self::of(script.as_ref(), verb)
    }

    /// The script of a configuration for `verb`; the default where it has none.
    pub fn of(config: Option<&Value>, verb: &str) -> Result<Self> {
        let Some(written) = config.and_then(|config| config.get("script")) else {
            return Ok(Self::default());
        };
        let mut keys = written
            .as_object()
            .context("`script` is not an object")?
            .clone();
        let overrides = keys.remove("per_verb");
        if let Some(Value::Object(own)) = overrides.as_ref().and_then(|verbs| verbs.get(verb)) {
            keys.extend(own.clone());
        }
        serde_json::from_value(Value::Object(keys)).context("read `script`")
    }

    /// The name of the link that is to be made, if one is.
    pub fn link<'a>(&'a self, ifname: &'a str) -> Option<&'a str> {
        match self.create_link.as_ref()? {
            Value::Bool(true) => Some(ifname),
            Value::String(name) => Some(name),
            _ => None,
        }
    }

    /// The error that this call has to answer with.
    pub fn failure(&self, verb: &str) -> Option<&Fail> {
        let fail = self.fail.as_ref()?;
        let applies = fail.verb.as_deref().is_none_or(|only| only == verb);
        let holds = fail.while_file.as_ref().is_none_or(|file| file.exists());
        (applies && holds).then_some(fail)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_verbs_own_keys_replace_the_general_ones() {
        let config =
            json!({"script": {"sleep_ms": 5, "exit": 1, "per_verb": {"DEL": {"exit": 3}}}});
        let add = Script::of(Some(&config), "ADD").unwrap();
        let del = Script::of(Some(&config), "DEL").unwrap();
        assert_eq!((add.sleep_ms, add.exit), (Some(5), Some(1)));
        assert_eq!((del.sleep_ms, del.exit), (Some(5), Some(3)));
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let config = json!({"script": {"slep_ms": 5}});
        assert!(Script::of(Some(&config), "ADD").is_err());
    }

    #[test]
    fn a_failure_is_for_its_verb_and_while_its_file_is_there() {
        let gone = Path::new("/nonexistent/file").to_owned();
        let fail = |verb: Option<&str>, file: Option<PathBuf>| Script {
            fail: Some(Fail {
                verb: verb.map(str::to_owned),
                while_file: file,
                ..Fail::default()
            }),
            ..Script::default()
        };
        assert!(fail(None, None).failure("DEL").is_some());
        assert!(fail(Some("ADD"), None).failure("DEL").is_none());
        assert!(fail(Some("DEL"), Some(gone)).failure("DEL").is_none());
    }
}
