//! ADD.

use std::path::PathBuf;
use std::time::Instant;

use super::{Attachment, ChainError, ChainErrors, Request, Runtime, checked};
use crate::failure::judge_add;
use crate::{Cause, CniResult, NetworkConf, PluginConf, PluginFailure, Verb};

impl Runtime<'_> {
    /// Attaches: every plugin in order, each with the result of the one before, in the network's version (#66). The
    /// final result is cached and returned.
    ///
    /// Nothing runs before all names are checked and all programs found (#24). A failure undoes nothing by itself: the
    /// caller has to DEL the whole network, best with [`ChainError::partial`] (#82). Only when the result cannot be
    /// cached, the plugins are already undone.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn add(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        deadline: Instant,
    ) -> Result<CniResult, ChainError> {
        let result = self.add_unstored(conf, at, deadline, &|| ())?;
        self.store(conf, at, &result)
            .map_err(|source| self.undo_unstored(conf, at, &result, source, deadline))?;
        Ok(result)
    }

    /// As [`Runtime::add`], but the caller sees to the cache: with [`Runtime::store`], and where that fails with
    /// [`Runtime::undo_unstored`], or with [`Runtime::unstored`] and a DEL of his own. Does something short while the first
    /// plugin runs.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn add_unstored(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        deadline: Instant,
        meanwhile: &dyn Fn(),
    ) -> Result<CniResult, ChainError> {
        let refused = |cause| ChainError::of_network(conf, Verb::Add, cause);
        checked(conf, at).map_err(refused)?;
        let programs = self.find_all(conf)?;
        let mut result = None;
        for ((index, plugin), program) in conf.plugins().iter().enumerate().zip(programs) {
            let request = Request::of(Verb::Add, at, result.as_ref(), deadline);
            let beside: &dyn Fn() = if index == 0 { meanwhile } else { &|| () };
            match self.add_one(conf, plugin, program, &request, beside) {
                Ok(next) => result = Some(next),
                Err(cause) => {
                    let mut error = ChainError::of_plugin(conf, index, plugin, Verb::Add, cause);
                    error.partial = result.map(Box::new);
                    return Err(error);
                }
            }
        }
        result.ok_or_else(|| refused(Cause::NoPlugins))
    }

    /// Undoes an ADD whose result could not be stored; what the ADD has come to.
    #[must_use]
    pub fn undo_unstored(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        result: &CniResult,
        source: std::io::Error,
        deadline: Instant,
    ) -> ChainError {
        let undo = self.del_with_result(conf, at, Some(result), deadline);
        unstored(conf, result, source, undo.err())
    }

    /// An ADD whose result could not be stored, and which the caller undoes, with that result.
    #[must_use]
    pub fn unstored(
        &self,
        conf: &NetworkConf,
        result: &CniResult,
        source: std::io::Error,
    ) -> ChainError {
        unstored(conf, result, source, None)
    }

    fn find_all(&self, conf: &NetworkConf) -> Result<Vec<PathBuf>, ChainError> {
        let find = |(index, plugin)| {
            self.find(plugin).map_err(|error| {
                let cause = Cause::Plugin(PluginFailure::Find(error));
                ChainError::of_plugin(conf, index, plugin, Verb::Add, cause)
            })
        };
        conf.plugins().iter().enumerate().map(find).collect()
    }

    fn add_one(
        &self,
        conf: &NetworkConf,
        plugin: &PluginConf,
        program: PathBuf,
        request: &Request<'_>,
        meanwhile: &dyn Fn(),
    ) -> Result<CniResult, Cause> {
        let output = self.run_beside(conf, plugin, Some(program), request, meanwhile)?;
        let result = judge_add(&output, conf.version()).map_err(Cause::Plugin)?;
        // Whoever reads the result next expects the network's version and indices that exist (#66, #67).
        let fitting = result
            .check_interfaces()
            .and_then(|()| result.convert(conf.version()));
        fitting.map_err(|source| {
            Cause::Plugin(PluginFailure::BadResult {
                source,
                stdout: String::new(),
            })
        })
    }
}

fn unstored(
    conf: &NetworkConf,
    result: &CniResult,
    source: std::io::Error,
    undo: Option<ChainErrors>,
) -> ChainError {
    let cause = Cause::CacheWrite {
        network: conf.name().to_owned(),
        source,
        undo: undo.map(Box::new),
    };
    let mut error = ChainError::of_network(conf, Verb::Add, cause);
    error.partial = Some(Box::new(result.clone()));
    error
}
