//! Service accounts with exactly the rights that a manifest gives.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::client::Client;
use super::wait;

/// One rule of a ClusterRole.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// API groups; the core group is the empty string.
    pub groups: &'static [&'static str],
    /// Plural names, `pods/status` for a subresource.
    pub resources: &'static [&'static str],
    /// What may be done.
    pub verbs: &'static [&'static str],
}

/// What our own manifest grants (`deploy/multus-daemonset.yml`); a test compares.
pub const OURS: &[Rule] = &[
    Rule {
        groups: &[""],
        resources: &["pods"],
        verbs: &["get"],
    },
    Rule {
        groups: &[""],
        resources: &["pods/status"],
        verbs: &["patch", "update"],
    },
    Rule {
        groups: &["k8s.cni.cncf.io"],
        resources: &["network-attachment-definitions"],
        verbs: &["get"],
    },
    Rule {
        groups: &["resource.k8s.io"],
        resources: &["resourceclaims"],
        verbs: &["get"],
    },
    Rule {
        groups: &["resource.k8s.io"],
        resources: &["resourceslices"],
        verbs: &["list"],
    },
    Rule {
        groups: &[""],
        resources: &["events"],
        verbs: &["create"],
    },
];

/// What our own manifest grants to the daemon (`deploy/multus-daemonset-thick.yml`): the same, and watches.
pub const DAEMON: &[Rule] = &[
    Rule {
        groups: &[""],
        resources: &["pods"],
        verbs: &["watch", "list", "get"],
    },
    Rule {
        groups: &[""],
        resources: &["pods/status"],
        verbs: &["patch", "update"],
    },
    Rule {
        groups: &["k8s.cni.cncf.io"],
        resources: &["network-attachment-definitions"],
        verbs: &["watch", "list", "get"],
    },
    Rule {
        groups: &["resource.k8s.io"],
        resources: &["resourceclaims"],
        verbs: &["get"],
    },
    Rule {
        groups: &["resource.k8s.io"],
        resources: &["resourceslices"],
        verbs: &["list"],
    },
    Rule {
        groups: &[""],
        resources: &["events"],
        verbs: &["create"],
    },
];

/// What clusters have whose manifest is upstream's: wide on definitions, and no patch on pods.
pub const UPSTREAMS_MANIFEST: &[Rule] = &[
    Rule {
        groups: &["k8s.cni.cncf.io"],
        resources: &["*"],
        verbs: &["*"],
    },
    Rule {
        groups: &[""],
        resources: &["pods", "pods/status"],
        verbs: &["get", "list", "update", "watch"],
    },
    Rule {
        groups: &["resource.k8s.io"],
        resources: &["resourceclaims", "resourceclaims/status", "resourceslices"],
        verbs: &["get", "list"],
    },
    Rule {
        groups: &["", "events.k8s.io"],
        resources: &["events"],
        verbs: &["create", "patch", "update"],
    },
];

impl Client {
    /// Creates a ServiceAccount, a ClusterRole with these rules and their binding, and waits until the rules are in force.
    ///
    /// The cluster-wide objects are called `<namespace>-<name>`.
    pub fn bind_role(&self, namespace: &str, name: &str, rules: &[Rule]) -> anyhow::Result<()> {
        const GROUP: &str = "rbac.authorization.k8s.io";
        let role = format!("{namespace}-{name}");
        let version = format!("{GROUP}/v1");
        let rules_json: Vec<Value> = rules
            .iter()
            .map(|rule| json!({"apiGroups": rule.groups, "resources": rule.resources, "verbs": rule.verbs}))
            .collect();
        self.create(&json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": namespace, "name": name},
        }))?;
        self.create(&json!({
            "apiVersion": version, "kind": "ClusterRole", "metadata": {"name": role}, "rules": rules_json,
        }))?;
        self.create(&json!({
            "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
        }))?;
        let user = format!("system:serviceaccount:{namespace}:{name}");
        wait::until_true(
            &format!("the rights of {user}"),
            Duration::from_secs(60),
            || {
                rules
                    .iter()
                    .try_fold(true, |all, rule| Ok(all && self.may(&user, *rule)?))
            },
        )
    }

    /// Creates a ClusterRole of this name with these rules, and gives it to a group.
    pub fn bind_group(&self, role: &str, group: &str, rules: &[Rule]) -> anyhow::Result<()> {
        const GROUP: &str = "rbac.authorization.k8s.io";
        let version = format!("{GROUP}/v1");
        let rules: Vec<Value> = rules
            .iter()
            .map(|rule| json!({"apiGroups": rule.groups, "resources": rule.resources, "verbs": rule.verbs}))
            .collect();
        self.create(&json!({
            "apiVersion": version, "kind": "ClusterRole", "metadata": {"name": role}, "rules": rules,
        }))?;
        self.create(&json!({
            "apiVersion": version, "kind": "ClusterRoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": GROUP, "kind": "Group", "name": group}],
        }))?;
        Ok(())
    }

    /// Whether a user may do the first thing that a rule speaks of.
    fn may(&self, user: &str, rule: Rule) -> anyhow::Result<bool> {
        let first = |words: &[&'static str]| words.first().copied().unwrap_or_default();
        let (resource, subresource) = first(rule.resources)
            .split_once('/')
            .unwrap_or((first(rule.resources), ""));
        let review = self.create(&json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": {
                "group": first(rule.groups),
                "resource": resource,
                "subresource": subresource,
                "verb": first(rule.verbs),
            }},
        }))?;
        review["status"]["allowed"]
            .as_bool()
            .context("a SubjectAccessReview came back without an answer")
    }

    /// A token of a ServiceAccount, good for an hour.
    pub fn token(&self, namespace: &str, name: &str) -> anyhow::Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600},
        });
        let answer = self.post(&path, &request)?;
        let token = answer["status"]["token"].as_str();
        Ok(token
            .with_context(|| format!("the API issued no token for {namespace}/{name}"))?
            .to_owned())
    }
}
