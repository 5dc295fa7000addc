//! GC.

use std::time::Instant;

use super::{Attachment, ChainError, ChainErrors, Request, Runtime, checked_network};
use crate::failure::judge;
use crate::request::Extra;
use crate::{CacheEntry, Cause, ContainerId, IfName, NetworkConf, Verb, Version};

impl Runtime<'_> {
    /// Removes what `valid` (container id and interface name) does not list: a DEL for every other cached attachment of
    /// this network, then GC for every plugin from version 1.1.0 on, going on past failures. An empty list removes
    /// everything of the network (#93): callers decide whether they mean that. Plugins that do not know GC are no
    /// failure (#94).
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
        if conf.disable_gc() {
            return Ok(());
        }
        let mut errors = Vec::new();
        for attachment in self.stale(conf, valid) {
            if let Err(failed) = self.del(conf, &attachment, deadline) {
                errors.extend(failed);
            }
        }
        if let Err(failed) = self.gc_plugins(conf, valid, deadline) {
            errors.extend(failed);
        }
        ChainErrors::check(errors)
    }

    /// Only the verb: every plugin from version 1.1.0 on, going on past failures. For callers whose own books say what
    /// is stale.
    ///
    /// # Errors
    /// [`ChainErrors`], after everything was tried.
    pub fn gc_plugins(
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
                let output = self.run(conf, plugin, None, &request);
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

    /// Cached attachments of the network that are not valid. Files that cannot be read or understood are nobody's.
    fn stale(&self, conf: &NetworkConf, valid: &[(String, String)]) -> Vec<Attachment> {
        let names = self.cache.list().unwrap_or_default();
        let entries = names.iter().filter_map(|name| {
            let bytes = self.cache.read(name).ok().flatten()?;
            CacheEntry::parse_identity(&bytes)
                .ok()
                .map(|(entry, _)| entry)
        });
        let is_valid = |entry: &CacheEntry| {
            valid
                .iter()
                .any(|(id, ifname)| *id == entry.container_id && *ifname == entry.if_name)
        };
        let stale = entries.filter(|entry| entry.network_name == conf.name() && !is_valid(entry));
        let attachment = |entry: CacheEntry| {
            Some(Attachment {
                container_id: ContainerId::parse(&entry.container_id).ok()?,
                ifname: IfName::parse(&entry.if_name).ok()?,
                netns: entry.netns,
                args: entry.cni_args,
                capability_args: entry.capability_args,
            })
        };
        stale.filter_map(attachment).collect()
    }
}
