use std::fs::{self, OpenOptions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::testing::{again_under, eventually, is_again, is_alive, script, sh};

struct Plugin {
    _directory: tempfile::TempDir,
    program: PathBuf,
}

impl Plugin {
    fn new(body: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = script(directory.path(), "plugin", body);
        Self {
            _directory: directory,
            program,
        }
    }

    fn run(&self, stdin: &[u8], patience: Duration) -> (Output, Duration) {
        self.run_with(Limits::default(), &[], stdin, patience)
    }

    fn run_with(
        &self,
        limits: Limits,
        env: &[(&str, &str)],
        stdin: &[u8],
        patience: Duration,
    ) -> (Output, Duration) {
        let begin = Instant::now();
        let env: Vec<_> = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let call = Call {
            program: &self.program,
            env: &env,
            stdin,
            deadline: begin + patience,
        };
        (HostExec::new(limits).run(&call).unwrap(), begin.elapsed())
    }
}

fn run_true() -> Result<Output, SpawnError> {
    let program = Path::new("/bin/true");
    HostExec::default().run(&Call {
        program,
        env: &[],
        stdin: b"",
        deadline: Instant::now() + LONG,
    })
}

#[test]
fn what_need_not_be_done_before_is_done_once_the_program_runs_and_not_where_it_does_not() {
    let done = Cell::new(0);
    let run = |program: &str| {
        let call = Call {
            program: Path::new(program),
            env: &[],
            stdin: b"",
            deadline: Instant::now() + LONG,
        };
        HostExec::default().run_beside(&call, &|| done.set(done.get() + 1))
    };
    assert_eq!(run("/bin/true").unwrap().status, Status::Exited(0));
    assert_eq!(done.get(), 1);
    run("/nowhere/plugin").unwrap_err();
    assert_eq!(done.get(), 1);
}

const LONG: Duration = Duration::from_secs(60);

/// A shell has begun by then, on a busy machine as well.
const A_START: Duration = Duration::from_secs(3);

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn request_goes_in_and_both_streams_and_the_status_come_out() {
    let (output, _) = Plugin::new("cat; echo oops >&2; exit 7").run(b"{\"a\":1}", LONG);
    assert_eq!(output.status, Status::Exited(7));
    assert_eq!(text(&output.stdout), "{\"a\":1}");
    assert_eq!(text(&output.stderr), "oops\n");
    assert!(!output.stdout_cut);
}

#[test]
fn the_child_sees_the_given_cni_variables_and_the_inherited_others() {
    let mut exec = HostExec::new(Limits::default());
    exec.inherited.push(c"SYS_KEPT=yes".to_owned());
    let plugin = Plugin::new("env");
    let env = [
        ("CNI_COMMAND".to_owned(), "ADD".to_owned()),
        ("CNI_ARGS".to_owned(), String::new()),
    ];
    let call = Call {
        program: &plugin.program,
        env: &env,
        stdin: b"",
        deadline: Instant::now() + LONG,
    };
    let seen = text(&exec.run(&call).unwrap().stdout);
    let mut cni: Vec<_> = seen
        .lines()
        .filter(|line| line.starts_with("CNI_"))
        .collect();
    cni.sort_unstable();
    assert_eq!(cni, ["CNI_ARGS=", "CNI_COMMAND=ADD"]);
    assert!(seen.contains("SYS_KEPT=yes\n") && seen.contains("PATH="));
}

#[test]
fn the_child_leads_its_group_with_sigpipe_at_default_and_nothing_blocked() {
    // Without 32 and 33, which the C library keeps for itself and ignores in what it spawns.
    let ignored = |status: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:\t"))
            .unwrap();
        u64::from_str_radix(line, 16).unwrap() & !(0b11 << 31)
    };
    let sigpipe = 1 << 12;
    let ours = ignored(&fs::read_to_string("/proc/self/status").unwrap());
    assert_ne!(ours & sigpipe, 0);
    let body = "echo $$ $(cut -d' ' -f5 /proc/self/stat); grep -E 'Sig(Blk|Ign)' /proc/self/status";
    let (output, _) = Plugin::new(body).run(b"", LONG);
    let text = text(&output.stdout);
    let mut words = text.lines().next().unwrap().split(' ');
    assert_eq!(words.next(), words.next(), "{text}");
    assert!(text.contains("SigBlk:\t0000000000000000"), "{text}");
    assert_eq!(ignored(&text), ours & !sigpipe, "{text}");
}

