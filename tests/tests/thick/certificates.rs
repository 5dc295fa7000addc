//! A client certificate for each node (B6.80–B6.86), over a real API with its real signer.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use suites::multus::program;
use suites::node::read_json;
use suites::scene::until;
use suites::thick::{ThickNode, answer};
use testkit::apiserver::Signer;
use testkit::kube::{DAEMON, Kubeconfig, NODE, Rule, User};

const SIGNER: &str = "kubernetes.io/kube-apiserver-client";

/// What a node's Multus may do to get its next certificate.
const REQUESTS: &[Rule] = &[Rule {
    groups: &["certificates.k8s.io"],
    resources: &["certificatesigningrequests"],
    verbs: &["create", "get"],
}];

/// A node whose daemon has a certificate of the node, and credentials of the kubelet's to get it.
pub(crate) struct Certified {
    pub(crate) node: ThickNode,
    certificates: PathBuf,
    /// The kubeconfig that asks for certificates.
    pub(crate) bootstrap: PathBuf,
}

impl Certified {
    #[track_caller]
    fn new(name: &str) -> Self {
        Self::on(ThickNode::new(name))
    }

    #[track_caller]
    pub(crate) fn on(node: ThickNode) -> Self {
        let place = |name: &str| node.world.directory().join(name);
        let (bootstrap, certificates) = (place("bootstrap.kubeconfig"), place("certs"));
        let mut config = read_json(&node.config);
        config["perNodeCertificate"] = json!({
            "enabled": true,
            "bootstrapKubeconfig": bootstrap,
            "certDir": certificates,
            "certDuration": "10m",
        });
        fs::write(&node.config, config.to_string()).unwrap();
        let kubelet = node
            .api
            .certificate_for(&format!("system:node:{NODE}"), "system:nodes");
        let (server, ca) = (node.url(), node.api.ca());
        Kubeconfig {
            server: &server,
            ca,
            user: &User::Certificate(kubelet.unwrap()),
        }
        .write(&bootstrap)
        .unwrap();
        // The daemon's own kubeconfig leads nowhere: nothing of it is used.
        fs::write(&node.kubeconfig, "").unwrap();
        let client = node.api.client();
        let rules = [DAEMON, REQUESTS].concat();
        client
            .bind_group(&node.namespace, "system:multus", &rules)
            .unwrap();
        Self {
            node,
            certificates,
            bootstrap,
        }
    }

    pub(crate) fn sign(&self, lifetime: u64) -> Signer {
        self.node
            .api
            .sign_requests(Duration::from_secs(lifetime))
            .unwrap()
    }

    /// The file that the link leads to.
    pub(crate) fn current(&self) -> Option<PathBuf> {
        fs::read_link(self.certificates.join("multus-client-current.pem")).ok()
    }

    /// How many certificates were asked for.
    fn requests(&self) -> usize {
        let path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
        let list = self.node.api.client().get(path).unwrap();
        list["items"].as_array().map_or(0, Vec::len)
    }

    /// Approves whatever asks, while `work` is done.
    #[track_caller]
    pub(crate) fn approving<T>(&self, work: impl FnOnce() -> T) -> T {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let _api_may_be_busy = self.node.api.approve_requests(SIGNER);
                    thread::sleep(Duration::from_millis(100));
                }
            });
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            is_over.store(true, Ordering::Relaxed);
            done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

#[test]
fn certificates_are_renewed_again_and_again_and_no_attachment_fails_meanwhile() {
    // B6.81, B6.82, B6.84; what users report: a rotation that leaves a moment without certificate
    // Signers of other tests would give it more time.
    let certified = Certified::on(ThickNode::with_api_of_its_own("certs-rotation"));
    let node = &certified.node;
    let _signer = certified.sign(60);
    certified.approving(|| {
        let daemon = node.started();
        let conf = node.generated();
        node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
        let mut seen = BTreeSet::new();
        let mut attached = 0;
        let end = Instant::now() + Duration::from_secs(300);
        while seen.len() < 3 {
            let pod = node.pod(&format!("web-{attached}"), "net-a");
            node.add(&pod, &conf).good();
            node.del(&pod, &conf);
            attached += 1;
            seen.extend(certified.current());
            assert!(Instant::now() < end, "{seen:?}");
            thread::sleep(Duration::from_millis(100));
        }
        let (_, ready) = node.ask("/readyz").unwrap();
        assert!(ready.contains("\n[+]certificate: good for "), "{ready}");
        let (_, metrics) = node.ask("/metrics").unwrap();
        assert!(
            !metrics.contains("multus_certificate_renewals_total{outcome=\"failure\"}"),
            "{metrics}"
        );
        assert!(
            !metrics.contains("multus_certificate_expiry_timestamp_seconds 0\n"),
            "{metrics}"
        );
        let log = daemon.stop().stderr_text();
        assert!(!log.contains("401 Unauthorized"), "{log}");
    });
    let user = format!("system:multus:{NODE}");
    let patched = node.api.audit().unwrap();
    let patched = patched
        .iter()
        .filter(|event| event.verb == "patch" && event.user == user);
    assert!(patched.count() > 0);
}

