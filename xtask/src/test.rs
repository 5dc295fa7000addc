//! `cargo xtask test`: everything that has to pass, part by part, with what it took.

mod environment;
mod outcome;
mod parts;
mod runner;

use std::time::Instant;

use anyhow::{Result, bail};

use outcome::Outcome;
use parts::{PARTS, Part};

/// The list of parts, for `cargo xtask help`.
pub(crate) fn help() -> String {
    let line = |part: &Part| format!("  {:<8}  {}\n", part.name, part.what);
    format!(
        "Parts of the test:\n\n{}\nWords after a part go to its cargo command, or choose scenarios of e2e.\n",
        PARTS.iter().map(line).collect::<String>()
    )
}

/// Runs the parts that are asked for.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let (chosen, rest): (Vec<&Part>, &[&str]) = match arguments {
        [] => (PARTS.iter().collect(), &[]),
        ["help" | "--help" | "-h", ..] => {
            print!("{}", help());
            return Ok(());
        }
        [name, rest @ ..] => match PARTS.iter().find(|part| part.name == *name) {
            Some(part) => (vec![part], rest),
            None => bail!("the test has no part {name:?}\n\n{}", help()),
        },
    };
    let outcomes: Vec<Outcome> = chosen
        .into_iter()
        .map(|part| run_part(part, rest))
        .collect();
    print!("{}", outcome::table(&outcomes));
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !outcome.is_good())
        .map(|outcome| outcome.name)
        .collect();
    println!("{}", outcome::closing_line(&outcomes));
    if !failed.is_empty() {
        bail!("{}", failed.join(", "));
    }
    Ok(())
}

/// Runs one part. What goes wrong is told at once, and the next part runs all the same.
fn run_part(part: &Part, rest: &[&str]) -> Outcome {
    println!("\n── {} ── {}", part.name, part.what);
    let begun = Instant::now();
    let mut outcome = Outcome::new(part.name);
    if let Err(error) = (part.run)(&mut outcome, rest) {
        eprintln!("{}: {error:#}", part.name);
        outcome.broken = true;
    }
    outcome.took = begun.elapsed();
    println!(
        "── {} ── {} after {:.1} s",
        part.name,
        outcome.word(),
        outcome.took.as_secs_f64()
    );
    outcome
}
