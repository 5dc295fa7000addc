//! A node of a cluster: `multus` over a real Kubernetes API, in a Kubernetes namespace of its own, with the rights of a manifest;
//! in suites of the daemon, `multus-shim` with a daemon over it.

mod pods;
mod traces;

pub use pods::Pod;

use std::ops::Deref;
use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::apiserver::ApiServer;
use testkit::kube::{OURS, Rule, User};
use testkit::proxy::{Fault, Proxy};
use testkit::world::Relay;

use crate::multus::program;
use crate::node::Node;
use crate::node::daemon::{Planning, plans_here};

/// The annotation that tells what a pod got.
pub const NETWORK_STATUS: &str = "k8s.v1.cni.cncf.io/network-status";

/// The ServiceAccount of `multus`, in the namespace of the test.
const ACCOUNT: &str = "multus";

/// What a daemon may do beside, so that its watches work: each case names what an ADD needs.
const WATCH: [Rule; 2] = [
    Rule {
        groups: &[""],
        resources: &["pods"],
        verbs: &["list", "watch"],
    },
    Rule {
        groups: &["k8s.cni.cncf.io"],
        resources: &["network-attachment-definitions"],
        verbs: &["list", "watch"],
    },
];

/// A node of a cluster.
#[derive(Debug)]
pub struct ClusterNode {
    /// Ends before what it works with.
    daemon: Option<Planning>,
    /// How many requests of `multus`' there were before the test began.
    asked: usize,
    /// The API of its cluster.
    pub api: Api,
    /// Everything on it.
    pub node: Node,
    /// What stands between, if anything does.
    pub proxy: Option<Proxy>,
    /// The Kubernetes namespace of the test.
    pub namespace: String,
    /// What `multus` is given to find the API.
    pub kubeconfig: PathBuf,
    relay: Option<Relay>,
}

/// The API of a cluster.
#[derive(Debug)]
pub enum Api {
    /// That of all tests of a process.
    Shared(&'static ApiServer),
    /// One that a test may take down.
    Own(Box<ApiServer>),
}

impl ClusterNode {
    /// A node whose `multus` has the rights of our manifest.
    #[track_caller]
    pub fn new(name: &str) -> Self {
        Self::with_rights(name, OURS)
    }

    /// A node whose `multus` has these rights.
    #[track_caller]
    pub fn with_rights(name: &str, rights: &[Rule]) -> Self {
        Self::shared(name, rights, false)
    }

    /// A node whose `multus` reaches the API through a proxy.
    #[track_caller]
    pub fn behind_proxy(name: &str) -> Self {
        Self::shared(name, OURS, true)
    }

    /// The same, with these rights.
    #[track_caller]
    pub fn behind_proxy_with_rights(name: &str, rights: &[Rule]) -> Self {
        Self::shared(name, rights, true)
    }

    /// A node whose API no other test uses, so that it can be taken down.
    #[track_caller]
    pub fn with_api_of_its_own(name: &str) -> Self {
        Self::with_api_of_its_own_and_rights(name, OURS)
    }

    /// The same, with these rights.
    #[track_caller]
    pub fn with_api_of_its_own_and_rights(name: &str, rights: &[Rule]) -> Self {
        let node = Node::of_cluster();
        let directory = node.world.directory().join("api");
        let api = ApiServer::start(&directory).expect("an API server runs");
        api.client()
            .apply_definition_crd()
            .expect("definitions can be made known");
        Self::build(Api::Own(Box::new(api)), node, name, rights, false)
    }

    #[track_caller]
    fn shared(name: &str, rights: &[Rule], proxied: bool) -> Self {
        let api = ApiServer::shared().expect("the API server runs");
        Self::build(Api::Shared(api), Node::of_cluster(), name, rights, proxied)
    }

    #[track_caller]
    fn build(api: Api, node: Node, name: &str, rights: &[Rule], proxied: bool) -> Self {
        let client = api.client();
        let namespace = client
            .new_namespace(name)
            .expect("namespaces can be created");
        let watches: &[Rule] = if plans_here() { &WATCH } else { &[] };
        client
            .bind_role(&namespace, ACCOUNT, &[rights, watches].concat())
            .expect("rights can be granted");
        let proxy = proxied.then(|| Proxy::start(&api).expect("a proxy can be started"));
        let address = proxy.as_ref().map_or(api.address(), Proxy::address);
        let relay = node
            .world
            .relay(address)
            .expect("the API can be reached from inside");
        let kubeconfig = node.world.directory().join("kubeconfig");
        let mut made = Self {
            daemon: None,
            asked: 0,
            api,
            node,
            proxy,
            namespace,
            kubeconfig,
            relay: Some(relay),
        };
        made.write_kubeconfig(&User::Token(made.token()));
        if plans_here() {
            made.let_a_daemon_plan();
        }
        made
    }

