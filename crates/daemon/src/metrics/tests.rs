use super::*;

fn run(verb: &str, network: &str, failed: bool) -> Run {
    Run {
        verb: verb.to_owned(),
        network: network.to_owned(),
        plugin: "bridge".to_owned(),
        micros: 30_000,
        failed,
    }
}

fn text(metrics: &Metrics) -> String {
    metrics.text(&Standing::default()).unwrap()
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|one| one == line), "no {line} in\n{text}");
}

#[test]
fn requests_are_counted_under_upstreams_names() {
    // B6.170, B10.33
    let metrics = Metrics::new().unwrap();
    metrics.answered("/cni", 200, &Method::POST);
    metrics.answered("/cni", 200, &Method::POST);
    metrics.answered("/etc/passwd", 404, &Method::GET);
    metrics.answered("/readyz", 503, &Method::from_bytes(b"BREW").unwrap());
    let text = text(&metrics);
    for line in [
        r#"multus_server_request_total{code="200",handler="/cni",method="post"} 2"#,
        r#"multus_server_request_total{code="404",handler="NotFound",method="get"} 1"#,
        r#"multus_server_request_total{code="503",handler="/readyz",method="unknown"} 1"#,
        "# TYPE multus_server_request_total counter",
        "# HELP multus_server_request_total Counter of HTTP requests",
    ] {
        has(&text, line);
    }
}

#[test]
fn what_was_said_a_moment_ago_is_said_again() {
    let metrics = Metrics::new().unwrap();
    let before = Instant::now();
    assert_eq!(metrics.recent(before), None);
    let said = text(&metrics);
    metrics.lost_event();
    assert_eq!(metrics.recent(before).unwrap(), said);
    let later = Instant::now() + RECENT + Duration::from_millis(1);
    assert_eq!(metrics.recent(later), None);
}

#[test]
fn runs_are_counted_by_network_plugin_and_outcome_and_add_up_to_a_phase() {
    let metrics = Metrics::new().unwrap();
    let runs = [
        run("ADD", "cluster", false),
        run("ADD", "ns/a", true),
        run("DEL", "cluster", false),
    ];
    metrics.ran(Operation::Add, &runs);
    metrics.ran(Operation::Add, &[]);
    metrics.ended(Operation::Add, false);
    let text = text(&metrics);
    for line in [
        r#"multus_delegate_duration_seconds_count{network="cluster",operation="ADD",outcome="success",plugin="bridge"} 1"#,
        r#"multus_delegate_duration_seconds_count{network="ns/a",operation="ADD",outcome="failure",plugin="bridge"} 1"#,
        r#"multus_delegate_duration_seconds_sum{network="cluster",operation="DEL",outcome="success",plugin="bridge"} 0.03"#,
        r#"multus_phase_duration_seconds_sum{operation="ADD",phase="delegate"} 0.09"#,
        r#"multus_phase_duration_seconds_count{operation="ADD",phase="delegate"} 1"#,
        r#"multus_operations_total{operation="ADD",outcome="failure"} 1"#,
    ] {
        has(&text, line);
    }
}

#[test]
fn series_do_not_grow_without_end_whatever_networks_and_verbs_are_called() {
    let metrics = Metrics::new().unwrap();
    for number in 0..2000 {
        let network = format!("ns/\"\\\n{number}");
        metrics.ran(Operation::Add, &[run("ADD", &network, number % 2 == 0)]);
        metrics.ran(Operation::Del, &[run(&network, "n", false)]);
        metrics.answered(&network, 200, &Method::GET);
    }
    let text = text(&metrics);
    assert!(text.len() < 300 << 10, "{} bytes", text.len());
    let other = r#"multus_delegate_duration_seconds_count{network="other",operation="ADD",outcome="failure",plugin="other"} 968"#;
    has(&text, other);
}

#[test]
fn how_things_stand_is_told_as_it_is_now() {
    let metrics = Metrics::new().unwrap();
    let progress = |reads| Progress {
        objects: 7,
        heard: Some(Instant::now()),
        failures: 1,
        reads,
        ..Progress::default()
    };
    let standing = |reads| Standing {
        ready: true,
        inside: 2,
        waiting: 1,
        retries: 4,
        owed: 3,
        events: 6,
        lacking: 6,
        before_ours: 2,
        ledgers: Some(5),
        watches: vec![
            ("pods", progress(reads)),
            ("definitions", Progress::default()),
        ],
        refused: vec![(
            "statuses",
            Refused {
                total: reads,
                last: None,
            },
        )],
        certificate: Some(Validity {
            since: UNIX_EPOCH,
            until: UNIX_EPOCH + Duration::from_secs(8),
        }),
    };
    metrics.text(&standing(2)).unwrap();
    let text = metrics.text(&standing(3)).unwrap();
    for line in [
        "multus_ready 1",
        "multus_attachments_in_flight 2",
        "multus_attachments_waiting 1",
        "multus_ledger_entries 5",
        "multus_retries_pending 4",
        "multus_certificate_expiry_timestamp_seconds 8",
        "multus_statuses_pending 3",
        "multus_events_pending 6",
        "multus_pods_without_networks 6",
        "multus_configurations_before_ours 2",
        r#"multus_watch_objects{resource="pods"} 7"#,
        r#"multus_watch_failures_total{resource="pods"} 1"#,
        r#"multus_api_reads_total{resource="pods"} 3"#,
        r#"multus_api_refusals_total{resource="statuses"} 3"#,
    ] {
        has(&text, line);
    }
    // Nobody has heard of them yet.
    assert!(!text.contains(r#"multus_watch_age_seconds{resource="definitions"}"#));
    assert!(text.contains(r#"multus_watch_age_seconds{resource="pods"}"#));
}

#[test]
fn what_the_keeper_tells_is_counted_by_its_reason() {
    let metrics = Metrics::new().unwrap();
    metrics.reported(&Report::Held);
    let appended = Report::Appended {
        file: "f".to_owned(),
        plugins: vec!["istio-cni".to_owned()],
    };
    metrics.reported(&appended);
    let text = text(&metrics);
    has(
        &text,
        r#"multus_configuration_reports_total{reason="PluginAppended"} 1"#,
    );
    has(
        &text,
        r#"multus_configuration_reports_total{reason="ConfigurationHeld"} 1"#,
    );
}
