//! The scripted plugin does what its script says, and records what it was given.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::scripted::Recorder;
use testkit::world::World;

const PLUGIN: &str = env!("CARGO_BIN_EXE_scripted-cni");
const NOOP: &str = env!("CARGO_BIN_EXE_noop-cni");

fn call_program(program: &str, verb: &str, config: &Value) -> Output {
    let mut child = Command::new(program)
        .env_clear()
        .envs([
            ("CNI_COMMAND", verb),
            ("CNI_CONTAINERID", "c1"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_NETNS", "/run/netns/x"),
            ("OTHER", "1"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    serde_json::to_writer(stdin, config).unwrap();
    child.wait_with_output().unwrap()
}

fn call(verb: &str, config: &Value) -> Output {
    call_program(PLUGIN, verb, config)
}

fn answer(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn recorder() -> (TempDir, Recorder) {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(folder.path().join("log"));
    (folder, recorder)
}

#[test]
fn without_a_script_it_is_well_mannered() {
    let done = call(
        "ADD",
        &json!({"cniVersion": "1.0.0", "name": "n", "type": "t"}),
    );
    assert!(done.status.success());
    let expected = json!({"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/x"}], "dns": {}});
    assert_eq!(answer(&done), expected);
    assert_eq!(
        answer(&call("ADD", &json!({"cniVersion": "0.2.0"}))),
        json!({"cniVersion": "0.2.0", "dns": {}})
    );
    let versions = answer(&call("VERSION", &json!({"cniVersion": "1.1.0"})));
    assert!(
        versions["supportedVersions"]
            .as_array()
            .unwrap()
            .contains(&json!("1.1.0"))
    );
    for verb in ["DEL", "CHECK", "GC", "STATUS"] {
        let done = call(verb, &json!({"cniVersion": "1.1.0"}));
        assert!(done.status.success() && done.stdout.is_empty(), "{verb}");
    }
}

#[test]
fn a_chained_one_passes_the_previous_result_on() {
    let previous = json!({"cniVersion": "1.0.0", "ips": [{"address": "192.0.2.2/24"}]});
    let done = call(
        "ADD",
        &json!({"cniVersion": "1.0.0", "prevResult": previous}),
    );
    assert_eq!(answer(&done), previous);
}

#[test]
fn everything_that_it_was_given_is_recorded() {
    let (_folder, recorder) = recorder();
    let config = json!({"cniVersion": "1.0.0", "name": "net-a", "script": {"record": recorder.path(), "sleep_ms": 20}});
    call("ADD", &config);
    call("DEL", &config);

    let calls = recorder.calls().unwrap();
    assert_eq!(
        recorder.summary().unwrap(),
        ["ADD net-a eth0", "DEL net-a eth0"]
    );
    assert_eq!(calls[0].variable("CNI_CONTAINERID"), "c1");
    assert_eq!(calls[0].plugin, "scripted-cni");
    assert_eq!(calls[0].config.as_ref(), Some(&config));
    assert_eq!(calls[0].stdin, serde_json::to_vec(&config).unwrap());
    assert_eq!(calls[0].ppid, std::process::id());
    assert!(calls[0].environment.is_none());
    assert!(calls[0].ended_before(&calls[1]));
    assert!(calls[0].ended.unwrap() - calls[0].started >= 20_000_000);
    let numbers: Vec<u32> = calls[0].descriptors.iter().map(|fd| fd.number).collect();
    assert!(numbers.starts_with(&[0, 1, 2]), "{numbers:?}");
    assert!(calls[0].descriptors[0].target.starts_with("pipe:"));
}

#[test]
fn the_whole_environment_is_recorded_on_demand() {
    let (_folder, recorder) = recorder();
    call(
        "ADD",
        &json!({"script": {"record": recorder.path(), "record_environment": true}}),
    );
    assert_eq!(
        recorder.calls().unwrap()[0].environment.as_ref().unwrap()["OTHER"],
        "1"
    );
}

#[test]
fn lines_of_plugins_that_run_side_by_side_do_not_mix() {
    let (_folder, recorder) = recorder();
    let config =
        json!({"name": "n", "padding": "x".repeat(100_000), "script": {"record": recorder.path()}});
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| call("ADD", &config));
        }
    });
    let calls = recorder.calls().unwrap();
    assert_eq!(calls.len(), 8);
    assert!(calls.iter().all(|call| call.ended.is_some()));
}

#[test]
fn it_answers_as_the_script_says() {
    let fail = call(
        "ADD",
        &json!({"script": {"fail": {"verb": "ADD", "code": 100, "msg": "no", "details": "why"}}}),
    );
    assert_eq!(fail.status.code(), Some(1));
    assert_eq!(
        answer(&fail),
        json!({"cniVersion": "0.1.0", "code": 100, "msg": "no", "details": "why"})
    );

    let garbage = call(
        "ADD",
        &json!({"script": {"stdout": "garbage", "stderr": "noise", "exit": 7}}),
    );
    assert_eq!(
        (garbage.status.code(), garbage.stdout, garbage.stderr),
        (Some(7), b"garbage".to_vec(), b"noise".to_vec())
    );

    let flood = call("ADD", &json!({"script": {"stdout_bytes": 3_000_000}}));
    assert_eq!(flood.stdout.len(), 3_000_000);

    let result = json!({"interfaces": [{"name": "${CNI_IFNAME}", "sandbox": "${CNI_NETNS}"}]});
    let canned = call(
        "ADD",
        &json!({"cniVersion": "0.4.0", "script": {"result": result}}),
    );
    let expected =
        json!({"cniVersion": "0.4.0", "interfaces": [{"name": "eth0", "sandbox": "/run/netns/x"}]});
    assert_eq!(answer(&canned), expected);
}

