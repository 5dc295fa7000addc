//! What `multus-shim` costs: it is started for every pod, and does little by itself.

use suites::multus::program;
use suites::thick::ThickNode;

use crate::build;
use crate::memory::peaks;

#[test]
fn the_shim_is_not_larger_than_promised() {
    build::is_at_most("multus-shim", build::bounds().shim);
}

#[test]
fn the_shim_needs_no_more_memory_than_promised_however_many_networks() {
    let most = build::bounds().shim_memory;
    let node = ThickNode::new("limits-shim");
    let names: Vec<String> = (1..=8).map(|number| format!("net-{number}")).collect();
    for (name, number) in names.iter().zip(1..) {
        let network = node.scripted(name, &format!("10.1.{number}.2/24"));
        node.define(name, &network);
    }
    let _daemon = node.started();
    let conf = node.generated();
    for (pod, annotation) in [("alone", String::new()), ("many", names.join(","))] {
        let pod = node.pod(pod, &annotation);
        let call = |verb: &str| {
            let command = node.world.command(program("multus-shim"));
            let command = pod.container.describe(verb, command);
            let command = command.env("CNI_PATH", &node.plugins);
            let done = command.stdin(conf.to_string()).measure_memory().check();
            done.unwrap().peak_memory.unwrap()
        };
        for (verb, peak) in peaks(call) {
            let text = format!(
                "{verb} of {annotation:?}: {} KiB resident at most",
                peak >> 10
            );
            println!("{text}");
            assert!((4096..=most).contains(&peak), "{text}");
        }
    }
}
