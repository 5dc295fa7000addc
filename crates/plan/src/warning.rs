//! What the pod's owner should know although nothing fails: a line of the log, and for some an event.

use std::fmt;

/// Something that the pod's owner should know although nothing fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A request needs a capability that no plugin of the network declares (Q74).
    MissingCapability {
        /// The attachment's name.
        network: String,
        /// The capability.
        capability: &'static str,
    },
    /// An element has keys that mean nothing here.
    UnknownKeys {
        /// `namespace/name` of the element.
        network: String,
        /// The keys.
        keys: Vec<String>,
    },
    /// No device is left for a network whose definition names a resource (B5.84).
    NoDevice {
        /// The attachment's name.
        network: String,
        /// The resource.
        resource: String,
        /// How many devices of it the pod has.
        allocated: usize,
    },
    /// An element names a device, and the pod was given another one for it (B3.41).
    OtherDevice {
        /// The attachment's name.
        network: String,
        /// The device that the element names.
        asked: String,
        /// The one that was given.
        given: String,
    },
    /// A device of a claim that is of no use to networks was passed over (B5.82).
    SkippedDevice {
        /// Which, and why.
        text: String,
    },
    /// A file of the configuration directory is broken and was passed over (Q77).
    SkippedFile {
        /// Which, and what is wrong with it.
        text: String,
    },
}

impl Warning {
    /// Reason and text of the event on the pod; `None` for what only the log is told.
    #[must_use]
    pub fn event(&self) -> Option<(&'static str, String)> {
        match self {
            Self::MissingCapability { .. } => Some((
                "MissingCapability",
                format!("{self} that the pod asks for; it may have no effect"),
            )),
            Self::NoDevice { .. } => Some(("NoDevice", self.to_string())),
            Self::UnknownKeys { .. }
            | Self::OtherDevice { .. }
            | Self::SkippedDevice { .. }
            | Self::SkippedFile { .. } => None,
        }
    }
}

/// The line of the log.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingCapability {
                network,
                capability,
            } => write!(
                f,
                "network {network}: no plugin declares the capability {capability}"
            ),
            Self::UnknownKeys { network, keys } => write!(
                f,
                "network {network}: unknown keys ignored: {}",
                keys.join(", ")
            ),
            Self::NoDevice {
                network,
                resource,
                allocated,
            } => write!(
                f,
                "network {network}: no device of resource {resource} is left for it, it is attached without one: \
                 {allocated} allocated to the pod"
            ),
            Self::OtherDevice {
                network,
                asked,
                given,
            } => write!(
                f,
                "network {network}: device {asked} of the annotation passed over, {given} was allocated"
            ),
            Self::SkippedDevice { text } => f.write_str(text),
            Self::SkippedFile { text } => write!(f, "configuration file passed over: {text}"),
        }
    }
}
