//! The most that `multus` has resident.

use crate::stage::Stage;

/// In an ADD or a DEL, in bytes.
const MOST: u64 = 12 << 20;

fn needs_little(stage: &Stage, what: &str) {
    for verb in ["ADD", "DEL"] {
        let done = stage.call(verb).measure_memory().check().unwrap();
        let peak = done.peak_memory.unwrap();
        let text = format!("{verb} {what}: {} KiB resident at most", peak >> 10);
        println!("{text}");
        // Less than a page would mean that nobody looked.
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
