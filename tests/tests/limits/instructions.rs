//! How many instructions an ADD in local mode takes, by `callgrind`: the same on a slow machine, on a fast one and on a busy
//! one.

use testkit::tools;

use crate::build;
use crate::stage::Stage;

/// Networks beside the default one, where there are some.
const SOME: usize = 8;

/// Instructions of an ADD with so many networks beside the default one, without those of the delegates.
fn of_add(networks: usize) -> u64 {
    tools::debian(&["valgrind"]).unwrap();
    let stage = Stage::local(networks);
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
fn an_add_takes_no_more_instructions_than_promised_s2() {
    let (taken, most) = (of_add(0), build::bounds().add);
    let text = format!("{taken} instructions, at most {most}");
    println!("{text}");
    assert!(taken <= most, "{text}");
}

#[test]
fn a_network_takes_no_more_instructions_than_promised_s3() {
    let (few, many) = (of_add(0), of_add(SOME));
    let (taken, most) = ((many - few) / SOME as u64, build::bounds().network);
    let text = format!("{taken} instructions for each network, at most {most}");
    println!("{text}");
    assert!(taken <= most, "{text}");
}
