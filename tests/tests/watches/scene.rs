//! The watches of a node, and the API that they are of.

use std::fs;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use cluster::{ClusterError, Limits, Live, Lookup, Observer, WatchOptions, Watches};
use serde_json::json;
use tempfile::TempDir;
use testkit::apiserver::ApiServer;
use testkit::kube::{NODE, Rule, wait};
use testkit::proxy::Proxy;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// What a daemon may read.
const RIGHTS: &[Rule] = &[
    Rule {
        groups: &[""],
        resources: &["pods"],
        verbs: &["get", "list", "watch"],
    },
    Rule {
        groups: &["k8s.cni.cncf.io"],
        resources: &["network-attachment-definitions"],
        verbs: &["get", "list", "watch"],
    },
];

const ACCOUNT: &str = "multus";

/// What the requests of the pods' watch have in their paths, and those of no list.
pub(crate) const POD_WATCH: &str = "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode&watch=true";

/// Nothing here takes so long, however busy the machine is.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The watches of a node.
pub(crate) struct Scene<'a> {
    pub(crate) api: &'a ApiServer,
    pub(crate) proxy: Proxy,
    /// The namespace of the test.
    pub(crate) namespace: String,
    pub(crate) told: Arc<Told>,
    handle: Handle,
    directory: TempDir,
    watches: Option<Watches>,
    /// Dropped, it ends the runtime.
    _runtime: oneshot::Sender<()>,
}

/// What the observer was told.
#[derive(Default)]
pub(crate) struct Told(pub(crate) Mutex<Vec<String>>);

impl Observer for Told {
    fn listed(&self, what: &str, _objects: usize) {
        self.0.lock().unwrap().push(format!("listed {what}"));
    }

    fn failed(&self, error: &ClusterError, _pause: Duration) {
        self.0.lock().unwrap().push(error.to_string());
    }
}

impl<'a> Scene<'a> {
    /// A node whose watches are not started yet, with a proxy before the API.
    pub(crate) fn new(api: &'a ApiServer, name: &str) -> Self {
        let client = api.client();
        let namespace = client.new_namespace(name).unwrap();
        client.bind_role(&namespace, ACCOUNT, RIGHTS).unwrap();
        let (stop, stopped) = oneshot::channel();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        thread::spawn(move || runtime.block_on(stopped));
        let scene = Self {
            api,
            proxy: Proxy::start(api).unwrap(),
            namespace,
            told: Arc::default(),
            handle,
            directory: tempfile::tempdir().unwrap(),
            watches: None,
            _runtime: stop,
        };
        scene.write("ca.crt", api.ca());
        scene.write("token", &scene.token());
        scene.write(
            "kubeconfig",
            &format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
                 contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
                 clusters: [{{name: c, cluster: {{server: '{}', certificate-authority: ca.crt}}}}]\n\
                 users: [{{name: u, user: {{tokenFile: token}}}}]\n",
                scene.proxy.url()
            ),
        );
        scene
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// A fresh token.
    pub(crate) fn token(&self) -> String {
        self.api.client().token(&self.namespace, ACCOUNT).unwrap()
    }

    /// Starts the watches.
    pub(crate) fn start(&mut self, silence: Duration) {
        let path = self.directory.path().join("kubeconfig");
        let live = Live::from_kubeconfig(&path, Limits::default(), &self.handle).unwrap();
        let options = WatchOptions {
            node: Some(NODE.to_owned()),
            silence,
            ..WatchOptions::default()
        };
        let observer: Arc<dyn Observer> = Arc::clone(&self.told) as _;
        let _runtime = self.handle.enter();
        self.watches = Some(Watches::start(&Arc::new(live), &options, &observer).unwrap());
    }

    /// Starts the watches, and waits until they know everything.
    pub(crate) fn started(&mut self) {
        self.start(Duration::from_secs(150));
        let watches = self.watches();
        let deadline = Instant::now() + LIMIT;
        assert!(self.wait(watches.pods().synced(deadline)));
        assert!(self.wait(watches.definitions().synced(deadline)));
        wait::until_true("the watches to begin", LIMIT, || {
            let (pods, definitions) = (watches.pods(), watches.definitions());
            Ok(pods.progress().watches > 0 && definitions.progress().watches > 0)
        })
        .unwrap();
    }

    pub(crate) fn watches(&self) -> &Watches {
        self.watches.as_ref().unwrap()
    }

    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }

    /// Creates a pod on the node, and returns its UID.
    pub(crate) fn create_pod(&self, name: &str) -> String {
        self.api
            .client()
            .create_pod(&self.namespace, name, &[])
            .unwrap()
    }

    /// Creates a pod on another node.
    pub(crate) fn create_pod_elsewhere(&self, name: &str) {
        let client = self.api.client();
        let container = json!({"name": "main", "image": "none.invalid/none"});
        let spec = json!({"nodeName": "elsewhere", "automountServiceAccountToken": false, "containers": [container]});
        let metadata = json!({"namespace": self.namespace, "name": name});
        client
            .create(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}))
            .unwrap();
    }

    /// Whether the watch tells of this pod, in time.
    #[track_caller]
    pub(crate) fn appears(&self, name: &str, uid: &str) {
        let pods = self.watches().pods();
        let accept = |pod: &_| is(pod, uid);
        let deadline = Instant::now() + LIMIT;
        let found = self.wait(pods.wait(&self.namespace, name, accept, deadline));
        assert!(found.is_some(), "{:?}, {:?}", pods, self.told.0);
    }

    /// Waits until the watch says that there is no such pod (any more).
    #[track_caller]
    pub(crate) fn vanishes(&self, name: &str) {
        let pods = self.watches().pods();
        wait::until_true("a pod to be absent", LIMIT, || {
            Ok(pods.get(&self.namespace, name) == Lookup::Absent)
        })
        .unwrap();
    }
}

fn is(pod: &plan::Pod, uid: &str) -> bool {
    pod.reference.uid == uid
}
