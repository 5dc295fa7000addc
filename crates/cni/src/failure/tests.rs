use super::*;
use crate::exec::Output;
use crate::{CniResult, Version};

fn output(status: Status, stdout: &str, stderr: &str) -> Output {
    Output {
        status,
        stdout: stdout.into(),
        stdout_cut: false,
        stderr: stderr.into(),
    }
}

fn failure(status: Status, stdout: &str, stderr: &str) -> PluginFailure {
    judge(&output(status, stdout, stderr)).unwrap_err()
}

fn failed(stdout: &str, stderr: &str) -> (u32, String) {
    let failure = failure(Status::Exited(1), stdout, stderr);
    (failure.code(), failure.to_string())
}

fn add(stdout: &str) -> Result<CniResult, String> {
    judge_add(&output(Status::Exited(0), stdout, ""), Version::V0_4_0)
        .map_err(|failure| failure.to_string())
}

#[test]
fn a_reported_error_keeps_its_code_message_and_details() {
    // B4.130
    let report =
        r#"{"cniVersion":"1.0.0","code":11,"msg":"no address left","details":"pool of 3"}"#;
    assert_eq!(
        failed(report, "noise"),
        (11, "no address left; pool of 3".into())
    );
    assert_eq!(failed(r#"{"Code":7,"MSG":"x"}"#, ""), (7, "x".into())); // B0.1
    assert_eq!(failed(r#"{"msg":"x"}"#, ""), (999, "x".into()));
}

#[test]
fn success_is_exit_status_0_whatever_was_printed() {
    assert!(judge(&output(Status::Exited(0), "garbage", "noise")).is_ok());
}

#[test]
fn a_silent_failure_is_told_by_stderr_or_by_its_end() {
    // B4.130, #40
    assert_eq!(
        failed("", "no such\nfile\n").1,
        "netplugin failed: \"no such\\nfile\": exit status 1"
    );
    assert_eq!(
        failed(" \n", "").1,
        "netplugin failed with no error message: exit status 1"
    );
    let killed = failure(Status::Signaled(9), "", "").to_string();
    assert_eq!(
        killed,
        "netplugin failed with no error message: killed by signal 9"
    );
}

#[test]
fn an_unreadable_report_is_quoted_bounded_and_on_one_line() {
    // B4.130, #35, #46
    let (code, text) = failed(&format!("panic:\n\x1b[31m{}", "x".repeat(100_000)), "noise");
    assert_eq!(code, 999);
    assert!(
        text.starts_with(
            "netplugin failed but error parsing its diagnostic message \"panic:\\n\\u{1b}[31mxxx"
        ),
        "{text}"
    );
    assert!(
        text.ends_with("…\": no error object: exit status 1: \"noise\""),
        "{text}"
    );
    assert!(text.len() < 400);
}

#[test]
fn the_last_error_object_counts_wherever_it_stands() {
    // #36
    let result = r#"{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.1/8"}]}"#;
    let netns = r#"{"code":8,"msg":"same netns"}"#;
    for text in [
        format!("{result}{netns}"),
        format!("log {{ x\n{result}\n{netns}\n"),
        format!("{netns}{result} }} {{"),
    ] {
        assert_eq!(failed(&text, ""), (8, "same netns".into()), "{text}");
    }
    let nested = r#"{"ips":[],"x":{"code":1,"msg":"inner"}}"#;
    assert_eq!(failed(&format!("{nested} {netns}"), "").0, 8);
    assert_eq!(failed(nested, "").0, 999);
}

#[test]
fn a_result_and_a_failure_is_told_by_stderr() {
    // #37
    let (code, text) = failed(r#"{"cniVersion":"1.0.0","ips":[]}"#, "late failure");
    assert_eq!(code, 999);
    assert!(text.ends_with("exit status 1: \"late failure\""), "{text}");
    assert_eq!(failed(r#"{"code":5,"msg":""}"#, "why"), (5, "why".into()));
    assert_eq!(failed(r#"{"code":5}"#, ""), (5, "exit status 1".into()));
}

#[test]
fn an_error_object_with_a_bad_code_is_shown_as_it_is() {
    // #39
    for code in ["\"7\"", "-1", "99999999999", "1.5"] {
        let (number, text) = failed(&format!(r#"{{"code":{code},"msg":"m"}}"#), "");
        assert_eq!(number, 999);
        assert!(
            text.contains("error parsing its diagnostic message"),
            "{text}"
        );
    }
}

#[test]
fn hostile_output_is_searched_in_bounded_time() {
    let deep = "{\"a\":[".repeat(700_000);
    let open = format!("{{\"a\":[{}", "{\"b\":[1,2],\"c\":\"}\"},".repeat(200_000));
    for text in [deep, open, "{".repeat(4_000_000), "{\"".repeat(2_000_000)] {
        assert_eq!(failed(&text, "").0, 999);
    }
}

#[test]
fn at_the_deadline_only_the_deadline_counts() {
    // #41
    let failure = failure(Status::TimedOut, r#"{"code":7,"msg":"x"}"#, "slow");
    assert_eq!(
        (failure.code(), failure.to_string().as_str()),
        (999, "timed out: \"slow\"")
    );
}

#[test]
fn an_add_needs_exactly_one_result() {
    assert_eq!(add(""), Err("plugin printed no result".into())); // #32
    assert_eq!(add(" \n"), Err("plugin printed no result".into()));
    assert_eq!(add("null"), Ok(CniResult::new(Version::V0_4_0))); // #33
    assert_eq!(add("{}\n"), Ok(CniResult::new(Version::V0_4_0))); // #34
    let error = add("log\n{}").unwrap_err(); // #35
    assert_eq!(
        error,
        "failed to decode the result: expected value at line 1 column 1, plugin printed \"log\\n{}\""
    );
    assert!(add("{}{}").is_err());
    assert!(
        add(r#"{"cniVersion":"5.0.0"}"#)
            .unwrap_err()
            .starts_with("unsupported CNI result version \"5.0.0\"")
    );
}

#[test]
fn a_result_that_was_cut_is_an_error() {
    // #43
    let cut = Output {
        stdout_cut: true,
        ..output(Status::Exited(0), "{}", "")
    };
    assert!(matches!(
        judge_add(&cut, Version::LATEST),
        Err(PluginFailure::Truncated)
    ));
    assert!(judge(&cut).is_ok());
}

#[test]
fn an_error_with_exit_status_0_is_an_error() {
    // #38
    assert_eq!(add(r#"{"code":11,"msg":"later"}"#), Err("later".into()));
    assert!(add(r#"{"code":0,"msg":""}"#).is_ok());
    assert!(add(r#"{"code":11,"msg":"x","ips":[]}"#).is_ok());
}

#[test]
fn verbs_that_a_plugin_does_not_know_are_recognised() {
    // CNI SPEC 1.1 §4, #94
    for (code, msg, expected) in [
        (100, "unknown CNI_COMMAND: GC", true),
        (4, "unknown CNI_COMMAND: STATUS", true),
        (3, "missing containerID", true),
        (1, "config version does not allow GC", true),
        (1, "incompatible CNI versions", true),
        (4, "required env variables [CNI_PATH] missing", false),
        (100, "broken", false),
        (50, "not available", false),
        (999, "unknown CNI_COMMAND: GC", false),
    ] {
        let report = format!(r#"{{"code":{code},"msg":"{msg}"}}"#);
        assert_eq!(
            failure(Status::Exited(1), &report, "").is_not_implemented(),
            expected,
            "{report}"
        );
    }
    assert!(!failure(Status::Exited(1), "", "unknown CNI_COMMAND: GC").is_not_implemented());
}

#[test]
fn every_cause_has_a_code() {
    let plugin = |failure| Cause::Plugin(failure);
    let find = FindError::NoPath { plugin: "x".into() };
    for (cause, code) in [
        (plugin(PluginFailure::NoResult), 999),
        (plugin(PluginFailure::Find(find)), 999),
        (
            plugin(failure(Status::Exited(1), r#"{"code":3,"msg":"x"}"#, "")),
            3,
        ),
        (
            plugin(failure(Status::Exited(1), r#"{"code":0,"msg":"x"}"#, "")),
            999,
        ),
        (Cause::Name(NameError::MissingNetworkName), 7),
        (Cause::Name(NameError::MissingContainerId), 3),
        (Cause::Args(ArgsError::Key("x".into())), 4),
        (Cause::NoPlugins, 7),
        (Cause::Request(gojson::Error::new("", "x")), 999),
        (
            Cause::NoCheck {
                version: "0.3.1".into(),
            },
            1,
        ),
        (Cause::NoCachedResult, 3),
        (
            Cause::CacheRead {
                network: "n".into(),
                source: CacheError::Kind,
            },
            999,
        ),
        (
            Cause::CacheWrite {
                network: "n".into(),
                source: io::Error::other("x"),
                undo: None,
            },
            5,
        ),
    ] {
        assert_eq!(cause.code(), code, "{cause}");
    }
}
