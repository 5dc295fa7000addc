//! The chart: it lints, renders and installs.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};
use testkit::kube::{DAEMON, OURS};

use crate::stage::{CERTIFICATES, chart, helm, installed, rendered, try_helm};

/// The files of settings in a folder of the chart.
fn settings_in(folder: &str) -> Vec<String> {
    let files = fs::read_dir(chart().join(folder)).unwrap();
    files
        .map(|file| file.unwrap().path().display().to_string())
        .collect()
}

#[test]
fn the_chart_has_no_fault_that_helm_finds_in_any_of_its_settings() {
    let chart = chart().display().to_string();
    let mut settings = vec![
        vec![],
        vec!["--set", "mode=thin"],
        vec!["--set", "certApprover.enabled=true"],
        vec!["--set", CERTIFICATES],
    ];
    let (platforms, examples) = (settings_in("platforms"), settings_in("examples"));
    assert_eq!((platforms.len(), examples.len()), (6, 1));
    let files = platforms.iter().chain(&examples);
    settings.extend(files.map(|file| vec!["--values", file]));
    for words in settings {
        let mut all = vec!["lint", "--strict", &chart, "--namespace", "kube-system"];
        all.extend(words);
        helm(&all);
    }
}

/// Helm hands both to a chart that another one depends on, `enabled` where that is the condition.
#[test]
fn the_chart_may_be_a_part_of_another() {
    let chart = chart().display().to_string();
    for setting in ["enabled=true", "global.imageRegistry=registry.example"] {
        helm(&["template", "multus", &chart, "--set", setting]);
    }
}

/// A mode that is none would render no DaemonSet: an upgrade would take Multus off every node.
#[test]
fn a_setting_that_is_misspelt_is_refused() {
    let chart = chart().display().to_string();
    for (setting, told) in [
        ("mode=Thick", "mode"),
        ("daemonconfig.logLevel=debug", "daemonconfig"),
        ("paths.cniconf=/etc/cni/net.d", "cniconf"),
        ("paths.cniBin=opt/cni/bin", "cniBin"),
        ("image.digest=0123", "digest"),
        // What is taken away has no default any more: no repository, and a gap in each update.
        ("mode=null", "mode"),
        ("image.repository=null", "repository"),
        ("paths.cniConf=null", "cniConf"),
        ("updateStrategy=null", "updateStrategy"),
        ("daemon.limits.memory=1Gi", "limits"),
    ] {
        let output = try_helm(&["template", "multus", &chart, "--set", setting]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{setting}");
        assert!(stderr.contains(told), "{setting}: {stderr}");
    }
}

#[test]
fn every_platform_is_told_where_its_runtime_looks() {
    for (platform, mode, expected) in [
        (
            "k3s",
            "thick",
            "path: /var/lib/rancher/k3s/agent/etc/cni/net.d",
        ),
        (
            "k3s",
            "thick",
            "\"binDir\": \"/var/lib/rancher/k3s/data/cni\"",
        ),
        ("rke2", "thick", "path: /opt/cni/bin"),
        (
            "microk8s",
            "thick",
            "path: /var/snap/microk8s/current/opt/cni/bin",
        ),
        ("talos", "thick", "path: /var/run/netns"),
        ("crio", "thin", "path: /usr/libexec/cni"),
        ("crio", "thin", "--additional-bin-dir=/usr/libexec/cni"),
        ("openshift", "thick", "path: /etc/kubernetes/cni/net.d"),
        (
            "openshift",
            "thick",
            "\"multusAutoconfigDir\": \"/host/primary/net.d\"",
        ),
        (
            "openshift",
            "thick",
            "resources: [securitycontextconstraints]",
        ),
    ] {
        let values = chart().join(format!("platforms/{platform}.yaml"));
        let mode = format!("mode={mode}");
        let text = rendered(&["--values", &values.display().to_string(), "--set", &mode]);
        assert!(text.contains(expected), "{platform}: {expected}");
    }
}

#[test]
fn the_example_gives_each_node_a_certificate_that_lies_on_the_node() {
    // B6.81
    let values = chart().join("examples/node-certificates.yaml");
    let text = rendered(&["--values", &values.display().to_string()]);
    for expected in [
        "\"bootstrapKubeconfig\": \"/hostroot/etc/kubernetes/kubelet.conf\"",
        "\"certDir\": \"/hostroot/etc/cni/multus/certs\"",
        "mountPath: /hostroot",
        "name: system:multus",
        "name: multus-cert-approver",
    ] {
        assert!(text.contains(expected), "{expected}");
    }
}

#[test]
fn an_uninstallation_is_where_multus_was_and_sees_sandboxes_where_they_lie() {
    let text = rendered(&[
        "--set-json",
        r#"affinity={"nodeAffinity":{"note":"here"}}"#,
        "--set",
        "paths.netns=/run/elsewhere/netns",
        "--show-only",
        "templates/uninstall.yaml",
    ]);
    for expected in [
        "note: here",
        "{name: host-run-netns, mountPath: /run/elsewhere/netns,",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn nothing_is_installed_beside_what_uninstalls() {
    let api = installed();
    let uninstalling = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "multus-uninstall"},
        "spec": {
            "selector": {"matchLabels": {"name": "u"}},
            "template": {
                "metadata": {"labels": {"name": "u"}},
                "spec": {"containers": [{"name": "done", "image": "none"}]},
            },
        },
    });
    let path = "/apis/apps/v1/namespaces/default/daemonsets";
    api.client().post(path, &uninstalling).unwrap();
    let (chart, kubeconfig) = (chart(), api.admin_kubeconfig());
    let output = try_helm(&[
        "install",
        "again",
        &chart.display().to_string(),
        "--namespace",
        "default",
        "--kubeconfig",
        &kubeconfig.display().to_string(),
    ]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("kubectl --namespace default delete daemonset multus-uninstall"),
        "{told}"
    );
}

