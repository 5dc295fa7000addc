//! Which crate may use which: `docs/architecture.md` as a test.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::files;

/// What a package of this repository may use.
struct Rule {
    package: &'static str,
    /// Packages of this repository, beside `gojson`, which all may use.
    ours: &'static [&'static str],
    /// Beginnings of names of other packages that it may never use.
    never: &'static [&'static str],
}

/// What makes a crate impure: system calls, processes, netlink, an asynchronous runtime, a cluster.
const EFFECTS: &[&str] = &[
    "kube", "k8s-", "tokio", "hyper", "tower", "rustix", "nix", "libc", "netlink", "rustls",
];
const SYSTEM: &[&str] = &["rustix", "nix", "libc", "netlink"];
const CLUSTER: &[&str] = &["kube", "k8s-", "tokio", "hyper", "tower", "rustls"];

const RULES: &[Rule] = &[
    Rule {
        package: "gojson",
        ours: &[],
        never: EFFECTS,
    },
    Rule {
        package: "cni",
        ours: &[],
        never: EFFECTS,
    },
    Rule {
        package: "npwg",
        ours: &[],
        never: EFFECTS,
    },
    Rule {
        package: "plan",
        ours: &["cni", "npwg"],
        never: EFFECTS,
    },
    Rule {
        package: "engine",
        ours: &["cni", "npwg", "plan"],
        never: EFFECTS,
    },
    Rule {
        package: "sys",
        ours: &["cni", "engine", "plan"],
        never: CLUSTER,
    },
    Rule {
        package: "cluster",
        ours: &["plan", "npwg"],
        never: SYSTEM,
    },
    Rule {
        package: "devices",
        ours: &["plan", "npwg"],
        never: &[
            "kube", "k8s-", "hyper", "tower", "rustls", "rustix", "nix", "libc", "netlink",
        ],
    },
    Rule {
        package: "ipc",
        ours: &["cni", "npwg", "plan"],
        never: EFFECTS,
    },
    Rule {
        package: "plugin",
        ours: &["cni", "npwg", "plan", "engine", "sys"],
        never: CLUSTER,
    },
    Rule {
        package: "shim",
        ours: &["cni", "engine", "ipc", "npwg", "plan", "plugin", "sys"],
        never: EFFECTS,
    },
    Rule {
        package: "daemon",
        ours: &[
            "cni", "npwg", "plan", "plugin", "engine", "sys", "cluster", "devices", "ipc",
        ],
        never: &["netlink", "nix", "libc"],
    },
    Rule {
        package: "thin",
        ours: &[
            "cni", "npwg", "plan", "plugin", "engine", "sys", "cluster", "devices",
        ],
        never: &[],
    },
    Rule {
        package: "node",
        ours: &["cni", "plan", "cluster", "sys"],
        never: &["netlink", "nix", "libc"],
    },
    Rule {
        package: "fuzz-targets",
        ours: &["cni", "npwg", "plan", "engine"],
        never: EFFECTS,
    },
    Rule {
        package: "testkit",
        ours: &[],
        never: &["kube"],
    },
    Rule {
        package: "xtask",
        ours: &["fuzz-targets", "testkit"],
        never: &["kube"],
    },
    Rule {
        package: "suites",
        ours: &["testkit"],
        never: &["kube"],
    },
];

/// What cargo says of the packages of this repository: each with its dependencies.
pub(crate) fn packages() -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(files::root())
        .output()
        .unwrap();
    assert!(
        asked.status.success(),
        "{}",
        String::from_utf8_lossy(&asked.stderr)
    );
    let metadata: Value = serde_json::from_slice(&asked.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The dependencies of a package: name, and whether it is ours. Those of its tests are left out unless asked for.
pub(crate) fn dependencies(package: &Value, with_tests: bool) -> BTreeMap<String, bool> {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|dependency| with_tests || dependency["kind"] != "dev")
        .map(|dependency| {
            (
                dependency["name"].as_str().unwrap().to_owned(),
                dependency["source"].is_null(),
            )
        })
        .collect()
}

#[test]
fn every_crate_uses_only_what_its_promise_allows() {
    let mut wrong = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let Some(rule) = RULES.iter().find(|rule| rule.package == name) else {
            wrong.push(format!(
                "{name} has no rule: say in tests/tests/repository/crates.rs what it may use"
            ));
            continue;
        };
        for (dependency, is_ours) in dependencies(&package, false) {
            let allowed = if is_ours {
                dependency == "gojson" || rule.ours.contains(&dependency.as_str())
            } else {
                !rule.never.iter().any(|start| dependency.starts_with(start))
            };
            if !allowed {
                wrong.push(format!("{name} uses {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace_or_denies_unsafe_itself() {
    for package in packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        let good = manifest.contains("[lints]\nworkspace = true")
            || manifest.contains("unsafe_code = \"deny\"");
        assert!(good, "{}", package["name"]);
    }
}
