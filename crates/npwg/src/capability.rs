//! Structured capability arguments, as a selection element carries them and as `runtimeConfig` hands them to a plugin.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// One port mapping (B2.40, MN-037).
///
/// A port of 0 is possible here, since runtimes may hand one over; a selection element with such a port is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PortMapping {
    /// Port on the node.
    #[serde(deserialize_with = "port")]
    pub host_port: u16,
    /// Port in the pod.
    #[serde(deserialize_with = "port")]
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp` in any case; absent means TCP.
    #[serde(
        skip_serializing_if = "Option::is_none",
        deserialize_with = "non_empty"
    )]
    pub protocol: Option<String>,
    /// Address of the node to which the mapping is confined.
    #[serde(
        rename = "hostIP",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "non_empty"
    )]
    pub host_ip: Option<String>,
}

/// Bandwidth limits (B2.41, MN-040): rates in bits per second, bursts in bits. All four are always written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bandwidth {
    /// Rate towards the pod.
    #[serde(deserialize_with = "amount")]
    pub ingress_rate: u64,
    /// Burst towards the pod.
    #[serde(deserialize_with = "amount")]
    pub ingress_burst: u64,
    /// Rate out of the pod.
    #[serde(deserialize_with = "amount")]
    pub egress_rate: u64,
    /// Burst out of the pod.
    #[serde(deserialize_with = "amount")]
    pub egress_burst: u64,
}

/// Whole numbers up to a limit, with a message in the words of the user.
struct Whole {
    limit: u64,
    expected: &'static str,
}

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        if value <= self.limit {
            Ok(value)
        } else {
            Err(E::invalid_value(
                serde::de::Unexpected::Unsigned(value),
                &self,
            ))
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        u64::try_from(value)
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(value), &self))
            .and_then(|value| self.visit_u64(value))
    }
}

fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let whole = Whole {
        limit: u64::from(u16::MAX),
        expected: "a port number",
    };
    let value = deserializer.deserialize_u64(whole)?;
    u16::try_from(value).map_err(D::Error::custom)
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    // Readers written in Go take these as signed numbers.
    let limit = i64::MAX.unsigned_abs();
    deserializer.deserialize_u64(Whole {
        limit,
        expected: "a whole number, 0 or more",
    })
}

fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(String::deserialize(deserializer)?).filter(|text| !text.is_empty()))
}
