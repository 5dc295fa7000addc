//! What the daemon counts, and who may read it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc::Connection;
use serde_json::json;
use suites::scene::until;
use suites::thick::ThickNode;
use testkit::tools::{self, Part};
use testkit::world::Finished;

const PORT: u16 = 9091;

/// The series at the socket.
#[track_caller]
fn read(node: &ThickNode) -> String {
    let (status, text) = node.ask("/metrics").unwrap();
    assert_eq!(status, 200, "{text}");
    text
}

/// The series whose name begins so, and what each has.
fn series<'a>(text: &'a str, name: &str) -> BTreeMap<&'a str, &'a str> {
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit_once(' ')).collect()
}

/// What somebody on the node gets at the metrics' port.
fn at_port(node: &ThickNode, path: &str) -> Option<String> {
    let got = get(node, path);
    got.status
        .success()
        .then(|| String::from_utf8_lossy(&got.stdout).into_owned())
}

fn get(node: &ThickNode, path: &str) -> Finished {
    let url = format!("http://127.0.0.1:{PORT}{path}");
    let command = node
        .world
        .command("busybox")
        .args(["wget", "-q", "-O", "-", &url]);
    command.run().expect("busybox can be run")
}

#[test]
fn pods_are_counted_by_operation_phase_network_plugin_and_outcome() {
    let node = ThickNode::new("metrics-pods");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let mut broken = node.scripted("net-b", "10.1.0.3/24");
    broken["script"]["per_verb"] = json!({"ADD": {"fail": {"code": 100, "msg": "no"}}});
    node.define("net-b", &broken);
    let _daemon = node.started();
    let conf = node.generated();
    let good = node.pod("good", "net-a");
    node.add(&good, &conf).good();
    assert_eq!(
        series(&read(&node), "multus_ledger_entries")["multus_ledger_entries"],
        "1"
    );
    node.del(&good, &conf);
    let bad = node.pod("bad", "net-b");
    node.add(&bad, &conf).refused(100, &["net-b"]);
    let missing = node.pod("missing", "nope");
    node.add(&missing, &conf).error();

    let operation = |operation: &str, outcome: &str| {
        format!("multus_operations_total{{operation=\"{operation}\",outcome=\"{outcome}\"}}")
    };
    // What was said a moment ago is said again.
    let last = format!("{} 2\n", operation("ADD", "failure"));
    until("the last one is counted", || read(&node).contains(&last));
    let text = read(&node);
    let operations = series(&text, "multus_operations_total");
    let expected = [
        (operation("ADD", "failure"), "2"),
        (operation("ADD", "success"), "1"),
        (operation("DEL", "success"), "1"),
    ];
    let expected: BTreeMap<&str, &str> = expected
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(operations, expected);

    let namespace = &node.namespace;
    let plugin = node.scripted("net-a", "10.1.0.2/24")["type"]
        .as_str()
        .unwrap()
        .to_owned();
    let runs = |network: &str, operation: &str, outcome: &str, count: &'static str| {
        let name = format!(
            "multus_delegate_duration_seconds_count{{network=\"{network}\",operation=\"{operation}\",outcome=\"{outcome}\",plugin=\"{plugin}\"}}"
        );
        (name, count)
    };
    let (a, b) = (format!("{namespace}/net-a"), format!("{namespace}/net-b"));
    let expected = [
        runs("cluster", "ADD", "success", "2"),
        runs("cluster", "DEL", "success", "2"),
        runs(&a, "ADD", "success", "1"),
        runs(&a, "DEL", "success", "1"),
        runs(&b, "ADD", "failure", "1"),
        runs(&b, "DEL", "success", "1"),
    ];
    let expected: BTreeMap<&str, &str> = expected
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    assert_eq!(
        series(&text, "multus_delegate_duration_seconds_count"),
        expected
    );

    let phases = series(&text, "multus_phase_duration_seconds_count");
    let phase = |operation: &str, phase: &str| {
        phases[format!(
            "multus_phase_duration_seconds_count{{operation=\"{operation}\",phase=\"{phase}\"}}"
        )
        .as_str()]
    };
    assert_eq!(phase("ADD", "queue"), "3");
    assert_eq!(phase("ADD", "plan"), "3");
    assert_eq!(phase("ADD", "delegate"), "2");
    assert_eq!(phase("ADD", "status"), "1");
    assert_eq!(phase("DEL", "delegate"), "1");
    assert_eq!(
        series(&text, "multus_ledger_entries")["multus_ledger_entries"],
        "0"
    );
    assert_eq!(series(&text, "multus_ready")["multus_ready"], "1");
    let requests =
        "multus_server_request_total{code=\"200\",handler=\"/v1/commit\",method=\"post\"}";
    assert_eq!(series(&text, requests)[requests], "1");
}

