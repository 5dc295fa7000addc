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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_warning_has_a_line_and_what_the_pod_lacks_has_an_event() {
        // B11.2, B5.84, Q74; decided: the ADD goes on
        let network = || "ns/n".to_owned();
        let capability = Warning::MissingCapability {
            network: network(),
            capability: "mac",
        };
        let device = Warning::NoDevice {
            network: network(),
            resource: "example.com/nic".into(),
            allocated: 1,
        };
        let keys = Warning::UnknownKeys {
            network: network(),
            keys: vec!["a".into(), "b".into()],
        };
        let other = Warning::OtherDevice {
            network: network(),
            asked: "d1".into(),
            given: "d2".into(),
        };
        let cases = [
            (
                capability,
                "network ns/n: no plugin declares the capability mac",
                Some("MissingCapability"),
            ),
            (
                device,
                "network ns/n: no device of resource example.com/nic is left for it, it is attached without one: 1 \
                 allocated to the pod",
                Some("NoDevice"),
            ),
            (keys, "network ns/n: unknown keys ignored: a, b", None),
            (
                other,
                "network ns/n: device d1 of the annotation passed over, d2 was allocated",
                None,
            ),
            (Warning::SkippedDevice { text: "x".into() }, "x", None),
            (
                Warning::SkippedFile { text: "x".into() },
                "configuration file passed over: x",
                None,
            ),
        ];
        for (warning, line, reason) in cases {
            assert_eq!(warning.to_string(), line);
            let event = warning.event();
            assert_eq!(event.as_ref().map(|(reason, _)| *reason), reason, "{line}");
            assert!(event.is_none_or(|(_, text)| text.starts_with(line)));
        }
    }
}
