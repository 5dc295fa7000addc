//! The command line, and the program started by hand.

use suites::node::Node;
use testkit::world::Finished;

fn run(node: &Node, arguments: &[&str]) -> Finished {
    node.world
        .command(&node.multus)
        .args(arguments)
        .run()
        .unwrap()
}

/// What the program is called.
fn name(node: &Node) -> String {
    let name = node.multus.file_name().unwrap();
    name.to_string_lossy().into_owned()
}

fn usage_of(node: &Node) -> String {
    format!("Usage of {}:", name(node))
}

#[test]
fn either_flag_prints_the_version_whatever_else_is_there() {
    // B1.20, B1.9
    let node = Node::bare();
    for flag in ["-v", "--v", "-version", "--version", "-v=1"] {
        let done = node
            .world
            .command(&node.multus)
            .arg(flag)
            .env("CNI_COMMAND", "ADD")
            .run()
            .unwrap();
        let text = done.stdout_text();
        assert!(done.status.success(), "{flag}");
        // multus: version:<version>(<state>), commit:<commit>, date:<date>
        let rest = text.strip_prefix(&format!("{}: version:", name(&node)));
        let rest = rest.unwrap();
        let (version, rest) = rest.split_once('(').unwrap();
        let (_, rest) = rest.split_once("), commit:").unwrap();
        let (commit, date) = rest.split_once(", date:").unwrap();
        for part in [version, commit, date.strip_suffix('\n').unwrap()] {
            assert!(!part.is_empty() && !part.contains('\n'), "{text:?}");
        }
    }
}

#[test]
fn an_unknown_flag_is_answered_with_the_usage_on_standard_error() {
    // B1.20
    let node = Node::bare();
    for arguments in [
        &["-x"][..],
        &["--conf=/etc/x"],
        &["-version", "-x"],
        &["-v=maybe"],
        &["---v"],
    ] {
        let flag = arguments.join(" ");
        let done = run(&node, arguments);
        assert_eq!(done.status.code(), Some(2), "{flag}");
        assert_eq!(done.stdout_text(), "", "{flag}");
        let usage = done.stderr_text();
        assert!(usage.contains(&usage_of(&node)), "{flag}: {usage:?}");
        assert!(usage.contains("-version"), "{flag}: {usage:?}");
    }
}

#[test]
fn help_is_the_usage_and_no_fault() {
    // B1.20
    let node = Node::bare();
    for flag in ["-h", "--help"] {
        let done = run(&node, &[flag]);
        assert_eq!(done.status.code(), Some(0), "{flag}");
        assert_eq!(done.stdout_text(), "", "{flag}");
        assert!(done.stderr_text().starts_with(&usage_of(&node)), "{flag}");
    }
}

#[test]
fn what_stands_behind_the_first_word_is_no_flag() {
    // B1.20: started by hand, it says what it is
    let node = Node::bare();
    for arguments in [
        &["word", "-x"][..],
        &["--", "-x"],
        &["-", "-x"],
        &["-v=false"],
    ] {
        let done = run(&node, arguments);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}");
        assert!(
            done.stderr_text().starts_with("meta-plugin"),
            "{arguments:?}"
        );
    }
}

#[test]
fn by_hand_it_says_on_standard_error_what_it_is() {
    // B1.23, cni-runtime #111
    let node = Node::bare();
    let done = run(&node, &[]);
    assert!(done.status.success());
    assert_eq!(done.stdout_text(), "");
    assert_eq!(
        done.stderr_text(),
        "meta-plugin that delegates to other CNI plugins\n\
         CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n"
    );
}

#[test]
fn version_needs_neither_input_nor_any_other_variable() {
    // B1.24, cni-runtime #115
    let node = Node::bare();
    let expected = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":\
                    [\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n";
    for (input, script) in [
        ("closed", "exec \"$0\" <&-"),
        ("empty", "exec \"$0\" </dev/null"),
        ("garbage", "echo garbage | \"$0\""),
        ("a directory", "exec \"$0\" </"),
    ] {
        let done = node
            .world
            .command("sh")
            .args(["-c", script])
            .arg(&node.multus)
            .env("CNI_COMMAND", "VERSION")
            .run()
            .unwrap();
        assert!(done.status.success(), "{input}");
        assert_eq!(done.stdout_text(), expected, "{input}");
        assert_eq!(done.stderr_text(), "", "{input}");
    }
}
