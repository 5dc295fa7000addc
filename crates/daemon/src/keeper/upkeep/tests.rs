use crate::keeper::testing::{Node, list, settings};

use super::*;

/// A node whose configuration is in force.
fn node() -> Node {
    let mut node = Node::new(&settings(""), None);
    node.files(&[("10-a.conflist", &list("a"))]).act();
    assert!(node.text().contains("multus-shim"));
    node
}

/// What Istio makes of our file.
fn with_istio(own: &str) -> String {
    let entry = own.replace(r#""cniVersion":"0.3.1","#, "");
    format!(
        r#"{{"cniVersion":"0.3.1","name":"k8s-pod-network","plugins":[{entry},{{"type":"istio-cni","name":"istio-cni"}}]}}"#
    )
}

#[test]
fn a_file_that_is_removed_is_put_back_at_once() {
    // B6.79, Q67
    let mut node = node();
    let text = node.text();
    let (actions, reports) = node.gone(How::Removed).act();
    let told = "another program removed 00-multus.conf; it was put back (time 1)";
    assert_eq!(reports, [told]);
    assert_eq!(node.text(), text);
    assert!(actions.status.in_force);
    assert_eq!(node.act().0.status.repairs, 1);
}

#[test]
fn whoever_renames_it_is_told_by_the_name() {
    // row 8 of what users report
    let name = "00-multus.conf.cilium_bak".to_owned();
    let (_, reports) = node().gone(How::RenamedTo(name)).act();
    let told = "another program renamed 00-multus.conf to 00-multus.conf.cilium_bak, as Cilium does unless \
                cni-exclusive is off; it was put back (time 1)";
    assert_eq!(reports, [told]);
}

#[test]
fn the_more_often_it_is_taken_away_the_later_it_is_put_back() {
    let mut node = node();
    for wait in [0, 1, 2, 4, 8, 16, 30, 30] {
        let actions = node.gone(How::Removed).look();
        let expected = (wait > 0).then_some(wait);
        assert_eq!(node.wait(&actions), expected);
        if wait > 0 {
            assert_eq!(
                actions
                    .reports
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>(),
                [format!(
                    "another program removed 00-multus.conf; it is put back in {wait} s"
                )]
            );
            let early = node.after(wait - 1).look();
            assert!(early.write.is_none() && early.reports.is_empty() && !early.status.in_force);
            node.after(1);
        }
        assert!(node.act().0.status.in_force);
    }
    node.after(60).act();
    assert_eq!(
        node.gone(How::Removed).act().1.len(),
        1,
        "calm makes it patient again"
    );
    assert!(node.text().contains("multus-shim"));
}

#[test]
fn what_was_once_known_of_a_damage_is_not_forgotten() {
    let mut node = node();
    node.gone(How::Removed).act();
    node.gone(How::RenamedTo("x".to_owned())).look();
    let (_, reports) = node.gone(How::Gone).after(1).act();
    assert!(
        reports[0].contains("renamed 00-multus.conf to x"),
        "{reports:?}"
    );
}

#[test]
fn a_file_that_is_changed_is_given_a_second_to_settle() {
    let mut node = node();
    let text = node.text();
    let (actions, reports) = node.own(r#"{"name":"a","type":"other"}"#).act();
    assert_eq!(node.wait(&actions), Some(1));
    let told = "another program changed 00-multus.conf 3 s ago as user 0, whose plugins are now: other; it is put \
                back in 1 s";
    assert_eq!(reports, [told]);
    node.after(1).act();
    assert_eq!(node.text(), text);
}

#[test]
fn a_file_that_is_laid_out_otherwise_is_left_alone() {
    let mut node = node();
    let text = node.text().replace(',', ",\n  ");
    let (actions, reports) = node.own(&text).act();
    assert!(actions.status.in_force && reports.is_empty());
    assert_eq!(node.text(), text);
}

#[test]
fn what_lies_there_at_the_start_is_replaced_at_once_and_is_no_damage() {
    // thin's file under our name, upstream's, one of an older daemon
    for text in [r#"{"name":"multus-cni-network","type":"multus"}"#, "", "x"] {
        let mut node = Node::new(&settings(""), None);
        let (_, reports) = node.own(text).files(&[("10-a.conflist", &list("a"))]).act();
        assert_eq!(reports[1..], ["wrote 00-multus.conf"]);
        assert!(node.text().contains("10-a.conflist"));
    }
}

#[test]
fn what_lies_there_at_the_start_as_it_should_is_not_written_again() {
    let text = node().text();
    let mut node = Node::new(&settings(""), None);
    let (actions, reports) = node
        .own(&text)
        .files(&[("10-a.conflist", &list("a"))])
        .act();
    assert_eq!(reports, ["the primary network is a, from 10-a.conflist"]);
    assert!(actions.status.in_force);
}

#[test]
fn a_list_that_istio_made_of_our_file_stays_and_is_told_once() {
    // neighbours 3.4
    let mut node = node();
    let extended = with_istio(&node.text());
    // Istio writes first, and then renames.
    node.own(&extended).look();
    node.sight.list = Some(extended.clone().into_bytes());
    let renamed = How::RenamedTo("00-multus.conflist".to_owned());
    let (actions, reports) = node.gone(renamed).act();
    let told = "another program appended istio-cni to 00-multus.conflist, where it stays";
    assert_eq!(reports, [told]);
    assert!(actions.status.in_force && actions.status.not_ready.is_none());
    assert_eq!(node.after(1000).act().1, Vec::<String>::new());
    assert_eq!(node.sight.list, Some(extended.into_bytes()));
    assert_eq!(node.text(), "", "a file of ours would come before it");
}

#[test]
fn in_a_list_that_istio_made_our_own_part_follows_the_primary() {
    let mut node = node();
    node.sight.list = Some(with_istio(&node.text()).into_bytes());
    node.gone(How::Removed).act();
    let text = list("a").replace("\"bridge\"", "\"bridge\",\"capabilities\":{\"mac\":true}");
    let (_, reports) = node.files(&[("10-a.conflist", &text)]).act();
    assert!(
        reports.contains(&"wrote 00-multus.conflist".to_owned()),
        "{reports:?}"
    );
    let text = String::from_utf8(node.sight.list.clone().unwrap()).unwrap();
    assert!(
        text.contains(r#""mac":true"#) && text.contains("istio-cni"),
        "{text}"
    );
    assert!(text.contains(r#""name":"k8s-pod-network""#), "{text}");
    assert_eq!(node.text(), "");
}

#[test]
fn a_daemon_that_starts_beside_such_a_list_leaves_it_in_force() {
    let extended = with_istio(&node().text());
    let mut node = Node::new(&settings(""), None);
    node.sight.list = Some(extended.into_bytes());
    let (actions, _) = node.files(&[("10-a.conflist", &list("a"))]).act();
    assert!(actions.status.in_force);
    assert_eq!(node.text(), "");
}

#[test]
fn left_over_files_beside_ours_never_win() {
    let own = node().text();
    for left_over in [
        // thin's, our own as a list once Istio left, another program's, half of one
        r#"{"cniVersion":"1.0.0","name":"multus-cni-network","plugins":[{"type":"multus"}]}"#
            .to_owned(),
        format!(r#"{{"name":"a","plugins":[{own}]}}"#),
        r#"{"name":"a","plugins":[{"type":"bridge"},{"type":"istio-cni"}]}"#.to_owned(),
        r#"{"plugins":[{"type":"multus-shim"},{"type":"istio-cni"}]}"#.to_owned(),
        with_istio(&own)[..50].to_owned(),
    ] {
        let mut node = node();
        node.sight.list = Some(left_over.clone().into_bytes());
        node.gone(How::Removed).act();
        assert_eq!(node.text(), own, "{left_over}");
    }
}

#[test]
fn a_plugin_in_a_list_that_does_not_count_is_told() {
    let mut node = node();
    node.sight.list = Some(with_istio(&node.text()).into_bytes());
    let (_, reports) = node.act();
    let told = "another program put istio-cni into 00-multus.conflist, which is not in force";
    assert_eq!(reports, [told]);
}

#[test]
fn a_write_that_fails_is_tried_again_later_and_later() {
    let mut node = Node::new(&settings(""), None);
    node.files(&[("10-a.conflist", &list("a"))]);
    for wait in [1, 2, 4, 8, 16, 30, 30] {
        let actions = node.look();
        assert!(!actions.status.in_force);
        node.fails(&actions);
        let actions = node.look();
        assert!(actions.write.is_none());
        assert_eq!(node.wait(&actions), Some(wait));
        node.after(wait);
    }
    assert_eq!(node.act().1, ["wrote 00-multus.conf"]);
}
