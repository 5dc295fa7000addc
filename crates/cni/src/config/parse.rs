//! Text to network.

use serde_json::{Map, Value};

use super::plugin::Header;
use super::{ConfError, Form, NetworkConf, PluginConf};
use crate::Version;
use crate::names::{NameError, NetworkName};
use crate::version::UnknownVersion;

impl NetworkConf {
    /// Reads a configuration of either form: a non-empty `type` makes it a single one, even beside `plugins` (B5.60).
    ///
    /// A missing name is no error here, see [`NetworkConf::with_name`].
    ///
    /// # Errors
    /// [`ConfError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfError> {
        let map = object(bytes)?;
        let header = Header::decode(&map)?;
        if !header.plugin_type.is_empty() {
            return Self::single(map, bytes);
        }
        if gojson::get_fold(&map, "plugins").is_none_or(Value::is_null) {
            return Err(ConfError::NeitherForm);
        }
        Self::list(map, bytes)
    }

    /// Reads a single configuration, the content of `.conf` and `.json` files.
    ///
    /// # Errors
    /// [`ConfError`].
    pub fn parse_single(bytes: &[u8]) -> Result<Self, ConfError> {
        Self::single(object(bytes)?, bytes)
    }

    /// Reads a list, the content of `.conflist` files. Without `plugins` it is empty and waits for
    /// [`NetworkConf::append_plugins`].
    ///
    /// # Errors
    /// [`ConfError`].
    pub fn parse_list(bytes: &[u8]) -> Result<Self, ConfError> {
        Self::list(object(bytes)?, bytes)
    }

    pub(super) fn single(map: Map<String, Value>, bytes: &[u8]) -> Result<Self, ConfError> {
        let plugin = PluginConf::from_map(map)?;
        let name = plugin.name().unwrap_or_default().to_owned();
        let version_label = plugin.cni_version().unwrap_or_default().to_owned();
        Ok(Self {
            name: checked(name)?,
            version: Version::parse(&version_label)?,
            version_label,
            disable_check: false,
            disable_gc: false,
            load_only_inlined: false,
            form: Form::Single,
            plugins: vec![plugin],
            list: Map::new(),
            bytes: bytes.to_vec(),
        })
    }

    pub(super) fn list(mut map: Map<String, Value>, bytes: &[u8]) -> Result<Self, ConfError> {
        let header = Header::decode(&map)?;
        let load_only_inlined = switch(&map, "loadOnlyInlinedPlugins")?;
        let plugins = match take_plugins(&mut map) {
            Some(Value::Array(members)) => parse_members(members)?,
            None if load_only_inlined => return Err(ConfError::NothingInlined),
            None => Vec::new(),
            Some(_) => {
                return Err(ConfError::Decode(gojson::Error::new(
                    "plugins",
                    "invalid type, expected an array",
                )));
            }
        };
        let (version_label, version) =
            select_version(&map, header.cni_version.unwrap_or_default())?;
        Ok(Self {
            name: checked(header.name.unwrap_or_default())?,
            version_label,
            version,
            disable_check: switch(&map, "disableCheck")?,
            disable_gc: switch(&map, "disableGC")?,
            load_only_inlined,
            form: Form::List,
            plugins,
            list: map,
            bytes: bytes.to_vec(),
        })
    }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, ConfError> {
    match gojson::from_slice(bytes).map_err(ConfError::Decode)? {
        Value::Object(map) => Ok(map),
        _ => Err(ConfError::NotAnObject),
    }
}

/// A name that is there has to be one (#5).
fn checked(name: String) -> Result<String, ConfError> {
    match NetworkName::parse(&name) {
        Ok(_) | Err(NameError::MissingNetworkName) => Ok(name),
        Err(error) => Err(error.into()),
    }
}

/// `plugins`, in any case, out of the list's keys; `null` is none.
fn take_plugins(map: &mut Map<String, Value>) -> Option<Value> {
    let plugins = gojson::get_fold(map, "plugins").cloned();
    map.retain(|key, _| !key.eq_ignore_ascii_case("plugins"));
    plugins.filter(|value| !value.is_null())
}

fn parse_members(members: Vec<Value>) -> Result<Vec<PluginConf>, ConfError> {
    if members.is_empty() {
        return Err(ConfError::NoPlugins);
    }
    let parse = |(index, member)| {
        let place =
            |error: gojson::Error| ConfError::Decode(error.under_index(index).under_key("plugins"));
        let Value::Object(raw) = member else {
            return Err(place(gojson::Error::new(
                "",
                "invalid type, expected an object",
            )));
        };
        PluginConf::from_map(raw).map_err(|error| match error {
            ConfError::MissingType { .. } => ConfError::MissingMemberType(index),
            ConfError::Decode(error) => place(error),
            other => other,
        })
    };
    members.into_iter().enumerate().map(parse).collect()
}

/// A boolean, or the words in any case (B4.132).
fn switch(map: &Map<String, Value>, key: &'static str) -> Result<bool, ConfError> {
    match gojson::get_fold(map, key) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(on)) => Ok(*on),
        Some(Value::String(word)) if word.eq_ignore_ascii_case("true") => Ok(true),
        Some(Value::String(word)) if word.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(ConfError::Switch(key)),
    }
}

/// The highest known version of `cniVersions` and `cniVersion`; the latter as it is when nothing of that is known.
fn select_version(map: &Map<String, Value>, label: String) -> Result<(String, Version), ConfError> {
    let offered = match gojson::get_fold(map, "cniVersions") {
        None | Some(Value::Null) => Vec::new(),
        Some(offered) => gojson::from_value::<Vec<String>>(offered.clone())
            .map_err(|error| ConfError::Decode(error.under_key("cniVersions")))?,
    };
    let mut best = None;
    for other in offered {
        let number = Version::number(&other).ok_or(ConfError::Versions(other))?;
        best = best.max(Version::of_number(number));
    }
    match (best, Version::parse(&label)) {
        (None, Ok(version)) => Ok((label, version)),
        (None, Err(error)) => Err(error.into()),
        (Some(best), Ok(version)) if version >= best && !label.is_empty() => Ok((label, version)),
        (Some(best), Ok(_)) => Ok((best.as_str().to_owned(), best)),
        // A label of the future is one more offer that is skipped, a broken one is not.
        (Some(best), Err(UnknownVersion(label))) => match Version::number(&label) {
            Some(_) => Ok((best.as_str().to_owned(), best)),
            None => Err(UnknownVersion(label).into()),
        },
    }
}
