use crate::keeper::testing::{DIRECTORY, Node, file, list, settings};
use crate::settings::Settings;

/// The primary's file and the reports, after a look at these files.
fn seen(node: &mut Node, files: &[(&str, &str)]) -> (String, Vec<String>) {
    let (actions, reports) = node.files(files).act();
    let primary = actions.status.primary;
    (
        primary.map_or_else(String::new, |primary| primary.file.clone()),
        reports,
    )
}

/// The file alone.
fn primary(node: &mut Node, files: &[(&str, &str)]) -> String {
    seen(node, files).0
}

fn node() -> Node {
    Node::new(&settings(""), None)
}

#[test]
fn the_first_file_by_name_is_the_primary() {
    // B6.70, Q89
    let list = list("a");
    let files = [
        ("20-b.conflist", list.as_str()),
        ("10-a.conflist", &list),
        ("00-multus-other.conflist", &list),
        ("05-a.json", &list),
        ("05-a.conflist.cilium_bak", &list),
    ];
    assert_eq!(primary(&mut node(), &files), "10-a.conflist");
}

#[test]
fn a_file_that_was_the_primarys_before_leads_to_the_one_that_is() {
    let (mut node, list) = (node(), list("a"));
    primary(
        &mut node,
        &[(
            "10-a.conf",
            r#"{"cniVersion":"1.0.0","name":"a","type":"bridge"}"#,
        )],
    );
    let actions = node.files(&[("10-a.conflist", &list)]).look();
    let status = actions.status;
    let path = |name: &str| std::path::Path::new(DIRECTORY).join(name);
    let now = path("10-a.conflist");
    assert_eq!(status.successor_of(&path("10-a.conf")), Some(now.as_path()));
    // The next daemon knows it as well.
    let mut next = Node::new(&settings(""), actions.record.as_deref());
    let known = next.files(&[("10-a.conflist", &list)]).act().0.status;
    assert_eq!(known.successor_of(&path("10-a.conf")), Some(now.as_path()));
    for other in [now, path("20-b.conf"), "/elsewhere/10-a.conf".into()] {
        assert_eq!(status.successor_of(&other), None, "{}", other.display());
    }
}

