use super::*;

fn pod(uid: &str) -> Pod {
    Pod {
        reference: PodRef {
            namespace: "shop".to_owned(),
            name: format!("web-{uid}"),
            uid: uid.to_owned(),
        },
        networks: Some("net-a, other/net-b@data0".to_owned()),
        is_running: true,
        ..Pod::default()
    }
}

fn uids(roll: &Roll) -> Vec<String> {
    let pods = roll.to_tell();
    pods.iter().map(|pod| pod.reference.uid.clone()).collect()
}

fn look(roll: &mut Roll, found: &[&str]) {
    roll.look(found.iter().map(|uid| Arc::new(pod(uid))));
}

#[test]
fn only_a_pod_that_runs_and_asks_for_a_network_can_lack_one() {
    let asking = pod("1");
    let text = |text: &str| Some(text.to_owned());
    let waiting = Pod {
        is_running: false,
        ..asking.clone()
    };
    let plain = Pod {
        networks: text(" "),
        ..asking.clone()
    };
    let default = Pod {
        networks: None,
        default_network: text("other"),
        ..asking.clone()
    };
    let none = Pod {
        networks: text("[]"),
        ..asking.clone()
    };
    assert_eq!(
        [&asking, &waiting, &plain, &none, &default].map(asks),
        [true, false, false, false, true]
    );
}

#[test]
fn a_pod_with_a_ledger_has_its_networks() {
    let lacks = |pod: &Pod, holders: &[&Pod]| {
        let holders = holders.iter().map(|pod| pod.reference.clone()).collect();
        !Holders::new(holders, false).has(pod)
    };
    let mut one = pod("1");
    assert!(!lacks(&one, &[&pod("1"), &pod("2")]));
    // A status may be an earlier sandbox's.
    one.has_status = true;
    assert!(lacks(&one, &[&pod("2")]) && lacks(&one, &[]));
    // One of its name before it.
    let mut before = one.clone();
    before.reference.uid = "0".to_owned();
    assert!(lacks(&one, &[&before]));
    // B3.5
    one.config_source = Some("file".to_owned());
    assert!(!lacks(&one, &[&before]));
}

#[test]
fn where_ledgers_do_not_say_whose_they_are_a_status_is_enough() {
    // B2.60: upstream's
    let mut with_status = pod("1");
    with_status.has_status = true;
    for holders in [
        Holders::new(vec![PodRef::default()], false),
        Holders::new(Vec::new(), true),
    ] {
        assert!(holders.has(&with_status) && !holders.has(&pod("1")));
    }
}

#[test]
fn a_pod_that_two_looks_find_is_told_once_as_long_as_it_runs() {
    let mut roll = Roll::default();
    look(&mut roll, &["1", "2"]);
    assert_eq!((roll.count(), roll.is_settled()), (0, false));
    look(&mut roll, &["1", "3"]);
    assert_eq!((uids(&roll), roll.count()), (vec!["1".to_owned()], 1));
    roll.told("1");
    look(&mut roll, &["1"]);
    assert!(uids(&roll).is_empty() && roll.is_settled());
    assert_eq!(roll.count(), 1);
    look(&mut roll, &[]);
    assert_eq!(roll.count(), 0);
}

#[test]
fn an_event_that_the_api_did_not_take_is_tried_again() {
    let mut roll = Roll::default();
    for _ in 0..3 {
        look(&mut roll, &["1"]);
    }
    assert_eq!(uids(&roll), ["1"]);
    assert!(!roll.is_settled());
}

#[test]
fn of_a_node_full_of_pods_some_are_told_after_each_look() {
    let mut roll = Roll::default();
    let names: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    look(&mut roll, &all);
    let mut told = Vec::new();
    while !roll.is_settled() {
        look(&mut roll, &all);
        assert_eq!(roll.count(), 1000);
        let now = uids(&roll);
        assert_eq!(now.len(), TOLD_AT_ONCE);
        now.iter().for_each(|uid| roll.told(uid));
        told.extend(now);
    }
    told.sort_unstable();
    assert_eq!(told, names);
}

#[test]
fn what_is_missing_is_named_as_the_definitions_are() {
    let mut one = pod("1");
    assert_eq!(asked(&one, "kube-system"), ["shop/net-a", "other/net-b"]);
    one.default_network = Some("blue".to_owned());
    assert_eq!(
        asked(&one, "kube-system"),
        ["kube-system/blue", "shop/net-a", "other/net-b"]
    );
    one.default_network = None;
    let many: Vec<String> = (0..12).map(|number| format!("net-{number}")).collect();
    one.networks = Some(many.join(","));
    let text = named(&asked(&one, "kube-system"));
    assert!(text.starts_with("shop/net-0, ") && text.ends_with("shop/net-9 and 2 more"));
}

#[test]
fn of_an_annotation_that_nobody_can_read_is_told_what_is_wrong_with_it() {
    let mut one = pod("1");
    one.networks = Some(format!("[\n{}", "x".repeat(1000)));
    let text = named(&asked(&one, "kube-system"));
    assert!(
        text.starts_with("what k8s.v1.cni.cncf.io/networks asks for (failed to parse JSON: "),
        "{text}"
    );
    assert!(text.len() < 300 && !text.contains('\n'), "{text}");
}

#[test]
fn nobody_is_told_before_the_api_has_been_there_for_a_while() {
    let begin = Instant::now();
    let mut calm = Calm::begin(begin);
    let after = |seconds| begin + Duration::from_secs(seconds);
    let mut progress = Progress {
        lists: 1,
        ..Progress::default()
    };
    assert!(!calm.lasts(&progress, after(1)));
    assert!(!calm.lasts(&progress, after(15)));
    assert!(calm.lasts(&progress, after(16)));
    // It goes away, and comes back.
    progress.failures = 1;
    progress.failure = Some("refused".to_owned());
    assert!(!calm.lasts(&progress, after(20)));
    assert!(!calm.lasts(&progress, after(40)));
    progress.failure = None;
    assert!(!calm.lasts(&progress, after(54)));
    assert!(calm.lasts(&progress, after(55)));
}
