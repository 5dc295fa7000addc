//! `passthru`: the CNI plugin that makes nothing and takes nothing away. It stands at the head of a chain whose further
//! plugins work on what is there already (B1.120–B1.122).

use std::io;
use std::process::ExitCode;

use cni::{About, Invocation, Verb, Version};

/// What a person sees who runs the program by hand; the versions that know chains.
const ABOUT: About<'_> = About {
    text: "Passthrough CNI Plugin v1.0",
    versions: &[
        Version::V0_3_0,
        Version::V0_3_1,
        Version::V0_4_0,
        Version::V1_0_0,
        Version::V1_1_0,
    ],
    status_since: Version::V1_1_0,
};

fn main() -> ExitCode {
    let variable =
        |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let (text, code) = match cni::read_invocation(&variable, &mut io::stdin().lock(), ABOUT) {
        Ok(Invocation::About(text)) => {
            sys::complain!("{}", text.trim_end());
            return ExitCode::SUCCESS;
        }
        Ok(Invocation::Version(text)) => (text, ExitCode::SUCCESS),
        Ok(Invocation::Call(request)) if request.command == Verb::Add => {
            (empty_result(request.config_version), ExitCode::SUCCESS)
        }
        Ok(Invocation::Call(_)) => return ExitCode::SUCCESS,
        Err(error) => (error.to_json(Version::LATEST.as_str()), ExitCode::FAILURE),
    };
    match sys::say::document(io::stdout(), &text) {
        Ok(()) => code,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Nothing but its version, whatever stood before it in the chain.
fn empty_result(version: Version) -> String {
    format!("{{\n    \"cniVersion\": \"{version}\"\n}}")
}
