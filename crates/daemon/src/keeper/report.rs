//! What the keeper has to say: for the log, for events, for metrics.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Before, Primary};

/// How things stand.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// The primary as it last was whole. Plans are made with its content, not with what may be half written on disk.
    pub primary: Option<Arc<Primary>>,
    /// Files that were the primary's before, in this daemon's time: the runtime may still call Multus by a configuration that
    /// names one of them.
    pub former: Vec<String>,
    /// Why no pod can be attached, in one line: ADD waits. A runtime may still call Multus by a configuration that another
    /// program took away.
    pub cannot_attach: Option<String>,
    /// Why the node is not ready, in one line (`/readyz`): the same, or that our configuration is not in force.
    pub not_ready: Option<String>,
    /// Our configuration is in force.
    pub in_force: bool,
    /// What people should know all the same, each in one line: a primary that is broken, a file that comes before ours.
    pub notes: Vec<String>,
    /// Why one cannot look for now, in one line: all else is as it was seen last.
    pub unseen: Option<String>,
    /// How many configurations sort before ours.
    pub before_ours: usize,
    /// How often our configuration was put back.
    pub repairs: u64,
}

/// Something that people should know. [`fmt::Display`] is one line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Report {
    /// A primary was chosen.
    Adopted {
        /// Its file.
        file: String,
        /// Its network.
        network: String,
        /// The file that was the primary's before.
        before: Option<String>,
    },
    /// The primary's configuration changed.
    PrimaryChanged {
        /// Its file.
        file: String,
    },
    /// There is no primary yet.
    NoPrimary {
        /// Why.
        reason: String,
    },
    /// The primary's file cannot be used; the last good configuration stays in force.
    PrimaryBroken {
        /// Its file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The primary's file is gone.
    PrimaryGone {
        /// Its file.
        file: String,
        /// The file that takes its place if it does not come back.
        successor: Option<String>,
        /// Why that cannot take it.
        fault: Option<String>,
    },
    /// A file sorts before the primary's, and is left alone while that is there.
    Overtaken {
        /// The file.
        file: String,
        /// The primary's.
        primary: String,
    },
    /// A file of the primaries' directory is Multus' own.
    PassedOver {
        /// The file.
        file: String,
    },
    /// Our configuration is not written before the readiness file is there.
    Held,
    /// Our configuration was written, or followed the primary.
    Written {
        /// The file.
        file: String,
    },
    /// Another program took our configuration away, and it is put back later.
    Damaged {
        /// What happened.
        damage: Damage,
        /// When it is put back: seconds from now.
        seconds: u64,
    },
    /// Our configuration was put back.
    Repaired {
        /// What had happened.
        damage: Damage,
        /// How often, without a minute of calm between.
        times: u32,
    },
    /// Another program appended its plugins to our configuration, which stay.
    Appended {
        /// The file.
        file: String,
        /// Its plugins.
        plugins: Vec<String>,
    },
    /// Another program appended its plugins to a file that is not in force.
    AppendedInVain {
        /// The file.
        file: String,
        /// Its plugins.
        plugins: Vec<String>,
    },
    /// A file sorts before ours: a runtime that goes by the order never calls Multus, or nobody.
    Shadowed(Before),
    /// A configuration of another form of Multus was removed.
    LeftOverRemoved {
        /// The file.
        file: String,
    },
    /// Something could not be written, or removed.
    WriteFailed {
        /// What, and why.
        reason: String,
    },
    /// The node's configuration cannot be looked at for now: nothing is known to be wrong with it.
    Unseen {
        /// Why.
        reason: String,
    },
}

/// What happened to our configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// As far as it is known.
    pub how: How,
}

/// How our configuration was lost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is not there any more.
    Gone,
    /// It was removed.
    Removed,
    /// It has another name now.
    RenamedTo(String),
    /// It has another content now.
    Changed {
        /// The plugins of the content, if it is a configuration.
        plugins: Vec<String>,
        /// The file's owner.
        owner: Option<u32>,
        /// How long ago.
        age: Option<Duration>,
    },
}

