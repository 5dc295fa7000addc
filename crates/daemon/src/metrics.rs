//! What is counted and measured, for Prometheus (B6.170). Every series stands in `docs/metrics.md`.
//!
//! **Promises.** However many networks there are and whatever they are called, there is a bounded number of series, of bounded
//! length ([`names`]). Nothing is asked of the API for them, and nobody waits for them.

mod names;
mod port;
mod process;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use cluster::{Progress, Refused, Validity};
use http::Method;
use ipc::{Run, path, upstream};
use prometheus::{
    Error, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

use crate::keeper::Report;
use names::Names;
pub(crate) use port::serve;
use process::Process;

/// Where they are read.
pub(crate) const METRICS: &str = "/metrics";

/// Prometheus' text format.
pub(crate) const FORMAT: &str = prometheus::TEXT_FORMAT;

/// What was said so long ago at most is good enough for those whom anybody may be.
const RECENT: Duration = Duration::from_secs(1);

/// Seconds: from what a plan takes to what a kubelet waits for.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0,
];

/// The paths that requests are counted under; those of all others are `NotFound` (B6.170).
const HANDLERS: [&str; 10] = [
    upstream::CNI,
    upstream::DELEGATE,
    upstream::HEALTHZ,
    upstream::READYZ,
    METRICS,
    path::PLAN,
    path::COMMIT,
    path::FAILED,
    path::DETACHED,
    path::STATUS,
];

/// All series.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    operations: IntCounterVec,
    phases: HistogramVec,
    delegates: HistogramVec,
    names: Names,
    reports: IntCounterVec,
    renewals: IntCounterVec,
    lost_events: IntCounter,
    standing: StandingSeries,
    process: Process,
    /// What was said last, and when.
    last: Mutex<Option<(Instant, String)>>,
}

/// A part of an operation's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// An ADD waits for its place.
    Queue,
    /// It is planned.
    Plan,
    /// Its delegates run, one after the other.
    Delegate,
    /// Its status is written.
    Status,
}

