//! How many instructions an ADD takes, by `callgrind`: the same on a slow machine, on a fast one and on a busy one.

use testkit::tools;

use crate::{Stage, build};

/// Instructions of an ADD with so many networks beside the default one, without those of the delegates.
fn of_add(networks: usize) -> u64 {
    let stage = Stage::new(networks);
    let options = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let done = stage.watched("ADD", "valgrind", &options).check().unwrap();
    let text = done.stderr_text();
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .unwrap_or_else(|| panic!("callgrind counted nothing: {text}"));
    collected.1.trim().parse().unwrap()
}

#[test]
fn an_add_in_local_mode_takes_no_more_instructions_than_promised() {
    tools::debian(&["valgrind"]).unwrap();
    let (few, many) = (of_add(0), of_add(8));
    let network = many.saturating_sub(few) / 8;
    let most = build::bounds();
    let text = format!(
        "{few} instructions, at most {}; {network} for each further network, at most {}",
        most.add, most.network
    );
    println!("{text}");
    assert!(few <= most.add && network <= most.network, "{text}");
}
