//! What the result cache knows, for callers that keep books of their own.

use super::{Attachment, Runtime, checked};
use crate::{CacheEntry, CniResult, ContainerId, NetworkConf};

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

    /// Stores another result for an attachment that was made: what a caller changed in the sandbox afterwards, DEL and
    /// CHECK shall see.
    ///
    /// # Errors
    /// Why it is not stored.
    pub fn replace_result(
        &self,
        conf: &NetworkConf,
        at: &Attachment,
        result: &CniResult,
    ) -> std::io::Result<()> {
        let name = checked(conf, at).map_err(|cause| std::io::Error::other(cause.to_string()))?;
        self.store(conf, at, &name, result)
    }
}
