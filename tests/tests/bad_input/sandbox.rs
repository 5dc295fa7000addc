//! Network namespaces that are none, or not the container's.

use serde_json::json;
use suites::scene::Scene;

#[test]
fn the_nodes_own_namespace_is_refused_before_anything_happens() {
    // B1.29, cni-runtime #119
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for netns in [
        "/proc/self/ns/net",
        "/proc/thread-self/ns/net",
        "/proc/1/../self/ns/net",
    ] {
        scene.pod.netns = netns.to_owned();
        for verb in ["ADD", "DEL"] {
            scene.call(verb, &conf).refused(
                8,
                &["plugin's netns and netns from CNI_NETNS should not be the same"],
            );
        }
    }
    assert_eq!(scene.calls(), [""; 0]);
    assert_eq!(scene.books(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_runtime_may_mean_the_nodes_own_namespace() {
    // B1.29
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({"create_link": false}))]);
    scene.pod.netns = "/proc/self/ns/net".to_owned();
    for word in ["1", "true", "TRUE"] {
        scene.pod.environment = vec![("CNI_NETNS_OVERRIDE".to_owned(), word.to_owned())];
        scene.call("ADD", &conf).result();
        scene.call("DEL", &conf).silent();
        assert_eq!(scene.take_calls(), ["ADD a eth0", "DEL a eth0"]);
    }
    scene.nothing_left();
}

#[test]
fn a_path_that_is_no_network_namespace_is_refused_before_any_plugin_runs() {
    // B4.40, T3.4, cni-runtime #80
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    let pipe = scene.signal("pipe");
    scene
        .node
        .world
        .command("mkfifo")
        .arg(&pipe)
        .check()
        .unwrap();
    let file = scene.signal("file");
    std::fs::write(&file, "").unwrap();
    for (netns, what) in [
        ("/run/netns/missing", "No such file"),
        (file.to_str().unwrap(), "not a network namespace"),
        (pipe.to_str().unwrap(), "not a network namespace"),
        ("/run/netns", "not a network namespace"),
        ("/proc/self/ns/mnt", "not a network namespace"),
        ("/dev/zero", "not a network namespace"),
        ("nonsense", "No such file"),
    ] {
        scene.pod.netns = netns.to_owned();
        scene
            .call("ADD", &conf)
            .refused(4, &["[default/pod/", "no net namespace", netns, what]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn an_interface_name_that_is_taken_is_refused_before_any_plugin_runs() {
    // B4.40
    let scene = Scene::new();
    scene.sandbox.ip("link add net1 type bridge").unwrap();
    let conf = scene.conf(&[scene.network("a", json!({})), scene.network("b", json!({}))]);
    scene
        .call("ADD", &conf)
        .refused(4, &["[default/pod/", "\"b\"", "net1", "already exists"]);
    assert_eq!(scene.calls(), [""; 0]);
    assert!(scene.sandbox.link("net1").unwrap().is_some());
    scene.sandbox.ip("link del net1").unwrap();
    scene.nothing_left();
}

#[test]
fn a_path_in_the_ledger_that_leads_to_the_hosts_network_by_now_is_told_to_no_plugin() {
    // `/proc/<pid>/ns/net` of a process that ended, and whose number another one has
    let scene = Scene::new();
    let mut conf = scene.conf(&[scene.network("a", json!({"create_link": false}))]);
    conf["cniVersion"] = json!("1.1.0");
    let mut collecting = conf.clone();
    collecting["cni.dev/valid-attachments"] = json!([{"containerID": "other", "ifname": "eth0"}]);
    let path = scene.signal("netns");
    let lead_to = |target: &str| {
        let _none_yet = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(target, &path).unwrap();
    };
    let mut pod = scene.pod.clone();
    for (verb, conf) in [("DEL", &conf), ("GC", &collecting)] {
        lead_to(&scene.pod.netns);
        pod.netns = path.display().to_string();
        scene.node.call("ADD", &pod, conf).result();
        scene.take_calls();
        lead_to("/proc/self/ns/net");
        pod.netns = String::new();
        scene.node.call(verb, &pod, conf).silent();
        let calls = scene.recorder.calls().unwrap();
        let del = calls.iter().find(|call| call.verb == "DEL").unwrap();
        assert_eq!(del.variable("CNI_NETNS"), "", "{verb}");
        assert_eq!(scene.books(), [""; 0]);
    }
}
