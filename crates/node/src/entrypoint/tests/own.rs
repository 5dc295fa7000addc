//! A configuration that is copied (`--multus-conf-file`), and a primary that is named.

use super::*;

pub(super) const CONF: &str = r#"{"cniVersion":"1.0.0","name":"mine","type":"multus"}"#;

/// A node whose configuration is this text, in a file of this name.
fn node(file: &str, text: &str) -> Node {
    let mut node = Node::new(&[]);
    let name = format!("source/{file}");
    node.put(&name, text);
    let flag = format!("--multus-conf-file={}", node.path(&name).display());
    node.flags.push(flag);
    node
}

#[test]
fn a_configuration_of_ones_own_is_copied() {
    // B6.143
    let node = node("70-mine.conf", CONF);
    node.begin().unwrap();
    assert_eq!(node.text("conf/70-mine.conf"), CONF);
    assert!(node.has("conf/multus.d/multus.kubeconfig"));
    assert!(!node.has("conf/00-multus.conflist"));
}

#[test]
fn who_may_read_the_source_may_read_the_copy_and_nobody_else_writes_it() {
    for (source, copied) in [(0o600, 0o600), (0o666, 0o644)] {
        let node = node("70-mine.conf", CONF);
        let mode = fs::Permissions::from_mode(source);
        fs::set_permissions(node.path("source/70-mine.conf"), mode).unwrap();
        node.begin().unwrap();
        let copy = fs::metadata(node.path("conf/70-mine.conf")).unwrap();
        assert_eq!(copy.permissions().mode() & 0o777, copied);
    }
}

#[test]
fn what_no_runtime_could_use_is_not_copied() {
    // B6.143, Q34
    for (file, text) in [
        ("70-mine.conf", "{"),
        ("70-mine.conf", "{}"),
        ("70-mine.conf", LIST),
        ("70-mine.conflist", CONF),
        ("70-mine.conflist", ""),
    ] {
        let node = node(file, text);
        let told = node.begin().unwrap_err().to_string();
        let about = format!("source/{file} is no configuration: ");
        assert!(told.starts_with("--multus-conf-file: /"), "{told}");
        assert!(told.contains(&about), "{told}");
        assert!(!node.has(&format!("conf/{file}")), "{file}: {text}");
    }
}

#[test]
fn a_copy_follows_its_source_and_is_put_back() {
    // B6.143
    let node = node("70-mine.conf", CONF);
    let copied = || fs::read_to_string(node.path("conf/70-mine.conf")).unwrap_or_default();
    let newer = CONF.replace("1.0.0", "0.4.0");
    beside(&node, || {
        until("it is copied", || copied() == CONF);
        fs::remove_file(node.path("conf/70-mine.conf")).unwrap();
        until("it is back", || copied() == CONF);
        node.put("source/70-mine.conf", "{");
        // Whoever has the second of two tokens is done with the look that found the first.
        for token in ["two", "three"] {
            node.put("account/token", token);
            until("one has looked", || {
                node.text("conf/multus.d/multus.kubeconfig")
                    .contains(&format!("\"{token}\""))
            });
        }
        assert_eq!(copied(), CONF);
        node.put("source/70-mine.conf", &newer);
        until("it follows", || copied() == newer);
    });
    assert_eq!(copied(), newer);
}

#[test]
fn a_primary_that_is_named_and_not_there_is_told_by_its_path() {
    // B1.68
    let node = Node::new(&["--multus-master-cni-file-name=10-clutser.conflist"]);
    let mut keeper = node.keeper();
    keeper.begin(&DirWatcher::new().unwrap()).unwrap();
    let expected = format!(
        "no primary network yet: {} (--multus-master-cni-file-name) is not there",
        node.path("conf/10-clutser.conflist").display()
    );
    assert_eq!(keeper.troubles[1].as_deref(), Some(expected.as_str()));
    assert!(!node.has("conf/00-multus.conflist"));
}