#[test]
fn i45_big_request_and_big_answer_do_not_deadlock() {
    // Answers before it has read, and more than a pipe holds.
    let plugin = Plugin::new("head -c 300000 /dev/zero; head -c 1000000 /dev/zero >&2; cat");
    let request = vec![b'x'; 700_000];
    let (output, _) = plugin.run(&request, LONG);
    assert_eq!(output.status, Status::Exited(0));
    assert_eq!(output.stdout.len(), 1_000_000);
    assert!(output.stdout.ends_with(b"xxx"));
}

#[test]
fn i44_a_child_may_close_stdin_early_or_never_read_it() {
    for body in ["exec <&-; sleep 0.05; echo done", "echo done"] {
        let (output, _) = Plugin::new(body).run(&vec![b'x'; 1 << 20], LONG);
        assert_eq!(
            (output.status, text(&output.stdout).as_str()),
            (Status::Exited(0), "done\n"),
            "{body}"
        );
    }
}

#[test]
fn i43_a_gigabyte_of_output_is_cut_and_takes_bounded_memory() {
    if !is_again() {
        let test = "exec::tests::i43_a_gigabyte_of_output_is_cut_and_takes_bounded_memory";
        return again_under("", test);
    }
    let plugin = Plugin::new(
        "head -c 1000000000 /dev/zero; echo first >&2; head -c 1000000 /dev/zero >&2; echo last >&2",
    );
    let peak = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let before = peak();
    let (output, _) = plugin.run(b"", 10 * LONG);
    assert_eq!(output.status, Status::Exited(0));
    assert!(output.stdout_cut);
    assert_eq!(output.stdout.len(), 1 << 20);
    assert!(output.stderr.starts_with(b"first\n") && output.stderr.ends_with(b"last\n"));
    assert!(output.stderr.len() < (64 << 10) + 64);
    assert!(text(&output.stderr).contains(" bytes left out]"));
    assert!(peak() - before < 8 << 10, "{} KiB", peak() - before);
}

#[test]
fn i46_bytes_that_are_not_utf8_come_out_as_they_are() {
    let (output, _) = Plugin::new("printf '\\377\\376ab' >&2; exit 1").run(b"", LONG);
    assert_eq!(output.stderr, b"\xff\xfeab");
}

#[test]
fn i40_death_by_signal_is_told_from_an_exit() {
    let (output, _) = Plugin::new("kill -SEGV $$").run(b"", LONG);
    assert_eq!(output.status, Status::Signaled(11));
}

#[test]
fn i41_deadline_ends_the_group_politely_first() {
    let plugin = Plugin::new("trap 'echo terminated; exit 3' TERM; sleep 1000 & echo $!; wait");
    let limits = Limits {
        term_grace: LONG,
        ..Limits::default()
    };
    let (output, took) = plugin.run_with(limits, &[], b"", A_START);
    assert_eq!(output.status, Status::TimedOut);
    let answer = text(&output.stdout);
    let mut lines = answer.lines();
    let grandchild: u32 = lines.next().unwrap().parse().unwrap();
    assert_eq!(lines.next(), Some("terminated"));
    assert!(took < LONG, "{took:?}");
    eventually("the end of the grandchild", || !is_alive(grandchild));
}

