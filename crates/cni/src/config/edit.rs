//! Changing a network, and writing it down again.

use serde_json::{Map, Value};

use super::{ConfError, Form, NetworkConf, PluginConf};

impl NetworkConf {
    /// The same network under another name, re-encoded (B5.57).
    ///
    /// # Errors
    /// [`ConfError`] for an invalid name.
    pub fn with_name(mut self, name: &str) -> Result<Self, ConfError> {
        self.edit_top(&["name"], "name", name)
    }

    /// The same network in another version, re-encoded.
    ///
    /// # Errors
    /// [`ConfError`] for a label that is no version.
    pub fn with_version(mut self, label: &str) -> Result<Self, ConfError> {
        self.edit_top(&["cniVersion", "cniVersions"], "cniVersion", label)
    }

    /// Changes the configuration of every plugin; `edit` gets each one's index and all of its keys.
    ///
    /// # Errors
    /// [`ConfError`] when a plugin is none any more; the network is then as before.
    pub fn edit_plugins(
        &mut self,
        mut edit: impl FnMut(usize, &mut Map<String, Value>),
    ) -> Result<(), ConfError> {
        let mut members = self.members();
        for (index, member) in members.iter_mut().enumerate() {
            edit(index, member);
        }
        *self = self.rebuilt(members)?;
        Ok(())
    }

    /// Adds plugins behind the others, as from a sub-directory. A single configuration becomes a list.
    ///
    /// # Errors
    /// [`ConfError`] when the result cannot be written as JSON.
    pub fn append_plugins(&mut self, plugins: Vec<PluginConf>) -> Result<(), ConfError> {
        if plugins.is_empty() {
            return Ok(());
        }
        if self.form == Form::Single {
            self.form = Form::List;
            self.list
                .insert("cniVersion".into(), self.version_label.as_str().into());
            self.list.insert("name".into(), self.name.as_str().into());
        }
        let mut members = self.members();
        members.extend(plugins.into_iter().map(PluginConf::into_raw));
        *self = self.rebuilt(members)?;
        Ok(())
    }

    /// Replaces `key` (and removes `replaced`, in any case) where the network says its name and version.
    fn edit_top(&mut self, replaced: &[&str], key: &str, value: &str) -> Result<Self, ConfError> {
        let mut members = self.members();
        let top = match self.form {
            Form::List => Some(&mut self.list),
            Form::Single => members.first_mut(),
        };
        if let Some(top) = top {
            top.retain(|known, _| !replaced.iter().any(|key| known.eq_ignore_ascii_case(key)));
            top.insert(key.to_owned(), value.into());
        }
        self.rebuilt(members)
    }

    fn members(&self) -> Vec<Map<String, Value>> {
        let members = self.plugins.iter().map(PluginConf::raw);
        members.cloned().collect()
    }

    /// The network of these members: written down, and read again so that all of it is checked.
    fn rebuilt(&self, mut members: Vec<Map<String, Value>>) -> Result<Self, ConfError> {
        let map = match self.form {
            Form::Single => members.pop().unwrap_or_default(),
            Form::List => {
                let mut list = self.list.clone();
                if !members.is_empty() {
                    list.insert(
                        "plugins".into(),
                        members.into_iter().map(Value::Object).collect(),
                    );
                }
                list
            }
        };
        let bytes = gojson::to_vec(&map).map_err(ConfError::Encode)?;
        match self.form {
            Form::Single => Self::single(map, &bytes),
            Form::List => Self::list(map, &bytes),
        }
    }
}
