//! The most that `multus` has resident.

use crate::stage::Stage;

/// In an ADD or a DEL, in bytes.
const MOST: u64 = 12 << 20;

/// How often it is tried to see both verbs: on a busy machine a program may end before anybody has looked.
const LOOKS: usize = 20;

/// What ADD and DEL, called in turn, had resident at most, in bytes. Less than a page would mean that nobody looked.
pub(crate) fn peaks(call: impl Fn(&str) -> u64) -> [(&'static str, u64); 2] {
    let mut peaks = [("ADD", 0), ("DEL", 0)];
    for _ in 0..LOOKS {
        for (verb, peak) in &mut peaks {
            *peak = call(verb).max(*peak);
        }
        if peaks.iter().all(|(_, peak)| *peak >= 4096) {
            break;
        }
    }
    peaks
}

fn needs_little(stage: &Stage, what: &str) {
    let call = |verb: &str| {
        let done = stage.call(verb).measure_memory().check();
        done.unwrap().peak_memory.unwrap()
    };
    for (verb, peak) in peaks(call) {
        let text = format!("{verb} {what}: {} KiB resident at most", peak >> 10);
        println!("{text}");
        assert!((4096..=MOST).contains(&peak), "{text}");
    }
}

#[test]
fn local_mode_needs_at_most_twelve_megabytes_however_many_networks_s4() {
    for networks in [0, 8] {
        let what = format!("in local mode with {networks} networks");
        needs_little(&Stage::local(networks), &what);
    }
}

#[test]
fn the_api_needs_at_most_twelve_megabytes_however_many_networks_s5() {
    for networks in [0, 8] {
        let what = format!("by the API with {networks} networks");
        needs_little(&Stage::api(networks), &what);
    }
}
