//! Versions of the specification.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text;

/// A version of the specification, in order of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 0.1.0, also meant by an absent or empty label.
    V0_1_0,
    /// 0.2.0: VERSION.
    V0_2_0,
    /// 0.3.0: lists, interfaces, several addresses.
    V0_3_0,
    /// 0.3.1, the same as 0.3.0.
    V0_3_1,
    /// 0.4.0: CHECK, `prevResult` on DEL.
    V0_4_0,
    /// 1.0.0: addresses without a `version` member.
    V1_0_0,
    /// 1.1.0: GC, STATUS, `cniVersions`.
    V1_1_0,
}

/// Versions whose results have the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// 0.1.0 and 0.2.0: `ip4` and `ip6`.
    F02,
    /// 0.3.0 to 0.4.0: `ips` with `version`.
    F04,
    /// 1.0.0 and 1.1.0.
    F1,
}

/// A label that is no version of the specification.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown CNI version {}", text::quoted(.0))]
pub struct UnknownVersion(pub String);

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 7] = [
        Self::V0_1_0,
        Self::V0_2_0,
        Self::V0_3_0,
        Self::V0_3_1,
        Self::V0_4_0,
        Self::V1_0_0,
        Self::V1_1_0,
    ];

    /// The newest version.
    pub const LATEST: Self = Self::V1_1_0;

    /// The label, as in `cniVersion`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_3_0 => "0.3.0",
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// Reads a label. An empty one means 0.1.0, all others have to be exact.
    ///
    /// # Errors
    /// [`UnknownVersion`] for any other text, `0.4` and `v1.0.0` included.
    pub fn parse(label: &str) -> Result<Self, UnknownVersion> {
        if label.is_empty() {
            return Ok(Self::V0_1_0);
        }
        let known = Self::ALL
            .into_iter()
            .find(|version| version.as_str() == label);
        known.ok_or_else(|| UnknownVersion(label.to_owned()))
    }

    /// Which shape results of this version have.
    pub const fn family(self) -> Family {
        match self {
            Self::V0_1_0 | Self::V0_2_0 => Family::F02,
            Self::V0_3_0 | Self::V0_3_1 | Self::V0_4_0 => Family::F04,
            Self::V1_0_0 | Self::V1_1_0 => Family::F1,
        }
    }

    /// The number of a label of up to three dotted parts, missing ones being 0; an empty label is 0.1.0.
    pub(crate) fn number(label: &str) -> Option<(u32, u32, u32)> {
        if label.is_empty() {
            return Some((0, 1, 0));
        }
        let mut parts = label.split('.').map(|part| {
            let digits = part.bytes().all(|b| b.is_ascii_digit());
            if digits { part.parse().ok() } else { None }
        });
        let number = (
            parts.next()??,
            parts.next().unwrap_or(Some(0))?,
            parts.next().unwrap_or(Some(0))?,
        );
        parts.next().is_none().then_some(number)
    }

    /// The version of that number.
    pub(crate) fn of_number(number: (u32, u32, u32)) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|version| Self::number(version.as_str()) == Some(number))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Version {
    type Err = UnknownVersion;

    fn from_str(label: &str) -> Result<Self, UnknownVersion> {
        Self::parse(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_reads_back_as_its_version() {
        for version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()), Ok(version));
        }
    }

    #[test]
    fn an_empty_label_means_0_1_0() {
        // #12
        assert_eq!(Version::parse(""), Ok(Version::V0_1_0));
    }

    #[test]
    fn labels_that_are_almost_versions_are_refused() {
        // #13
        for label in [
            "1.0", "v1.0.0", "0.4", "1.2.0", "0.3.2", " 1.0.0", "1.0.0\n",
        ] {
            assert_eq!(
                Version::parse(label),
                Err(UnknownVersion(label.to_owned())),
                "{label:?}"
            );
        }
    }

    #[test]
    fn numbers_have_up_to_three_parts() {
        // CNI SPEC 1.1, version selection
        for (label, number) in [
            ("", Some((0, 1, 0))),
            ("1", Some((1, 0, 0))),
            ("0.4", Some((0, 4, 0))),
            ("1.1.0", Some((1, 1, 0))),
            ("1.1.0.0", None),
            ("1.", None),
            ("1.0.0-rc1", None),
            ("x", None),
            ("-1.0.0", None),
            ("99999999999", None),
        ] {
            assert_eq!(Version::number(label), number, "{label:?}");
        }
    }
}
