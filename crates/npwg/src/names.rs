//! Names that the standard and its implementations agree on.

/// Pod annotation: the networks that the pod asks for (B3.1, MN-020).
pub const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";
/// Pod annotation: the network that takes the place of the cluster network (B3.2).
pub const DEFAULT_NETWORK: &str = "v1.multus-cni.io/default-network";
/// Pod annotation: what the pod got (B3.3, MN-070).
pub const NETWORK_STATUS: &str = "k8s.v1.cni.cncf.io/network-status";
/// Definition annotation: the device plugin resource behind the network (B3.4).
pub const RESOURCE_NAME: &str = "k8s.v1.cni.cncf.io/resourceName";

/// Group and version of the custom resource, as they stand in `apiVersion` (MN-002).
pub const API_VERSION: &str = "k8s.cni.cncf.io/v1";
/// Kind of the custom resource.
pub const KIND: &str = "NetworkAttachmentDefinition";
/// Plural name of the custom resource, as in its URL.
pub const PLURAL: &str = "network-attachment-definitions";
/// Singular name of the custom resource.
pub const SINGULAR: &str = "network-attachment-definition";

/// Key of a selection element: the pod may start without this attachment. Our own, hence with a domain (MN-022).
pub const OPTIONAL_KEY: &str = "multus-cni.io/optional";