#[test]
fn ten_thousand_networks_make_no_more_series_than_promised() {
    const NETWORKS: usize = 10_000;
    let node = ThickNode::new("metrics-many");
    let daemon = node.started();
    let socket = node.socket();
    let mut connection = Connection::over(UnixStream::connect(&socket), &socket).unwrap();
    for first in (0..NETWORKS).step_by(500) {
        let runs = (first..first + 500).map(|number| {
            json!({"network": format!("shop/net-{number}"), "plugin": "bridge", "verb": "DEL", "micros": 1000})
        });
        let words = json!({"containerID": format!("c{first}"), "runs": runs.collect::<Vec<_>>()});
        let deadline = Instant::now() + Duration::from_secs(60);
        let reply = connection.post(ipc::path::DETACHED, words.to_string().as_bytes(), deadline);
        assert_eq!(reply.unwrap().status, 200);
    }

    let text = read(&node);

    let networks: BTreeSet<&str> = series(&text, "multus_delegate_duration_seconds_count")
        .into_keys()
        .filter_map(|name| name.split("network=\"").nth(1)?.split('"').next())
        .collect();
    // And the one that all others share.
    assert_eq!(networks.len(), 64 + 1, "{networks:?}");
    assert!(networks.contains("other"));
    let other = series(
        &text,
        "multus_delegate_duration_seconds_count{network=\"other\"",
    );
    assert_eq!(other.into_values().collect::<Vec<_>>(), ["9936"]);
    assert!(text.len() < 256 << 10, "{} bytes", text.len());
    let (status, _) = node.ask("/readyz").unwrap();
    assert_eq!(status, 200);
    daemon.stop();
}

#[test]
fn how_things_stand_is_told_too() {
    let node = ThickNode::new("metrics-standing");
    let switch = node.file("switch", "");
    let mut stuck = node.scripted("stuck", "10.1.0.2/24");
    stuck["script"]["per_verb"] =
        json!({"DEL": {"fail": {"code": 101, "msg": "stuck", "while_file": switch}}});
    node.define("stuck", &stuck);
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.pod("web", "stuck");
    let value = |name: &str| {
        let text = read(&node);
        let found = series(&text, name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found.into_values().next().unwrap().parse::<f64>().unwrap()
    };
    node.add(&pod, &conf).good();
    node.del(&pod, &conf);
    assert_eq!(value("multus_retries_pending"), 1.0);
    assert_eq!(value("multus_ledger_entries"), 1.0);
    for resource in ["pods", "definitions"] {
        let labels = format!("{{resource=\"{resource}\"}}");
        let age = value(&format!("multus_watch_age_seconds{labels}"));
        assert!((0.0..150.0).contains(&age), "{resource}: {age}");
        assert!(value(&format!("multus_watch_objects{labels}")) >= 1.0);
    }
    fs::remove_file(switch).unwrap();
    until("the rest is detached", || {
        value("multus_retries_pending") == 0.0 && value("multus_ledger_entries") == 0.0
    });
    fs::remove_file(node.own_file()).unwrap();
    let reports = "multus_configuration_reports_total";
    until("it is put back and counted", || {
        node.own_file().exists()
            && series(&read(&node), reports)
                .keys()
                .any(|name| name.contains("ConfigurationRepaired"))
    });
}

#[test]
fn promtool_has_nothing_to_say_against_the_metrics() {
    let node = ThickNode::new("metrics-promtool");
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &conf).good();
    node.del(&pod, &conf);
    let text = read(&node);

    let promtool = tools::program(Part::Promtool, "promtool").unwrap();
    let mut check = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let checked = check.wait_with_output().unwrap();

    let said = [checked.stdout, checked.stderr].concat();
    assert_eq!(String::from_utf8_lossy(&said), "", "{text}");
    assert!(checked.status.success());
}

#[test]
fn metrics_are_at_the_port_that_the_settings_name_and_nothing_else_is() {
    // B2.86, B6.170
    let node = ThickNode::with("metrics-port", &json!({"metricsPort": PORT}));
    let _daemon = node.started();
    until("the metrics are at the port", || {
        at_port(&node, "/metrics").is_some()
    });
    let text = at_port(&node, "/metrics").unwrap();
    assert!(text.contains("\nmultus_ready 1\n"), "{text}");
    for path in ["/", "/readyz", "/v1/status", "/cni", "/debug/pprof/"] {
        assert_eq!(at_port(&node, path), None, "{path}");
    }
}

#[test]
fn whoever_asks_for_a_profile_is_told_what_to_do_instead() {
    // B2.87, B6.171
    let node = ThickNode::with(
        "metrics-pprof",
        &json!({"metricsPort": PORT, "enablePprof": true}),
    );
    let daemon = node.started();
    until("the metrics are at the port", || {
        at_port(&node, "/metrics").is_some()
    });
    for path in ["/debug/pprof/", "/debug/pprof/profile?seconds=30"] {
        let said = get(&node, path).stderr_text();
        assert!(said.contains("501 Not Implemented"), "{path}: {said}");
    }
    let log = daemon.stop().stderr_text();
    assert!(log.contains("enablePprof: there are no profiles"), "{log}");
}

#[test]
fn a_port_that_a_predecessor_still_has_is_the_successors_afterwards() {
    // Q44
    let node = ThickNode::with("metrics-taken", &json!({"metricsPort": PORT}));
    let first = node.started();
    until("the metrics are at the port", || {
        at_port(&node, "/metrics").is_some()
    });
    let start = |text: &str| {
        series(text, "process_start_time_seconds")
            .into_values()
            .next()
            .map(str::to_owned)
    };
    let of_first = start(&at_port(&node, "/metrics").unwrap());
    let second = node.start();
    until("the successor has the socket", || {
        node.ask("/metrics")
            .is_some_and(|(_, text)| start(&text) != of_first)
    });
    first.stop();
    until("the successor has the port", || {
        at_port(&node, "/metrics").is_some_and(|text| start(&text) != of_first)
    });
    let log = second.stop().stderr_text();
    assert_eq!(
        log.matches("cannot listen on port 9091 for metrics")
            .count(),
        1,
        "{log}"
    );
}
