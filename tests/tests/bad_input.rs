//! What `multus` answers to input that is wrong: a CNI error of one line on standard output, exit status 1, and nothing that
//! stays behind. Nothing is ever repeated that may be a secret.

#[path = "bad_input/alone.rs"]
mod alone;
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
