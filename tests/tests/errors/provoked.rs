//! What the program itself words, provoked on the built program.

use std::fs;

use serde_json::{Value, json};
use suites::multus::program;
use suites::scene::Scene;

/// Code and message of each.
pub(crate) fn messages() -> Vec<(u64, String)> {
    let mut all = requests();
    all.extend(manifests());
    all.extend(apis());
    all.push(without_daemon());
    all
}

/// What is about the call and the node.
fn requests() -> Vec<(u64, String)> {
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("lan", json!({"fail": {"code": 100, "msg": "x"}}))]);
    let mut newest = conf.clone();
    newest["cniVersion"] = json!("1.1.0");
    let with = |key: &str, value: Value| {
        let mut conf = newest.clone();
        conf[key] = value;
        conf
    };
    let mut waiting = with("readinessindicatorfile", json!("/nonexistent"));
    waiting["timeouts"] = json!({"add": "100ms"});
    let no_plugin = with("delegates", json!([{"name": "lan", "type": "missing"}]));
    let mut all = vec![
        scene.call("ADD", &conf).error(),
        scene.call("CHECK", &conf).error(),
        scene.call("ADD", &waiting).error(),
        scene.call("STATUS", &no_plugin).error(),
        scene
            .call("GC", &with("cni.dev/valid-attachments", json!(7)))
            .error(),
        scene
            .call("GC", &with("cni.dev/valid-attachments", json!([{}])))
            .error(),
    ];
    let full = scene
        .node
        .world
        .command("sh")
        .args(["-c", "CNI_COMMAND=VERSION exec \"$0\" 2>&1 >/dev/full"])
        .arg(&scene.node.multus);
    let told = full.run().unwrap().stdout_text();
    all.push((5, message_of_log(&told)));
    scene.pod.id = "results".to_owned();
    all.push(scene.call("ADD", &conf).error());
    scene.pod.id = "c1".to_owned();
    scene.pod.netns = "/proc/self/ns/net".to_owned();
    all.push(scene.call("ADD", &conf).error());
    all
}

/// What the plugin of a daemon says that is not there.
fn without_daemon() -> (u64, String) {
    let mut scene = Scene::new();
    scene.node.multus = program("multus-shim");
    let mut conf = scene.conf_with(&[], json!({"add": "100ms"}));
    conf["daemonSocketDir"] = json!(scene.signals);
    scene.call("ADD", &conf).error()
}

/// The runtime cannot be told, so that the log is.
fn message_of_log(line: &str) -> String {
    let begin = line.find("Multus: ").unwrap_or_else(|| panic!("{line:?}"));
    line[begin..].trim_end().to_owned()
}

/// What is about manifests.
fn manifests() -> Vec<(u64, String)> {
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("lan", json!({}))]);
    let pod = scene.node.manifests.join("pod.json");
    let attempt = |scene: &Scene| scene.call("ADD", &conf).error();
    let mut all = Vec::new();
    for text in [
        "{",
        r#"{"kind": "Pod", "metadata": {}}"#,
        r#"{"kind": "Pod", "metadata": {"name": "pod", "annotations": 7}}"#,
        r#"{"kind": "List", "items": [{"kind": "Pod", "metadata": {"name": "pod"}},
            {"kind": "Pod", "metadata": {"name": "pod"}}]}"#,
    ] {
        fs::write(&pod, text).unwrap();
        all.push(attempt(&scene));
    }
    fs::remove_file(&pod).unwrap();
    scene.node.pod_with("default", "pod", "net-a");
    let definition = r#"{"kind": "NetworkAttachmentDefinition", "metadata": {"name": "net-a"}, "spec": {"config": {}}}"#;
    fs::write(&pod, definition).unwrap();
    all.push(attempt(&scene));
    fs::remove_file(&pod).unwrap();
    fs::create_dir(&pod).unwrap();
    all.push(attempt(&scene));
    fs::remove_dir(&pod).unwrap();
    std::os::unix::fs::symlink("/nonexistent", &pod).unwrap();
    all.push(attempt(&scene));
    scene.pod = scene.pod.clone().of_pod("../x", "pod");
    all.push(attempt(&scene));
    all
}

/// What is about the API, without one.
fn apis() -> Vec<(u64, String)> {
    let scene = Scene::new();
    let kubeconfig = scene.signals.join("kubeconfig");
    let mut conf = scene.conf(&[scene.network("lan", json!({}))]);
    conf.as_object_mut().unwrap().remove("manifestDir");
    conf["kubeconfig"] = json!(kubeconfig);
    conf["timeouts"] = json!({"api": "100ms", "events": "100ms"});
    let unread = scene.call("ADD", &conf).error();
    let text = "{apiVersion: v1, kind: Config, current-context: c, \
        contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}], \
        clusters: [{name: c, cluster: {server: \"http://127.0.0.1:1\"}}]}";
    fs::write(&kubeconfig, text).unwrap();
    vec![unread, scene.call("ADD", &conf).error()]
}