    /// Behind a proxy the daemon is told of nothing, so that it asks as `multus` does, and can be refused.
    #[track_caller]
    fn let_a_daemon_plan(&mut self) {
        if let Some(proxy) = &self.proxy {
            proxy.every("GET", "watch=true", Fault::Stall);
        }
        self.daemon = Some(Planning::start(&self.node.place(), &self.kubeconfig));
        self.node.multus = program("multus-shim");
        self.asked = self.requests().len();
    }

    /// Waits until everything is told that no ADD waits for.
    #[track_caller]
    fn settle(&self) {
        if let Some(daemon) = &self.daemon {
            daemon.settle();
        }
    }

    /// A token of `multus`' ServiceAccount.
    #[track_caller]
    pub fn token(&self) -> String {
        let token = self.api.client().token(&self.namespace, ACCOUNT);
        token.expect("the API grants tokens")
    }

    /// Who `multus` is to the API.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{ACCOUNT}", self.namespace)
    }

    /// The URL under which the node reaches the API.
    pub fn url(&self) -> String {
        let proxied = self.proxy.as_ref().map(Proxy::url);
        proxied.unwrap_or_else(|| self.api.url().to_owned())
    }

    /// Makes `multus` this user.
    #[track_caller]
    pub fn write_kubeconfig(&self, user: &User) {
        let (server, ca) = (self.url(), self.api.ca());
        testkit::kube::Kubeconfig {
            server: &server,
            ca,
            user,
        }
        .write(&self.kubeconfig)
        .expect("a kubeconfig can be written");
    }

    /// The proxy that the node was made with.
    #[track_caller]
    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().expect("this node has a proxy")
    }

    /// From now on the node's connections to the API are refused.
    pub fn cut_off(&mut self) {
        self.relay = None;
    }

    /// The configuration of `multus` with these delegates.
    pub fn conf(&self, delegates: &[Value]) -> Value {
        let mut conf = self.node.conf(delegates);
        let keys = conf.as_object_mut().expect("a configuration is an object");
        keys.remove("manifestDir");
        self.let_plan(&mut conf);
        conf
    }

    /// Says in a configuration of `multus` who plans.
    pub fn let_plan(&self, conf: &mut Value) {
        match &self.daemon {
            Some(daemon) => {
                conf["daemonSocketDir"] = json!(daemon.run);
                conf["logToStderr"] = json!(true);
            }
            None => conf["kubeconfig"] = json!(self.kubeconfig),
        }
    }

    /// The configuration of `multus` with a scripted default network.
    pub fn scripted_conf(&self) -> Value {
        self.conf(&[self.scripted("cluster", "10.9.0.2/24")])
    }

    /// The same, with little patience: for an API that never answers as it should.
    pub fn impatient_conf(&self) -> Value {
        let mut conf = self.scripted_conf();
        conf["timeouts"] = json!({"api": "2s", "add": "10s"});
        conf
    }

    /// A network of the scripted plugin: a link with this address.
    pub fn scripted(&self, name: &str, address: &str) -> Value {
        let interface = json!({"name": "${CNI_IFNAME}", "sandbox": "${CNI_NETNS}"});
        let result =
            json!({"interfaces": [interface], "ips": [{"address": address, "interface": 0}]});
        json!({
            "cniVersion": "1.0.0",
            "name": name,
            "type": "scripted",
            "script": {"create_link": true, "record": self.record(), "result": result},
        })
    }

    /// A file in the node's scratch folder.
    #[track_caller]
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.node.world.directory().join(name);
        std::fs::write(&path, text).expect("files can be written");
        path
    }
}

impl Deref for Api {
    type Target = ApiServer;

    fn deref(&self) -> &ApiServer {
        match self {
            Self::Shared(api) => api,
            Self::Own(api) => api,
        }
    }
}

impl Deref for ClusterNode {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}
