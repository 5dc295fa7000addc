//! What holds for the repository as a whole: directions between crates, bounds of size and of `unsafe`, dependencies with a
//! reason.

#[path = "repository/compatibility.rs"]
mod compatibility;
#[path = "repository/crates.rs"]
mod crates;
#[path = "repository/dependencies.rs"]
mod dependencies;
#[path = "repository/files.rs"]
mod files;
#[path = "repository/metrics.rs"]
mod metrics;
#[path = "repository/pages.rs"]
mod pages;
#[path = "repository/sources.rs"]
mod sources;
#[path = "repository/specification.rs"]
mod specification;
