//! The cases of the suite `delegates` over `multus-shim` and `multus-daemon`.

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
#[path = "delegates/requests.rs"]
mod requests;
#[path = "delegates/results.rs"]
mod results;
#[path = "delegates/stage.rs"]
mod stage;
#[path = "delegates/upstream.rs"]
mod upstream;
#[path = "delegates/versions.rs"]
mod versions;
