//! Chores of this repository: demo, test, bench, image and manifests.

mod bench;
mod cluster;
mod demo;
mod dist;
mod e2e;
mod fuzz;
mod image;
mod manifests;
mod mutants;
mod site;
mod test;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
Chores of this repository.

  cargo xtask demo          three networks for a pod, on this machine, without a cluster; with or without root
  cargo xtask test [PART]   everything that has to pass, or one part of it
  cargo xtask dist          what ships, static and stripped, into target/dist
  cargo xtask bench         what multus adds, beside its delegates called directly; with or without root
  cargo xtask image [--debug] [amd64|amd64=DIRECTORY] [arm64|arm64=DIRECTORY]
                            target/image/multus-rs.tar: all programs as an OCI archive, without an engine, for this
                            machine's processor or for those that are named
  cargo xtask manifests     the files of deploy/, rendered from the chart
  cargo xtask cluster       a whole Kubernetes node with Multus on it, left running to play with; needs root
  cargo xtask cluster down  takes it down
  cargo xtask e2e [WORD…]   pods on such a node, in scenarios; words choose those that have one in their name; needs root
  cargo xtask fuzz [SECONDS] [TARGET…]
                            the fuzz targets, ten minutes each, or as long as is said
  cargo xtask mutants [PACKAGE…]
                            changes to the code that the tests have to notice: 90 % of them; takes hours
  cargo xtask help          this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["demo", rest @ ..] => demo::run(rest),
        ["test", rest @ ..] => test::run(rest),
        ["bench", rest @ ..] => bench::run(rest),
        ["dist", rest @ ..] => dist::run(rest),
        ["manifests", rest @ ..] => manifests::run(rest),
        ["image", rest @ ..] => image::run(rest),
        ["cluster", rest @ ..] => cluster::run(rest),
        ["e2e", rest @ ..] => e2e::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["mutants", rest @ ..] => mutants::run(rest),
        ["help" | "--help" | "-h"] | [] => {
            print!(
                "{HELP}\n{}\n{}\nOptions of dist:\n\n{}",
                test::help(),
                bench::help(),
                dist::HELP
            );
            return ExitCode::SUCCESS;
        }
        [unknown, ..] => Err(anyhow::anyhow!(
            "there is no chore {unknown:?}; `cargo xtask help` lists them"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nfailed: {error:#}");
            ExitCode::FAILURE
        }
    }
}
