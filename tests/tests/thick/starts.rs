//! A daemon that is not there yet, or not ready.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use suites::multus::program;
use suites::scene::until;
use suites::thick::{ThickNode, answer};
use testkit::Signal;

#[test]
fn an_add_waits_while_the_daemon_starts() {
    // B6.30
    let node = ThickNode::new("thick-late");
    let daemon = node.started();
    let conf = node.generated();
    daemon.stop();
    let pod = node.annotated_pod("web", &[]);
    let mut add = node.begin_add(&pod, &conf);
    until("the lock of the container is taken", || {
        node.state
            .join(format!(".lock-{}", pod.container.id))
            .exists()
    });
    assert!(add.is_running().unwrap());

    let _daemon = node.start();

    answer(add).good();
    assert_eq!(node.attachments_once(&pod).len(), 1);
}

#[test]
fn without_a_daemon_an_add_fails_in_time_and_says_why() {
    let node = ThickNode::new("thick-none");
    let daemon = node.started();
    let mut conf = node.generated();
    conf["timeouts"] = json!({"add": "4s"});
    daemon.stop();
    let pod = node.annotated_pod("web", &[]);
    let before = node.snapshot();

    let answer = node.add(&pod, &conf);

    let label = format!(
        "Multus: [{}/web/{}]: no daemon on ",
        node.namespace, pod.uid
    );
    answer.refused(11, &[&label, "s for the node's multus-daemon"]);
    node.nothing_left(&before, &[]);
    node.status_call(&pod, &conf)
        .refused(50, &["no daemon on "]);
}

#[test]
fn a_daemon_that_takes_up_nothing_holds_up_an_add_no_longer_than_none_and_no_other_verb() {
    let _enough = sys::limits::descriptors(16 << 10);
    let node = ThickNode::new("thick-full");
    let daemon = node.started();
    let mut conf = node.generated();
    let attached = node.annotated_pod("attached", &[]);
    node.add(&attached, &conf).good();
    conf["timeouts"] = json!({"add": "4s"});
    let pod = node.annotated_pod("web", &[]);
    daemon.0.signal(Signal::STOP).unwrap();
    let crowd: Vec<_> = std::iter::from_fn(|| sys::socket::reach(&node.socket()).ok()).collect();
    let before = node.snapshot();

    let answer = node.add(&pod, &conf);

    let text = "no daemon on ";
    answer.refused(11, &[text, "s for the node's multus-daemon"]);
    node.nothing_left(&before, &[]);
    node.status_call(&pod, &conf).refused(50, &[text]);
    node.del(&attached, &conf);
    drop(crowd);
    daemon.0.signal(Signal::CONT).unwrap();
    node.until_ready();
}

#[test]
fn a_socket_that_somebody_removed_is_there_again() {
    // Upstream's daemon takes the socket along when it ends.
    let node = ThickNode::new("thick-removed");
    let daemon = node.started();
    let conf = node.generated();
    fs::remove_file(node.socket()).unwrap();

    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &conf).good();

    let told = daemon.stop().stderr_text();
    assert!(
        told.contains("where plugins ask: it is there again"),
        "{told}"
    );
    assert!(!node.socket().exists());
}

#[test]
fn without_a_primary_network_the_node_is_not_ready_and_an_add_waits() {
    // B6.41
    let node = ThickNode::without_primary("thick-primary", &json!({}));
    let _daemon = node.start();
    until("the daemon answers", || node.ask("/healthz").is_some());
    assert_eq!(node.ask("/healthz").unwrap(), (200, String::new()));
    let (status, text) = node.ask("/readyz").unwrap();
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("[-]configuration: "), "{text}");
    assert_eq!(node.ask("/nothing").unwrap().0, 404);
    let pod = node.annotated_pod("web", &[]);
    let mut conf = node.conf(&[]);
    conf["type"] = json!("multus-shim");
    conf["daemonSocketDir"] = json!(node.run);
    conf["clusterNetwork"] = json!(node.primaries.join("10-cluster.conf"));
    let mut short = conf.clone();
    short["timeouts"] = json!({"add": "4s"});
    let text = "the daemon is not ready: ";
    node.add(&pod, &short).refused(11, &[text, "; waited "]);
    node.status_call(&pod, &conf).refused(50, &[text]);
    let add = node.begin_add(&pod, &conf);

    node.add_primary();

    answer(add).good();
    until("the node is ready", || {
        node.ask("/readyz").is_some_and(|(status, _)| status == 200)
    });
    let (_, text) = node.ask("/readyz").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("[+]configuration: in force, the primary network is cluster of "));
    assert!(lines[1].starts_with("[+]pods: "), "{text}");
    assert!(lines[2].starts_with("[+]definitions: "), "{text}");
    assert_eq!(lines[3], "[+]attachments: 0 under way, 0 wait");
    assert_eq!(lines[4], "[+]retries: 0 containers not detached yet");
    assert!(lines[5].starts_with("[+]statuses: "), "{text}");
}

