//! The rules for Prometheus.

use std::fs;
use std::process::Command;

use testkit::tools::{self, Part};

use crate::stage::chart;

#[test]
fn every_rule_is_one_that_prometheus_takes_about_series_that_there_are() {
    let deploy = chart().join("..");
    let path = deploy.join("alerts.yaml");
    let promtool = tools::program(Part::Promtool, "promtool").unwrap();
    let checked = Command::new(promtool)
        .args(["check", "rules"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let page = |name: &str| fs::read_to_string(deploy.join("../docs").join(name)).unwrap();
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
