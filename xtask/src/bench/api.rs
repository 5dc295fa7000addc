//! The Kubernetes API of the bench: a real server, with the pods and definitions of all scenarios.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::apiserver::{ApiServer, AuditEvent};
use testkit::kube::{DAEMON, OURS};

use super::client::{Request, Server, Session};
use super::run::Measured;
use super::scenario::{self, POD, Scenario};
use super::statistics::milliseconds;

/// Where the accounts are.
const NAMESPACE: &str = "bench";
/// The account of what is measured.
const MULTUS: &str = "multus";
/// The account of the daemon.
const THICK: &str = "daemon";
/// The account of the minimal client.
const CLIENT: &str = "client";

const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";
const STATUS: &str = "k8s.v1.cni.cncf.io/network-status";
const DEFINITIONS: &str = "/apis/k8s.cni.cncf.io/v1";

/// A running API.
#[derive(Debug)]
pub(super) struct Api {
    server: ApiServer,
    client: Server,
    /// What `multus` is given.
    pub(super) kubeconfig: PathBuf,
    /// What the daemon is given.
    pub(super) daemon_kubeconfig: PathBuf,
    /// The pods' UIDs, one for each scenario.
    uids: Vec<String>,
}

/// How many requests one ADD makes, as the server's audit log has them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Requests {
    pub(super) pods: f64,
    pub(super) definitions: f64,
    pub(super) patches: f64,
    pub(super) events: f64,
    pub(super) others: f64,
}

impl Api {
    /// Starts it and creates everything.
    pub(super) fn start(home: &Path, scenarios: &[Scenario]) -> Result<Self> {
        let server = ApiServer::start(&home.join("api"))?;
        let admin = server.client();
        admin.apply_definition_crd()?;
        admin.create_namespace(NAMESPACE)?;
        for account in [MULTUS, CLIENT] {
            admin.bind_role(NAMESPACE, account, OURS)?;
        }
        admin.bind_role(NAMESPACE, THICK, DAEMON)?;
        let mut uids = Vec::new();
        for scenario in scenarios {
            admin.create_namespace(&scenario.namespace)?;
            let networks = scenario.annotation();
            let wanted = [(NETWORKS, networks.as_str())];
            let annotations = if scenario.extra == 0 {
                &[][..]
            } else {
                &wanted
            };
            uids.push(admin.create_pod(&scenario.namespace, POD, annotations)?);
            for conf in scenario.networks.iter().skip(1) {
                let name = scenario::name(conf);
                admin.create_definition(&scenario.namespace, name, &conf.to_string(), &[])?;
            }
        }
        let client = Server {
            address: server.address(),
            authority: server.ca().to_owned(),
            token: admin.token(NAMESPACE, CLIENT)?,
        };
        Ok(Self {
            kubeconfig: server.kubeconfig_for(NAMESPACE, MULTUS)?,
            daemon_kubeconfig: server.kubeconfig_for(NAMESPACE, THICK)?,
            server,
            client,
            uids,
        })
    }

    /// The UID of a scenario's pod.
    pub(super) fn uid(&self, scenario: usize) -> &str {
        self.uids.get(scenario).map_or("", String::as_str)
    }

    /// Takes the status off the pod, so that writing it is a change. The server would not store what it has already.
    pub(super) fn forget_status(&self, scenario: &Scenario) -> Result<()> {
        let path = format!("{}/status", pod(&scenario.namespace));
        let patch = json!({"metadata": {"annotations": {STATUS: Value::Null}}});
        self.server.client().patch(&path, &patch).map(drop)
    }

    /// Creates pods that ask for the same as a scenario's; their names.
    pub(super) fn more_pods(&self, scenario: &Scenario, count: usize) -> Result<Vec<String>> {
        let networks = scenario.annotation();
        let names = (0..count).map(|number| format!("loop-{number}"));
        names
            .map(|name| {
                let wanted = [(NETWORKS, networks.as_str())];
                self.server
                    .client()
                    .create_pod(&scenario.namespace, &name, &wanted)?;
                Ok(name)
            })
            .collect()
    }

    /// The requests of an ADD, for the minimal client. They carry the status that `multus` has written.
    pub(super) fn session(&self, index: usize, scenario: &Scenario) -> Result<Session> {
        let status = self
            .server
            .client()
            .annotation(&scenario.namespace, POD, STATUS)
            .with_context(|| format!("read the status of {}", scenario.namespace))?;
        let get = |path: String| Request {
            method: "GET",
            path,
            accept: "application/json",
            content_type: None,
            body: String::new(),
        };
        let mut requests = vec![get(pod(&scenario.namespace))];
        requests.extend(scenario.networks.iter().skip(1).map(|conf| {
            get(format!(
                "{DEFINITIONS}/namespaces/{}/network-attachment-definitions/{}",
                scenario.namespace,
                scenario::name(conf)
            ))
        }));
        let metadata = json!({"uid": self.uid(index), "annotations": {STATUS: status}});
        requests.push(Request {
            method: "PATCH",
            path: format!("{}/status", pod(&scenario.namespace)),
            accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json",
            content_type: Some("application/merge-patch+json"),
            body: json!({"metadata": metadata}).to_string(),
        });
        Ok(Session::new(&self.client, &requests))
    }

    /// What the audit log has about the ADDs of each scenario.
    pub(super) fn requests(
        &self,
        scenarios: &[Scenario],
        measured: &Measured,
    ) -> Result<Vec<Requests>> {
        let user = format!("system:serviceaccount:{NAMESPACE}:{MULTUS}");
        let log = self.server.audit()?;
        let ours: Vec<&AuditEvent> = log.iter().filter(|event| event.user == user).collect();
        let count = |(index, scenario): (usize, &Scenario)| {
            let adds = measured.api_adds.get(index).copied().unwrap_or_default();
            let mut requests = Requests::default();
            for event in ours
                .iter()
                .filter(|event| event.namespace == scenario.namespace)
            {
                *requests.kind(event) += 1.0 / adds.max(1) as f64;
            }
            requests
        };
        Ok(scenarios.iter().enumerate().map(count).collect())
    }

    /// How long the server took for each status that the daemon wrote for a scenario's pod, in milliseconds, in the order of its
    /// ADDs.
    pub(super) fn status_times(&self, scenario: &Scenario) -> Result<Vec<f64>> {
        let user = format!("system:serviceaccount:{NAMESPACE}:{THICK}");
        let is_status = |event: &&AuditEvent| {
            event.user == user
                && event.verb == "patch"
                && event.namespace == scenario.namespace
                && event.name == POD
        };
        let log = self.server.audit()?;
        let times = log.iter().filter(is_status);
        Ok(times.map(|event| milliseconds(event.took)).collect())
    }
}

impl Requests {
    fn kind(&mut self, event: &AuditEvent) -> &mut f64 {
        match (event.verb.as_str(), event.resource.as_str()) {
            ("get", "pods") => &mut self.pods,
            ("get", "network-attachment-definitions") => &mut self.definitions,
            ("patch", "pods") => &mut self.patches,
            ("create", "events") => &mut self.events,
            _ => &mut self.others,
        }
    }
}

fn pod(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods/{POD}")
}