/// How things stand when the metrics are read.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) ready: bool,
    /// Attachments under way, and those that wait for a place.
    pub(crate) inside: usize,
    pub(crate) waiting: usize,
    /// Containers of which something is left.
    pub(crate) retries: usize,
    /// Statuses that are to be written behind.
    pub(crate) owed: usize,
    /// Events that are to be posted.
    pub(crate) events: usize,
    /// Pods that run without networks that they ask for.
    pub(crate) lacking: usize,
    /// Configurations that sort before ours.
    pub(crate) before_ours: usize,
    /// `None` where nobody can tell.
    pub(crate) ledgers: Option<usize>,
    /// What each watch knows, by what it watches.
    pub(crate) watches: Vec<(&'static str, Progress)>,
    /// What the API refused, by what it was asked for.
    pub(crate) refused: Vec<(&'static str, Refused)>,
    /// The node's own, where there is one.
    pub(crate) certificate: Option<Validity>,
}

/// The series of [`Standing`].
#[derive(Debug)]
struct StandingSeries {
    ready: IntGauge,
    inside: IntGauge,
    waiting: IntGauge,
    retries: IntGauge,
    owed: IntGauge,
    events: IntGauge,
    lacking: IntGauge,
    before_ours: IntGauge,
    ledgers: IntGauge,
    age: GaugeVec,
    objects: IntGaugeVec,
    failures: IntCounterVec,
    reads: IntCounterVec,
    refusals: IntCounterVec,
    certificate: IntGauge,
}

impl Metrics {
    /// All series, at zero.
    ///
    /// # Errors
    /// Two series of one name; a fault of this module.
    pub(crate) fn new() -> Result<Self, Error> {
        let to = Registry::new();
        let version = "multus_build_info";
        let about = Opts::new(version, "The version that runs.")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        register(&to, IntGauge::with_opts(about)?)?.set(1);
        Ok(Self {
            requests: counters(
                &to,
                "multus_server_request_total",
                "Counter of HTTP requests",
                &["handler", "code", "method"],
            )?,
            operations: counters(
                &to,
                "multus_operations_total",
                "CNI operations of pods, by how they ended.",
                &["operation", "outcome"],
            )?,
            phases: histograms(
                &to,
                "multus_phase_duration_seconds",
                "How long each part of a pod's CNI operation took.",
                &["operation", "phase"],
            )?,
            delegates: histograms(
                &to,
                "multus_delegate_duration_seconds",
                "How long the plugins of one attachment ran, by how they ended.",
                &["operation", "network", "plugin", "outcome"],
            )?,
            reports: counters(
                &to,
                "multus_configuration_reports_total",
                "What the keeper of the node's CNI configuration had to tell.",
                &["reason"],
            )?,
            renewals: counters(
                &to,
                "multus_certificate_renewals_total",
                "Attempts to renew the node's own client certificate, by how they ended.",
                &["outcome"],
            )?,
            lost_events: register(
                &to,
                IntCounter::new(
                    "multus_events_lost_total",
                    "Kubernetes events that were not posted because too many waited.",
                )?,
            )?,
            standing: StandingSeries::new(&to)?,
            process: Process::new(&to)?,
            last: Mutex::default(),
            names: Names::default(),
            registry: to,
        })
    }

    /// A request was answered.
    pub(crate) fn answered(&self, path: &str, code: u16, method: &Method) {
        let handler = HANDLERS.into_iter().find(|handler| *handler == path);
        let method = match *method {
            Method::GET => "get",
            Method::POST => "post",
            Method::PUT => "put",
            Method::HEAD => "head",
            Method::DELETE => "delete",
            Method::OPTIONS => "options",
            Method::CONNECT => "connect",
            Method::TRACE => "trace",
            Method::PATCH => "patch",
            _ => "unknown",
        };
        // HTTP has three digits, and hyper lets nothing else pass.
        let code = code.to_string();
        let labels = [handler.unwrap_or("NotFound"), &code, method];
        self.requests.with_label_values(&labels).inc();
    }

    /// An operation of a pod ended.
    pub(crate) fn ended(&self, operation: Operation, good: bool) {
        let labels = [operation.label(), outcome(good)];
        self.operations.with_label_values(&labels).inc();
    }

    /// So long took a part of an ADD.
    pub(crate) fn took(&self, phase: Phase, since: Instant) {
        self.phase(Operation::Add, phase)
            .observe(seconds(since.elapsed()));
    }

    /// What plugins did for a pod.
    pub(crate) fn ran(&self, operation: Operation, runs: &[Run]) {
        if runs.is_empty() {
            return;
        }
        let mut all = Duration::ZERO;
        for run in runs {
            let time = Duration::from_micros(run.micros);
            all = all.saturating_add(time);
            let Some(verb) = Operation::of(&run.verb) else {
                continue;
            };
            let (network, plugin) = self.names.bounded(&run.network, &run.plugin);
            let labels = [verb.label(), network, plugin, outcome(!run.failed)];
            self.delegates
                .with_label_values(&labels)
                .observe(seconds(time));
        }
        self.phase(operation, Phase::Delegate).observe(seconds(all));
    }

    /// The keeper told something.
    pub(crate) fn reported(&self, report: &Report) {
        self.reports.with_label_values(&[report.reason()]).inc();
    }

    /// The node's certificate was to be renewed.
    pub(crate) fn renewed(&self, good: bool) {
        self.renewals.with_label_values(&[outcome(good)]).inc();
    }

    /// An event will never be posted.
    pub(crate) fn lost_event(&self) {
        self.lost_events.inc();
    }

    /// All series as they are now, in Prometheus' text format.
    ///
    /// # Errors
    /// What the library says of its own series; a fault of this module.
    pub(crate) fn text(&self, standing: &Standing) -> Result<String, Error> {
        let now = Instant::now();
        self.standing.set(standing, now);
        self.process.look();
        let text = TextEncoder::new().encode_to_string(&self.registry.gather())?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, text.clone()));
        Ok(text)
    }

    /// What was said a moment before, where somebody asked: to list ledgers and write all this down again keeps pods waiting.
    pub(crate) fn recent(&self, now: Instant) -> Option<String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (then, text) = last.as_ref()?;
        (now.saturating_duration_since(*then) <= RECENT).then(|| text.clone())
    }

    fn phase(&self, operation: Operation, phase: Phase) -> Histogram {
        let phase = match phase {
            Phase::Queue => "queue",
            Phase::Plan => "plan",
            Phase::Delegate => "delegate",
            Phase::Status => "status",
        };
        self.phases.with_label_values(&[operation.label(), phase])
    }
}

/// What is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A pod is attached.
    Add,
    /// It is detached.
    Del,
    /// It is looked after.
    Check,
}

impl Operation {
    pub(crate) fn of(verb: &str) -> Option<Self> {
        [Self::Add, Self::Del, Self::Check]
            .into_iter()
            .find(|operation| operation.label() == verb)
    }