#[test]
fn i41_what_does_not_heed_sigterm_is_killed_with_its_children() {
    let limits = Limits {
        term_grace: Duration::from_millis(200),
        ..Limits::default()
    };
    let plugin = Plugin::new("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1; done");
    let (output, took) = plugin.run_with(limits, &[], b"", A_START);
    assert_eq!(output.status, Status::TimedOut);
    assert!(took >= A_START + limits.term_grace, "{took:?}");
    let grandchild: u32 = text(&output.stdout).trim().parse().unwrap();
    eventually("the end of the grandchild", || !is_alive(grandchild));
}

#[test]
fn a_stopped_child_is_killed_too() {
    let limits = Limits {
        term_grace: Duration::from_millis(100),
        ..Limits::default()
    };
    let (output, _) = Plugin::new("kill -STOP $$").run_with(limits, &[], b"", A_START);
    assert_eq!(output.status, Status::TimedOut);
}

#[test]
fn nothing_is_started_after_the_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let mark = directory.path().join("mark");
    let (output, _) = Plugin::new(&format!("touch {}", mark.display())).run(b"", Duration::ZERO);
    assert_eq!(output.status, Status::TimedOut);
    assert!(!mark.exists());
}

#[test]
fn i42_a_grandchild_that_keeps_stdout_does_not_hold_us_and_lives() {
    let (output, took) = Plugin::new("sleep 1000 & echo $!; exit 0").run(b"", LONG);
    assert_eq!(output.status, Status::Exited(0));
    assert!(took < LONG, "{took:?}");
    let grandchild: u32 = text(&output.stdout).trim().parse().unwrap();
    assert!(is_alive(grandchild));
    sh(&format!("kill {grandchild}"));
}

#[test]
fn i42_a_grandchild_that_never_stops_writing_does_not_hold_us() {
    let (output, took) = Plugin::new("yes >&2 & echo $!; exit 0").run(b"", LONG);
    assert!(took < LONG, "{took:?}");
    // It gets SIGPIPE once we let go.
    let grandchild: u32 = text(&output.stdout).trim().parse().unwrap();
    eventually("the end of the grandchild", || !is_alive(grandchild));
}

#[test]
fn a_child_that_closes_its_streams_is_still_waited_for() {
    let (output, took) = Plugin::new("exec <&- >&- 2>&-; sleep 0.2; exit 5").run(b"", LONG);
    assert_eq!(output.status, Status::Exited(5));
    assert!(took >= Duration::from_millis(200));
}

#[test]
fn i31_a_busy_program_is_tried_again_until_it_is_free() {
    let plugin = Plugin::new("echo ran");
    let writer = OpenOptions::new()
        .append(true)
        .open(&plugin.program)
        .unwrap();
    let closer = thread::Builder::new()
        .spawn(move || {
            thread::sleep(Duration::from_millis(120));
            drop(writer);
        })
        .unwrap();
    let (output, _) = plugin.run(b"", LONG);
    closer.join().unwrap();
    assert_eq!(text(&output.stdout), "ran\n");
}

#[test]
fn i31_a_program_that_stays_busy_is_an_error_in_the_end() {
    let plugin = Plugin::new("echo ran");
    let _writer = OpenOptions::new()
        .append(true)
        .open(&plugin.program)
        .unwrap();
    let limits = Limits {
        busy: Duration::from_secs(2),
        ..Limits::default()
    };
    for (limits, patience) in [(limits, LONG), (Limits::default(), Duration::from_secs(2))] {
        let begin = Instant::now();
        let call = Call {
            program: &plugin.program,
            env: &[],
            stdin: b"",
            deadline: begin + patience,
        };
        let error = HostExec::new(limits).run(&call).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::ExecutableFileBusy);
        // At 0, 50, 150, 350, 750 and 1550 ms, or later on a busy machine.
        assert!((2..=6).contains(&error.attempts), "{}", error.attempts);
    }
}

#[test]
fn i47_without_descriptors_it_is_tried_twice_and_then_told() {
    if is_again() {
        let error = run_true().unwrap_err();
        assert_eq!((error.attempts, error.source.raw_os_error()), (2, Some(24)));
    } else {
        again_under(
            "prlimit --nofile=7",
            "exec::tests::i47_without_descriptors_it_is_tried_twice_and_then_told",
        );
    }
}

