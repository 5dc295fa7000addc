//! Which plugin of which network failed, at what, and why.

use std::fmt;

use crate::{Cause, CniResult, NetworkConf, PluginConf, PluginFailure, Verb};

/// One failure of an operation on a network.
#[derive(Debug)]
pub struct ChainError {
    /// The network.
    pub network: String,
    /// The plugin's type; empty when no plugin is to blame.
    pub plugin: String,
    /// The plugin's index in the network.
    pub plugin_index: Option<usize>,
    /// The name in the plugin's own configuration.
    pub plugin_name: Option<String>,
    /// The operation.
    pub verb: Verb,
    /// Why.
    pub cause: Box<Cause>,
    /// After a failed ADD: what the plugins before made, for [`crate::Runtime::del_with_result`].
    pub partial: Option<Box<CniResult>>,
}

impl ChainError {
    pub(super) fn of_network(conf: &NetworkConf, verb: Verb, cause: Cause) -> Self {
        Self {
            network: conf.name().to_owned(),
            plugin: String::new(),
            plugin_index: None,
            plugin_name: None,
            verb,
            cause: Box::new(cause),
            partial: None,
        }
    }

    pub(super) fn of_plugin(
        conf: &NetworkConf,
        index: usize,
        plugin: &PluginConf,
        verb: Verb,
        cause: Cause,
    ) -> Self {
        Self {
            plugin: plugin.plugin_type().to_owned(),
            plugin_index: Some(index),
            plugin_name: plugin
                .name()
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
            ..Self::of_network(conf, verb, cause)
        }
    }

    /// The code for the caller: the plugin's own, the one of a refusal, 999 otherwise.
    pub const fn code(&self) -> u32 {
        self.cause.code()
    }

    /// Whether this failure of a DEL means nothing after that ADD failed: a plugin that refused the configuration's version
    /// made nothing, nor did those behind it, and it refuses DEL in the same way for ever.
    pub fn is_moot_after(&self, add: &Self) -> bool {
        add.refuses_version()
            && self.refuses_version()
            && add
                .plugin_index
                .is_some_and(|index| self.plugin_index >= Some(index))
    }

    const fn refuses_version(&self) -> bool {
        matches!(&*self.cause, Cause::Plugin(failure) if failure.refuses_version())
    }

    /// Whether a failed ADD has run no plugin at all, so that there is nothing to undo.
    pub fn nothing_ran(&self) -> bool {
        match &*self.cause {
            Cause::Name(_) | Cause::Args(_) | Cause::NoPlugins => true,
            // All programs are looked for before the first one runs.
            Cause::Plugin(PluginFailure::Find(_)) => true,
            Cause::Plugin(PluginFailure::Spawn { error }) => {
                self.plugin_index == Some(0) && !error.started
            }
            _ => false,
        }
    }
}

impl fmt::Display for ChainError {
    /// The plugin is always named (B4.125): upstream leaves out that of a single configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.plugin.is_empty() {
            write!(f, "plugin type=\"{}\"", self.plugin)?;
            if let Some(name) = &self.plugin_name {
                write!(f, " name={}", crate::text::quoted(name))?;
            }
            write!(f, " failed ({}): ", self.verb.word())?;
        }
        self.cause.fmt(f)
    }
}

impl std::error::Error for ChainError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// Everything that failed of an operation that goes on past failures; never empty.
#[derive(Debug)]
pub struct ChainErrors(Vec<ChainError>);

impl ChainErrors {
    /// Success when nothing failed.
    ///
    /// # Errors
    /// The failures.
    pub fn check(errors: Vec<ChainError>) -> Result<(), Self> {
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Self(errors))
        }
    }

    /// Those failures that count; success when none does.
    ///
    /// # Errors
    /// The failures that are left.
    pub fn only(self, counts: impl Fn(&ChainError) -> bool) -> Result<(), Self> {
        Self::check(self.0.into_iter().filter(counts).collect())
    }

    /// The failures, in the order in which they happened.
    pub fn iter(&self) -> std::slice::Iter<'_, ChainError> {
        self.0.iter()
    }

    /// The code of the first failure.
    pub fn code(&self) -> u32 {
        self.0
            .first()
            .map_or(crate::code::INTERNAL, ChainError::code)
    }
}

impl From<ChainError> for ChainErrors {
    fn from(error: ChainError) -> Self {
        Self(vec![error])
    }
}

impl IntoIterator for ChainErrors {
    type Item = ChainError;
    type IntoIter = std::vec::IntoIter<ChainError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a ChainErrors {
    type Item = &'a ChainError;
    type IntoIter = std::slice::Iter<'a, ChainError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ChainErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" / ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ChainErrors {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CniError, Status};

    fn failed(verb: Verb, index: usize, code: u32) -> ChainError {
        ChainError {
            network: "net".into(),
            plugin: "plugin".into(),
            plugin_index: Some(index),
            plugin_name: None,
            verb,
            cause: Box::new(Cause::Plugin(PluginFailure::Reported {
                error: CniError::new(code, "as told"),
                status: Status::Exited(1),
                stderr: String::new(),
            })),
            partial: None,
        }
    }

    #[test]
    fn a_del_is_moot_for_the_plugin_that_refused_the_version_with_add_and_for_those_behind_it() {
        let add = failed(Verb::Add, 1, 1);
        let moot = |index, code| failed(Verb::Del, index, code).is_moot_after(&add);
        assert_eq!(
            [moot(0, 1), moot(1, 1), moot(2, 1), moot(1, 100)],
            [false, true, true, false]
        );
        let other = failed(Verb::Add, 1, 100);
        assert!(!failed(Verb::Del, 1, 1).is_moot_after(&other));
    }

    #[test]
    fn failures_that_count_stay_in_their_order() {
        let all = || ChainErrors(vec![failed(Verb::Del, 2, 7), failed(Verb::Del, 0, 100)]);
        assert!(all().only(|_| false).is_ok());
        let left = all().only(|error| error.code() == 100).unwrap_err();
        assert_eq!(left.code(), 100);
        assert_eq!(all().only(|_| true).unwrap_err().iter().count(), 2);
    }
}
