//! ADD.

use std::path::PathBuf;
use std::time::Instant;

use super::{Attachment, ChainError, Request, Runtime, checked};
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
        let refused = |cause| ChainError::of_network(conf, Verb::Add, cause);
        let cache_name = checked(conf, at).map_err(refused)?;
        let programs = self.find_all(conf)?;
        let mut result = None;
        for ((index, plugin), program) in conf.plugins().iter().enumerate().zip(programs) {
            match self.add_one(conf, plugin, program, at, result.as_ref(), deadline) {
                Ok(next) => result = Some(next),
                Err(cause) => {
                    let mut error = ChainError::of_plugin(conf, index, plugin, Verb::Add, cause);
                    error.partial = result.map(Box::new);
                    return Err(error);
                }
            }
        }
        let result = result.ok_or_else(|| refused(Cause::NoPlugins))?;
        self.store(conf, at, &cache_name, &result)
            .map_err(|source| {
                let undo = self
                    .del_with_result(conf, at, Some(&result), deadline)
                    .err()
                    .map(Box::new);
                refused(Cause::CacheWrite {
                    network: conf.name().to_owned(),
                    source,
                    undo,
                })
            })?;
        Ok(result)
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
        at: &Attachment,
        prev: Option<&CniResult>,
        deadline: Instant,
    ) -> Result<CniResult, Cause> {
        let output = self.run(
            conf,
            plugin,
            Some(program),
            &Request::of(Verb::Add, at, prev, deadline),
        )?;
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
