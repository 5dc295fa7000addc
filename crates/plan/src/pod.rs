//! The pod, as far as a plan needs it.

use npwg::names;

/// Annotation in which the kubelet says where a static pod comes from (B3.5).
const CONFIG_SOURCE: &str = "kubernetes.io/config.source";

/// Which pod a sandbox belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PodRef {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub name: String,
    /// The pod's UID; empty where neither runtime nor API told it.
    pub uid: String,
}

impl PodRef {
    /// `namespace/name/uid`, as every message about a pod begins (B4.2).
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.name, self.uid)
    }

    /// Completes the name that a runtime without Kubernetes gives a pod: no namespace means `default`.
    pub fn name_namespace(&mut self) {
        if self.namespace.is_empty() && !self.name.is_empty() {
            "default".clone_into(&mut self.namespace);
        }
    }
}

/// A pod as the API server or a manifest gives it: its identity and the annotations that are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pod {
    /// Who it is.
    pub reference: PodRef,
    /// `k8s.v1.cni.cncf.io/networks` (B3.1).
    pub networks: Option<String>,
    /// `v1.multus-cni.io/default-network` (B3.2).
    pub default_network: Option<String>,
    /// `kubernetes.io/config.source` (B3.5).
    pub config_source: Option<String>,
    /// Whether it has the annotation `k8s.v1.cni.cncf.io/network-status`.
    pub has_status: bool,
    /// Whether it runs in a sandbox of its own, and is to go on running: its network was made already.
    pub is_running: bool,
    /// What dynamic resource allocation gave to it.
    pub claims: PodClaims,
}

/// Where a pod's devices stand that were given to it by dynamic resource allocation (DRA).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodClaims {
    /// `spec.nodeName`.
    pub node: Option<String>,
    /// `status.resourceClaimStatuses`.
    pub claims: Vec<PodClaim>,
    /// `status.extendedResourceClaimStatus`.
    pub extended: Option<ExtendedClaim>,
}

/// One of a pod's resource claims.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodClaim {
    /// Its name in the pod.
    pub name: String,
    /// The ResourceClaim behind it, where there is one.
    pub claim: Option<String>,
}

/// The claim behind a pod's extended resources, and which request of it stands for which resource.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtendedClaim {
    /// The ResourceClaim.
    pub claim: String,
    /// Request and resource name.
    pub requests: Vec<(String, String)>,
}

impl Pod {
    /// Sets an annotation if it is one of those that a plan reads, and drops it otherwise.
    pub fn set_annotation(&mut self, key: &str, value: String) {
        match key {
            names::NETWORKS => self.networks = Some(value),
            names::DEFAULT_NETWORK => self.default_network = Some(value),
            CONFIG_SOURCE => self.config_source = Some(value),
            names::NETWORK_STATUS => self.has_status = true,
            _ => {}
        }
    }

    /// A static pod: started by the kubelet from a file, mirrored in the API under another UID (B3.5).
    #[must_use]
    pub fn is_static(&self) -> bool {
        self.config_source
            .as_deref()
            .is_some_and(|source| source != "api")
    }

    /// Whether it asks for no network of its own.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let annotations = [&self.networks, &self.default_network];
        annotations.into_iter().flatten().all(String::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_annotations_are_kept_as_far_as_a_plan_reads_them() {
        // B3.1, B3.2, B3.5
        let mut pod = Pod::default();
        for (key, value) in [
            ("k8s.v1.cni.cncf.io/networks", "a"),
            ("v1.multus-cni.io/default-network", "b"),
            ("kubernetes.io/config.source", "file"),
            ("k8s.v1.cni.cncf.io/network-status", "c"),
        ] {
            pod.set_annotation(key, value.to_owned());
        }
        let expected = Pod {
            networks: Some("a".into()),
            default_network: Some("b".into()),
            config_source: Some("file".into()),
            has_status: true,
            ..Pod::default()
        };
        assert_eq!(pod, expected);
    }

    #[test]
    fn a_pod_that_has_a_name_alone_is_in_the_default_namespace() {
        // local mode
        for (namespace, name, expected) in [
            ("", "p", "default"),
            ("n", "p", "n"),
            ("", "", ""),
            ("n", "", "n"),
        ] {
            let mut pod = PodRef {
                namespace: namespace.into(),
                name: name.into(),
                ..PodRef::default()
            };
            pod.name_namespace();
            assert_eq!(pod.namespace, expected, "{namespace}/{name}");
        }
    }

    #[test]
    fn a_pod_is_static_where_its_configuration_does_not_come_from_the_api() {
        // B3.5
        let is_static = |source: Option<&str>| {
            Pod {
                config_source: source.map(str::to_owned),
                ..Pod::default()
            }
            .is_static()
        };
        assert!(is_static(Some("file")) && is_static(Some("http")));
        assert!(!is_static(Some("api")) && !is_static(None));
    }
}
