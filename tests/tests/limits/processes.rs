//! Processes, threads and descriptors.

use testkit::tools;

use crate::stage::Stage;

/// Open files of `multus` at a time, in local mode.
const MOST_OPEN: usize = 13;

/// How often the main thread made a process or a thread, by `strace`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Made {
    /// By `clone` with `CLONE_VFORK`, or `vfork`: whatever the size of `multus`, nothing is copied.
    spawned: usize,
    /// By `clone` with `CLONE_THREAD`.
    threads: usize,
    /// In any other way.
    forked: Vec<String>,
}

impl Made {
    fn read(trace: &str) -> Self {
        let mut made = Self::default();
        for line in trace.lines().filter(|line| !line.contains(" = -1 ")) {
            if line.contains("CLONE_THREAD") {
                made.threads += 1;
            } else if line.contains("CLONE_VFORK") || line.starts_with("vfork(") {
                made.spawned += 1;
            } else if ["clone(", "clone3(", "fork("]
                .iter()
                .any(|call| line.starts_with(call))
            {
                made.forked.push(line.to_owned());
            }
        }
        made
    }

    /// Runs a verb under `strace`, which without `-f` sees the main thread alone: not the delegates, not other threads.
    fn of(stage: &Stage, verb: &str) -> Self {
        tools::debian(&["strace"]).unwrap();
        let trace = stage.node().world.directory().join("trace");
        let options = [
            "-e",
            "trace=clone,clone3,fork,vfork",
            "-o",
            trace.to_str().unwrap(),
        ];
        stage.watched(verb, "strace", &options).check().unwrap();
        Self::read(&std::fs::read_to_string(trace).unwrap())
    }
}

#[test]
fn each_delegate_is_one_process_and_none_is_made_by_a_fork_s8() {
    for networks in [0, 8] {
        let stage = Stage::local(networks);
        for verb in ["ADD", "DEL"] {
            let made = Made::of(&stage, verb);
            assert_eq!(
                (made.spawned, made.forked.as_slice()),
                (1 + networks, &[][..]),
                "{verb} with {networks} networks"
            );
        }
    }
}

/// Threads of an ADD: one waits for the disk, where the node's state is on one.
fn of_an_add(stage: &Stage) -> usize {
    let asked = stage.node().world.command("stat");
    let asked = asked.args(["-f", "-c", "%T"]).arg(&stage.node().state);
    let kind = asked.check().unwrap().stdout_text();
    usize::from(!matches!(kind.trim(), "tmpfs" | "ramfs"))
}

#[test]
fn the_number_of_threads_does_not_depend_on_the_number_of_networks_s9() {
    for networks in [0, 8] {
        let stage = Stage::local(networks);
        let made = Made::of(&stage, "ADD").threads;
        assert_eq!(made, of_an_add(&stage), "{networks} networks");
        assert_eq!(Made::of(&stage, "DEL").threads, 0, "{networks} networks");
    }
}

#[test]
fn the_api_takes_no_threads_of_its_own_s9() {
    let stage = Stage::api(2);
    let made = Made::of(&stage, "ADD").threads;
    assert_eq!(made, of_an_add(&stage));
    assert_eq!(Made::of(&stage, "DEL").threads, 0);
}

#[test]
fn an_add_needs_no_more_open_files_than_promised_s10() {
    let stage = Stage::local(8);
    // What whoever runs this test has open would count.
    let script = format!(
        "for open in /proc/self/fd/*; do \
             number=${{open##*/}}; [ $number -le 2 ] || eval \"exec $number>&-\"; \
         done; ulimit -n {MOST_OPEN}; exec \"$0\""
    );
    for verb in ["ADD", "DEL"] {
        let run = stage.watched(verb, "bash", &["-c", &script]);
        run.check().unwrap();
    }
}

#[test]
fn a_delegate_gets_three_pipes_and_the_lock_of_its_container_and_nothing_else_of_multus_s11() {
    // Q54
    let stage = Stage::local(2);
    // What the tests themselves leave open to every program that they start.
    let known = inherited(&stage);
    for verb in ["ADD", "DEL"] {
        stage.call(verb).check().unwrap();
    }
    let calls = stage.record.calls().unwrap();
    assert_eq!(calls.len(), 6);
    for call in calls {
        let (pipes, others): (Vec<_>, Vec<_>) = call
            .descriptors
            .iter()
            .partition(|descriptor| descriptor.number <= 2);
        assert_eq!(pipes.len(), 3, "{call:?}");
        assert!(
            pipes.iter().all(|pipe| pipe.target.starts_with("pipe:[")),
            "{call:?}"
        );
        let lock = stage.node().state.join(".lock-sandbox");
        let targets: Vec<&str> = others
            .iter()
            .map(|other| other.target.as_str())
            .filter(|target| !known.iter().any(|one| one == target))
            .collect();
        assert_eq!(targets, [lock.to_str().unwrap()], "{}", call.verb);
    }
}

/// What a plugin has open beside its three pipes when the test itself starts it.
fn inherited(stage: &Stage) -> Vec<String> {
    let plugin = stage
        .node()
        .world
        .command(stage.node().plugins.join("scripted"));
    let script = serde_json::json!({"record": stage.record.path()});
    let conf = serde_json::json!({"cniVersion": "1.0.0", "name": "direct", "script": script});
    let run = stage.container.describe("ADD", plugin);
    run.stdin(conf.to_string()).check().unwrap();
    let mut calls = stage.record.calls().unwrap();
    stage.record.clear().unwrap();
    let descriptors = calls.remove(0).descriptors.into_iter();
    descriptors
        .filter(|descriptor| descriptor.number > 2)
        .map(|descriptor| descriptor.target)
        .collect()
}

#[test]
fn lines_of_strace_are_told_apart() {
    let trace = "\
clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, stack_size=0x1ff900}, 88) = 7
clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88) = -1 ENOSYS (Function not implemented)
clone(child_stack=0x7f, flags=CLONE_VM|CLONE_VFORK|SIGCHLD) = 8
--- SIGCHLD {si_signo=SIGCHLD} ---
vfork() = 9
clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 10
+++ exited with 0 +++
";
    let made = Made::read(trace);
    assert_eq!((made.spawned, made.threads), (2, 1));
    assert_eq!(made.forked.len(), 1);
}
