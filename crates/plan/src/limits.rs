//! How much one pod may ask for. Whoever may write pods and definitions must not be able to use up the memory of a node, nor
//! to have a ledger written that is too large to be read back.

use crate::PlanError;

/// Networks that its annotation may name.
pub(crate) const NETWORKS: usize = 256;

/// Bytes that the configurations of those may have together: a definition that is named twice counts twice.
pub(crate) const CONFIGURATION: usize = 4 << 20;

/// Refuses more networks than any pod needs.
pub(crate) fn check_count(count: usize) -> Result<(), PlanError> {
    if count > NETWORKS {
        return Err(PlanError::TooManyNetworks { count });
    }
    Ok(())
}

/// What is left of [`CONFIGURATION`].
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Room {
    /// All of it.
    pub(crate) const fn new() -> Self {
        Self(CONFIGURATION)
    }

    /// Takes a configuration of this size.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), PlanError> {
        self.0 = self.0.checked_sub(bytes).ok_or(PlanError::TooLarge)?;
        Ok(())
    }
}