#[test]
fn only_the_file_that_the_settings_name_counts() {
    // B2.116
    let list = list("a");
    let settings = settings(r#","multusMasterCNI":"99-late.conflist""#);
    let mut node = Node::new(&settings, None);
    let (chosen, reports) = seen(&mut node, &[("10-a.conflist", &list)]);
    assert_eq!(chosen, "");
    let expected = ["no primary network: 99-late.conflist (multusMasterCNI) does not exist"];
    assert_eq!(reports, expected);
    let files = [
        ("10-a.conflist", list.as_str()),
        ("99-late.conflist", &list),
    ];
    assert_eq!(primary(&mut node, &files), "99-late.conflist");
    node.after(1000);
    assert_eq!(primary(&mut node, &files[..1]), "99-late.conflist");
}

#[test]
fn multus_own_content_is_passed_over_under_any_name_and_told_once() {
    // row 5 of what users report: thin's left-over file, our own as a list
    let list = list("a");
    let own =
        r#"{"cniVersion":"0.3.1","name":"multus-cni-network","type":"multus","kubeconfig":"/k"}"#;
    let files = [("01-own.conf", own), ("10-a.conflist", &list)];
    let mut node = node();
    let (chosen, reports) = seen(&mut node, &files);
    assert_eq!(chosen, "10-a.conflist");
    let told = "01-own.conf is Multus' own configuration and cannot be the primary's";
    assert!(reports.iter().any(|report| report == told), "{reports:?}");
    assert_eq!(seen(&mut node, &files).1, Vec::<String>::new());
}

#[test]
fn multus_own_file_is_refused_as_the_one_that_the_settings_name() {
    // B6.71, Q43
    let refused = settings(r#","multusMasterCNI":"00-multus.conf""#);
    let error = crate::keeper::Keeper::new(&refused, None).unwrap_err();
    assert!(error.to_string().contains("00-multus.conf"), "{error}");
    let settings = settings(r#","multusMasterCNI":"10-a.conf""#);
    let mut node = Node::new(&settings, None);
    let own = r#"{"name":"a","type":"multus-shim"}"#;
    let (actions, _) = node.files(&[("10-a.conf", own)]).act();
    let reason = actions.status.not_ready.unwrap();
    assert!(reason.contains("10-a.conf: it is Multus' own"), "{reason}");
    assert_eq!(node.text(), "");
}

#[test]
fn a_broken_file_that_comes_first_is_waited_for_and_not_passed_over() {
    let list = list("a");
    let mut node = node();
    let files = [
        ("05-a.conflist", "{\"name\":"),
        ("10-b.conflist", list.as_str()),
    ];
    assert_eq!(primary(&mut node, &files), "");
    node.after(1000);
    let (actions, _) = node.act();
    let reason = actions.status.not_ready.unwrap();
    assert!(reason.contains("05-a.conflist"), "{reason}");
    assert_eq!(node.text(), "", "nothing is written");
    let files = [("05-a.conflist", list.as_str()), ("10-b.conflist", &list)];
    assert_eq!(primary(&mut node, &files), "05-a.conflist");
}

#[test]
fn a_file_that_sorts_first_later_is_left_alone_while_the_primary_is_there() {
    // Q67
    let list = list("a");
    let mut node = node();
    let both = [("05-new.conflist", list.as_str()), ("10-a.conflist", &list)];
    assert_eq!(primary(&mut node, &both[1..]), "10-a.conflist");
    let (chosen, reports) = seen(&mut node, &both);
    assert_eq!(chosen, "10-a.conflist");
    assert!(
        reports[0].starts_with("05-new.conflist sorts before"),
        "{reports:?}"
    );
    node.after(1000);
    assert_eq!(primary(&mut node, &both), "10-a.conflist");
}

#[test]
fn another_file_is_the_primary_only_when_the_old_one_stays_away() {
    let list = list("a");
    let mut node = node();
    let both = [("10-a.conflist", list.as_str()), ("20-b.conflist", &list)];
    assert_eq!(primary(&mut node, &both), "10-a.conflist");
    let (actions, reports) = node.files(&both[1..]).act();
    assert_eq!(node.wait(&actions), Some(30));
    assert!(
        actions
            .status
            .not_ready
            .unwrap()
            .contains("10-a.conflist is gone")
    );
    assert!(
        reports[0].contains("20-b.conflist takes its place"),
        "{reports:?}"
    );
    node.after(29);
    assert_eq!(primary(&mut node, &both[1..]), "10-a.conflist");
    assert_eq!(primary(&mut node, &both), "10-a.conflist", "it is back");
    assert_eq!(primary(&mut node, &both[1..]), "10-a.conflist", "gone anew");
    node.after(30);
    let (chosen, reports) = seen(&mut node, &both[1..]);
    assert_eq!(chosen, "20-b.conflist");
    let told = "the primary network is a, from 20-b.conflist, in place of 10-a.conflist";
    assert_eq!(reports[0], told);
    assert!(node.text().contains("20-b.conflist"));
}

#[test]
fn a_successor_that_cannot_be_used_is_promised_nothing_and_waited_for() {
    let list = list("a");
    let mut node = node();
    primary(&mut node, &[("05-a.conflist", &list)]);
    // a list in a .conf
    let files = [("05-a.conf", list.as_str()), ("10-b.conflist", &list)];
    let (actions, reports) = node.files(&files).act();
    let told =
        "the primary's configuration 05-a.conflist is gone, and 05-a.conf cannot take its place: ";
    assert!(reports[0].starts_with(told), "{reports:?}");
    assert!(reports[0].len() > told.len(), "{reports:?}");
    assert_eq!(actions.status.not_ready, Some(reports[0].clone()));
    let (actions, later) = node.after(35).act();
    assert_eq!(actions.status.not_ready, Some(reports[0].clone()));
    assert_eq!(later, Vec::<String>::new());
    assert_eq!(actions.status.primary.unwrap().file, "05-a.conflist");
    assert_eq!(primary(&mut node, &files[1..]), "10-b.conflist");
}

#[test]
fn a_file_that_took_the_place_of_the_primary_does_not_stand_before_it() {
    let list = list("a");
    let mut node = node();
    primary(&mut node, &[("10-b.conflist", &list)]);
    let files = [("05-a.conflist", list.as_str())];
    primary(&mut node, &files);
    node.after(30);
    let (chosen, reports) = seen(&mut node, &files);
    assert_eq!(chosen, "05-a.conflist");
    let expected = [
        "the primary network is a, from 05-a.conflist, in place of 10-b.conflist",
        "wrote 00-multus.conf",
    ];
    assert_eq!(reports, expected);
}

#[test]
fn a_primary_that_returns_is_the_primary_again() {
    let list = list("a");
    let mut node = node();
    let both = [
        ("05-a.conflist", list.as_str()),
        ("87-podman.conflist", &list),
    ];
    primary(&mut node, &both);
    primary(&mut node, &both[1..]);
    node.after(30);
    assert_eq!(primary(&mut node, &both[1..]), "87-podman.conflist");
    assert_eq!(primary(&mut node, &both), "05-a.conflist");
}

#[test]
fn a_primary_that_was_left_for_an_earlier_file_stays_left() {
    let list = list("a");
    let mut node = node();
    let both = [
        ("10-calico.conflist", list.as_str()),
        ("10-flannel.conflist", &list),
    ];
    primary(&mut node, &both[1..]);
    primary(&mut node, &both[..1]);
    node.after(30);
    assert_eq!(primary(&mut node, &both[..1]), "10-calico.conflist");
    assert_eq!(primary(&mut node, &both), "10-calico.conflist");
}

#[test]
fn a_primary_that_becomes_a_list_is_followed_at_once() {
    // neighbours: a program that chains itself into a single configuration renames it
    let (single, list) = (
        r#"{"cniVersion":"0.3.1","name":"a","type":"bridge"}"#,
        list("a"),
    );
    let mut node = node();
    primary(&mut node, &[("10-a.conf", single), ("20-b.conf", single)]);
    let files = [("10-a.conflist", list.as_str()), ("20-b.conf", single)];
    assert_eq!(primary(&mut node, &files), "10-a.conflist");
    assert!(node.text().contains("/10-a.conflist"), "{}", node.text());
}

#[test]
fn a_primary_that_becomes_a_single_configuration_is_followed_too() {
    let (single, list) = (
        r#"{"cniVersion":"0.3.1","name":"a","type":"bridge"}"#,
        list("a"),
    );
    let mut node = node();
    primary(&mut node, &[("10-a.conflist", &list)]);
    assert_eq!(
        primary(&mut node, &[("05-b.conf", single), ("10-a.conf", single)]),
        "10-a.conf"
    );
}

#[test]
fn a_successor_gives_the_place_back_to_a_primary_that_returns() {
    let list = list("a");
    let both = [
        ("05-a.conflist", list.as_str()),
        ("87-podman.conflist", &list),
    ];
    let mut node = node();
    primary(&mut node, &both);
    primary(&mut node, &both[1..]);
    node.after(30);
    let record = node.look().record.unwrap();
    let mut node = Node::new(&settings(""), Some(&record));
    assert_eq!(primary(&mut node, &both[1..]), "87-podman.conflist");
    assert_eq!(primary(&mut node, &both), "05-a.conflist");
}

#[test]
fn a_change_of_the_sub_directory_is_a_change_of_the_primary() {
    let mut node = node();
    primary(&mut node, &[("10-a.conflist", &list("a"))]);
    let mut chained = file("10-a.conflist", &list("a"));
    chained.chain = vec![cni::DirFile {
        name: "50-t.conf".to_owned(),
        bytes: br#"{"type":"tuning"}"#.to_vec(),
    }];
    node.sight.files = Ok(vec![chained]);
    let (actions, reports) = node.act();
    assert_eq!(
        reports,
        ["the primary's configuration 10-a.conflist changed"]
    );
    assert_eq!(actions.status.primary.unwrap().conf.plugins().len(), 2);
}

#[test]
fn a_broken_primary_keeps_what_it_held_before() {
    // Q9
    let good = r#"{"cniVersion":"0.4.0","name":"a","type":"b","capabilities":{"mac":true}}"#;
    let mut node = node();
    primary(&mut node, &[("10-a.conf", good)]);
    let text = node.text();
    for broken in ["", "{\"cniVersion\":\"0.4", "[]"] {
        let (actions, reports) = node.files(&[("10-a.conf", broken)]).after(1).act();
        assert_eq!(actions.status.not_ready, None);
        assert_eq!(actions.status.primary.unwrap().content, good.as_bytes());
        assert!(
            reports[0].contains("10-a.conf cannot be used"),
            "{reports:?}"
        );
        assert_eq!(node.text(), text);
    }
    let (_, reports) = node.files(&[("10-a.conf", good)]).act();
    assert_eq!(reports, Vec::<String>::new(), "all is as before");
}

#[test]
fn a_primary_that_changes_changes_the_configuration_at_once() {
    // B6.77, T5.8
    let mut node = node();
    primary(&mut node, &[("10-a.conflist", &list("a"))]);
    let text = list("a").replace("\"bridge\"", "\"bridge\",\"capabilities\":{\"mac\":true}");
    let (_, reports) = seen(&mut node, &[("10-a.conflist", &text)]);
    let expected = [
        "the primary's configuration 10-a.conflist changed",
        "wrote 00-multus.conf",
    ];
    assert_eq!(reports, expected);
    assert!(node.text().contains("\"mac\":true"));
}

#[test]
fn an_unreadable_file_or_directory_changes_nothing() {
    let mut node = node();
    primary(&mut node, &[("10-a.conflist", &list("a"))]);
    let mut unreadable = file("10-a.conflist", "");
    unreadable.content = Err("failed to read".to_owned());
    node.sight.files = Ok(vec![unreadable]);
    assert_eq!(node.act().0.status.primary.unwrap().file, "10-a.conflist");
    node.sight.files = Err("failed to list".to_owned());
    let (actions, _) = node.act();
    assert_eq!(actions.status.primary.unwrap().file, "10-a.conflist");
    assert!(actions.status.not_ready.unwrap().contains("failed to list"));
}

/// The record that a daemon with these settings leaves after a look at these files.
fn record(settings: &Settings, files: &[(&str, &str)]) -> Vec<u8> {
    let mut node = Node::new(settings, None);
    node.files(files).look().record.unwrap()
}

#[test]
fn a_successor_goes_on_with_the_primary_that_was_recorded() {
    let list = list("a");
    let both = [("05-new.conflist", list.as_str()), ("10-a.conflist", &list)];
    let record = record(&settings(""), &both[1..]);
    let mut node = Node::new(&settings(""), Some(&record));
    assert_eq!(primary(&mut node, &both), "10-a.conflist");
    let mut node = Node::new(&settings(""), Some(&record));
    let (actions, _) = node.files(&[("10-a.conflist", "{")]).act();
    assert_eq!(actions.status.primary.unwrap().content, list.as_bytes());
    let mut node = Node::new(&settings(""), Some(&record));
    assert_eq!(primary(&mut node, &both[..1]), "10-a.conflist");
    node.after(30);
    assert_eq!(primary(&mut node, &both[..1]), "05-new.conflist");
}

#[test]
fn a_record_of_another_directory_or_of_another_choice_does_not_count() {
    let list = list("a");
    let record = record(&settings(""), &[("10-a.conflist", &list)]);
    let both = [("05-new.conflist", list.as_str()), ("10-a.conflist", &list)];
    for other in [
        settings(r#","multusAutoconfigDir":"/elsewhere""#),
        settings(r#","multusMasterCNI":"05-new.conflist""#),
    ] {
        let mut node = Node::new(&other, Some(&record));
        assert_eq!(primary(&mut node, &both), "05-new.conflist");
    }
    let mut node = Node::new(&settings(""), Some(b"{"));
    assert_eq!(primary(&mut node, &both), "05-new.conflist");
}

#[test]
fn a_primary_that_is_in_force_is_the_choice_where_nothing_is_recorded() {
    // upstream's daemon, which this one replaces, chose it before another file came
    let list = list("a");
    let both = [("05-new.conflist", list.as_str()), ("10-a.conflist", &list)];
    let own = |path: &str| {
        format!(
            r#"{{"cniVersion":"0.3.1","name":"m","clusterNetwork":"{path}","type":"multus-shim"}}"#
        )
    };
    let in_force = own("/host/etc/cni/net.d/10-a.conflist");
    let mut node = node();
    assert_eq!(primary(node.own(&in_force), &both), "10-a.conflist");
    let mut node = Node::new(&settings(""), None);
    let text = format!(r#"{{"name":"k","plugins":[{in_force},{{"type":"istio-cni"}}]}}"#);
    node.sight.list = Some(text.into_bytes());
    assert_eq!(primary(&mut node, &both), "10-a.conflist");
    for other in [
        own("/host/etc/cni/net.d/20-gone.conflist"),
        own("/elsewhere/10-a.conflist"),
        own("10-a.conflist"),
        in_force.replace("multus-shim", "other"),
    ] {
        let mut node = Node::new(&settings(""), None);
        assert_eq!(
            primary(node.own(&other), &both),
            "05-new.conflist",
            "{other}"
        );
    }
}
