//! The command line (B1.40, B1.41), and what the daemon is asked by people and probes.

use std::path::PathBuf;

/// Where the configuration is looked for unless it is said (B1.40).
const CONFIG: &str = "/etc/cni/net.d/multus.d/daemon-config.json";

/// What flags there are.
pub(crate) const USAGE: &str = "Usage of multus-daemon:
  multus-daemon [flags]
    \tserve
  multus-daemon [flags] get [--own] PATH
    \tprint what the daemon that serves answers, such as to /readyz; where that is not 200, say so and fail,
    \tand with --own where it is the daemon of another container
  multus-daemon [flags] uninstall [--stay]
    \tremove our configuration from the node, and with --stay wait to be killed
  -config string
    \tpath of the configuration (default \"/etc/cni/net.d/multus.d/daemon-config.json\")
  -version
    \tprint the version
";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flags {
    /// To serve, as this file says.
    Serve(PathBuf),
    /// To ask the daemon whose configuration this is.
    Get {
        /// Its configuration.
        config: PathBuf,
        /// What for.
        path: String,
        /// Not that of another container.
        own: bool,
    },
    /// To give the node back to its primary network.
    Uninstall {
        /// The daemon's configuration.
        config: PathBuf,
        /// Not to end afterwards.
        stay: bool,
    },
    /// To print the version.
    Version,
    /// To print what flags there are.
    Help,
    /// Something that there is not, in the words of Go's `flag` package.
    Wrong(String),
}

/// Reads the command line as Go's `flag` package does: one or two dashes, up to the first word that is no flag. That is a command:
/// a misspelt one must not start a daemon in place of the one that serves.
pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Flags {
    let mut config = PathBuf::from(CONFIG);
    let mut version = false;
    while let Some(argument) = arguments.next() {
        let flag = match argument.strip_prefix('-') {
            None if argument == "get" => return get(config, arguments),
            None if argument == "uninstall" => {
                let (first, second) = (arguments.next(), arguments.next());
                return match (first.as_deref(), second.as_deref()) {
                    (None, _) => Flags::Uninstall {
                        config,
                        stay: false,
                    },
                    (Some("--stay"), None) => Flags::Uninstall { config, stay: true },
                    (Some("--stay"), Some(word)) | (Some(word), _) => {
                        Flags::Wrong(format!("uninstall knows no {word}"))
                    }
                };
            }
            Some("-") => match arguments.next() {
                Some(word) => return no_command(&word),
                None => break,
            },
            None | Some("") => return no_command(&argument),
            Some(flag) => flag.strip_prefix('-').unwrap_or(flag),
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        match (name, value) {
            ("config", value) => match value.or_else(|| arguments.next()) {
                Some(path) => config = path.into(),
                None => return Flags::Wrong(format!("flag needs an argument: -{name}")),
            },
            ("version", value) => {
                let value = value.unwrap_or_else(|| "true".to_owned());
                match plan::go_boolean(&value) {
                    Some(on) => version = on,
                    None => {
                        let text = format!("invalid boolean value {value:?} for -{name}");
                        return Flags::Wrong(text);
                    }
                }
            }
            ("h" | "help", _) => return Flags::Help,
            _ if name.is_empty() || name.starts_with('-') => {
                return Flags::Wrong(format!("bad flag syntax: {argument}"));
            }
            _ => return Flags::Wrong(format!("flag provided but not defined: -{name}")),
        }
    }
    if version {
        Flags::Version
    } else {
        Flags::Serve(config)
    }
}

fn get(config: PathBuf, mut arguments: impl Iterator<Item = String>) -> Flags {
    let mut path = arguments.next();
    let own = path.as_deref() == Some("--own");
    if own {
        path = arguments.next();
    }
    match (path, arguments.next()) {
        (None, _) => Flags::Wrong("get needs a path".to_owned()),
        (Some(word), _) if word.starts_with('-') => Flags::Wrong(format!("get knows no {word}")),
        (Some(path), None) => Flags::Get { config, path, own },
        (_, Some(word)) => Flags::Wrong(format!("get takes one path, not {word} too")),
    }
}

fn no_command(word: &str) -> Flags {
    Flags::Wrong(format!("there is no command {word:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read_as_go_reads_it() {
        // B1.40, B1.41
        let serve = |path: &str| Flags::Serve(path.into());
        let wrong = |text: &str| Flags::Wrong(text.to_owned());
        for (line, expected) in [
            ("", serve(CONFIG)),
            ("-config /c", serve("/c")),
            ("--config=/c", serve("/c")),
            ("-config= -version=0", serve("")),
            ("-config /c --", serve("/c")),
            ("-config /c -version", Flags::Version),
            ("--version=T", Flags::Version),
            ("-h", Flags::Help),
            (
                "-config=/c get /readyz",
                Flags::Get {
                    config: "/c".into(),
                    path: "/readyz".to_owned(),
                    own: false,
                },
            ),
            (
                "get --own /readyz",
                Flags::Get {
                    config: CONFIG.into(),
                    path: "/readyz".to_owned(),
                    own: true,
                },
            ),
            ("get", wrong("get needs a path")),
            ("get --own", wrong("get needs a path")),
            ("get --mine /readyz", wrong("get knows no --mine")),
            ("get --own --own", wrong("get knows no --own")),
            (
                "get /metrics more",
                wrong("get takes one path, not more too"),
            ),
            (
                "--config /c uninstall --stay",
                Flags::Uninstall {
                    config: "/c".into(),
                    stay: true,
                },
            ),
            ("uninstall all", wrong("uninstall knows no all")),
            ("uninstall --stay all", wrong("uninstall knows no all")),
            ("-config", wrong("flag needs an argument: -config")),
            ("-v", wrong("flag provided but not defined: -v")),
            (
                "-version=x",
                wrong("invalid boolean value \"x\" for -version"),
            ),
            ("---version", wrong("bad flag syntax: ---version")),
        ] {
            let words = line.split_whitespace().map(str::to_owned);
            assert_eq!(read(words), expected, "{line}");
        }
    }

    #[test]
    fn a_word_that_is_no_command_starts_no_daemon() {
        for (line, word) in [
            ("-config /c uninstal", "uninstal"),
            ("serve -version", "serve"),
            ("-", "-"),
            ("-- uninstall", "uninstall"),
        ] {
            let words = line.split_whitespace().map(str::to_owned);
            let text = format!("there is no command {word:?}");
            assert_eq!(read(words), Flags::Wrong(text), "{line}");
        }
        let nothing = read(std::iter::once(String::new()));
        assert_eq!(nothing, Flags::Wrong("there is no command \"\"".to_owned()));
    }
}
