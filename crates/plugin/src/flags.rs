//! The two flags (B1.20).

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flags {
    /// Nothing: speak CNI.
    None,
    /// Print the version.
    Version,
    /// Print what flags there are.
    Help,
    /// Something that there is not, in the words of Go's `flag` package.
    Wrong(String),
}

/// Reads the command line as Go's `flag` package does: one or two dashes, up to the first word that is no flag.
pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Flags {
    let mut version = false;
    for argument in arguments {
        let flag = match argument.strip_prefix('-') {
            None | Some("" | "-") => break,
            Some(flag) => flag.strip_prefix('-').unwrap_or(flag),
        };
        let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
        match name {
            "v" | "version" => match plan::go_boolean(value) {
                Some(on) => version = on,
                None => {
                    return Flags::Wrong(format!("invalid boolean value {value:?} for -{name}"));
                }
            },
            "h" | "help" => return Flags::Help,
            _ if name.is_empty() || name.starts_with('-') => {
                return Flags::Wrong(format!("bad flag syntax: {argument}"));
            }
            _ => return Flags::Wrong(format!("flag provided but not defined: -{name}")),
        }
    }
    if version { Flags::Version } else { Flags::None }
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

    fn flags(line: &str) -> Flags {
        read(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_spelling_of_both_flags_asks_for_the_version() {
        // B1.20
        for line in [
            "-v",
            "--v",
            "-version",
            "--version",
            "-v=true",
            "--version=1",
            "-v=T",
            "-v=false -version",
        ] {
            assert_eq!(flags(line), Flags::Version, "{line}");
        }
    }

    #[test]
    fn nothing_is_asked_for_by_a_flag_that_is_off_or_stands_behind_the_first_word() {
        // B1.20
        for line in ["", "-v=false", "-version -v=0", "word -v", "-- -v", "- -v"] {
            assert_eq!(flags(line), Flags::None, "{line}");
        }
    }

    #[test]
    fn what_there_is_not_is_told_and_help_is_no_fault() {
        // B1.20
        let wrong = |text: &str| Flags::Wrong(text.to_owned());
        for (line, expected) in [
            ("--help", Flags::Help),
            ("-h", Flags::Help),
            ("--conf=x", wrong("flag provided but not defined: -conf")),
            ("-version -x", wrong("flag provided but not defined: -x")),
            ("-v=yes", wrong("invalid boolean value \"yes\" for -v")),
            ("---v", wrong("bad flag syntax: ---v")),
            ("--=v", wrong("bad flag syntax: --=v")),
        ] {
            assert_eq!(flags(line), expected, "{line}");
        }
    }
}
