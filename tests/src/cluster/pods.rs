//! Pods and definitions.

use serde_json::Value;
use testkit::kube::Annotations;
use testkit::netns::Sandbox;

use super::ClusterNode;
use crate::multus::{Answer, Container};
use crate::node::NETWORKS;

/// A pod that waits for its networks.
#[derive(Debug)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its sandbox.
    pub sandbox: Sandbox,
    /// As the runtime names it.
    pub container: Container,
}

impl ClusterNode {
    /// Creates a definition in the test's namespace.
    #[track_caller]
    pub fn define(&self, name: &str, config: &Value) {
        self.define_in(&self.namespace, name, config);
    }

    /// Creates a definition.
    #[track_caller]
    pub fn define_in(&self, namespace: &str, name: &str, config: &Value) {
        let client = self.api.client();
        client
            .create_definition(namespace, name, &config.to_string(), &[])
            .expect("definitions can be created");
    }

    /// Creates a pod that asks for these networks, and its sandbox.
    #[track_caller]
    pub fn pod(&self, name: &str, networks: &str) -> Pod {
        self.annotated_pod(name, &[(NETWORKS, networks)])
    }

    /// Creates a pod with these annotations, and its sandbox.
    #[track_caller]
    pub fn annotated_pod(&self, name: &str, annotations: Annotations<'_>) -> Pod {
        self.pod_in(&self.namespace, name, annotations)
    }

    /// Creates a pod in this namespace, and its sandbox.
    #[track_caller]
    pub fn pod_in(&self, namespace: &str, name: &str, annotations: Annotations<'_>) -> Pod {
        let client = self.api.client();
        let uid = client
            .create_pod(namespace, name, annotations)
            .expect("pods can be created");
        self.sandbox_of(namespace, name, &uid)
    }

    /// A sandbox of a pod that the runtime has heard of.
    #[track_caller]
    pub fn sandbox_of(&self, namespace: &str, name: &str, uid: &str) -> Pod {
        let sandbox = self.node.sandbox(name);
        let container = Container::new(&sandbox).of_pod(namespace, name);
        let args = format!("{};K8S_POD_UID={uid}", container.args);
        Pod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            sandbox,
            container: container.with_args(&args),
        }
    }

    /// ADD.
    #[track_caller]
    pub fn add(&self, pod: &Pod, conf: &Value) -> Answer {
        self.node.call("ADD", &pod.container, conf)
    }

    /// DEL that has to succeed.
    #[track_caller]
    pub fn del(&self, pod: &Pod, conf: &Value) {
        self.node.del(&pod.container, conf);
    }
}