impl Report {
    /// A word for events and for a label of metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Adopted { .. } => "PrimaryAdopted",
            Self::PrimaryChanged { .. } => "PrimaryChanged",
            Self::NoPrimary { .. } => "NoPrimary",
            Self::PrimaryBroken { .. } => "PrimaryBroken",
            Self::PrimaryGone { .. } => "PrimaryGone",
            Self::Overtaken { .. } => "PrimaryOvertaken",
            Self::PassedOver { .. } => "OwnConfigurationPassedOver",
            Self::Held => "ConfigurationHeld",
            Self::Written { .. } => "ConfigurationWritten",
            Self::Damaged { .. } => "ConfigurationDamaged",
            Self::Repaired { .. } => "ConfigurationRepaired",
            Self::Appended { .. } => "PluginAppended",
            Self::AppendedInVain { .. } => "PluginNotInForce",
            Self::Shadowed(_) => "ConfigurationShadowed",
            Self::LeftOverRemoved { .. } => "LeftOverRemoved",
            Self::WriteFailed { .. } => "ConfigurationNotWritten",
            Self::Unseen { .. } => "ConfigurationUnseen",
        }
    }

    /// Whether somebody should look after it.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        !matches!(
            self,
            Self::Adopted { .. }
                | Self::PrimaryChanged { .. }
                | Self::PassedOver { .. }
                | Self::Held
                | Self::Written { .. }
                | Self::LeftOverRemoved { .. }
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Adopted {
                file,
                network,
                before: None,
            } => write!(f, "the primary network is {network}, from {file}"),
            Self::Adopted {
                file,
                network,
                before: Some(before),
            } => write!(
                f,
                "the primary network is {network}, from {file}, in place of {before}"
            ),
            Self::PrimaryChanged { file } => {
                write!(f, "the primary's configuration {file} changed")
            }
            Self::NoPrimary { reason } => write!(f, "no primary network: {reason}"),
            Self::PrimaryBroken { file, reason } => write!(
                f,
                "the primary's configuration {file} cannot be used, what it was before stays in force: {reason}"
            ),
            Self::PrimaryGone {
                file,
                successor: None,
                ..
            } => write!(f, "the primary's configuration {file} is gone"),
            Self::PrimaryGone {
                file,
                successor: Some(successor),
                fault: Some(fault),
            } => write!(
                f,
                "the primary's configuration {file} is gone, and {successor} cannot take its place: {fault}"
            ),
            Self::PrimaryGone {
                file,
                successor: Some(successor),
                fault: None,
            } => write!(
                f,
                "the primary's configuration {file} is gone; {successor} takes its place if it does not come back"
            ),
            Self::Overtaken { file, primary } => write!(
                f,
                "{file} sorts before the primary's configuration {primary} and is left alone while that is there"
            ),
            Self::PassedOver { file } => {
                write!(
                    f,
                    "{file} is Multus' own configuration and cannot be the primary's"
                )
            }
            Self::Held => f.write_str(
                "the configuration is written when the readiness indicator file is there",
            ),
            Self::Written { file } => write!(f, "wrote {file}"),
            Self::Damaged { damage, seconds } => {
                write!(f, "{damage}; it is put back in {seconds} s")
            }
            Self::Repaired { damage, times } => {
                write!(f, "{damage}; it was put back (time {times})")
            }
            Self::Appended { file, plugins } => write!(
                f,
                "another program appended {} to {file}, where it stays",
                plugins.join(", ")
            ),
            Self::AppendedInVain { file, plugins } => write!(
                f,
                "another program put {} into {file}, which is not in force",
                plugins.join(", ")
            ),
            Self::Shadowed(Before { file, is_broken }) => {
                write!(f, "{file} sorts before Multus' configuration")?;
                f.write_str(match is_broken {
                    true => {
                        " and cannot be read: containerd takes no configuration at all while it is there"
                    }
                    false => ": a runtime that takes the first one never calls Multus",
                })
            }
            Self::LeftOverRemoved { file } => write!(
                f,
                "removed {file}, which was Multus' own before this daemon came"
            ),
            Self::WriteFailed { reason } => f.write_str(reason),
            Self::Unseen { reason } => write!(
                f,
                "the node's configuration cannot be looked at, and is left as it is until it can: {reason}"
            ),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.file;
        match &self.how {
            How::Gone => write!(f, "{file} is gone"),
            How::Removed => write!(f, "another program removed {file}"),
            How::RenamedTo(name) if name.ends_with(".cilium_bak") => write!(
                f,
                "another program renamed {file} to {name}, as Cilium does unless cni-exclusive is off"
            ),
            How::RenamedTo(name) => write!(f, "another program renamed {file} to {name}"),
            How::Changed {
                plugins,
                owner,
                age,
            } => {
                write!(f, "another program changed {file}")?;
                if let Some(age) = age {
                    write!(f, " {} s ago", age.as_secs())?;
                }
                if let Some(owner) = owner {
                    write!(f, " as user {owner}")?;
                }
                if plugins.is_empty() {
                    f.write_str(", which is no configuration now")
                } else {
                    write!(f, ", whose plugins are now: {}", plugins.join(", "))
                }
            }
        }
    }
}

impl Status {
    /// How things stand before anybody has looked.
    pub(super) fn unseen() -> Self {
        let reason = Some("nobody has looked at the node's configuration yet".to_owned());
        Self {
            cannot_attach: reason.clone(),
            not_ready: reason,
            ..Self::default()
        }
    }

    /// The primary's file, where this is one that was the primary's before.
    #[must_use]
    pub fn successor_of(&self, path: &Path) -> Option<&Path> {
        let primary = self.primary.as_ref()?;
        let name = path.file_name()?.to_str()?;
        let is_former = primary.path != path
            && primary.path.parent() == path.parent()
            && self.former.iter().any(|former| former == name);
        is_former.then_some(primary.path.as_path())
    }

    /// A file that the primary's plans are made with in place of what is on disk.
    #[must_use]
    pub fn content_at(&self, path: &Path) -> Option<&[u8]> {
        let primary = self.primary.as_ref()?;
        (primary.path == path).then_some(primary.content.as_slice())
    }
}
