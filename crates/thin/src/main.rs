//! `multus`: the one CNI plugin that the container runtime calls; attaches a sandbox to every network that its pod asks
//! for by calling other CNI plugins.
//!
//! This is the thin plugin: it plans by itself, from the Kubernetes API or from a directory of manifests, and carries
//! the plan out with [`engine`]. It keeps no process running.

mod catalog;
mod flags;
mod journal;
mod local;
mod messages;
mod report;
mod verbs;

use std::io::{self, Read, Write};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use cni::{About, CniError, Invocation, Version};
use journal::LOG;

/// What a person sees who runs the program by hand (B1.23).
const ABOUT: About<'_> = About {
    text: "meta-plugin that delegates to other CNI plugins",
    versions: &Version::ALL,
};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(fault));
    match flags::read(std::env::args().skip(1)) {
        flags::Flags::None => {}
        flags::Flags::Version => {
            println!("multus: {}", flags::version());
            return ExitCode::SUCCESS;
        }
        flags::Flags::Unknown(flag) => {
            eprintln!(
                "flag provided but not defined: {flag}\nUsage of multus:\n  -v\tShow version\n  -version\n    \tShow version"
            );
            return ExitCode::from(2);
        }
    }
    plugin()
}

/// A fault of this program is an error to the runtime like any other; the ledger tells the next DEL what to undo.
#[expect(
    clippy::exit,
    reason = "a panic has nowhere to return to, and an abort would leave stdout empty"
)]
fn fault(panic: &PanicHookInfo<'_>) {
    let error = CniError::new(cni::code::INTERNAL, "Multus: internal fault")
        .with_details(panic.to_string());
    let _ = write!(io::stdout(), "{}", error.to_json(Version::LATEST.as_str()));
    LOG.panic(&error);
    std::process::exit(1);
}

fn plugin() -> ExitCode {
    let mut stdin = io::stdin().lock();
    let (result, version) =
        match cni::read_invocation(&sys::environment::get, &mut stdin as &mut dyn Read, ABOUT) {
            Ok(Invocation::About(text)) => {
                eprint!("{text}");
                return ExitCode::SUCCESS;
            }
            Ok(Invocation::Version(text)) => (
                print(&text).map_err(|error| messages::unprinted(&error)),
                Version::LATEST.to_string(),
            ),
            Ok(Invocation::Call(request)) => (
                verbs::run(&request, &mut print),
                request.config_version.to_string(),
            ),
            Err(error) => (Err(error), Version::LATEST.to_string()),
        };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A credential program that hangs.
            sys::children::end_all();
            // Where the runtime cannot be told, the log is.
            let _ = print(&error.to_json(&version));
            LOG.error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Gives the runtime its one document.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
