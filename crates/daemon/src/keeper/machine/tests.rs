use crate::keeper::How;
use crate::keeper::testing::{DIRECTORY, Node, list, settings};

use proptest::prelude::*;

use super::*;

#[test]
fn nothing_is_written_before_there_is_a_primary() {
    let mut node = Node::new(&settings(""), None);
    let (actions, reports) = node.act();
    assert_eq!(
        reports,
        ["no primary network: there is no plugin configuration in /host/etc/cni/net.d"]
    );
    assert_eq!(actions.status.not_ready.as_ref(), reports.first());
    assert_eq!(node.text(), "");
    assert!(actions.record.is_none());
}

#[test]
fn a_node_is_ready_once_its_primary_is_there_and_its_configuration_in_force() {
    let mut node = Node::new(&settings(""), None);
    let files = [("10-a.conflist", list("a"))];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let (actions, reports) = node.files(&files).act();
    assert_eq!(actions.status.not_ready, None);
    let told = [
        "the primary network is a, from 10-a.conflist",
        "wrote 00-multus.conf",
    ];
    assert_eq!(reports, told);
    assert_eq!(node.act().1, Vec::<String>::new(), "told once");
    node.gone(How::Removed).act();
    let actions = node.gone(How::Removed).look();
    let reason = actions.status.not_ready.unwrap();
    assert_eq!(reason, "Multus' configuration is not in force");
    assert_eq!(
        actions.status.cannot_attach, None,
        "who is called still attaches"
    );
}

