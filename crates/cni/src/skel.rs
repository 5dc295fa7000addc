//! The plugin's side: reading a request, checking it in the order that runtimes know, answering what needs no plugin.
//!
//! A plugin calls [`read`], prints [`Invocation::About`] to stderr or [`Invocation::Version`] to stdout, checks that the
//! network namespace is not its own (before it does anything), and then serves the [`Request`].

use std::io::Read;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use crate::exec::search_path;
use crate::{CniError, ContainerId, IfName, NetworkName, Verb, Version, code, text};

/// The longest request.
const REQUEST: u64 = 4 * 1024 * 1024;

/// A request for the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do; never VERSION.
    pub command: Verb,
    /// The container; always there for ADD, CHECK and DEL.
    pub container_id: Option<ContainerId>,
    /// Its network namespace; not empty for ADD and CHECK.
    pub netns: String,
    /// The interface; always there for ADD, CHECK and DEL.
    pub ifname: Option<IfName>,
    /// `CNI_ARGS` as it came, see [`crate::args::decode`].
    pub args: String,
    /// `CNI_PATH`: absolute directories.
    pub path: Vec<PathBuf>,
    /// The plugin's own network namespace is fine (B1.29).
    pub netns_override: bool,
    /// What stood on stdin: one JSON object.
    pub config: Vec<u8>,
    /// Its `name`.
    pub config_name: NetworkName,
    /// Its `cniVersion`.
    pub config_version: Version,
}

/// What a plugin says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About<'a> {
    /// What it is, in a line.
    pub text: &'a str,
    /// The versions that it speaks, oldest first.
    pub versions: &'a [Version],
    /// The first version whose configurations may be asked for STATUS: 1.1.0 for a plugin.
    pub status_since: Version,
}

/// What a plugin was started for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// By hand: text for stderr.
    About(String),
    /// For VERSION: text for stdout.
    Version(String),
    /// For work.
    Call(Request),
}

/// Reads and checks a request (B1.20–B1.29). `env` looks up a variable.
///
/// # Errors
/// A [`CniError`] to print on stdout, with the codes and texts that runtimes match on.
pub fn read(
    env: &dyn Fn(&str) -> Option<String>,
    stdin: &mut dyn Read,
    about: About<'_>,
) -> Result<Invocation, CniError> {
    let env = |name: &str| env(name).unwrap_or_default();
    let word = env("CNI_COMMAND");
    if word.is_empty() && !about.text.is_empty() {
        return Ok(Invocation::About(about.by_hand()));
    }
    let command = Verb::parse(&word);
    let identity = Identity::read(&env, &word, command)?;
    if command == Some(Verb::Version) {
        return Ok(Invocation::Version(about.version()));
    }
    let config = read_config(stdin)?;
    let header = Header::decode(&config)?;
    let Some(command) = command else {
        let word = text::one_line(word.as_bytes(), text::EXCERPT);
        return Err(CniError::new(
            code::INVALID_ENVIRONMENT,
            format!("unknown CNI_COMMAND: {word}"),
        ));
    };
    let config_version = header.version_for(command, about)?;
    Ok(Invocation::Call(Request {
        command,
        container_id: identity.container_id,
        netns: env("CNI_NETNS"),
        ifname: identity.ifname,
        args: env("CNI_ARGS"),
        path: search_path(&env("CNI_PATH")),
        netns_override: matches!(
            env("CNI_NETNS_OVERRIDE").to_ascii_lowercase().as_str(),
            "1" | "true"
        ),
        config,
        config_name: header.name,
        config_version,
    }))
}

/// Container and interface, which have to be valid where they are required and are optional elsewhere.
struct Identity {
    container_id: Option<ContainerId>,
    ifname: Option<IfName>,
}

impl Identity {
    /// Invalid ones end it at once, missing variables are reported together (#112).
    fn read(
        env: &dyn Fn(&str) -> String,
        word: &str,
        command: Option<Verb>,
    ) -> Result<Self, CniError> {
        let attaches = matches!(command, Some(Verb::Add | Verb::Check | Verb::Del));
        let required = [
            ("CNI_COMMAND", true),
            ("CNI_CONTAINERID", attaches),
            ("CNI_NETNS", attaches && command != Some(Verb::Del)),
            ("CNI_IFNAME", attaches),
            (
                "CNI_PATH",
                command.is_some_and(|command| command != Verb::Version),
            ),
        ];
        let mut identity = Self {
            container_id: None,
            ifname: None,
        };
        let mut missing = Vec::new();
        for (name, is_required) in required {
            let value = if name == "CNI_COMMAND" {
                word.to_owned()
            } else {
                env(name)
            };
            if value.is_empty() {
                if is_required {
                    missing.push(name);
                }
                continue;
            }
            let refused = |error: crate::NameError| CniError::new(error.code(), error.to_string());
            match name {
                "CNI_CONTAINERID" => {
                    identity.container_id =
                        keep(ContainerId::parse(&value), is_required).map_err(refused)?;
                }
                "CNI_IFNAME" => {
                    identity.ifname = keep(IfName::parse(&value), is_required).map_err(refused)?
                }
                _ => {}
            }
        }
        if missing.is_empty() {
            return Ok(identity);
        }
        let text = format!("required env variables [{}] missing", missing.join(","));
        Err(CniError::new(code::INVALID_ENVIRONMENT, text))
    }
}