#[test]
fn the_image_is_named_by_version_or_by_digest() {
    let version = format!(
        "image: ghcr.io/multus-rs/multus-rs:v{}",
        env!("CARGO_PKG_VERSION")
    );
    assert!(rendered(&[]).contains(&version));
    let text = rendered(&["--set", "image.digest=sha256:00"]);
    assert!(text.contains("image: ghcr.io/multus-rs/multus-rs@sha256:00"));
    assert!(!text.contains(&version));
}

#[test]
fn rights_name_what_they_are_for() {
    // B8.11, B8.12
    for mode in ["mode=thick", "mode=thin"] {
        let text = rendered(&["--set", mode, "--show-only", "templates/rbac.yaml"]);
        assert!(!text.contains('*'), "{text}");
        assert!(!text.contains("secrets"), "{text}");
    }
}

/// The rules of a rendered role: groups, resources, verbs.
fn rules(text: &str) -> Vec<[BTreeSet<&str>; 3]> {
    let words = |line: &'static str| {
        text.lines()
            .filter_map(move |text| text.trim_start_matches([' ', '-']).strip_prefix(line))
            .map(|list| {
                let list = list.trim_start_matches(": [").trim_end_matches(']');
                list.split(", ")
                    .map(|word| word.trim_matches('"'))
                    .collect()
            })
    };
    let rules = words("apiGroups")
        .zip(words("resources"))
        .zip(words("verbs"));
    rules
        .map(|((groups, resources), verbs)| [groups, resources, verbs])
        .collect()
}

#[test]
fn every_suite_runs_with_exactly_the_rights_that_the_manifests_give() {
    // B8.11
    for (mode, rights) in [("mode=thin", OURS), ("mode=thick", DAEMON)] {
        let text = rendered(&["--set", mode, "--show-only", "templates/rbac.yaml"]);
        let set = |words: &'static [&'static str]| words.iter().copied().collect();
        let expected: Vec<[BTreeSet<&str>; 3]> = rights
            .iter()
            .map(|rule| [set(rule.groups), set(rule.resources), set(rule.verbs)])
            .collect();
        assert_eq!(rules(&text), expected, "{mode}");
    }
}

#[test]
fn upstreams_daemon_can_write_a_status_until_ours_takes_over_its_node() {
    // B8.11: the rights are replaced at once, daemons one by one.
    for mode in ["mode=thin", "mode=thick"] {
        let text = rendered(&["--set", mode, "--show-only", "templates/rbac.yaml"]);
        let rules = rules(&text);
        let status = rules
            .iter()
            .find(|[_, resources, _]| resources.contains("pods/status"));
        let [_, _, verbs] = status.unwrap();
        assert!(verbs.contains("update"), "{mode}: {verbs:?}");
    }
}

/// Whether a node's Multus with a certificate of its own may do so.
#[track_caller]
fn node_may(group: &str, resource: &str, verb: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "system:multus:node-1", "groups": ["system:multus"], "resourceAttributes": {
            "group": group, "resource": resource, "subresource": subresource, "verb": verb, "namespace": "default",
        }},
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let answer = installed().client().post(path, &review).unwrap();
    answer["status"]["allowed"].as_bool().unwrap()
}