#[test]
fn the_first_configuration_waits_for_the_readiness_file_and_no_later_one_does() {
    // B6.2, B2.144; upstream removes the configuration and itself when the file goes away (B6.77)
    let mut node = Node::new(&settings(r#","readinessindicatorfile":"/r""#), None);
    node.sight.is_ready = false;
    let (actions, reports) = node.files(&[("10-a.conflist", &list("a"))]).act();
    assert_eq!(node.text(), "");
    assert!(
        reports[1].contains("readiness indicator file"),
        "{reports:?}"
    );
    assert!(actions.status.not_ready.unwrap().contains("readiness"));
    assert!(actions.status.cannot_attach.unwrap().contains("readiness"));
    node.sight.is_ready = true;
    assert_eq!(node.act().0.status.not_ready, None);
    let text = node.text();
    node.sight.is_ready = false;
    assert!(node.act().0.status.not_ready.unwrap().contains("readiness"));
    assert_eq!(node.text(), text, "file and daemon stay");
    node.gone(How::Removed).act();
    assert_eq!(node.text(), text);
}

#[test]
fn a_configuration_that_comes_before_ours_is_told() {
    let mut node = Node::new(&settings(""), None);
    let before = |file: &str, is_broken| Before {
        file: file.to_owned(),
        is_broken,
    };
    node.sight.before = vec![
        before("00-calico.conflist", false),
        before("00-half.conflist", true),
    ];
    let (actions, reports) = node.files(&[("10-a.conflist", &list("a"))]).act();
    let is_it = |text: &String| {
        text == "00-calico.conflist sorts before Multus' configuration: a runtime that takes the first one never calls Multus"
            || text
                == "00-half.conflist sorts before Multus' configuration and cannot be read: containerd takes no configuration at all while it is there"
    };
    assert!(reports.iter().any(is_it), "{reports:?}");
    assert!(actions.status.notes.iter().all(is_it), "{actions:?}");
    assert_eq!(
        (actions.status.notes.len(), actions.status.not_ready),
        (2, None)
    );
}

#[test]
fn what_is_wrong_with_the_primary_stands_in_the_status_as_long_as_it_lasts() {
    let mut node = Node::new(&settings(""), None);
    node.files(&[("10-a.conflist", &list("a"))]).act();
    for _ in 0..2 {
        let status = node.files(&[("10-a.conflist", "{")]).act().0.status;
        assert_eq!((status.notes.len(), status.not_ready), (1, None));
        let note = "the primary's configuration 10-a.conflist cannot be used, what it was before";
        assert!(status.notes[0].starts_with(note), "{:?}", status.notes);
    }
    let good = [("05-b.conflist", list("b")), ("10-a.conflist", list("a"))];
    let good = good.each_ref().map(|(name, text)| (*name, text.as_str()));
    let status = node.files(&good).act().0.status;
    assert!(status.notes[0].starts_with("05-b.conflist sorts before the primary's"));
    let status = node.files(&[]).act().0.status;
    assert!(status.not_ready.unwrap().ends_with(" is gone"));
    assert!(status.notes.is_empty(), "said once: {:?}", status.notes);
    let status = node.files(&[("10-a.conflist", &list("a"))]).act().0.status;
    assert!(status.notes.is_empty(), "{:?}", status.notes);
}

#[test]
fn the_record_has_what_an_add_attaches_and_whether_it_may_alone() {
    let record = |more: &str| {
        let mut node = Node::new(&settings(more), None);
        let text = list("a");
        node.files(&[("10-a.conflist", &text)]);
        let chain = br#"{"type":"tuning"}"#.to_vec();
        let name = "50-t.conf".to_owned();
        node.sight.files.as_mut().unwrap()[0].chain = vec![cni::DirFile { name, bytes: chain }];
        let record = PrimaryRecord::decode(&node.look().record.unwrap()).unwrap();
        assert_eq!(record.content, text);
        record
    };
    let plain = record(r#","plainPodsWithoutDaemon":true"#);
    assert_eq!(
        (plain.directory.as_str(), plain.file.as_str()),
        (DIRECTORY, "10-a.conflist")
    );
    assert!(plain.plain && plain.configuration.contains("tuning"));
    for more in [
        "",
        r#","plainPodsWithoutDaemon":true,"defaultNetworks":["b"]"#,
        r#","plainPodsWithoutDaemon":true,"auxiliaryCNIChainName":"b""#,
    ] {
        assert!(!record(more).plain, "{more}");
    }
}

#[test]
fn the_record_is_written_when_it_changes_and_until_it_is() {
    let mut node = Node::new(&settings(""), None);
    node.files(&[("10-a.conflist", &list("a"))]);
    let first = node.look().record.unwrap();
    assert_eq!(node.look().record, Some(first.clone()));
    node.keeper.recorded(first);
    assert_eq!(node.look().record, None);
    assert!(
        node.files(&[("10-a.conflist", &list("b"))])
            .look()
            .record
            .is_some()
    );
}

fn copying() -> Node {
    Node::new(
        &settings(r#","multusConfigFile":"/config/70-multus.conf""#),
        None,
    )
}

#[test]
fn a_configuration_file_of_the_user_is_copied_under_its_own_name() {
    // B6.2, Q83
    let mut node = copying();
    assert_eq!(node.keeper.own_name(), "70-multus.conf");
    let text = r#"{"cniVersion":"1.0.0","name":"m","type":"multus-shim","clusterNetwork":"a"}"#;
    node.sight.copied = Ok(text.into());
    let (actions, reports) = node.act();
    assert_eq!(reports, ["wrote 70-multus.conf"]);
    assert_eq!(node.text(), text);
    assert_eq!(actions.status.not_ready, None);
    assert!(actions.record.is_none() && actions.status.primary.is_none());
}

#[test]
fn a_copy_keeps_the_last_good_file_and_is_put_back_too() {
    let mut node = copying();
    node.sight.copied = Ok(br#"{"cniVersion":"1.0.0","name":"m","type":"multus-shim"}"#.to_vec());
    node.act();
    let text = node.text();
    for read in [
        Err("/config/70-multus.conf does not exist".to_owned()),
        Ok(b"{".to_vec()),
    ] {
        node.sight.copied = read;
        let (actions, reports) = node.gone(How::Removed).after(100).act();
        assert!(
            reports
                .iter()
                .any(|report| report.starts_with("multusConfigFile: "))
        );
        assert_eq!(node.text(), text);
        assert!(actions.status.in_force);
    }
}

#[test]
fn a_copy_that_was_never_read_is_why_the_node_is_not_ready() {
    // upstream tells the log, and goes on
    let mut node = copying();
    node.sight.copied = Err("it does not exist".to_owned());
    let (actions, _) = node.act();
    assert_eq!(
        actions.status.not_ready,
        Some("multusConfigFile: it does not exist".to_owned())
    );
}

/// What may happen on a node.
#[derive(Debug, Clone)]
enum Event {
    /// The primaries' directory holds some of these files now.
    Files(Vec<(usize, usize)>),
    /// Our file has one of these contents, or none.
    Own(usize),
    /// The list beside it has.
    List(usize),
    /// The readiness file comes or goes.
    Readiness(bool),
    /// Time passes.
    After(u64),
    /// The daemon is another one.
    Restart,
}

const NAMES: [&str; 6] = [
    "00-multus.conflist",
    "05-b.conflist",
    "10-a.conf",
    "10-a.conflist",
    "20-c.conflist",
    "30-d.json",
];

fn contents() -> Vec<String> {
    let own = r#"{"cniVersion":"0.3.1","name":"m","type":"multus-shim","clusterNetwork":"/x"}"#;
    vec![
        String::new(),
        "{".to_owned(),
        list("a"),
        list("b"),
        r#"{"cniVersion":"0.3.1","name":"a","type":"bridge"}"#.to_owned(),
        own.to_owned(),
        format!(r#"{{"name":"k","plugins":[{own},{{"type":"istio-cni"}}]}}"#),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let file = (0..NAMES.len(), 0..contents().len());
    prop_oneof![
        prop::collection::vec(file, 0..4).prop_map(Event::Files),
        (0..=contents().len()).prop_map(Event::Own),
        (0..=contents().len()).prop_map(Event::List),
        any::<bool>().prop_map(Event::Readiness),
        (0..100_u64).prop_map(Event::After),
        Just(Event::Restart),
    ]
}

fn happen(node: &mut Node, event: &Event, record: Option<&[u8]>) {
    let contents = contents();
    match event {
        Event::Files(files) => {
            let files: std::collections::BTreeMap<&str, &str> = files
                .iter()
                .map(|(name, content)| (NAMES[*name], contents[*content].as_str()))
                .collect();
            node.files(&files.into_iter().collect::<Vec<_>>());
        }
        Event::Own(which) => match contents.get(*which) {
            Some(content) => {
                node.own(content);
            }
            None => {
                node.gone(How::Removed);
            }
        },
        Event::List(which) => {
            node.sight.list = contents
                .get(*which)
                .map(|content| content.clone().into_bytes());
        }
        Event::Readiness(is_ready) => node.sight.is_ready = *is_ready,
        Event::After(seconds) => {
            node.after(*seconds);
        }
        Event::Restart => node.keeper = Keeper::new(&settings(""), record).unwrap(),
    }
}

proptest! {
    #[test]
    fn whatever_happens_what_is_written_is_ours_and_the_primary_is_not(
        events in prop::collection::vec(event(), 1..40)
    ) {
        let mut node = Node::new(&settings(""), None);
        let mut record = None;
        for event in &events {
            happen(&mut node, event, record.as_deref());
            // As the edge does it: a write is followed by a look, which finds nothing more to do.
            let mut writes = 0;
            loop {
                let actions = node.look();
                if let Some(primary) = &actions.status.primary {
                    prop_assert!(NAMES[1..5].contains(&primary.file.as_str()), "{}", primary.file);
                    prop_assert!(!primary.conf.plugins().iter().any(|plugin| plan::is_multus(plugin.plugin_type())));
                }
                if let Some(new) = actions.record.clone() {
                    node.keeper.recorded(new.clone());
                    record = Some(new);
                }
                let Some(write) = actions.write else { break };
                writes += 1;
                prop_assert!(writes < 3);
                let conf = cni::NetworkConf::parse(&write.bytes).unwrap();
                prop_assert!(conf.plugins().iter().any(|plugin| plugin.plugin_type() == "multus-shim"));
                node.does(&write);
            }
        }
    }
}

/// What thin writes for itself.
const THIN: &str = r#"{"cniVersion":"1.0.0","name":"multus-cni-network","plugins":[{"type":"multus","delegates":[{"type":"bridge"}]}]}"#;

/// A node where this lay under the list's name before the daemon came.
fn with_a_list(list: &str) -> Node {
    let mut node = Node::new(&settings(""), None);
    node.sight.list = Some(list.into());
    node.sight.beside = vec![("00-multus.conflist".to_owned(), list.into())];
    node
}

#[test]
fn what_the_thin_plugin_left_goes_once_ours_is_in_force_and_not_before() {
    let mut node = with_a_list(THIN);
    assert!(
        node.look().remove.is_empty(),
        "the runtime has nothing else"
    );
    let actions = node.files(&[("10-a.conflist", &list("a"))]).look();
    assert!(actions.write.is_some() && actions.remove.is_empty());
    assert_eq!(node.act().0.remove[0].0, "00-multus.conflist");
    node.sight.beside.clear();
    assert!(node.act().0.remove.is_empty());
    node.sight.beside = vec![("00-multus.conflist".to_owned(), THIN.into())];
    assert!(node.act().0.remove.is_empty(), "the same, put there anew");
}

#[test]
fn what_was_removed_is_not_looked_for_again_though_it_came_back_between_two_looks() {
    let mut node = with_a_list(THIN);
    let actions = node.files(&[("10-a.conflist", &list("a"))]).act().0;
    node.keeper.removed(&actions.remove[0].0);
    assert!(node.act().0.remove.is_empty());
}

#[test]
fn a_file_beside_ours_stays_that_others_are_in_or_that_came_later() {
    let files = [("10-a.conflist", list("a"))];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    for others in [
        r#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"multus"},{"type":"istio-cni"}]}"#,
        r#"{"cniVersion":"1.0.0","name":"n","plugins":[]}"#,
        "half written",
    ] {
        let actions = with_a_list(others).files(&files).act().0;
        assert!(actions.remove.is_empty(), "{others}");
    }
    let mut node = Node::new(&settings(""), None);
    node.files(&files).act();
    node.sight.beside = vec![("00-multus.conflist".to_owned(), THIN.into())];
    assert!(node.act().0.remove.is_empty());
}