    fn label(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
            Self::Check => "CHECK",
        }
    }
}

impl StandingSeries {
    fn new(to: &Registry) -> Result<Self, Error> {
        let gauge = |name, help| register(to, IntGauge::new(name, help)?);
        Ok(Self {
            ready: gauge(
                "multus_ready",
                "1 where the node is ready: what /readyz says.",
            )?,
            inside: gauge(
                "multus_attachments_in_flight",
                "ADDs between plan and commit.",
            )?,
            waiting: gauge(
                "multus_attachments_waiting",
                "ADDs that wait for a place (connectionLimit).",
            )?,
            retries: gauge(
                "multus_retries_pending",
                "Containers that a DEL could not detach, and that are tried again.",
            )?,
            owed: gauge(
                "multus_statuses_pending",
                "Statuses that are to be written behind.",
            )?,
            events: gauge("multus_events_pending", "Events that are to be posted.")?,
            lacking: gauge(
                "multus_pods_without_networks",
                "Pods of the node that run without the networks that they ask for.",
            )?,
            before_ours: gauge(
                "multus_configurations_before_ours",
                "CNI configurations that sort before ours: a runtime that takes the first one never calls Multus.",
            )?,
            ledgers: gauge(
                "multus_ledger_entries",
                "Containers of the node with a ledger.",
            )?,
            age: register(
                to,
                GaugeVec::new(
                    Opts::new(
                        "multus_watch_age_seconds",
                        "How long ago the API last told something by a watch.",
                    ),
                    &["resource"],
                )?,
            )?,
            objects: register(
                to,
                IntGaugeVec::new(
                    Opts::new("multus_watch_objects", "Objects that a watch knows."),
                    &["resource"],
                )?,
            )?,
            certificate: gauge(
                "multus_certificate_expiry_timestamp_seconds",
                "When the node's own client certificate ends; 0 where there is none.",
            )?,
            failures: counters(
                to,
                "multus_watch_failures_total",
                "Lists and watches that failed.",
                &["resource"],
            )?,
            reads: counters(
                to,
                "multus_api_reads_total",
                "Objects read one by one because their watch did not know them.",
                &["resource"],
            )?,
            refusals: counters(
                to,
                "multus_api_refusals_total",
                "Reads, writes and events that the API refused for want of rights or credentials.",
                &["resource"],
            )?,
        })
    }

    fn set(&self, standing: &Standing, now: Instant) {
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.ready.set(i64::from(standing.ready));
        self.inside.set(whole(standing.inside));
        self.waiting.set(whole(standing.waiting));
        self.retries.set(whole(standing.retries));
        self.owed.set(whole(standing.owed));
        self.events.set(whole(standing.events));
        self.lacking.set(whole(standing.lacking));
        self.before_ours.set(whole(standing.before_ours));
        let until = standing.certificate.map(|validity| validity.until);
        let until = until.and_then(|until| until.duration_since(UNIX_EPOCH).ok());
        let until = until.map_or(0, |until| {
            i64::try_from(until.as_secs()).unwrap_or(i64::MAX)
        });
        self.certificate.set(until);
        if let Some(ledgers) = standing.ledgers {
            self.ledgers.set(whole(ledgers));
        }
        for (resource, refused) in &standing.refused {
            raise(&self.refusals, resource, refused.total);
        }
        for (resource, progress) in &standing.watches {
            let labels = [*resource];
            if let Some(heard) = progress.heard {
                let age = seconds(now.saturating_duration_since(heard));
                self.age.with_label_values(&labels).set(age);
            }
            self.objects
                .with_label_values(&labels)
                .set(whole(progress.objects));
            raise(&self.failures, resource, progress.failures);
            raise(&self.reads, resource, progress.reads);
        }
    }
}

/// Makes a counter what somebody else counted.
fn raise(series: &IntCounterVec, resource: &str, total: u64) {
    let series = series.with_label_values(&[resource]);
    series.inc_by(total.saturating_sub(series.get()));
}

fn register<C: prometheus::core::Collector + Clone + 'static>(
    to: &Registry,
    series: C,
) -> Result<C, Error> {
    to.register(Box::new(series.clone()))?;
    Ok(series)
}

fn counters(
    to: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, Error> {
    register(to, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn histograms(
    to: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<HistogramVec, Error> {
    let about = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
    register(to, HistogramVec::new(about, labels)?)
}

fn outcome(good: bool) -> &'static str {
    if good { "success" } else { "failure" }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

#[cfg(test)]
mod tests;