#[test]
fn certificates_of_nodes_have_the_daemons_rights_and_those_to_be_renewed() {
    // B6.81, B6.83
    for rule in DAEMON {
        for (group, resource) in rule.groups.iter().zip(rule.resources) {
            for verb in rule.verbs {
                assert!(node_may(group, resource, verb), "{verb} {resource}");
            }
        }
    }
    let group = "certificates.k8s.io";
    for (verb, expected) in [("create", true), ("get", true), ("list", false)] {
        let may = node_may(group, "certificatesigningrequests", verb);
        assert_eq!(may, expected, "{verb}");
    }
    assert!(!node_may(
        group,
        "certificatesigningrequests/approval",
        "update"
    ));
}

/// A daemon has its certificate until it is replaced: for pods of its node the API would refuse it meanwhile.
#[test]
fn certificates_that_are_no_longer_wanted_have_the_daemons_rights_and_are_not_renewed() {
    for settings in [vec![], vec!["--set", "mode=thin", "--set", CERTIFICATES]] {
        let text = rendered(&settings);
        assert_eq!(text.matches("name: system:multus").count(), 1, "{text}");
        assert!(!text.contains("certificatesigningrequests"), "{text}");
    }
}

#[test]
fn who_installs_is_told_how_to_see_whether_it_works_and_what_uninstalling_leaves() {
    let kubeconfig = installed().admin_kubeconfig().display().to_string();
    let of_release = ["--namespace", "kube-system", "--kubeconfig", &kubeconfig];
    let notes = helm(&[&["get", "notes", "multus"], &of_release[..]].concat());
    let all = rendered(&[]);
    for name in ["kube-multus-ds", "kube-multus", "multus-uninstall"] {
        assert!(notes.contains(name), "{notes}");
        assert!(all.contains(&format!("name: {name}\n")), "{name}");
    }
    assert!(notes.contains("get /readyz"), "{notes}");
}

#[test]
fn what_is_installed_has_upstreams_names() {
    // B8.10, B8.21, B8.30, B8.31
    let client = installed().client();
    let set = client
        .get("/apis/apps/v1/namespaces/kube-system/daemonsets/kube-multus-ds")
        .unwrap();
    assert_eq!(
        set["spec"]["selector"]["matchLabels"],
        json!({"name": "multus"})
    );
    let pod = &set["spec"]["template"];
    assert_eq!(
        pod["metadata"]["labels"],
        json!({"app": "multus", "name": "multus", "tier": "node"})
    );
    assert_eq!(pod["spec"]["priorityClassName"], "system-node-critical");
    assert_eq!(
        set["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"],
        1
    );
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["name"], "kube-multus");
    assert_eq!(container["resources"]["limits"], json!({"memory": "50Mi"}));
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert!(container[probe]["exec"].is_object(), "{probe}");
    }
    // A predecessor on the node does not answer for it.
    let ready = &container["readinessProbe"]["exec"]["command"];
    let program = "/usr/src/multus-cni/bin/multus-daemon";
    assert_eq!(*ready, json!([program, "get", "--own", "/readyz"]));
    let config = client
        .get("/api/v1/namespaces/kube-system/configmaps/multus-daemon-config")
        .unwrap();
    let config: Value =
        serde_json::from_str(config["data"]["daemon-config.json"].as_str().unwrap()).unwrap();
    assert_eq!(config["chrootDir"], "/hostroot");
    assert_eq!(config["socketDir"], "/host/run/multus/");
}

#[test]
fn what_gives_the_nodes_back_comes_when_the_rest_is_gone() {
    let text = rendered(&["--show-only", "templates/uninstall.yaml"]);
    assert_eq!(text.matches("helm.sh/hook: post-delete").count(), 2);
    let program = "/usr/src/multus-cni/bin/multus-daemon";
    for words in ["\"uninstall\"]", "\"uninstall\",\"--stay\"]"] {
        let command = format!("command: [\"{program}\",{words}");
        assert_eq!(text.matches(&command).count(), 1, "{text}");
    }
    let client = installed().client();
    let set = "/apis/apps/v1/namespaces/kube-system/daemonsets/multus-uninstall";
    assert!(client.find(set).unwrap().is_none());
    assert!(rendered(&["--set", "uninstall.enabled=false"]).contains("kube-multus-ds"));
}