fn keep<T, E>(parsed: Result<T, E>, is_required: bool) -> Result<Option<T>, E> {
    match parsed {
        Err(error) if is_required => Err(error),
        parsed => Ok(parsed.ok()),
    }
}

fn read_config(stdin: &mut dyn Read) -> Result<Vec<u8>, CniError> {
    let mut config = Vec::new();
    let read = stdin.take(REQUEST + 1).read_to_end(&mut config);
    let why = match read {
        Err(error) => error.to_string(),
        Ok(length) if length as u64 > REQUEST => "longer than 4 MiB".to_owned(),
        Ok(_) => return Ok(config),
    };
    Err(CniError::new(
        code::IO_FAILURE,
        format!("error reading from stdin: {why}"),
    ))
}

/// What has to be right in every request's configuration.
struct Header {
    name: NetworkName,
    label: String,
}

impl Header {
    fn decode(config: &[u8]) -> Result<Self, CniError> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Keys {
            #[serde(rename = "cniVersion")]
            cni_version: String,
            name: String,
        }
        let undecodable = |why: String| {
            CniError::new(
                code::DECODING_FAILURE,
                format!("error unmarshall network config: {why}"),
            )
        };
        let value: Value =
            gojson::from_slice(config).map_err(|error| undecodable(error.to_string()))?;
        if !value.is_object() {
            return Err(undecodable("not an object".to_owned()));
        }
        let keys: Keys =
            gojson::from_value(value).map_err(|error| undecodable(error.to_string()))?;
        let name = NetworkName::parse(&keys.name)
            .map_err(|error| CniError::new(error.code(), error.to_string()))?;
        Ok(Self {
            name,
            label: keys.cni_version,
        })
    }

    /// CHECK, GC and STATUS came with later versions (B1.27).
    fn version_for(&self, command: Verb, about: About<'_>) -> Result<Version, CniError> {
        let since = match command {
            Verb::Check => Some(Version::V0_4_0),
            Verb::Gc => Some(Version::V1_1_0),
            Verb::Status => Some(about.status_since),
            Verb::Add | Verb::Del | Verb::Version => None,
        };
        if let Some(since) = since {
            let number = Version::number(&self.label).ok_or_else(|| {
                let label = text::quoted(&self.label);
                CniError::new(
                    code::DECODING_FAILURE,
                    format!("cniVersion {label} is not a version"),
                )
            })?;
            if Version::number(since.as_str()).is_some_and(|since| number < since) {
                let text = format!("config version does not allow {command}");
                return Err(CniError::new(code::INCOMPATIBLE_VERSION, text));
            }
        }
        let version = Version::parse(&self.label).ok();
        let spoken = version.filter(|version| about.versions.contains(version));
        spoken.ok_or_else(|| {
            let details = format!(
                "config is {}, plugin supports {}",
                text::quoted(&self.label),
                about.labels()
            );
            CniError::new(code::INCOMPATIBLE_VERSION, "incompatible CNI versions")
                .with_details(details)
        })
    }
}

impl About<'_> {
    /// What a plugin says when it is started by hand (B1.23).
    fn by_hand(self) -> String {
        format!(
            "{}\nCNI protocol versions supported: {}\n",
            self.text,
            self.labels()
        )
    }

    /// What a plugin answers to VERSION (B1.24).
    fn version(self) -> String {
        let labels: Vec<_> = self
            .versions
            .iter()
            .map(|version| format!("\"{version}\""))
            .collect();
        format!(
            "{{\"cniVersion\":\"{}\",\"supportedVersions\":[{}]}}\n",
            Version::LATEST,
            labels.join(",")
        )
    }

    fn labels(self) -> String {
        let labels: Vec<_> = self
            .versions
            .iter()
            .map(|version| version.as_str())
            .collect();
        labels.join(", ")
    }
}

#[cfg(test)]
mod tests;
