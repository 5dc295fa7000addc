//! The rules for Prometheus.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use testkit::tools::{self, Part};

use crate::stage::chart;

fn rules() -> PathBuf {
    chart().join("../alerts.yaml")
}

#[track_caller]
fn promtool(words: &[&str], path: &Path) {
    let promtool = tools::program(Part::Promtool, "promtool").unwrap();
    let checked = Command::new(promtool).args(words).arg(path).output();
    let checked = checked.unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
}

/// What a node's series are, each minute; the alert that comes of it, and after how long.
const CASES: [(&str, &str, &str, &str); 7] = [
    ("multus_ready", "1 0x6", "MultusNotReady", "6m"),
    // Told once, when the daemon starts.
    (
        "multus_configurations_before_ours",
        "1x40",
        "MultusNotCalled",
        "40m",
    ),
    (
        r#"multus_api_refusals_total{resource="events"}"#,
        "0+1x20",
        "MultusRefused",
        "20m",
    ),
    (
        "multus_pods_without_networks",
        "2x20",
        "MultusPodsWithoutNetworks",
        "20m",
    ),
    // Each attempt takes a quarter of an hour.
    (
        r#"multus_certificate_renewals_total{outcome="failure"}"#,
        "_x15 1x14 2x14 3x14",
        "MultusCertificateNotRenewed",
        "58m",
    ),
    (
        r#"multus_configuration_reports_total{reason="ConfigurationRepaired"}"#,
        "0+1x20",
        "MultusConfigurationTaken",
        "20m",
    ),
    (
        r#"multus_operations_total{operation="ADD",outcome="failure"}"#,
        "0+1x20",
        "MultusCannotAttach",
        "20m",
    ),
];

#[test]
fn rules_are_true_when_somebody_has_to_do_something() {
    let group = |(series, values, alert, after): (&str, &str, &str, &str)| {
        json!({
            "interval": "1m",
            "input_series": [{"series": series, "values": values}],
            "promql_expr_test": [{
                "expr": format!("count(ALERTS{{alertname=\"{alert}\",alertstate=\"firing\"}})"),
                "eval_time": after,
                "exp_samples": [{"labels": "{}", "value": 1}],
            }],
        })
    };
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("rules.yaml");
    // JSON is YAML.
    let tests = json!({
        "rule_files": [fs::canonicalize(rules()).unwrap()],
        "evaluation_interval": "1m",
        "tests": CASES.map(group),
    });
    fs::write(&path, tests.to_string()).unwrap();
    promtool(&["test", "rules"], &path);
}

#[test]
fn every_rule_is_one_that_prometheus_takes_about_series_that_there_are() {
    let path = rules();
    promtool(&["check", "rules"], &path);
    let page = |name: &str| fs::read_to_string(chart().join("../../docs").join(name)).unwrap();
    let (metrics, operate) = (page("metrics.md"), page("operate.md"));
    let text = fs::read_to_string(&path).unwrap();
    for line in text.lines() {
        let line = line.trim_start_matches([' ', '-']);
        if let Some(alert) = line.strip_prefix("alert: ") {
            assert!(operate.contains(&format!("| `{alert}` |")), "{alert}");
        }
        if let Some(expression) = line.strip_prefix("expr: ") {
            let of_a_name = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            let mut words = expression.split(|letter| !of_a_name(letter));
            let series = words.find(|word| word.starts_with("multus_")).unwrap();
            assert!(metrics.contains(&format!("| `{series}")), "{series}");
        }
    }
}
