//! Results and configurations that are out of the ordinary.

use cni::NetworkConf;
use plan::{PodArgs, RuntimeConfig};
use serde_json::json;

use crate::Remembered;
use crate::testing::{Bench, container, plan, soon};

#[test]
fn a_default_route_moves_for_what_has_an_interface_and_other_routes_stay() {
    // B4.83, B4.84
    let bench = Bench::default();
    let mut plan = plan(&["a", "b", "c"]);
    for attachment in &mut plan.attachments {
        attachment.routes.remove_v4 = true;
    }
    let routes = json!([{"dst": "0.0.0.0/0"}, {"dst": "::/0"}, {"dst": "10.9.0.0/16"}]);
    let interfaces = json!([{"name": "eth0", "sandbox": "/run/netns/x"}]);
    bench.answer(
        "ADD a eth0",
        json!({"cniVersion": "1.1.0", "interfaces": interfaces, "routes": routes}),
    );
    bench.answer(
        "ADD b net1",
        json!({"cniVersion": "1.1.0", "routes": routes}),
    );
    bench.answer(
        "ADD c net2",
        json!({"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.2/24"}]}),
    );
    let attached = bench.add(&plan).unwrap();
    let left = attached.result.routes.iter();
    let left: Vec<String> = left.map(|route| route.dst.to_string()).collect();
    assert_eq!(left, ["::/0", "10.9.0.0/16"]);
    let changed = bench.routes.borrow();
    let changed: Vec<&str> = changed.iter().map(|(ifname, _)| ifname.as_str()).collect();
    assert_eq!(
        changed,
        ["eth0", "net2"],
        "b has neither interface nor address"
    );
}

#[test]
fn what_came_into_being_is_told_with_its_addresses() {
    // B4.44
    let bench = Bench::default();
    let interfaces = json!([{"name": "net1", "sandbox": "/run/netns/x"}]);
    bench.answer(
        "ADD b net1",
        json!({"cniVersion": "1.1.0", "interfaces": interfaces}),
    );
    bench.answer(
        "ADD c net2",
        json!({"cniVersion": "1.1.0", "ips": [{"address": "10.0.0.3/24"}]}),
    );
    bench.answer("ADD d net3", json!({"cniVersion": "1.1.0"}));
    let attached = bench.add(&plan(&["a", "b", "c", "d"])).unwrap();
    let told = |ifname: &str, addresses: &[&str], name: &str| {
        let addresses = addresses.iter().map(|address| (*address).to_owned());
        (ifname.to_owned(), addresses.collect(), name.to_owned())
    };
    let expected = [
        told("eth0", &["10.0.0.2/24"], "ns/a"),
        told("net1", &[], "ns/b"),
        told("net2", &["10.0.0.3/24"], "ns/c"),
    ];
    assert_eq!(attached.interfaces, expected);
}

#[test]
fn check_passes_over_what_cannot_be_checked() {
    // B4.128, Q65: before 0.4.0 there is no CHECK, and a chain behind passthru has no interface of its own
    let bench = Bench::default();
    let mut plan = plan(&["a", "b", "c", "d"]);
    for (attachment, version, plugin) in [
        (0, "1.0.0", "passthru"),
        (1, "0.3.1", "bridge"),
        (2, "0.4.0", "bridge"),
        (3, "1.0.0", "passthru"),
    ] {
        let attachment = &mut plan.attachments[attachment];
        let name = attachment.conf.name();
        let conf = json!({"cniVersion": version, "name": name, "plugins": [{"type": plugin}]});
        attachment.conf = NetworkConf::parse(conf.to_string().as_bytes()).unwrap();
    }
    bench.add(&plan).unwrap();
    bench.take_runs();
    let (container, args) = (container("c1"), PodArgs::default());
    let remembered = Remembered {
        container: &container,
        args: &args,
        runtime_config: &RuntimeConfig::default(),
    };
    bench
        .with(|engine| engine.check(&remembered, soon()))
        .unwrap();
    assert_eq!(bench.take_runs(), ["CHECK a eth0", "CHECK c net2"]);
}
