//! What the watches of a large node keep in memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test from its first line to its last"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use cluster::{ClusterError, Limits, Live, Observer, WatchOptions, Watches};
use peak_alloc::PeakAlloc;
use tokio::runtime::{Builder, Handle};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const PODS: usize = 1000;
const DEFINITIONS: usize = 5000;
const PAGE: usize = 100;

/// What both watches may keep: 1 KB for each pod, 300 bytes for each definition, 2 MB of contents, and what a client needs.
const MOST: usize = PODS * 1000 + DEFINITIONS * 300 + (2 << 20) + (1 << 20);

/// A pod as a kubelet writes it: 15 KB, more than half of it `managedFields`.
fn pod(number: usize) -> String {
    let fields = r#"{"f:metadata":{"f:annotations":{".":{},"f:k8s.v1.cni.cncf.io/networks":{}}}}"#;
    let fields = vec![fields; 100].join(",");
    let variable = r#"{"name":"SOME_VARIABLE_OF_A_CONTAINER","value":"some value of it"}"#;
    let variables = vec![variable; 90].join(",");
    format!(
        r#"{{"metadata":{{"namespace":"team-{}","name":"web-7d9c5b8f6d-{number:05}",
        "uid":"6f9619ff-8b86-d011-b42d-00cf4fc9{number:04}","resourceVersion":"{number}1",
        "annotations":{{"k8s.v1.cni.cncf.io/networks":"team-net-a,team-net-b","checksum/config":"0123456789abcdef"}},
        "managedFields":[{fields}]}},
        "spec":{{"nodeName":"node-1.example.com","containers":[{{"name":"main","env":[{variables}]}}]}},
        "status":{{"phase":"Running","podIP":"10.0.0.1"}}}}"#,
        number % 50
    )
}

fn definition(number: usize) -> String {
    let config = r#"{\"cniVersion\":\"1.0.0\",\"type\":\"macvlan\",\"master\":\"eth1\",\"ipam\":{\"type\":\"whereabouts\"}}"#;
    let padding = " ".repeat(700);
    format!(
        r#"{{"metadata":{{"namespace":"team-{}","name":"team-net-{number}","resourceVersion":"{number}1",
        "managedFields":[{{"fieldsV1":{{"f:spec":{{"f:config":{{}}}}}}}}]}},"spec":{{"config":"{config}{padding}"}}}}"#,
        number % 500
    )
}

/// A page of a list, by the beginning that its request asks for.
fn page(path: &str) -> String {
    let begin = path.split("continue=").nth(1).unwrap_or("0");
    let begin: usize = begin.parse().unwrap();
    let (all, object): (usize, fn(usize) -> String) = if path.contains("/pods?") {
        (PODS, pod)
    } else {
        (DEFINITIONS, definition)
    };
    let end = begin + PAGE;
    let items: Vec<String> = (begin..end).map(object).collect();
    let next = if end < all {
        end.to_string()
    } else {
        String::new()
    };
    format!(
        r#"{{"metadata":{{"resourceVersion":"9","continue":"{next}"}},"items":[{}]}}"#,
        items.join(",")
    )
}

/// Answers lists, and lets watches wait.
fn serve(client: TcpStream) {
    let mut client = BufReader::new(client);
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            if client.read_line(&mut request).unwrap_or(0) == 0 {
                return;
            }
        }
        let path = request.split(' ').nth(1).unwrap();
        let answer = if path.contains("watch=true") {
            "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n".to_owned()
        } else {
            let body = page(path);
            format!(
                "HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        client.get_mut().write_all(answer.as_bytes()).unwrap();
    }
}

struct Silent;

impl Observer for Silent {
    fn listed(&self, _what: &str, _objects: usize) {}
    fn failed(&self, error: &ClusterError, _pause: Duration) {
        panic!("{error}");
    }
}

#[test]
fn a_large_node_of_a_large_cluster_is_kept_in_few_megabytes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || serve(client));
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();

    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let live = Live::from_kubeconfig(&path, Limits::default(), &Handle::current()).unwrap();
        let (live, observer): (_, Arc<dyn Observer>) = (Arc::new(live), Arc::new(Silent));
        let before = MEMORY.current_usage();
        let options = WatchOptions {
            node: Some("node-1.example.com".to_owned()),
            ..WatchOptions::default()
        };
        let watches = Watches::start(&live, &options, &observer).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        assert!(watches.pods().synced(deadline).await);
        assert!(watches.definitions().synced(deadline).await);
        // The answers to both watches arrive, so that no list is in memory any more.
        while watches.pods().progress().watches + watches.definitions().progress().watches < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let after = MEMORY.current_usage();

        let (pods, definitions) = (watches.pods().progress(), watches.definitions().progress());
        let used = after - before;
        let text = format!(
            "{} pods with {} KB of content, {} definitions with {} KB of content: {} KB",
            pods.objects,
            pods.bytes / 1000,
            definitions.objects,
            definitions.bytes / 1000,
            used / 1000
        );
        println!("{text}");
        assert_eq!((pods.objects, definitions.objects), (PODS, DEFINITIONS));
        assert_eq!((pods.unreadable, definitions.unreadable), (0, 0));
        assert!(definitions.bytes <= options.definitions, "{text}");
        // Less than the contents would mean that nobody looked.
        assert!((definitions.bytes..=MOST).contains(&used), "{text}");
    });
}
