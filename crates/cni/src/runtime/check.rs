//! CHECK.

use std::time::Instant;

use super::del::WITH_PREVIOUS;
use super::{Attachment, ChainError, Request, Runtime, checked};
use crate::failure::judge;
use crate::{Cause, NetworkConf, Verb};

impl Runtime<'_> {
    /// Checks: every plugin in order, with the cached result, stopping at the first failure (B4.128).
    ///
    /// # Errors
    /// [`ChainError`]; also when the network's version has no CHECK (#89), and when there is no cached result (#88).
    pub fn check(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        deadline: Instant,
    ) -> Result<(), ChainError> {
        let refused = |cause| ChainError::of_network(conf, Verb::Check, cause);
        let name = checked(conf, at).map_err(refused)?;
        if conf.version() < WITH_PREVIOUS {
            return Err(refused(Cause::NoCheck {
                version: conf.version_label().to_owned(),
            }));
        }
        if conf.disable_check() {
            return Ok(());
        }
        let cached = self.cached(conf, at, &name);
        let cached = cached
            .map_err(|source| {
                refused(Cause::CacheRead {
                    network: conf.name().to_owned(),
                    source,
                })
            })?
            .ok_or_else(|| refused(Cause::NoCachedResult))?;
        let request = Request::of(Verb::Check, at, Some(&cached), deadline);
        for (index, plugin) in conf.plugins().iter().enumerate() {
            let output = self.run(conf, plugin, &request);
            output
                .and_then(|output| judge(&output).map_err(Cause::Plugin))
                .map_err(|cause| ChainError::of_plugin(conf, index, plugin, Verb::Check, cause))?;
        }
        Ok(())
    }
}
