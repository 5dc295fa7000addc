//! The result cache: what a verb reads from it and leaves in it, and what it knows for callers that keep books of their own.

use super::{Attachment, Runtime, checked};
use crate::cache::{CacheError, stored_result};
use crate::{CacheEntry, CniResult, ContainerId, NetworkConf};

/// The cached result of an attachment that is no more.
#[derive(Debug)]
#[must_use]
pub struct Stale {
    name: String,
    network: String,
    container: String,
    ifname: String,
}

impl Stale {
    pub(super) fn of(conf: &NetworkConf, at: &Attachment, name: String) -> Self {
        Self {
            name,
            network: conf.name().to_owned(),
            container: at.container_id.to_string(),
            ifname: at.ifname.to_string(),
        }
    }
}

impl Runtime<'_> {
    /// Every attachment of a container in the result cache. Files that cannot be read or understood are nobody's.
    pub fn cached_of(&self, container: &ContainerId) -> Vec<CacheEntry> {
        let names = self.cache.list().unwrap_or_default();
        let entries = names
            .iter()
            .filter(|name| name.contains(container.as_str()))
            .filter_map(|name| {
                let bytes = self.cache.read(name).ok().flatten()?;
                let (entry, _) = CacheEntry::parse_identity(&bytes).ok()?;
                (entry.container_id == container.as_str()).then_some(entry)
            });
        entries.collect()
    }

    /// Stores the result of an attachment, in the place of one that is there: what a caller changed in the sandbox afterwards,
    /// DEL and CHECK shall see.
    ///
    /// # Errors
    /// Why it is not stored.
    pub fn store(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        result: &CniResult,
    ) -> std::io::Result<()> {
        let name = checked(conf, at).map_err(|cause| std::io::Error::other(cause.to_string()))?;
        let entry = CacheEntry {
            container_id: at.container_id.to_string(),
            config: conf.bytes().to_vec(),
            if_name: at.ifname.to_string(),
            network_name: conf.name().to_owned(),
            netns: at.netns.clone(),
            cni_args: at.args.clone(),
            capability_args: at.capability_args.clone(),
            result: Some(result.clone()),
        };
        let bytes = entry.encode().map_err(std::io::Error::other)?;
        self.cache.write(&name, &bytes)
    }

    /// Removes what a DEL has left.
    pub fn forget(&self, stale: &Stale) {
        if !self.is_of_another(stale) {
            // What is left is only a file, which the next ADD replaces.
            let _ = self.cache.remove(&stale.name);
        }
    }

    /// Whether the cache holds another attachment's result under this name (#56).
    fn is_of_another(&self, stale: &Stale) -> bool {
        let bytes = self.cache.read(&stale.name).ok().flatten();
        CacheEntry::parse_identity(&bytes.unwrap_or_default())
            .is_ok_and(|(entry, _)| !entry.is_of(&stale.network, &stale.container, &stale.ifname))
    }

    /// The cached result in the network's version.
    pub(super) fn cached(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        name: &str,
    ) -> Result<Option<CniResult>, CacheError> {
        let Some(bytes) = self.cache.read(name)? else {
            return Ok(None);
        };
        let result = stored_result(
            &bytes,
            conf.name(),
            at.container_id.as_str(),
            at.ifname.as_str(),
        )?;
        Ok(result
            .map(|result| result.convert(conf.version()))
            .transpose()?)
    }
}