#[test]
fn a_typing_mistake_in_a_script_is_an_error() {
    let done = call("ADD", &json!({"script": {"recrod": "/x"}}));
    assert_eq!(done.status.code(), Some(1));
    assert!(answer(&done)["msg"].as_str().unwrap().contains("recrod"));
}

#[test]
fn a_configuration_without_a_script_gets_the_one_of_its_plugins_name() {
    let (folder, recorder) = recorder();
    let plugin = folder.path().join("bridge");
    std::os::unix::fs::symlink(PLUGIN, &plugin).unwrap();
    let scripts = folder.path().join("scripts.json");
    let texts = json!({"bridge": {"record": recorder.path(), "stdout": "of the file"}, "other": {"exit": 9}});
    std::fs::write(&scripts, texts.to_string()).unwrap();
    let call = |config: &str| {
        let mut command = Command::new(&plugin);
        command
            .env(testkit::scripted::SCRIPTS, &scripts)
            .stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, config.as_bytes()).unwrap();
        drop(stdin);
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    assert_eq!(call(r#"{"name": "n"}"#), "of the file");
    assert_eq!(call(r#"{"script": {"stdout": "its own"}}"#), "its own");
    assert_eq!(recorder.calls().unwrap().len(), 1);
}

#[test]
fn it_dies_as_the_script_says_and_the_record_has_no_end() {
    use std::os::unix::process::ExitStatusExt;
    let (_folder, recorder) = recorder();
    for (way, signal) in [
        ("SIGKILL", 9),
        ("SIGSEGV", 11),
        ("abort", 6),
        ("SIGTERM", 15),
    ] {
        let done = call(
            "ADD",
            &json!({"script": {"record": recorder.path(), "crash": way}}),
        );
        assert_eq!(done.status.signal(), Some(signal), "{way}");
    }
    assert!(
        recorder
            .calls()
            .unwrap()
            .iter()
            .all(|call| call.ended.is_none())
    );
}

#[test]
fn a_grandchild_holds_standard_output_open() {
    let begun = Instant::now();
    let done = call(
        "ADD",
        &json!({"script": {"spawn_grandchild_holding_stdout_ms": 300}}),
    );
    assert!(done.status.success());
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn it_waits_for_a_file_and_touches_one() {
    let (folder, recorder) = recorder();
    let (go, here) = (folder.path().join("go"), folder.path().join("here"));
    let config = json!({"script": {"record": recorder.path(), "touch": here, "wait_for_file": go}});
    std::thread::scope(|scope| {
        let running = scope.spawn(|| call("ADD", &config));
        recorder.wait_for(|call| call.verb == "ADD").unwrap();
        std::fs::write(&go, "").unwrap();
        assert!(running.join().unwrap().status.success());
    });
    assert!(here.exists());
}

#[test]
fn it_hangs_until_killed_also_through_sigterm() {
    use std::os::unix::process::ExitStatusExt;
    let world = World::new().unwrap();
    for (script, ends_on_term) in [
        (json!({"hang": true}), true),
        (json!({"ignore_sigterm": true}), false),
    ] {
        let config = json!({"script": script}).to_string();
        let mut running = world
            .command(PLUGIN)
            .env("CNI_COMMAND", "ADD")
            .stdin(config)
            .spawn()
            .unwrap();
        while !world
            .processes()
            .iter()
            .any(|(_, line)| line == "sleep 600")
        {}
        running.signal(rustix::process::Signal::TERM).unwrap();
        if !ends_on_term {
            std::thread::sleep(Duration::from_millis(50));
            assert!(running.is_running().unwrap());
            running.signal(rustix::process::Signal::KILL).unwrap();
        }
        let expected = if ends_on_term { 15 } else { 9 };
        assert_eq!(running.wait().unwrap().status.signal(), Some(expected));
    }
}

#[test]
fn it_makes_a_link_with_the_results_addresses_and_routes() {
    let world = World::new().unwrap();
    let sandbox = world.sandbox("pod").unwrap();
    let before = world.snapshot(&[]).unwrap();
    let result = json!({
        "interfaces": [{"name": "${CNI_IFNAME}", "sandbox": "${CNI_NETNS}"}],
        "ips": [{"address": "192.0.2.2/24", "interface": 0}],
        "routes": [{"dst": "198.51.100.0/24", "gw": "192.0.2.1"}],
    });
    let config = json!({"cniVersion": "1.0.0", "script": {"create_link": true, "result": result}})
        .to_string();
    let run = |verb: &str| {
        let environment = [
            ("CNI_COMMAND", verb),
            ("CNI_IFNAME", "net1"),
            ("CNI_NETNS", sandbox.path().to_str().unwrap()),
        ];
        world
            .command(PLUGIN)
            .envs(environment)
            .stdin(config.clone())
            .check()
            .unwrap()
    };
    run("ADD");
    assert_eq!(sandbox.addresses_of("net1").unwrap().len(), 1);
    assert!(
        sandbox
            .routes()
            .unwrap()
            .iter()
            .any(|route| route.destination == "198.51.100.0/24")
    );
    run("DEL");
    run("DEL");
    assert_eq!(world.leaks(&before).unwrap(), []);
}

#[test]
fn the_noop_plugin_prints_a_result() {
    let done = call_program(NOOP, "ADD", &json!({}));
    assert_eq!(answer(&done)["interfaces"][0]["name"], "eth0");
    assert!(call_program(NOOP, "DEL", &json!({})).stdout.is_empty());
    assert!(Path::new(NOOP).exists());
}