#[test]
fn a_process_that_ignores_sigchld_is_told_that_it_cannot_know() {
    if is_again() {
        let error = run_true().unwrap_err();
        assert!(
            error.source.to_string().contains("SIGCHLD ignored"),
            "{}",
            error.source
        );
    } else {
        again_under(
            "env --ignore-signal=CHLD",
            "exec::tests::a_process_that_ignores_sigchld_is_told_that_it_cannot_know",
        );
    }
}

#[test]
fn i28_what_cannot_be_executed_is_told_with_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let no_interpreter = directory.path().join("script");
    fs::copy(script(directory.path(), "good", ""), &no_interpreter).unwrap();
    sh(&format!(
        "printf '#!/no/such/interpreter\\n' > {}",
        no_interpreter.display()
    ));
    let relative = Path::new("true");
    for (program, kind) in [
        (no_interpreter.as_path(), io::ErrorKind::NotFound),
        (&directory.path().join("none"), io::ErrorKind::NotFound),
        (relative, io::ErrorKind::InvalidInput),
    ] {
        let call = Call {
            program,
            env: &[],
            stdin: b"",
            deadline: Instant::now() + LONG,
        };
        let error = HostExec::default().run(&call).unwrap_err();
        assert_eq!(
            (error.program.as_path(), error.source.kind()),
            (program, kind)
        );
    }
}

#[test]
fn find_takes_the_first_executable_regular_file() {
    let root = tempfile::tempdir().unwrap();
    let dirs: Vec<_> = ["a", "b", "c"].map(|name| root.path().join(name)).to_vec();
    for dir in &dirs {
        fs::create_dir(dir).unwrap();
    }
    let [a, b, c] = [&dirs[0], &dirs[1], &dirs[2]];
    let exec = HostExec::default();

    script(c, "bridge", "");
    assert_eq!(exec.find("bridge", &dirs).unwrap(), c.join("bridge"));
    fs::create_dir(a.join("bridge")).unwrap();
    let shadow = script(b, "bridge", "");
    assert_eq!(exec.find("bridge", &dirs).unwrap(), shadow);
    fs::set_permissions(&shadow, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(exec.find("bridge", &dirs).unwrap(), c.join("bridge"));
    fs::remove_file(c.join("bridge")).unwrap();
    let error = exec.find("bridge", &dirs).unwrap_err();
    assert!(
        matches!(&error, FindError::NotExecutable { file, .. } if *file == shadow),
        "{error:?}"
    );

    symlink("nowhere", a.join("ptp")).unwrap();
    symlink("ptp", b.join("ptp")).unwrap();
    assert!(matches!(
        exec.find("ptp", &dirs),
        Err(FindError::NotFound { .. })
    ));
    symlink(script(root.path(), "real", ""), c.join("ptp")).unwrap();
    assert_eq!(exec.find("ptp", &dirs).unwrap(), c.join("ptp"));
}

#[test]
fn find_refuses_relative_directories_and_names_that_are_paths() {
    let exec = HostExec::default();
    let relative = [PathBuf::new(), PathBuf::from("."), PathBuf::from("bin")];
    assert!(matches!(
        exec.find("bridge", &relative),
        Err(FindError::NoPath { .. })
    ));
    assert!(matches!(
        exec.find("bridge", &[]),
        Err(FindError::NoPath { .. })
    ));
    for name in ["", ".", "..", "../sh", "a/b"] {
        assert!(
            matches!(
                exec.find(name, &[PathBuf::from("/bin")]),
                Err(FindError::BadType { .. })
            ),
            "{name}"
        );
    }
    let mixed = [
        PathBuf::from("."),
        PathBuf::from("/nowhere"),
        PathBuf::from("/bin"),
    ];
    assert_eq!(exec.find("sh", &mixed).unwrap(), Path::new("/bin/sh"));
}
