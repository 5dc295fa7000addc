//! What one plugin reads and which variables it gets: pure.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::config::{NetworkConf, PluginConf};
use crate::runtime::Attachment;
use crate::{CniResult, Verb, args};

/// What is added to a plugin's own configuration.
#[derive(Debug, Clone, Copy)]
pub enum Extra<'a> {
    /// ADD, DEL, CHECK: capability arguments and, where there is one, the previous result.
    Attachment {
        /// Capability arguments, of which the plugin gets those that it declares.
        capability_args: &'a Map<String, Value>,
        /// The result of the plugin before, or of the whole ADD; printed in its own version.
        prev_result: Option<&'a CniResult>,
    },
    /// GC: what stays, as container id and interface name.
    Valid(&'a [(String, String)]),
    /// STATUS: nothing.
    Nothing,
}

/// The text for stdin (B4.123): the plugin's configuration with the network's name and version.
///
/// # Errors
/// When it has no form in JSON.
pub fn stdin(
    conf: &NetworkConf,
    plugin: &PluginConf,
    extra: &Extra<'_>,
) -> Result<Vec<u8>, gojson::Error> {
    let mut request = plugin.raw().clone();
    set(&mut request, "name", conf.name().into());
    set(&mut request, "cniVersion", conf.version_label().into());
    match extra {
        Extra::Attachment {
            capability_args,
            prev_result,
        } => {
            let runtime_config = enabled(plugin, capability_args);
            if !runtime_config.is_empty() {
                set(&mut request, "runtimeConfig", Value::Object(runtime_config));
            }
            if let Some(result) = prev_result {
                let value = result
                    .to_value(result.version)
                    .map_err(|e| gojson::Error::new("prevResult", e.to_string()))?;
                set(&mut request, "prevResult", value);
            }
        }
        Extra::Valid(valid) => {
            let list: Vec<_> = valid
                .iter()
                .map(|(id, ifname)| json!({"containerID": id, "ifname": ifname}))
                .collect();
            // The name changed between drafts of 1.1.0, plugins read either (#95).
            set(
                &mut request,
                "cni.dev/valid-attachments",
                list.clone().into(),
            );
            set(&mut request, "cni.dev/attachments", list.into());
        }
        Extra::Nothing => {}
    }
    gojson::to_vec(&request)
}

/// Of the capability arguments, those that the plugin declares (B4.124).
pub fn enabled(plugin: &PluginConf, capability_args: &Map<String, Value>) -> Map<String, Value> {
    let is_on = |name: &String| plugin.capabilities().get(name).copied().unwrap_or(false);
    let enabled = capability_args
        .iter()
        .filter(|(name, value)| is_on(name) && !value.is_null());
    enabled
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// The variables of one call, always all six (B4.121). Without an attachment (GC, STATUS) the others are empty.
///
/// # Errors
/// [`args::ArgsError`] for arguments that cannot be passed.
pub fn environment(
    verb: Verb,
    attachment: Option<&Attachment>,
    path: &[PathBuf],
) -> Result<Vec<(String, String)>, args::ArgsError> {
    let path: Vec<_> = path
        .iter()
        .filter_map(|directory| directory.to_str())
        .collect();
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let variables = [
        ("CNI_COMMAND", verb.as_str().to_owned()),
        (
            "CNI_CONTAINERID",
            text(attachment.map(|at| at.container_id.as_str())),
        ),
        ("CNI_NETNS", text(attachment.map(|at| at.netns.as_str()))),
        (
            "CNI_ARGS",
            attachment.map_or_else(|| Ok(String::new()), |at| args::encode(&at.args))?,
        ),
        ("CNI_IFNAME", text(attachment.map(|at| at.ifname.as_str()))),
        ("CNI_PATH", path.join(":")),
    ];
    Ok(variables
        .map(|(name, value)| (name.to_owned(), value))
        .into())
}

/// Sets a key that a plugin may otherwise find in another spelling, too.
fn set(request: &mut Map<String, Value>, key: &str, value: Value) {
    request.retain(|known, _| !known.eq_ignore_ascii_case(key));
    request.insert(key.to_owned(), value);
}

#[cfg(test)]
mod tests;
