//! `default-route` of a selection element: the default route moves, and kernel, result cache and status agree.

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::{DEFAULT_NETWORK, Node};
use testkit::leaks::Snapshot;
use testkit::netns::Sandbox;

/// A pod on a cluster network of both families and on one more network of both.
struct Scene {
    node: Node,
    conf: Value,
    sandbox: Sandbox,
    container: Container,
    before: Snapshot,
}

const V4: &str = "10.88.0.1 eth0";
const V6: &str = "fd88::1 eth0";

/// A route that is no default route.
const OTHER: &str = "172.31.0.0/16 net1";

/// Addresses or routes of a result, those of the oldest versions too, where they stand beside each address.
fn parts(result: &Value, key: &str) -> Vec<Value> {
    let slots = [&result["ip4"], &result["ip6"]];
    let old = slots.into_iter().filter(|slot| slot.is_object());
    let mut found: Vec<Value> = match key {
        "ips" => old.cloned().collect(),
        _ => old.flat_map(|slot| list(&slot[key])).collect(),
    };
    found.extend(list(&result[key]));
    found
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

impl Scene {
    fn set(request: &Value) -> Self {
        Self::of_version("1.0.0", request)
    }

    /// With networks of this version.
    fn of_version(version: &str, request: &Value) -> Self {
        let node = Node::with_plugins();
        let mut cluster = node.bridge(
            "cluster",
            &["10.88.0.0/24", "fd88::/64"],
            &["0.0.0.0/0", "::/0"],
        );
        let mut lan = node.macvlan("lan", "10.89.0.0/24");
        // With a route of its own, which has to stay.
        lan["ipam"] = node.host_local(&["10.89.0.0/24", "fd89::/64"], &["172.31.0.0/16"]);
        for network in [&mut cluster, &mut lan] {
            network["cniVersion"] = json!(version);
        }
        node.definition("shop", "lan", &lan);
        let networks = json!([{"name": "lan", "default-route": request}]);
        node.pod_with("shop", "web", &networks.to_string());
        let conf = node.conf(&[cluster]);
        let sandbox = node.sandbox("pod");
        let container = Container::new(&sandbox).of_pod("shop", "web");
        let before = node.snapshot();
        Self {
            node,
            conf,
            sandbox,
            container,
            before,
        }
    }

    /// What the kernel has: gateway and interface of every default route, IPv4 first.
    fn kernel(&self) -> Vec<String> {
        let routes = self.sandbox.routes().unwrap();
        let defaults = routes
            .iter()
            .filter(|route| route.destination == "default" && route.table == "main");
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        defaults
            .map(|route| format!("{} {}", text(&route.gateway), text(&route.link)))
            .collect()
    }

    /// What the cached results have.
    fn cache(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (network, ifname) in [("cluster", "eth0"), ("lan", "net1")] {
            let entry = self.node.cached(network, "pod", ifname);
            for route in parts(&entry["result"], "routes") {
                let destination = route["dst"].as_str().unwrap();
                if destination != "0.0.0.0/0" && destination != "::/0" {
                    found.push(format!("{destination} {ifname}"));
                    continue;
                }
                // A route without gateway goes through the one of its family's address.
                let addresses = parts(&entry["result"], "ips");
                let of_address = addresses.iter().filter_map(|ip| ip["gateway"].as_str());
                let mut of_family =
                    of_address.filter(|gateway| gateway.contains(':') == destination.contains(':'));
                let gateway = route["gw"].as_str().or_else(|| of_family.next()).unwrap();
                found.push(format!("{gateway} {ifname}"));
            }
        }
        assert_eq!(found.iter().filter(|route| *route == OTHER).count(), 1);
        found.retain(|route| route != OTHER);
        found.sort_by_key(|route| route.contains(':'));
        found
    }

    /// What the status has.
    fn status(&self) -> Vec<String> {
        let status = self.node.status("shop", "web");
        let mut found = Vec::new();
        for entry in status.as_array().unwrap() {
            // Below version 0.3.0 nobody says what the interface is called.
            let ifname = match entry["name"].as_str() {
                Some("cluster") => "eth0",
                _ => "net1",
            };
            for gateway in entry["gateway"].as_array().into_iter().flatten() {
                found.push(format!("{} {ifname}", gateway.as_str().unwrap()));
            }
        }
        found.sort_by_key(|route| route.contains(':'));
        found
    }

    /// ADD leads to these default routes; CHECK agrees, and DEL leaves nothing.
    #[track_caller]
    fn leads_to(self, expected: &[&str]) {
        self.node.add(&self.container, &self.conf);
        assert_eq!(self.kernel(), expected, "kernel");
        assert_eq!(self.cache(), expected, "result cache");
        assert_eq!(self.status(), expected, "status");
        self.node.check(&self.container, &self.conf);
        self.node.del(&self.container, &self.conf);
        self.node.nothing_left(&self.before, &["cluster"]);
    }
}

#[test]
fn an_ipv4_gateway_moves_the_ipv4_default_route_alone() {
    // B4.80, B4.83–B4.85, Q3, Q11, T4.1, T4.2, T7.4
    Scene::set(&json!(["10.89.0.1"])).leads_to(&["10.89.0.1 net1", V6]);
}

#[test]
fn an_ipv6_gateway_moves_the_ipv6_default_route_alone() {
    // B4.83, Q11, Q12
    Scene::set(&json!(["fd89::1"])).leads_to(&[V4, "fd89::1 net1"]);
}

#[test]
fn gateways_of_both_families_move_both_default_routes_whatever_the_version_of_the_networks() {
    // B4.86, B4.87, T4.3
    for version in ["0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        Scene::of_version(version, &json!(["10.89.0.1", "fd89::1"]))
            .leads_to(&["10.89.0.1 net1", "fd89::1 net1"]);
    }
}

#[test]
fn the_ledger_says_whose_default_route_gave_way() {
    // B2.68, B4.82, T1.21; Q11: of the family that was asked for alone
    for (request, cluster, lan) in [
        (Value::Null, [false, false], [false, false]),
        (json!([]), [false, false], [false, false]),
        (json!(["10.89.0.1"]), [true, false], [false, false]),
        (json!(["fd89::1"]), [false, true], [false, false]),
        (
            json!(["10.89.0.1", "fd89::1"]),
            [true, true],
            [false, false],
        ),
    ] {
        let scene = Scene::set(&request);
        scene.node.add(&scene.container, &scene.conf);
        let ledger = scene.node.ledger("pod");
        for (element, expected) in [(&ledger[0], cluster), (&ledger[1], lan)] {
            let flags = [&element["IsFilterV4Gateway"], &element["IsFilterV6Gateway"]];
            assert_eq!(flags, expected.map(Value::Bool).each_ref(), "{request}");
        }
        // B2.67: an empty list is kept as one.
        assert_eq!(ledger[1]["default-route"], request);
        scene.node.del(&scene.container, &scene.conf);
    }
}

#[test]
fn the_pods_own_default_network_may_say_where_its_default_route_goes() {
    // B4.80: upstream listens only where the pod asks for further networks
    let mut scene = Scene::set(&Value::Null);
    let own = scene.node.bridge("own", &["10.90.0.0/24"], &["0.0.0.0/0"]);
    scene.node.definition("kube-system", "own", &own);
    let request = json!([{"name": "own", "default-route": ["10.90.0.9"]}]).to_string();
    scene
        .node
        .pod("shop", "web", &[(DEFAULT_NETWORK, &request)]);
    scene.before = scene.node.snapshot();
    scene.node.add(&scene.container, &scene.conf);
    assert_eq!(scene.kernel(), ["10.90.0.9 eth0"]);
    scene.node.del(&scene.container, &scene.conf);
    scene.node.nothing_left(&scene.before, &["own"]);
}

#[test]
fn an_empty_list_of_gateways_changes_nothing() {
    // Q11
    Scene::set(&json!([])).leads_to(&[V4, V6]);
}

#[test]
fn no_request_changes_nothing() {
    Scene::set(&Value::Null).leads_to(&[V4, V6]);
}

#[test]
fn two_gateways_of_a_family_are_refused_before_anything_runs() {
    // B4.81
    let scene = Scene::set(&json!(["10.89.0.1", "10.89.0.2"]));
    let answer = scene.node.call("ADD", &scene.container, &scene.conf);
    answer.refused(
        7,
        &["shop/web", "multus does not support ECMP for default-route"],
    );
    scene.node.nothing_left(&scene.before, &[]);
}

#[test]
fn a_gateway_that_the_interface_does_not_reach_undoes_everything() {
    // Q69, Q8
    let scene = Scene::set(&json!(["192.0.2.1"]));
    let answer = scene.node.call("ADD", &scene.container, &scene.conf);
    answer.refused(
        999,
        &["shop/web", "\"lan\"", "default route", "net1", "192.0.2.1"],
    );
    scene.node.nothing_left(&scene.before, &["cluster"]);
}

#[test]
fn the_interface_that_asks_keeps_only_the_route_that_it_asks_for() {
    // B4.83: the bridge of the second network brings a default route of its own
    let node = Node::with_plugins();
    node.definition(
        "shop",
        "second",
        &node.bridge("second", &["10.90.0.0/24"], &["0.0.0.0/0"]),
    );
    node.pod_with(
        "shop",
        "web",
        r#"[{"name": "second", "default-route": ["10.90.0.9"]}]"#,
    );
    let conf = node.conf(&[node.cluster()]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    let scene = Scene {
        node,
        conf,
        sandbox,
        container,
        before,
    };
    scene.node.add(&scene.container, &scene.conf);
    assert_eq!(scene.kernel(), ["10.90.0.9 net1"]);
    let status = scene.node.status("shop", "web");
    assert_eq!(
        (&status[0]["gateway"], &status[1]["gateway"]),
        (&Value::Null, &json!(["10.90.0.9"]))
    );
    scene.node.check(&scene.container, &scene.conf);
    scene.node.del(&scene.container, &scene.conf);
    scene
        .node
        .nothing_left(&scene.before, &["cluster", "second"]);
}
