//! Which file may hold the configuration of the node's primary network, and how it is read (B6.70, B6.145, Q43).

use cni::{ConfError, DirFile, NameError, NetworkConf};

use crate::is_multus;

/// How the names of our own configuration begin, which is never the primary's (B6.70).
const OURS: &str = "00-multus";

/// A file that may hold the primary's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// Its bytes, or why they cannot be read.
    pub content: Result<Vec<u8>, String>,
    /// The files of the list's sub-directory, whose plugins follow those of the list (B5.40).
    pub chain: Vec<DirFile>,
}

/// Why a file does not hold the primary's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is Multus' own, whatever it is called.
    Ours,
    /// It cannot be used; why.
    Unusable(String),
}

impl From<ConfError> for Refusal {
    fn from(error: ConfError) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl Candidate {
    /// Whether a file of this name counts: that of `master`, where there is one, or any configuration that is not ours.
    #[must_use]
    pub fn is_eligible(name: &str, master: Option<&str>) -> bool {
        match master {
            Some(master) => name == master,
            None => {
                let has_ending = name.ends_with(".conf") || name.ends_with(".conflist");
                has_ending && !name.starts_with(OURS)
            }
        }
    }

    /// Whether it is a list, by its name.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.name.ends_with(".conflist")
    }

    /// Reads the file as an ADD would, without its sub-directory. `own` is the type of our plugin, if it is not one of
    /// Multus' names.
    ///
    /// # Errors
    /// It is not the primary's configuration.
    pub fn read(&self, own: &str) -> Result<NetworkConf, Refusal> {
        let bytes = self
            .content
            .as_ref()
            .map_err(|reason| Refusal::Unusable(reason.clone()))?;
        let conf = match self.is_list() {
            true => NetworkConf::parse_list(bytes)?,
            false => NetworkConf::parse_single(bytes)?,
        };
        let mut plugins = conf.plugins().iter().map(|plugin| plugin.plugin_type());
        if plugins.any(|kind| kind == own || is_multus(kind)) {
            return Err(Refusal::Ours);
        }
        if conf.name().is_empty() {
            return Err(ConfError::from(NameError::MissingNetworkName).into());
        }
        Ok(conf)
    }

    /// The same name with the other ending: what a program leaves that makes a list of a single configuration.
    #[must_use]
    pub fn sibling(name: &str) -> Option<String> {
        match name.rsplit_once('.')? {
            (stem, "conf") => Some(format!("{stem}.conflist")),
            (stem, "conflist") => Some(format!("{stem}.conf")),
            _ => None,
        }
    }
}
