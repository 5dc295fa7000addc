//! What each delegate is given: environment, bytes, order; and what is written down about it.

#[path = "delegates/arguments.rs"]
mod arguments;
#[path = "delegates/chains.rs"]
mod chains;
#[path = "delegates/environment.rs"]
mod environment;
#[path = "delegates/files.rs"]
mod files;
#[path = "delegates/inlined.rs"]
mod inlined;
#[path = "delegates/keys.rs"]
mod keys;
#[path = "delegates/passthru.rs"]
mod passthru;
#[path = "delegates/recorded.rs"]
mod recorded;
#[path = "delegates/requests.rs"]
mod requests;
#[path = "delegates/results.rs"]
mod results;
#[path = "delegates/stage.rs"]
mod stage;
#[path = "delegates/thin.rs"]
mod thin;
#[path = "delegates/upstream.rs"]
mod upstream;
#[path = "delegates/versions.rs"]
mod versions;
