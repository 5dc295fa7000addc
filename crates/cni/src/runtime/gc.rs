//! GC.

use std::time::Instant;

use super::{ChainError, ChainErrors, Request, Runtime, checked_network};
use crate::failure::judge;
use crate::request::Extra;
use crate::{Cause, NetworkConf, Verb, Version};

impl Runtime<'_> {
    /// Tells every plugin from version 1.1.0 on what stays (`valid`: container id and interface name), going on past
    /// failures. Plugins that do not know GC are no failure (#94). What does not stay the caller has detached before, by
    /// books of its own.
    ///
    /// # Errors
    /// [`ChainErrors`], after everything was tried.
    pub fn gc(
        &self,
        conf: &NetworkConf,
        valid: &[(String, String)],
        deadline: Instant,
    ) -> Result<(), ChainErrors> {
        checked_network(conf).map_err(|cause| ChainError::of_network(conf, Verb::Gc, cause))?;
        let mut errors = Vec::new();
        if conf.version() >= Version::V1_1_0 && !conf.disable_gc() {
            let request = Request {
                verb: Verb::Gc,
                attachment: None,
                extra: Extra::Valid(valid),
                deadline,
            };
            for (index, plugin) in conf.plugins().iter().enumerate() {
                let output = self.run(conf, plugin, &request);
                match output.and_then(|output| judge(&output).map_err(Cause::Plugin)) {
                    Err(Cause::Plugin(failure)) if failure.is_not_implemented() => {}
                    Err(cause) => {
                        errors.push(ChainError::of_plugin(conf, index, plugin, Verb::Gc, cause))
                    }
                    Ok(()) => {}
                }
            }
        }
        ChainErrors::check(errors)
    }
}
