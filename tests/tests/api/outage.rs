//! An API that is not there: refused connections, and a server that hangs or has ended.

use std::time::Duration;

use suites::cluster::ClusterNode;
use testkit::kube::wait;

/// Longer than any ADD here may take.
const BOUND: Duration = Duration::from_secs(18);

#[test]
fn an_api_that_refuses_connections_fails_the_add_in_time() {
    let mut node = ClusterNode::new("refused");
    let pod = node.annotated_pod("web", &[]);
    let before = node.snapshot();
    node.cut_off();

    let answer = node.add(&pod, &node.impatient_conf());

    let action = format!(
        "error getting k8s objects: get pod {}/web at {}: ",
        node.namespace,
        node.api.address()
    );
    answer.refused(11, &[&action, "Connection refused", " attempts in "]);
    assert!(refused(&node) > 1);
    assert!(answer.0.took < BOUND, "{:?}", answer.0.took);
    assert_eq!(node.calls(), Vec::<String>::new());
    node.nothing_done(&before, &pod);
}

/// How many connections of the node were refused so far, as the kernel counts them.
fn refused(node: &ClusterNode) -> u64 {
    let counters = node.world.command("cat").arg("/proc/net/snmp").check();
    let text = counters.unwrap().stdout_text();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp: "));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut pairs = names.split(' ').zip(values.split(' '));
    let (_, value) = pairs.find(|(name, _)| *name == "AttemptFails").unwrap();
    value.parse().unwrap()
}

#[test]
fn an_api_that_comes_back_in_time_is_noticed() {
    let mut node = ClusterNode::new("back");
    let pod = node.annotated_pod("web", &[]);
    let conf = node.scripted_conf();
    node.cut_off();

    let answer = std::thread::scope(|scope| {
        let adding = scope.spawn(|| node.add(&pod, &conf));
        wait::until_true("a refused connection", BOUND, || Ok(refused(&node) > 0)).unwrap();
        let relay = node.world.relay(node.api.address()).unwrap();
        let answer = adding.join().unwrap();
        drop(relay);
        answer
    });

    answer.good();
    assert_eq!(node.attachments_of(&pod).len(), 1);
}

#[test]
fn a_server_that_hangs_or_has_ended_fails_add_and_not_del() {
    let node = ClusterNode::with_api_of_its_own("outage");
    let conf = node.impatient_conf();
    let pod = node.annotated_pod("web", &[]);
    let late = node.annotated_pod("late", &[]);
    let before = node.snapshot();
    node.add(&pod, &conf).good();
    let attached = node.snapshot();

    node.api.freeze().unwrap();
    let answer = node.add(&late, &conf);
    answer.refused(
        11,
        &["error getting k8s objects: get pod", "no answer within"],
    );
    assert!(answer.0.took < BOUND, "{:?}", answer.0.took);
    node.nothing_left(&attached, &[]);
    node.api.thaw().unwrap();

    node.api.kill().unwrap();
    let answer = node.add(&late, &conf);
    answer.refused(11, &["error getting k8s objects: get pod"]);
    assert!(answer.0.took < BOUND, "{:?}", answer.0.took);
    node.del(&pod, &conf);
    node.nothing_left(&before, &[]);
    node.del(&pod, &conf);
}
