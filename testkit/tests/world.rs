//! The world keeps what happens in it to itself, and takes it along when it ends. Needs root, or the root of a user namespace.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::leaks;
use testkit::world::World;

#[test]
fn a_new_world_has_loopback_and_nothing_else() {
    let world = World::new().unwrap();
    let links = world.node().links().unwrap();
    assert_eq!(links.len(), 1, "{links:?}");
    assert!(links[0].up && links[0].name == "lo");
    assert_eq!(world.processes(), []);
}

#[test]
fn nothing_that_the_machines_own_cni_has_left_is_seen() {
    let world = World::new().unwrap();
    let list = world
        .command("find")
        .args(["/var/lib/cni", "-mindepth", "1"]);
    assert_eq!(list.run().unwrap().stdout_text(), "");
}

#[test]
fn a_sandbox_holds_its_own_links_addresses_and_routes() {
    let world = World::new().unwrap();
    let sandbox = world.sandbox("pod").unwrap();
    let path = sandbox.path().display();
    world
        .node()
        .ip(&format!(
            "link add v0 type veth peer name eth0 netns {path}"
        ))
        .unwrap();
    sandbox.ip("link set eth0 up").unwrap();
    sandbox.ip("address add 192.0.2.2/24 dev eth0").unwrap();
    sandbox.ip("route add default via 192.0.2.1").unwrap();

    assert_eq!(sandbox.link("eth0").unwrap().unwrap().kind, "veth");
    assert!(world.node().link("eth0").unwrap().is_none());
    assert_eq!(
        sandbox.addresses_of("eth0").unwrap(),
        [Ipv4Addr::new(192, 0, 2, 2)]
    );
    let routes = sandbox.routes().unwrap();
    let default = routes
        .iter()
        .find(|route| route.destination == "default")
        .unwrap();
    assert_eq!(
        (default.gateway.as_deref(), default.table.as_str()),
        (Some("192.0.2.1"), "main")
    );
    sandbox.destroy().unwrap();
    assert!(!world.outside(Path::new("/run/netns/pod")).exists());
}

#[test]
fn a_command_gets_its_input_and_environment_and_nothing_else() {
    let world = World::new().unwrap();
    let script = "cat; env | grep -v -e ^PATH= -e ^PWD= -e ^_= -e ^SHLVL=; echo oops >&2; exit 3";
    let done = world
        .command("sh")
        .args(["-c", script])
        .env("ONE", "1")
        .stdin("in ")
        .run()
        .unwrap();
    assert_eq!(done.status.code(), Some(3));
    assert_eq!(
        (done.stdout_text().as_str(), done.stderr_text().as_str()),
        ("in ONE=1\n", "oops\n")
    );
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_its_children() {
    let world = World::new().unwrap();
    let begun = Instant::now();
    let script = "sleep 60 & sleep 60";
    let error = world
        .command("sh")
        .args(["-c", script])
        .timeout(Duration::from_millis(200))
        .run()
        .unwrap_err();
    assert!(error.to_string().contains("did not end within"), "{error}");
    // Killed is not yet gone.
    while !world.processes().is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:?}",
            world.processes()
        );
    }
}

#[test]
fn a_signal_reaches_the_program_alone() {
    let world = World::new().unwrap();
    let running = world
        .command("sh")
        .args(["-c", "echo here; sleep 61 & wait"])
        .spawn()
        .unwrap();
    let mut seen = world.processes();
    while !seen.iter().any(|(_, line)| line == "sleep 61") {
        seen = world.processes();
    }
    running.signal(Signal::KILL).unwrap();
    let done = running.wait().unwrap();
    assert_eq!(done.stdout_text(), "here\n");
    let left = world.processes();
    assert!(left.len() == 1 && left[0].1 == "sleep 61", "{left:?}");
}

#[test]
fn processes_and_files_end_with_the_world() {
    let world = World::new().unwrap();
    let folder = world.folder("data").unwrap();
    world
        .command("sh")
        .args(["-c", "sleep 62 >/dev/null 2>&1 & true"])
        .check()
        .unwrap();
    let (pid, _) = world.processes()[0].clone();
    drop(world);
    // A dead process may wait for its parent, but it has no command line any more.
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    assert_eq!(line, b"");
    assert!(!folder.exists());
}

#[test]
fn memory_is_that_of_the_program() {
    let world = World::new().unwrap();
    let small = world
        .command("sleep")
        .arg("0.1")
        .measure_memory()
        .run()
        .unwrap();
    // A shell that holds a string of 32 MiB.
    let script = "x=$(head -c 33554432 /dev/zero | tr '\\0' x); sleep 0.1";
    let large = world
        .command("sh")
        .args(["-c", script])
        .measure_memory()
        .run()
        .unwrap();
    let (small, large) = (small.peak_memory.unwrap(), large.peak_memory.unwrap());
    assert!(small > 0 && small < 8 << 20, "{small}");
    assert!(large > 32 << 20, "{large}");
}

#[test]
fn leaks_are_named_and_nothing_else_is() {
    let world = World::new().unwrap();
    let data = world.folder("data").unwrap();
    let sandbox = world.sandbox("pod").unwrap();
    let before = world.snapshot(&[&data]).unwrap();
    assert_eq!(world.leaks(&before).unwrap(), []);

    std::fs::write(data.join("10.0.0.2"), "x").unwrap();
    std::fs::write(data.join("last_reserved_ip.0"), "x").unwrap();
    world.node().ip("link add br7 type bridge").unwrap();
    world.node().ip("address add 10.7.0.1/24 dev br7").unwrap();
    sandbox.ip("link add in7 type bridge").unwrap();
    let leaks = world.leaks(&before).unwrap();
    let text = leaks::lines(&leaks);
    for expected in [
        "link br7 (bridge)",
        "address 10.7.0.1/24 on br7",
        "link in /run/netns/pod: in7 (bridge)",
        "data/10.0.0.2",
    ] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(!text.contains("last_reserved_ip"), "{text}");
    let rest = leaks::without_links(leaks, &["br7", "in7"]);
    assert_eq!(rest.len(), 1, "{rest:?}");
}

#[test]
fn a_relay_reaches_a_server_of_the_outside() {
    let world = World::new().unwrap();
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = server.local_addr().unwrap();
    let relay = world.relay(address).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        let mut asked = [0; 4];
        client.read_exact(&mut asked).unwrap();
        client.write_all(b"pong").unwrap();
    });
    let answer = world.node().inside(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"ping").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    assert_eq!(answer.unwrap(), "pong");
    answering.join().unwrap();
    drop(relay);
    let refused = world
        .node()
        .inside(move || TcpStream::connect(address).is_err());
    assert!(refused.unwrap());
}

/// In the process that the next test starts, the world to be left behind; elsewhere nothing.
const LEAVE_A_WORLD: &str = "TESTKIT_LEAVE_A_WORLD";

#[test]
fn a_process_that_is_killed_leaves_nothing() {
    if std::env::var_os(LEAVE_A_WORLD).is_some() {
        let world = World::new().unwrap();
        println!("\n{}", world.directory().display());
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_process_that_is_killed_leaves_nothing"])
        .arg("--nocapture")
        .env(LEAVE_A_WORLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let folder = lines.find_map(|line| line.ok().filter(|line| line.starts_with('/')));
    let folder = folder.unwrap();
    assert!(Path::new(&folder).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = Instant::now();
    while Path::new(&folder).exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{folder}");
    }
}