#[test]
fn a_certificate_reaches_the_disk_on_a_thread_that_nobody_waits_for() {
    // The daemon's one thread plans for everybody.
    let certified = Certified::new("certs-disk");
    let node = &certified.node;
    let _signer = certified.sign(3600);
    let trace = node.world.directory().join("trace");
    let traced = node.world.command("strace");
    let traced = traced
        // It watches from aside, and signals reach the daemon.
        .args(["-D", "-f", "-y", "-e", "trace=execve,fsync,fdatasync", "-o"])
        .arg(&trace)
        .arg(program("multus-daemon"));
    let daemon = certified.approving(|| {
        let daemon = node.start_by(traced);
        node.until_ready();
        daemon
    });
    daemon.stop();
    let trace = fs::read_to_string(trace).unwrap();
    let thread = |line: &str| line.split(' ').next().unwrap().to_owned();
    let first = thread(trace.lines().next().unwrap());
    let certificates = certified.certificates.to_string_lossy().into_owned();
    let syncs: Vec<&str> = trace
        .lines()
        .filter(|line| line.contains("sync(") && line.contains(&certificates))
        .collect();
    assert!(syncs.len() >= 2, "{trace}");
    assert!(syncs.iter().all(|line| thread(line) != first), "{syncs:#?}");
}

#[test]
fn a_daemon_that_starts_again_goes_on_with_the_certificate_that_is_there() {
    // B6.83, row 48
    let certified = Certified::new("certs-again");
    let node = &certified.node;
    let signer = certified.sign(3600);
    certified.approving(|| node.started().stop());
    let first = certified.current().unwrap();
    drop(signer);

    let daemon = node.started();

    let pod = node.pod("web", "");
    node.add(&pod, &node.generated()).good();
    assert_eq!(certified.current().unwrap(), first);
    daemon.stop();
}

#[test]
fn a_certificate_that_is_no_good_any_more_is_replaced_with_the_kubelets_credentials() {
    // B6.83
    let certified = Certified::new("certs-broken");
    let node = &certified.node;
    let _signer = certified.sign(3600);
    certified.approving(|| {
        node.started().stop();
        let current = certified.certificates.join("multus-client-current.pem");
        fs::remove_file(&current).unwrap();
        fs::write(&current, "half of a").unwrap();
        let daemon = node.started();
        let pod = node.pod("web", "");
        node.add(&pod, &node.generated()).good();

        // And while it runs.
        let before = certified.current();
        fs::remove_file(&current).unwrap();
        until("there is another certificate", || {
            certified.current().is_some_and(|now| Some(now) != before)
        });
        let pod = node.pod("web-2", "");
        node.add(&pod, &node.generated()).good();
        daemon.stop();
    });
}

#[test]
fn without_anybody_who_approves_the_daemon_says_what_it_waits_for_and_can_be_ended() {
    // B6.85
    // Other tests approve what they find.
    let certified = Certified::on(ThickNode::with_api_of_its_own("certs-nobody"));
    let node = &certified.node;
    let daemon = node.start();
    until("a certificate is asked for", || certified.requests() > 0);
    let what = "the node's first certificate is waited for: certificate signing request ";
    until("it says so", || {
        let line = format!("[-]certificate: {what}");
        let ready = node.ask("/readyz").unwrap_or_default();
        ready.0 == 503 && ready.1.starts_with(&line) && ready.1.ends_with(" is not approved yet\n")
    });
    assert_eq!(node.ask("/healthz").unwrap(), (200, String::new()));
    let mut conf = node.conf(&[]);
    conf["type"] = json!("multus-shim");
    conf["daemonSocketDir"] = json!(node.run);
    conf["clusterNetwork"] = json!(node.primaries.join("10-cluster.conf"));
    let pod = node.annotated_pod("web", &[]);
    let not_ready = format!("the daemon is not ready: {what}");
    node.status_call(&pod, &conf).refused(50, &[&not_ready]);
    conf["timeouts"] = json!({"add": "8s"});
    node.add(&pod, &conf)
        .refused(11, &[&not_ready, "; waited "]);
    let ended = daemon.stop();
    assert!(ended.status.success());
    let log = ended.stderr_text();
    assert!(
        log.contains("asking for the node's first certificate"),
        "{log}"
    );
    assert!(log.contains(what), "{log}");
    assert!(!node.socket().exists());
}

