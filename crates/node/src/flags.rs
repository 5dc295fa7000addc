//! The command line, as upstream's library (`pflag`) reads it: `--flag=value`, `--flag value`, `--switch`, `--switch=false`.

use std::collections::BTreeMap;
use std::ffi::OsString;

use lexopt::Arg;

/// The flags of a program.
pub(crate) type Flags = &'static [Flag];

/// A flag.
#[derive(Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) default: Value,
    /// Nothing: the flag is not in the usage.
    pub(crate) help: &'static str,
}

/// What a flag says unless it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Text(&'static str),
    Switch(bool),
}

impl Flag {
    pub(crate) const fn text(
        name: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            short: None,
            default: Value::Text(default),
            help,
        }
    }

    pub(crate) const fn switch(name: &'static str, default: bool, help: &'static str) -> Self {
        Self {
            name,
            short: None,
            default: Value::Switch(default),
            help,
        }
    }

    pub(crate) const fn or(self, short: char) -> Self {
        Self {
            short: Some(short),
            ..self
        }
    }
}

/// What the command line says.
#[derive(Debug, Default)]
pub(crate) struct Values {
    texts: BTreeMap<&'static str, String>,
    switches: BTreeMap<&'static str, bool>,
    /// Words that no flag takes.
    words: Vec<String>,
}

impl Values {
    /// The value of a flag that takes one.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.switches.get(name).copied().unwrap_or_default()
    }

    /// Words that no flag takes, such as the `false` of `--switch false`.
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }
}

/// Reads the words behind the program's name; `None` where help is asked for. Words that are no flags are passed over, as
/// upstream does.
///
/// # Errors
/// A flag that there is not, or one without its value.
pub(crate) fn read(
    flags: Flags,
    words: impl IntoIterator<Item = OsString>,
) -> Result<Option<Values>, String> {
    let mut values = Values::default();
    for flag in flags {
        match flag.default {
            Value::Text(text) => drop(values.texts.insert(flag.name, text.to_owned())),
            Value::Switch(on) => drop(values.switches.insert(flag.name, on)),
        }
    }
    let mut words = lexopt::Parser::from_args(words);
    while let Some(word) = words.next().map_err(|error| error.to_string())? {
        let flag = match word {
            Arg::Long("help") | Arg::Short('h') => return Ok(None),
            Arg::Long(name) => flags.iter().find(|flag| flag.name == name),
            Arg::Short(letter) => flags.iter().find(|flag| flag.short == Some(letter)),
            Arg::Value(word) => {
                values.words.push(word.to_string_lossy().into_owned());
                continue;
            }
        };
        let Some(flag) = flag else {
            return Err(match word {
                Arg::Long(name) => format!("unknown flag: --{name}"),
                other => other.unexpected().to_string(),
            });
        };
        match flag.default {
            Value::Text(_) => {
                let value = words.value().map_err(|error| error.to_string())?;
                values
                    .texts
                    .insert(flag.name, value.to_string_lossy().into_owned());
            }
            Value::Switch(_) => {
                let word = words.optional_value();
                let word = word
                    .as_ref()
                    .map_or_else(|| "true".into(), |word| word.to_string_lossy());
                let on = plan::go_boolean(&word)
                    .ok_or_else(|| format!("invalid argument {word:?} for --{}", flag.name))?;
                values.switches.insert(flag.name, on);
            }
        }
    }
    Ok(Some(values))
}

/// What flags there are.
pub(crate) fn usage(program: &str, flags: Flags) -> String {
    let mut usage = format!("Usage of {program}:\n");
    if flags.is_empty() {
        usage +=
            "  There are no flags: the API and the account are those of the pod that it runs in.\n";
    }
    for flag in flags.iter().filter(|flag| !flag.help.is_empty()) {
        let short = flag
            .short
            .map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
        let default = match flag.default {
            Value::Text("") | Value::Switch(false) => String::new(),
            Value::Text(text) => format!(" (default \"{text}\")"),
            Value::Switch(true) => " (default true)".to_owned(),
        };
        let kind = match flag.default {
            Value::Text(_) => " string",
            Value::Switch(_) => "",
        };
        usage += &format!(
            "  {short}--{}{kind}\n    \t{}{default}\n",
            flag.name, flag.help
        );
    }
    usage
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: Flags = &[
        Flag::text("type", "", "thick or thin").or('t'),
        Flag::text("dest-dir", "/host", "where to").or('d'),
        Flag::switch("watch", true, "whether to watch"),
        Flag::switch("hidden", false, ""),
    ];

    fn read_line(line: &str) -> Result<Option<Values>, String> {
        read(FLAGS, line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn every_spelling_of_a_flag_is_read() {
        // B1.90
        for line in [
            "--type thick --watch=false",
            "--type=thick --watch=0",
            "-t thick --watch=F",
            "-tthick word --watch=FALSE",
        ] {
            let values = read_line(line).unwrap().unwrap();
            assert_eq!(values.text("type"), "thick", "{line}");
            assert_eq!(values.text("dest-dir"), "/host");
            assert!(!values.is_on("watch"), "{line}");
        }
        let values = read_line("--hidden --watch").unwrap().unwrap();
        assert!(values.is_on("hidden") && values.is_on("watch"));
    }

    #[test]
    fn words_that_no_flag_takes_are_kept_to_be_told() {
        // B1.72
        let values = read_line("--watch false --type thin more")
            .unwrap()
            .unwrap();
        assert!(values.is_on("watch"));
        assert_eq!(values.words(), ["false", "more"]);
        assert!(usage("cert-approver", &[]).contains("no flags"));
    }

    #[test]
    fn what_there_is_not_is_told_and_help_is_no_fault() {
        // Q82
        assert!(read_line("-h").unwrap().is_none());
        assert!(read_line("--type thin --help").unwrap().is_none());
        assert_eq!(read_line("--typ thin").unwrap_err(), "unknown flag: --typ");
        assert!(read_line("-x").is_err());
        assert!(read_line("--type").is_err());
        assert_eq!(
            read_line("--watch=x").unwrap_err(),
            "invalid argument \"x\" for --watch"
        );
        let usage = usage("install_multus", FLAGS);
        assert!(usage.contains("-d, --dest-dir string\n    \twhere to (default \"/host\")"));
        assert!(!usage.contains("hidden"));
    }
}
