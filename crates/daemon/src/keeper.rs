//! The keeper of the node's CNI configuration (B6.70–B6.79).
//!
//! [`Keeper`] is a state machine without files and clocks: it is shown what the directories hold ([`Sight`]) and says what
//! is to be done ([`Actions`]). [`Watch`] is the edge: it looks, does, and is told of changes by the kernel.

mod generate;
mod machine;
mod primary;
mod report;
mod upkeep;
mod watch;

#[cfg(test)]
mod testing;

pub use generate::{Generator, KeeperError, OUR_FILE, OUR_LIST, Primary};
pub use machine::{Actions, Before, Keeper, Sight};
pub use plan::Candidate;
pub use report::{Damage, How, Report, Status};
pub use upkeep::{Found, Own, Write};
pub(crate) use watch::DIRECTORY_OF_THIN;
pub use watch::{Observer, Watch};
