use super::*;

fn with_interface(namespace: &str, name: &str, interface: &str) -> SelectionElement {
    SelectionElement {
        interface: Some(interface.to_owned()),
        ..SelectionElement::new(namespace, name)
    }
}

#[test]
fn items_come_in_order_with_namespace_and_interface() {
    // B3.20, B3.26, B3.47, T2.1, T2.19
    let expected = [
        SelectionElement::new("pods", "net1"),
        SelectionElement::new("blue", "net2"),
        with_interface("blue", "net3", "my_interface"),
        with_interface("pods", "net1", "eth1.5"),
    ];
    assert_eq!(
        read("net1,blue/net2,blue/net3@my_interface,net1@eth1.5"),
        expected
    );
}

#[test]
fn white_space_around_every_part_is_dropped() {
    // B3.20–B3.22; a block scalar of YAML ends in a line feed
    assert_eq!(
        read("  a ,\n\tblue / b @ eth1\n"),
        [
            SelectionElement::new("pods", "a"),
            with_interface("blue", "b", "eth1"),
        ]
    );
}

#[test]
fn empty_namespace_and_interface_mean_none() {
    // B3.24, B3.26
    assert_eq!(
        read("/a,b@"),
        [
            SelectionElement::new("pods", "a"),
            SelectionElement::new("pods", "b")
        ]
    );
}

#[test]
fn empty_items_are_refused_by_index() {
    // B3.25, Q29
    for (text, index) in [("a,", 1), (",a", 0), ("a,,b", 1), (" ", 0), ("a, ,b", 1)] {
        let expected = format!("item {index} of the list is empty");
        assert_eq!(refusal(text), expected, "{text:?}");
    }
}

#[test]
fn items_without_a_name_are_refused() {
    // Q29, MN-023
    for text in ["ns/", "@eth1", "/", "ns/@eth1"] {
        let expected = format!("item 0 (\"{text}\"): name: must not be empty");
        assert_eq!(refusal(text), expected);
    }
}

#[test]
fn too_many_parts_are_refused() {
    // B3.21, B3.22, T2.19
    let prefix = "item 1";
    assert_eq!(
        refusal("a,root/b/c"),
        format!(
            "{prefix} (\"root/b/c\"): more than one '/', the form is [namespace/]name[@interface]"
        )
    );
    assert_eq!(
        refusal("a,b@c@d"),
        format!(
            "{prefix} (\"b@c@d\"): more than one '@', the form is [namespace/]name[@interface]"
        )
    );
}

#[test]
fn namespaces_and_names_are_labels() {
    // B3.23: dots need the JSON format
    for item in ["a.b", "A", "a_b", "-a", "a-", "ä", "a b", "ns.x/a", "a@b/c"] {
        assert!(
            refusal(item).contains(" is not lower-case letters, digits and '-' in its middle"),
            "{item}"
        );
    }
    assert_eq!(read("0-a").len(), 1);
}

#[test]
fn names_may_be_longer_than_a_label_but_not_than_a_name() {
    // B3.23
    assert_eq!(read(&"a".repeat(253)).len(), 1);
    assert!(refusal(&"a".repeat(254)).contains("at most 253 characters"));
    assert!(refusal(&format!("{}/a", "n".repeat(64))).contains("at most 63 characters"));
}

#[test]
fn interface_names_are_checked() {
    // B3.24, B4.122, T2.19
    assert_eq!(read("a@123456789012345").len(), 1);
    for name in [
        "1234567890123456",
        "a b",
        "a\u{b}b",
        "a:1",
        ".",
        "..",
        "all",
        "default",
        "a%d",
        "a\u{7f}b",
    ] {
        let message = refusal(&format!("a@{name}"));
        assert!(message.contains("): interface: "), "{message}");
        assert!(
            message.contains(" cannot be the name of an interface: "),
            "{message}"
        );
    }
}
