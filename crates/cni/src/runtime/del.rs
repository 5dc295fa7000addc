//! DEL.

use std::time::Instant;

use super::{Attachment, ChainError, ChainErrors, Request, Runtime, Stale, checked};
use crate::failure::judge;
use crate::{Cause, CniResult, NetworkConf, Verb, Version};

/// The first version whose DEL and CHECK get the result of the ADD.
pub(super) const WITH_PREVIOUS: Version = Version::V0_4_0;

impl Runtime<'_> {
    /// Detaches: every plugin in reverse, going on past failures (#83, #84), with the cached result from version 0.4.0
    /// on. The cached result is removed when all succeeded and stays otherwise. One that is missing, broken or somebody
    /// else's is no error (#81, #100–#102).
    ///
    /// # Errors
    /// [`ChainErrors`], after everything was tried.
    pub fn del(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        deadline: Instant,
    ) -> Result<(), ChainErrors> {
        let stale = self.del_unforgotten(conf, at, deadline, &|| ())?;
        self.forget(&stale);
        Ok(())
    }

    /// As [`Runtime::del`], but what it leaves in the cache is the caller's to have forgotten. Does something short while the
    /// first plugin runs.
    ///
    /// # Errors
    /// As [`Runtime::del`].
    pub fn del_unforgotten(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        deadline: Instant,
        meanwhile: &dyn Fn(),
    ) -> Result<Stale, ChainErrors> {
        let refused = |cause| ChainError::of_network(conf, Verb::Del, cause);
        let name = checked(conf, at).map_err(refused)?;
        let cached = if conf.version() >= WITH_PREVIOUS {
            self.cached(conf, at, &name).ok().flatten()
        } else {
            None
        };
        self.del_chain(conf, at, cached.as_ref(), deadline, meanwhile)?;
        Ok(Stale::of(conf, at, name))
    }

    /// As [`Runtime::del`], with this result in place of the cached one: after an ADD that failed half-way the cache
    /// may hold the result of an earlier ADD, or none (#82).
    ///
    /// # Errors
    /// As [`Runtime::del`].
    pub fn del_with_result(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        result: Option<&CniResult>,
        deadline: Instant,
    ) -> Result<(), ChainErrors> {
        let name =
            checked(conf, at).map_err(|cause| ChainError::of_network(conf, Verb::Del, cause))?;
        let result = result.filter(|_| conf.version() >= WITH_PREVIOUS);
        self.del_chain(conf, at, result, deadline, &|| ())?;
        self.forget(&Stale::of(conf, at, name));
        Ok(())
    }

    /// The network for the DEL after an ADD that failed because a plugin's IPAM plugin is not there: without that. It has given no
    /// address, and whoever calls it would fail with DEL as with ADD, for ever. `None` where the ADD failed over anything else.
    #[must_use]
    pub fn without_missing_ipam(
        &self,
        conf: &NetworkConf,
        add: &ChainError,
    ) -> Option<NetworkConf> {
        let at = add.plugin_index?;
        let ipam = conf.plugins().get(at)?.ipam_type()?;
        // The words of the library that plugins call each other with.
        let said = format!("failed to find plugin \"{ipam}\"");
        let is_there = || self.exec.find(ipam, &self.path).is_ok();
        if !add.cause.to_string().contains(&said) || is_there() {
            return None;
        }
        let mut without = conf.clone();
        let edited = without.edit_plugins(|index, keys| {
            if index == at {
                keys.retain(|key, _| !key.eq_ignore_ascii_case("ipam"));
            }
        });
        edited.ok().map(|()| without)
    }

    fn del_chain(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        result: Option<&CniResult>,
        deadline: Instant,
        meanwhile: &dyn Fn(),
    ) -> Result<(), ChainErrors> {
        let request = Request::of(Verb::Del, at, result, deadline);
        let mut errors = Vec::new();
        let mut beside = meanwhile;
        for (index, plugin) in conf.plugins().iter().enumerate().rev() {
            let output = self.run_beside(conf, plugin, None, &request, beside);
            beside = &|| ();
            if let Err(cause) = output.and_then(|output| judge(&output).map_err(Cause::Plugin)) {
                errors.push(ChainError::of_plugin(conf, index, plugin, Verb::Del, cause));
            }
        }
        ChainErrors::check(errors)
    }
}
