//! STATUS.

use std::time::Instant;

use super::{ChainError, Request, Runtime, checked_network};
use crate::failure::judge;
use crate::request::Extra;
use crate::{Cause, NetworkConf, Verb, Version};

impl Runtime<'_> {
    /// Asks every plugin whether it could serve an ADD, stopping at the first that could not; its code is kept (50, 51).
    /// Networks below 1.1.0 and plugins that do not know the verb count as ready (#97, CNI SPEC 1.1 §4).
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn status(&self, conf: &NetworkConf, deadline: Instant) -> Result<(), ChainError> {
        checked_network(conf).map_err(|cause| ChainError::of_network(conf, Verb::Status, cause))?;
        if conf.version() < Version::V1_1_0 {
            return Ok(());
        }
        let request = Request {
            verb: Verb::Status,
            attachment: None,
            extra: Extra::Nothing,
            deadline,
        };
        for (index, plugin) in conf.plugins().iter().enumerate() {
            let output = self.run(conf, plugin, &request);
            match output.and_then(|output| judge(&output).map_err(Cause::Plugin)) {
                Err(Cause::Plugin(failure)) if failure.is_not_implemented() => {}
                Err(cause) => {
                    return Err(ChainError::of_plugin(
                        conf,
                        index,
                        plugin,
                        Verb::Status,
                        cause,
                    ));
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }
}
