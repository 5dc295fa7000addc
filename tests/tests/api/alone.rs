//! What only the plugin does that plans by itself: it reads everything, has the kubeconfig, and nobody tries again behind it.

use std::fs;

use serde_json::json;
use suites::cluster::ClusterNode;
use testkit::kube::{Kubeconfig, Rule, User};
use testkit::proxy::Fault;

use crate::rights::{EVENTS, READ};

const PATCH: Rule = Rule {
    groups: &[""],
    resources: &["pods/status"],
    verbs: &["patch"],
};

#[test]
fn events_that_may_not_be_posted_do_not_fail_the_add() {
    let rights = [READ.as_slice(), &[PATCH]].concat();
    let node = ClusterNode::with_rights("eventless", &rights);
    let pod = node.annotated_pod("web", &[]);

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(
        node.requests(),
        [
            "get pods web 200",
            "patch pods/status web 200",
            "create events 403"
        ]
    );
}

#[test]
fn a_pod_that_may_not_be_read_is_asked_for_once() {
    let node = ClusterNode::with_rights("blind", &[PATCH, EVENTS]);
    let pod = node.annotated_pod("web", &[]);
    let before = node.snapshot();

    let answer = node.add(&pod, &node.scripted_conf());

    let get = format!("get pod {}/web at", node.namespace);
    answer.refused(999, &[&get, "403 Forbidden", "(1 attempt in"]);
    assert_eq!(node.requests()[0], "get pods web 403");
    assert_eq!(node.calls(), Vec::<String>::new());
    node.nothing_done(&before, &pod);
}

#[test]
fn a_definition_that_may_not_be_read_is_asked_for_once() {
    let rights: [Rule; 3] = [READ[0], PATCH, EVENTS];
    let node = ClusterNode::with_rights("half-blind", &rights);
    let pod = node.pod("web", "net-a");

    let answer = node.add(&pod, &node.scripted_conf());

    let get = format!("get network-attachment-definition {}/net-a", node.namespace);
    answer.refused(999, &[&get, "403 Forbidden", "(1 attempt in"]);
    assert_eq!(
        node.requests()[..2],
        [
            "get pods web 200",
            "get network-attachment-definitions net-a 403"
        ]
    );
    assert_eq!(node.calls(), Vec::<String>::new());
}

#[test]
fn a_token_that_was_replaced_meanwhile_is_read_again() {
    let node = ClusterNode::behind_proxy("rotated");
    let pod = node.annotated_pod("web", &[]);
    let stale = "stale-token";
    node.write_kubeconfig(&User::Token(stale.to_owned()));
    let (kubeconfig, fresh) = (node.kubeconfig.clone(), node.token());
    let (ca, url, token) = (node.api.ca().to_owned(), node.url(), fresh.clone());
    let rotate = Fault::after(move || {
        let user = User::Token(token.clone());
        let (server, ca) = (url.as_str(), ca.as_str());
        Kubeconfig {
            server,
            ca,
            user: &user,
        }
        .write(&kubeconfig)
        .unwrap();
    });
    node.proxy().next("GET", "/pods/web", [rotate]);

    node.add(&pod, &node.scripted_conf()).good();

    let seen = node.proxy().seen("GET", "/pods/web");
    let used: Vec<_> = seen.iter().map(|seen| seen.authorization.clone()).collect();
    assert_eq!(used, [format!("Bearer {stale}"), format!("Bearer {fresh}")]);
}

#[test]
fn del_leaves_the_status_and_posts_no_events_not_even_when_it_fails() {
    // B7.16, B7.25, B4.108
    let node = ClusterNode::new("del");
    let mut lan = node.scripted("lan", "10.1.0.2/24");
    let switch = node.file("switch", "");
    lan["script"]["per_verb"] =
        json!({"DEL": {"fail": {"code": 101, "msg": "stuck", "while_file": switch}}});
    node.define("lan", &lan);
    let pod = node.pod("web", "lan");
    let conf = node.scripted_conf();
    node.add(&pod, &conf).good();
    let (status, events, requests) = (node.status_of(&pod), node.events_of(&pod), node.requests());

    node.call("DEL", &pod.container, &conf)
        .refused(101, &["stuck"]);
    fs::remove_file(switch).unwrap();
    node.del(&pod, &conf);

    assert_eq!(node.status_of(&pod), status);
    assert_eq!(node.events_of(&pod), events);
    assert_eq!(node.requests(), requests);
}

#[test]
fn what_was_attached_is_checked_and_detached_without_a_kubeconfig() {
    // B4.103, B4.136, Q25, Q63, T2.15, T2.20
    let node = ClusterNode::new("no-kubeconfig");
    node.define("lan", &node.scripted("lan", "10.1.0.2/24"));
    let pod = node.pod("web", "lan");
    let mut conf = node.scripted_conf();
    conf["cniVersion"] = "1.1.0".into();
    let before = node.snapshot();
    node.add(&pod, &conf).good();
    fs::remove_file(&node.kubeconfig).unwrap();

    node.check(&pod.container, &conf);
    node.del(&pod, &conf);

    node.nothing_left(&before, &[]);
    // STATUS says whether an ADD could be served.
    let text = format!("read kubeconfig {}: ", node.kubeconfig.display());
    node.add(&pod, &conf)
        .refused(999, &["error getting k8s client: ", &text]);
    node.call("STATUS", &pod.container, &conf)
        .refused(50, &[&text]);
}
