//! Memory in local mode; for the API see the suite `api`.

use crate::Stage;

/// What an ADD or a DEL may have resident at most, in bytes.
const MOST: u64 = 12 << 20;

#[test]
fn local_mode_needs_at_most_twelve_megabytes_however_many_networks() {
    for networks in [0, 8] {
        let stage = Stage::new(networks);
        for verb in ["ADD", "DEL"] {
            let done = stage.call(verb).measure_memory().check().unwrap();
            let peak = done.peak_memory.unwrap();
            let text = format!(
                "{verb} with {networks} networks: {} KiB resident at most",
                peak >> 10
            );
            println!("{text}");
            // Less than a page would mean that nobody looked.
            assert!((4096..=MOST).contains(&peak), "{text}");
        }
    }
}
