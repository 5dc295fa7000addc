//! `multus-node`: the chores of a node and of a cluster, one program under the names that upstream's programs have.
//!
//! Which one it is, its own name says, or its first word: `install_multus …` and `multus-node install_multus …` are the same.
//!
//! **Promises.** A file that the runtime reads or runs is never half there. Whatever goes wrong ends in a line on stderr and
//! a status that is not zero (Q34). What time may heal is waited for, and said once.
//!
//! **Never.** No plugin is started, no network namespace entered.

mod approver;
mod entrypoint;
mod flags;
mod generator;
mod install;
mod signals;

use std::path::Path;
use std::process::ExitCode;

use flags::Flags;

/// A program.
struct Chore {
    name: &'static str,
    flags: Flags,
    run: fn(&flags::Values) -> ExitCode,
}

const CHORES: &[Chore] = &[
    Chore {
        name: "cert-approver",
        flags: approver::FLAGS,
        run: approver::run,
    },
    Chore {
        name: "install_multus",
        flags: install::FLAGS,
        run: install::run,
    },
    Chore {
        name: "kubeconfig_generator",
        flags: generator::FLAGS,
        run: generator::run,
    },
    Chore {
        name: "thin_entrypoint",
        flags: entrypoint::FLAGS,
        run: entrypoint::run,
    },
];

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let own = words.next().unwrap_or_default();
    let named = |name: &str| CHORES.iter().find(|chore| chore.name == name);
    let by_own_name = Path::new(&own)
        .file_name()
        .and_then(|name| named(name.to_str()?));
    let Some(chore) = by_own_name.or_else(|| named(words.next()?.to_str()?)) else {
        let names: Vec<&str> = CHORES.iter().map(|chore| chore.name).collect();
        sys::complain!("usage: multus-node {} [flags]", names.join("|"));
        return ExitCode::from(2);
    };
    match flags::read(chore.flags, words) {
        Ok(Some(values)) => {
            for word in values.words() {
                sys::complain!(
                    "{}: the word {word:?} is passed over: no flag takes it (what a switch is to be follows \"=\")",
                    chore.name
                );
            }
            (chore.run)(&values)
        }
        Ok(None) => {
            sys::complain!("{}", flags::usage(chore.name, chore.flags).trim_end());
            ExitCode::SUCCESS
        }
        Err(text) => {
            sys::complain!(
                "{text}\n{}",
                flags::usage(chore.name, chore.flags).trim_end()
            );
            ExitCode::from(2)
        }
    }
}
