//! What is in `deploy/`: the chart, and what it brings, on a real Kubernetes API.

#[path = "deploy/alerts.rs"]
mod alerts;
#[path = "deploy/approver.rs"]
mod approver;
#[path = "deploy/chart.rs"]
mod chart;
#[path = "deploy/definitions.rs"]
mod definitions;
#[path = "deploy/handover.rs"]
mod handover;
#[path = "deploy/stage.rs"]
mod stage;
