//! `default-route` of a selection element: the default route moves, and kernel, result cache and status agree.

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;
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

impl Scene {
    fn set(request: &Value) -> Self {
        let node = Node::with_plugins();
        let cluster = node.bridge(
            "cluster",
            &["10.88.0.0/24", "fd88::/64"],
            &["0.0.0.0/0", "::/0"],
        );
        let mut lan = node.macvlan("lan", "10.89.0.0/24");
        lan["ipam"] = node.host_local(&["10.89.0.0/24", "fd89::/64"], &[]);
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
            let result = &entry["result"];
            for route in result["routes"].as_array().into_iter().flatten() {
                let destination = route["dst"].as_str().unwrap();
                if destination != "0.0.0.0/0" && destination != "::/0" {
                    continue;
                }
                // A route without gateway goes through the one of its family's address.
                let of_address = result["ips"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter_map(|ip| ip["gateway"].as_str());
                let mut of_family =
                    of_address.filter(|gateway| gateway.contains(':') == destination.contains(':'));
                let gateway = route["gw"].as_str().or_else(|| of_family.next()).unwrap();
                found.push(format!("{gateway} {ifname}"));
            }
        }
        found.sort_by_key(|route| route.contains(':'));
        found
    }

    /// What the status has.
    fn status(&self) -> Vec<String> {
        let status = self.node.status("shop", "web");
        let mut found = Vec::new();
        for entry in status.as_array().unwrap() {
            for gateway in entry["gateway"].as_array().into_iter().flatten() {
                found.push(format!(
                    "{} {}",
                    gateway.as_str().unwrap(),
                    entry["interface"].as_str().unwrap()
                ));
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
    // T7.4, B4.83, Q3, Q11
    Scene::set(&json!(["10.89.0.1"])).leads_to(&["10.89.0.1 net1", V6]);
}

#[test]
fn an_ipv6_gateway_moves_the_ipv6_default_route_alone() {
    // B4.83, Q11, Q12
    Scene::set(&json!(["fd89::1"])).leads_to(&[V4, "fd89::1 net1"]);
}

#[test]
fn gateways_of_both_families_move_both_default_routes() {
    Scene::set(&json!(["10.89.0.1", "fd89::1"])).leads_to(&["10.89.0.1 net1", "fd89::1 net1"]);
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