#[test]
fn the_socket_is_roots_alone() {
    // B6.10
    let node = ThickNode::new("thick-socket");
    let _daemon = node.started();
    let about = fs::metadata(node.socket()).unwrap();
    assert_eq!(about.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_daemon_that_cannot_start_says_why_and_its_status_tells_what_kind_of_reason_it_is() {
    // B1.41, B1.43
    let node = ThickNode::new("thick-exits");
    let run = |arguments: &[&str]| {
        let command = node.world.command(program("multus-daemon"));
        command.args(arguments).run().unwrap()
    };
    let version = run(&["-version"]);
    assert_eq!(version.status.code(), Some(4));
    let text = version.stdout_text();
    assert!(text.starts_with("multus-daemon: version:"), "{text}");

    let misspelt = run(&["uninstal"]);
    assert_eq!(misspelt.status.code(), Some(2));
    let text = misspelt.stderr_text();
    assert!(
        text.starts_with("there is no command \"uninstal\"\nUsage of"),
        "{text}"
    );

    let file = node.file("file", "");
    let socket_dir = json!(file).to_string();
    for (keys, status, text) in [
        (
            r#""cniVersion": 1"#.to_owned(),
            1,
            "/config.json: cniVersion: ",
        ),
        (
            r#""connectionLimit": 0"#.to_owned(),
            1,
            "connection limit must be greater than 0",
        ),
        (
            r#""logLevel": "error""#.to_owned(),
            1,
            "no Kubernetes API to ask",
        ),
        (
            r#""logLevel": "panic", "logToStderr": true"#.to_owned(),
            1,
            "no Kubernetes API to ask",
        ),
        (
            format!("\"kubeconfig\": {}", json!(node.kubeconfig)),
            2,
            "failed to keep the node's configuration: ",
        ),
        (
            format!(
                "\"kubeconfig\": {}, \"cniVersion\": \"1.0.0\", \"multusAutoconfigDir\": {}, \"cniDir\": {}, \"socketDir\": {socket_dir}",
                json!(node.kubeconfig),
                json!(node.primaries),
                json!(node.state)
            ),
            3,
            "failed to start serving: create directory ",
        ),
    ] {
        let config = node.file(
            "config.json",
            format!(
                "{{\"cniConfigDir\": {}, {keys}}}",
                json!(node.configurations)
            ),
        );
        let ended = run(&["-config", &config.to_string_lossy()]);
        let told = ended.stderr_text();
        assert_eq!(ended.status.code(), Some(status), "{told}");
        assert_eq!(told.matches(text).count(), 1, "{told}");
    }
    let ended = run(&["-config", "/nowhere/config.json"]);
    assert_eq!(ended.status.code(), Some(1));
    let text = ended.stderr_text();
    assert!(
        text.contains("/nowhere/config.json: there is no such file"),
        "{text}"
    );
}

#[test]
fn a_probe_tells_how_the_daemon_is() {
    let node = ThickNode::without_primary("thick-probe", &json!({}));
    let probe = |path: &str| {
        let command = node.world.command(program("multus-daemon"));
        let command = command.arg("-config").arg(&node.config);
        command.arg("get").arg(path).run().unwrap()
    };
    let nobody = probe("/healthz");
    assert!(!nobody.status.success());
    assert!(nobody.stderr_text().contains("no daemon on "));
    let daemon = node.start();
    until("the daemon answers", || node.ask("/healthz").is_some());
    assert!(probe("/healthz").status.success());
    // As a container sees the daemon of another one: whoever listens has no process id there.
    let apart = node
        .world
        .command("unshare")
        .args(["--pid", "--fork", "--mount-proc", "--"])
        .arg(program("multus-daemon"))
        .arg("-config")
        .arg(&node.config)
        .args(["get", "/healthz"]);
    let apart = apart.run().unwrap();
    assert!(apart.status.success(), "{}", apart.stderr_text());
    let own = |unshare: &[&str]| {
        let command = node.world.command("unshare").args(unshare).arg("--");
        let command = command.arg(program("multus-daemon")).arg("-config");
        let command = command.arg(&node.config);
        command.args(["get", "--own", "/healthz"]).run().unwrap()
    };
    assert!(own(&["--uts"]).status.success());
    let other = own(&["--mount"]);
    assert_eq!(other.status.code(), Some(1));
    let (text, of) = (
        other.stderr_text(),
        " of another container serves /healthz\n",
    );
    assert!(
        text.starts_with("multus-daemon: process ") && text.ends_with(of),
        "{text}"
    );
    let unready = probe("/readyz");
    assert!(!unready.status.success());
    assert!(unready.stdout_text().contains("no primary network"));
    let status = "multus-daemon: /readyz is answered with status 503\n";
    assert_eq!(unready.stderr_text(), status);
    node.add_primary();
    until("the daemon is ready", || probe("/readyz").status.success());
    let counted = probe("/metrics");
    assert!(counted.status.success());
    let counted = counted.stdout_text();
    assert!(counted.starts_with("# HELP "), "{counted}");
    assert!(counted.contains("\nmultus_ready 1\n"), "{counted}");
    daemon.stop();
}