#[test]
fn what_is_missing_for_certificates_ends_the_start() {
    // B6.80
    let node = ThickNode::with(
        "certs-settings",
        &json!({"perNodeCertificate": {"enabled": true, "certDir": "/c"}}),
    );
    let ended = node.start().0.wait().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let text = "perNodeCertificate.bootstrapKubeconfig names no file";
    assert!(
        ended.stderr_text().contains(text),
        "{}",
        ended.stderr_text()
    );
}

#[test]
fn a_certificate_that_ended_is_replaced_with_the_kubelets_credentials_once_somebody_approves() {
    // B6.83; nobody approved for longer than the certificate was good
    let certified = Certified::on(ThickNode::with_api_of_its_own("certs-ended"));
    let node = &certified.node;
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let _signer = certified.sign(20);
    let mut daemon = certified.approving(|| {
        let daemon = node.started();
        let first = node.pod("first", "net-a");
        node.add(&first, &node.generated()).good();
        daemon
    });
    let conf = node.generated();
    until("the certificate has ended", || {
        let text = node.ask("/readyz").unwrap_or_default().1;
        text.contains("certificate: none that is good")
    });
    // The node stays ready, and a pod without networks of its own starts.
    assert_eq!(node.ask("/readyz").unwrap().0, 200);
    let refused = node.pod("refused", "net-a");
    let before = node.snapshot();
    node.add(&refused, &conf).error();
    node.nothing_left(&before, &[]);

    certified.approving(|| {
        until("there is a certificate again", || {
            let text = node.ask("/readyz").unwrap_or_default().1;
            text.contains("certificate: good for ")
        });
        node.add(&refused, &conf).good();
        assert_eq!(node.attachments_of(&refused).len(), 2);
    });
    assert!(daemon.0.is_running().unwrap());
}

#[test]
fn who_waits_for_a_first_certificate_leaves_its_predecessor_the_socket_and_is_no_daemon_for_plain_pods()
 {
    let certified = Certified::on(ThickNode::with_api_of_its_own("certs-surge"));
    let node = &certified.node;
    let mut config = read_json(&node.config);
    config["plainPodsWithoutDaemon"] = json!(true);
    fs::write(&node.config, config.to_string()).unwrap();
    let _signer = certified.sign(3600);
    let first = certified.approving(|| node.started());
    let conf = node.generated();
    // Nobody approves any more.
    config["perNodeCertificate"]["certDir"] = json!(node.world.directory().join("certs-2"));
    fs::write(&node.config, config.to_string()).unwrap();

    let second = node.start();

    until("a certificate is asked for", || certified.requests() > 1);
    assert_eq!(node.ask("/readyz").unwrap().0, 200);
    node.add(&node.pod("before", ""), &conf).good();
    first.stop();
    let what = "the node's first certificate is waited for: certificate signing request ";
    let is_told = || {
        let (status, text) = node.ask("/readyz").unwrap_or_default();
        status == 503 && text.contains(what)
    };
    until("the second one says what it waits for", is_told);
    // As upstream's daemon does when it ends.
    fs::remove_file(node.socket()).unwrap();
    until("its socket is there again", is_told);
    let told = |annotations: Value| {
        let mut conf = conf.clone();
        conf["runtimeConfig"] = json!({"io.kubernetes.cri.pod-annotations": annotations});
        conf["timeouts"] = json!({"add": "20s"});
        conf
    };
    let (plain, other) = (
        node.annotated_pod("web", &[]),
        node.annotated_pod("other", &[]),
    );
    let named = json!({"k8s.v1.cni.cncf.io/networks": "net-a"});
    let refused = node.begin_add(&other, &told(named));

    let result = node.add(&plain, &told(json!({}))).result();

    assert_eq!(result["ips"][0]["address"], "10.9.0.2/24", "{result}");
    answer(refused).refused(11, &[what, "without which the pod cannot start: "]);
    second.stop();
}
