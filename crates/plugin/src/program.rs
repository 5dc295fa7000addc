//! A program as the runtime starts it: flags, one call, one document on stdout.

use std::io::{self, Read};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use cni::{About, CniError, CniResult, Invocation, NetworkConf, Version, code};
use engine::{Container, Engine, Failures};
use plan::{NetConf, PlanError, PodRef};

use crate::ground::Site;
use crate::journal::LOG;
use crate::{Call, Planner, flags, messages, verbs};

/// A CNI plugin of this project: what tells it from the others.
pub trait Program {
    /// Its name, as `-version` prints it (B1.20).
    fn name(&self) -> &'static str;

    /// Decodes the configuration that the runtime gives it.
    ///
    /// # Errors
    /// What is wrong with it.
    fn conf(&self, config: &[u8]) -> Result<NetConf, PlanError>;

    /// Who plans this call.
    ///
    /// # Errors
    /// Why there is nobody.
    fn planner(&self, call: &Call<'_>) -> Result<Box<dyn Planner>, CniError>;

    /// The default network, for STATUS: `None` where that is not to be known without the API.
    ///
    /// # Errors
    /// Why no pod could be attached now.
    fn default_network(&self, call: &Call<'_>) -> Result<Option<NetworkConf>, CniError>;

    /// The node's primary network, to which the runtime may have attached a pod by itself before Multus came. `None` where that
    /// is not to be known without asking anybody.
    fn primary(&self, _: &Call<'_>) -> Option<NetworkConf> {
        None
    }

    /// A container is detached, by DEL or GC.
    fn detached(&self, call: &Call<'_>, engine: &Engine<'_>, container: &Container, pod: &PodRef);

    /// A DEL could not undo this, which is in the ledger, on disk. Whether that is somebody else's care from now on: the runtime
    /// is told that all is well then, else to try again.
    fn takes_over(&self, _: &Call<'_>, _: &Container, _: &Failures) -> bool {
        false
    }

    /// Whose process carries its verbs out.
    fn site(&self) -> Site {
        Site::Plugin
    }
}

/// What a person sees who runs the program by hand (B1.23).
const ABOUT: About<'_> = About {
    text: "meta-plugin that delegates to other CNI plugins",
    versions: &Version::ALL,
    status_since: Version::V1_1_0,
};

/// Runs the program.
pub fn main(program: &dyn Program) -> ExitCode {
    std::panic::set_hook(Box::new(fault));
    let arguments = std::env::args_os().skip(1);
    match flags::read(arguments.map(|word| word.to_string_lossy().into_owned())) {
        flags::Flags::None => serve(program),
        flags::Flags::Version => {
            sys::say!("{}: {}", program.name(), flags::version());
            ExitCode::SUCCESS
        }
        flags::Flags::Help => {
            sys::complain!("{}", usage(program).trim_end());
            ExitCode::SUCCESS
        }
        flags::Flags::Wrong(text) => {
            sys::complain!("{text}\n{}", usage(program).trim_end());
            ExitCode::from(2)
        }
    }
}

/// What flags there are (B1.20).
fn usage(program: &dyn Program) -> String {
    let name = program.name();
    format!("Usage of {name}:\n  -v\tShow version\n  -version\n    \tShow version\n")
}

/// A fault of this program is an error to the runtime like any other; the ledger tells the next DEL what to undo.
#[expect(
    clippy::exit,
    reason = "a panic has nowhere to return to, and an abort would leave stdout empty"
)]
fn fault(panic: &PanicHookInfo<'_>) {
    let error =
        CniError::new(code::INTERNAL, "Multus: internal fault").with_details(panic.to_string());
    let _ = print(&error.to_json(Version::LATEST.as_str()));
    LOG.panic(&error);
    std::process::exit(1);
}

fn serve(program: &dyn Program) -> ExitCode {
    let mut stdin = io::stdin().lock();
    let (result, version) =
        match cni::read_invocation(&sys::environment::get, &mut stdin as &mut dyn Read, ABOUT) {
            Ok(Invocation::About(text)) => {
                sys::complain!("{}", text.trim_end());
                return ExitCode::SUCCESS;
            }
            Ok(Invocation::Version(text)) => (
                print(&text).map_err(|error| messages::unprinted(&error)),
                Version::LATEST.to_string(),
            ),
            Ok(Invocation::Call(request)) => (
                verbs::run(program, &request, &mut give),
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

/// Prints the result in the version that the configuration asks for.
fn give(result: &CniResult, call: &Call<'_>) -> Result<(), CniError> {
    let text = result
        .to_json(call.conf.cni_version)
        .map_err(|error| messages::of_pod(code::INCOMPATIBLE_VERSION, &call.args.pod, error))?;
    print(&text).map_err(|error| messages::unprinted(&error))
}

/// Gives the runtime its one document.
fn print(text: &str) -> io::Result<()> {
    sys::say::document(io::stdout().lock(), text)
}
