//! From the manifest to the chart and back, with the commands that `docs/migrate.md` names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use suites::scene::until;
use testkit::apiserver::ApiServer;
use testkit::process::{self, Server};
use testkit::tools::{self, Part};

use crate::stage::chart;

/// A person at a shell.
struct Shell<'a> {
    api: &'a ApiServer,
    home: &'a Path,
}

impl Shell<'_> {
    #[track_caller]
    fn run(&self, script: &str) {
        let programs = self.home.join("bin");
        let output = Command::new("sh")
            .args(["-ec", script])
            .current_dir(chart().join("../.."))
            .env_clear()
            .env("HOME", self.home)
            .env("KUBECONFIG", self.api.admin_kubeconfig())
            .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }

    fn pod(&self) -> Value {
        let path = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-multus-ds";
        self.api.client().get(path).unwrap()["spec"]["template"]["spec"].clone()
    }

    /// The names of the pod's volumes.
    fn volumes(&self) -> Vec<String> {
        let pod = self.pod();
        let volumes = pod["volumes"].as_array().unwrap().iter();
        volumes
            .map(|volume| volume["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The commands below a heading of the page.
fn commands(heading: &str) -> String {
    let page = fs::read_to_string(chart().join("../../docs/migrate.md")).unwrap();
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    section.split("```\n").nth(1).unwrap().to_owned()
}

/// What deletes a DaemonSet without its pods.
fn collector(api: &ApiServer) -> Server {
    let program = tools::program(Part::KubeControllerManager, "kube-controller-manager").unwrap();
    let mut command = process::dies_with_us(program);
    command
        .arg(format!("--kubeconfig={}", api.admin_kubeconfig().display()))
        .args([
            "--controllers=garbage-collector-controller",
            "--leader-elect=false",
            "--secure-port=0",
        ]);
    let log = api.directory().join("collector.log");
    Server::start("kube-controller-manager", command, &log).unwrap()
}

/// A manifest of another make under our names: a limit, a volume and a mount that the chart does not have, and no probe.
fn foreign() -> String {
    let ours = fs::read_to_string(chart().join("../multus-daemonset-thick.yml")).unwrap();
    let (head, tail) = ours.split_once("          startupProbe:").unwrap();
    let (_, tail) = tail.split_once("          volumeMounts:\n").unwrap();
    let head = head.replacen(
        "          command: [\"/usr/src/multus-cni/bin/multus-daemon\"]",
        "          command: [\"/foreign\"]",
        1,
    );
    let (before, limits) = head.rsplit_once("            limits:\n").unwrap();
    let head = format!("{before}            limits:\n              cpu: 100m\n{limits}");
    let mount =
        "            - {name: foreign, mountPath: /foreign, mountPropagation: Bidirectional}\n";
    let tail = tail.replacen(
        "      volumes:\n",
        "      volumes:\n        - {name: foreign, hostPath: {path: /foreign}}\n",
        1,
    );
    format!("{head}          volumeMounts:\n{mount}{tail}")
}

#[test]
fn what_was_applied_becomes_the_charts_alone_and_goes_back_whole() {
    let directory = tempfile::tempdir().unwrap();
    let api = ApiServer::start(&directory.path().join("api")).unwrap();
    let home = directory.path();
    fs::create_dir(home.join("bin")).unwrap();
    for (part, name) in [(Part::Kubectl, "kubectl"), (Part::Helm, "helm")] {
        let program = tools::program(part, name).unwrap();
        symlink(program, home.join("bin").join(name)).unwrap();
    }
    let foreign_manifest = home.join("upstream.yml");
    fs::write(&foreign_manifest, foreign()).unwrap();
    let apply = format!("kubectl apply --filename {}", foreign_manifest.display());
    let _collector = collector(&api);
    let shell = Shell { api: &api, home };
    until("the service account's namespace is there", || {
        let path = "/api/v1/namespaces/kube-system";
        api.client().find(path).unwrap().is_some()
    });

    shell.run(&apply);
    assert!(shell.volumes().contains(&"foreign".to_owned()));
    shell.run(&commands("From the manifest to the chart"));
    let pod = shell.pod();
    let container = &pod["containers"][0];
    assert_eq!(container["resources"]["limits"], json!({"memory": "50Mi"}));
    assert!(!shell.volumes().contains(&"foreign".to_owned()));

    shell.run(
        "helm upgrade multus deploy/chart --namespace kube-system --reuse-values --set mode=thin --force-conflicts",
    );
    let pod = shell.pod();
    assert_eq!(pod["hostPID"], Value::Null);
    assert_eq!(pod["containers"][0]["readinessProbe"], Value::Null);
    assert_eq!(
        shell.volumes(),
        ["cni", "cnibin", "networks", "host-run-multus", "multus-cfg"]
    );

    let back = commands("From the chart to a manifest");
    shell.run(&back.replace("kubectl apply --filename MANIFEST", &apply));
    let pod = shell.pod();
    let container = &pod["containers"][0];
    assert_eq!(container["command"], json!(["/foreign"]));
    assert_eq!(container["readinessProbe"], Value::Null);
    assert!(!shell.volumes().contains(&"multus-cfg".to_owned()));
    let secrets = "/api/v1/namespaces/kube-system/secrets";
    assert_eq!(api.client().get(secrets).unwrap()["items"], json!([]));
}
