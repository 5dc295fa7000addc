//! The generated configuration, laid out as upstream's (B6.145–B6.150, Q33, Q76).

use std::collections::BTreeMap;

use cni::{NetworkConf, Version};
use plan::{Candidate, Refusal};
use serde_json::{Map, Value};

use super::Failure;
use super::options::Wishes;

/// The plugin.
pub(super) const PLUGIN: &str = "multus";

/// Our file, as one configuration and as a list.
pub(super) const FILES: [&str; 2] = ["00-multus.conf", "00-multus.conflist"];

/// The network's name, unless it is the primary's.
const NETWORK: &str = "multus-cni-network";

/// A configuration and where it belongs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) file: &'static str,
    pub(super) text: String,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum NoDocument {
    /// It is Multus' own file.
    Ours,
    /// The file may be mended.
    Wait(String),
    /// The flags would have to be other ones.
    Never(Failure),
}

impl From<Refusal> for NoDocument {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Ours => Self::Ours,
            Refusal::Unusable(reason) => Self::Wait(reason),
        }
    }
}

/// The configuration for this primary.
pub(super) fn generate(candidate: &Candidate, wishes: &Wishes) -> Result<Document, NoDocument> {
    let mut primary = candidate.read(PLUGIN)?;
    let version = version(candidate, &primary, wishes)?;
    if wishes.forces_version {
        let forced = primary.with_version(&wishes.version);
        primary =
            forced.map_err(|error| NoDocument::Never(Failure::NoVersion(error.to_string())))?;
    }
    if primary.plugins().is_empty() {
        return Err(NoDocument::Wait(cni::ConfError::NoPlugins.to_string()));
    }
    render(&primary, version, wishes).map_err(|error| NoDocument::Never(error.into()))
}

/// The primary's version, or the one that is forced on it.
fn version(
    candidate: &Candidate,
    primary: &NetworkConf,
    wishes: &Wishes,
) -> Result<Version, NoDocument> {
    let label = primary.version_label();
    if label.is_empty() {
        return Err(NoDocument::Wait("it has no cniVersion".to_owned()));
    }
    if wishes.version.is_empty() || wishes.version == label {
        return Ok(primary.version());
    }
    let wanted = Version::parse(&wishes.version);
    let wanted =
        wanted.map_err(|error| NoDocument::Never(Failure::NoVersion(error.to_string())))?;
    if wishes.forces_version {
        return Ok(wanted);
    }
    Err(NoDocument::Never(Failure::Version {
        file: candidate.name.clone(),
        found: label.to_owned(),
        wanted: wishes.version.clone(),
    }))
}

fn render(
    primary: &NetworkConf,
    version: Version,
    wishes: &Wishes,
) -> Result<Document, gojson::Error> {
    let name = match wishes.overrides_name {
        true => primary.name(),
        false => NETWORK,
    };
    let (cni_version, name) = (text(version.as_str())?, text(name)?);
    let keys = keys(primary, wishes)?;
    let delegate: Map<String, Value> = gojson::from_slice(primary.bytes())?;
    let delegate = gojson::to_string(&delegate)?;
    let lines = |indent: &str| -> String {
        let lines = keys.iter();
        lines
            .map(|(key, value)| format!("{indent}\"{key}\": {value},\n"))
            .collect()
    };
    Ok(match version < Version::V1_0_0 {
        true => Document {
            file: FILES[0],
            text: format!(
                "{{
    \"cniVersion\": {cni_version},
    \"name\": {name},
    \"type\": \"{PLUGIN}\",
{}    \"delegates\": [
        {delegate}
    ]
}}
",
                lines("    ")
            ),
        },
        false => Document {
            file: FILES[1],
            text: format!(
                "{{
    \"cniVersion\": {cni_version},
    \"name\": {name},
    \"plugins\": [ {{
        \"type\": \"{PLUGIN}\",
{}        \"delegates\": [
            {delegate}
        ]
    }}]
}}
",
                lines("        ")
            ),
        },
    })
}

/// Keys with their values, in upstream's order (B6.147).
fn keys(
    primary: &NetworkConf,
    wishes: &Wishes,
) -> Result<Vec<(&'static str, String)>, gojson::Error> {
    let mut keys = Vec::new();
    let capabilities = capabilities(primary);
    if !capabilities.is_empty() {
        keys.push(("capabilities", gojson::to_string(&capabilities)?));
    }
    if wishes.namespace_isolation {
        keys.push(("namespaceIsolation", "true".to_owned()));
    }
    let texts = [("globalNamespaces", &wishes.global_namespaces)];
    add(&mut keys, texts)?;
    if !wishes.log_to_stderr {
        keys.push(("logToStderr", "false".to_owned()));
    }
    let texts = [
        ("logLevel", &wishes.log_level),
        ("logFile", &wishes.log_file),
        ("binDir", &wishes.bin_dir),
        ("confDir", &wishes.conf_dir),
        ("readinessindicatorfile", &wishes.readiness_file),
        ("kubeconfig", &wishes.kubeconfig),
    ];
    add(&mut keys, texts)?;
    Ok(keys)
}

/// Those that say something.
fn add<const COUNT: usize>(
    keys: &mut Vec<(&'static str, String)>,
    texts: [(&'static str, &String); COUNT],
) -> Result<(), gojson::Error> {
    for (key, value) in texts.into_iter().filter(|(_, value)| !value.is_empty()) {
        keys.push((key, text(value)?));
    }
    Ok(())
}

fn text(value: &str) -> Result<String, gojson::Error> {
    gojson::to_string(value)
}

/// What any plugin has, the primary has; what one says that it does not have is said too (B6.145).
fn capabilities(primary: &NetworkConf) -> BTreeMap<&str, bool> {
    let mut all = BTreeMap::new();
    let plugins = primary.plugins().iter();
    for (name, on) in plugins.flat_map(|plugin| plugin.capabilities()) {
        *all.entry(name.as_str()).or_default() |= *on;
    }
    all
}
