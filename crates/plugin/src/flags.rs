//! The two flags (B1.20).

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flags {
    /// Nothing: speak CNI.
    None,
    /// Print the version.
    Version,
    /// Something that there is not.
    Unknown(String),
}

/// Reads the command line as Go's `flag` package does: one or two dashes.
pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Flags {
    match arguments.next().as_deref() {
        None => Flags::None,
        Some(
            "-v" | "--v" | "-version" | "--version" | "-v=true" | "--v=true" | "-version=true"
            | "--version=true",
        ) => Flags::Version,
        Some("-v=false" | "--v=false" | "-version=false" | "--version=false" | "--") => Flags::None,
        Some(flag) if flag.starts_with('-') && flag.len() > 1 => {
            Flags::Unknown(flag.trim_start_matches('-').to_owned())
        }
        // Go stops at the first word that is no flag.
        Some(_) => Flags::None,
    }
}

/// The version, as every program of the project prints it (B1.9).
#[must_use]
pub fn version() -> String {
    let version = option_env!("MULTUS_VERSION").unwrap_or(concat!("v", env!("CARGO_PKG_VERSION")));
    let state = option_env!("MULTUS_TREE_STATE").unwrap_or_default();
    let commit = option_env!("MULTUS_COMMIT").unwrap_or("unknown commit");
    let date = option_env!("MULTUS_DATE").unwrap_or("unknown date");
    format!("version:{version}({state}), commit:{commit}, date:{date}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_both_flags_ask_for_the_version() {
        // B1.20
        for flag in ["-v", "--v", "-version", "--version"] {
            assert_eq!(
                read([flag.to_owned()].into_iter()),
                Flags::Version,
                "{flag}"
            );
        }
        assert_eq!(read(std::iter::empty()), Flags::None);
        assert_eq!(
            read(["--help".to_owned()].into_iter()),
            Flags::Unknown("help".to_owned())
        );
    }
}
