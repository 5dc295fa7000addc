//! The cases of the suite `bad_input` over `multus-shim` and `multus-daemon`.

#[path = "bad_input/arguments.rs"]
mod arguments;
#[path = "bad_input/configuration.rs"]
mod configuration;
#[path = "bad_input/flags.rs"]
mod flags;
#[path = "bad_input/mutations.rs"]
mod mutations;
#[path = "bad_input/names.rs"]
mod names;
#[path = "bad_input/request.rs"]
mod request;
#[path = "bad_input/sandbox.rs"]
mod sandbox;
