//! Why no plan can be made, with the CNI error code of each reason.

use cni::{ConfError, LookupError, NameError, ResultError, code};
use npwg::SelectionError;

use crate::{ClaimError, limits};

/// Why a pod cannot be attached as it asks.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The configuration has a value of the wrong type or is not JSON.
    #[error("error loading netconf: {0}")]
    NetConf(gojson::Error),
    /// The configuration asks for a version that does not exist.
    #[error(
        "error loading netconf: cniVersion \"{version}\" is not a version of the CNI specification"
    )]
    NetConfVersion {
        /// As written.
        version: String,
    },
    /// The configuration carries a result that is none.
    #[error("error loading netconf: prevResult: {0}")]
    PrevResult(ResultError),
    /// A directory that would be another one wherever the runtime stands.
    #[error("error loading netconf: {key} is not an absolute path")]
    RelativePath {
        /// The configuration's key.
        key: &'static str,
    },
    /// The API does not know the pod that is to get another network.
    #[error("pod {pod} not found")]
    NoPod {
        /// Namespace, name and UID.
        pod: String,
    },
    /// The configuration of another network for a pod is none.
    #[error("error loading the network's configuration: {0}")]
    Another(#[source] ConfError),
    /// Neither `delegates` nor `clusterNetwork`.
    #[error("error loading netconf: at least one delegate/clusterNetwork must be specified")]
    NoDelegates,
    /// Both `kubeconfig` and `manifestDir`.
    #[error("error loading netconf: kubeconfig and manifestDir exclude each other")]
    TwoCatalogs,
    /// An inline delegate is no CNI configuration.
    #[error("error loading netconf: delegates[{index}]: {source}")]
    Delegate {
        /// Its place in the list.
        index: usize,
        /// What is wrong with it.
        source: ConfError,
    },
    /// `CNI_ARGS` has a piece that is no pair.
    #[error(
        "error getting k8s args: CNI_ARGS: invalid pair \"{}\", it has no '='",
        cni::excerpt(piece)
    )]
    BadArgs {
        /// The piece.
        piece: String,
    },
    /// `CNI_ARGS` has a key that nobody knows, and `IgnoreUnknown` is not set.
    #[error(
        "error getting k8s args: CNI_ARGS: unknown key \"{}\" without IgnoreUnknown=1",
        cni::excerpt(key)
    )]
    UnknownArgs {
        /// The key.
        key: String,
    },
    /// `CNI_ARGS` names no pod, and the API has to be asked for one.
    #[error(
        "error getting k8s args: CNI_ARGS names no pod: K8S_POD_NAMESPACE and K8S_POD_NAME are needed to ask the API for it"
    )]
    NoPodName,
    /// The sandbox belongs to a pod that has been replaced by another one of the same name.
    #[error("expected pod UID \"{expected}\" but got \"{found}\" from Kube API")]
    PodReplaced {
        /// The runtime's.
        expected: String,
        /// The API's.
        found: String,
    },
    /// `clusterNetwork` without a catalog.
    #[error("GetDefaultNetworks: must have either Kubernetes config or delegates")]
    NoCatalog,
    /// A network of the configuration could not be found.
    #[error(
        "failed to get clusterNetwork/defaultNetworks: \"{network}\" in namespace \"{namespace}\": {reason}"
    )]
    ConfiguredNetwork {
        /// As configured.
        network: String,
        /// `multusNamespace`.
        namespace: String,
        /// Why.
        reason: Box<Self>,
    },
    /// An annotation cannot be read.
    #[error("error loading k8s delegates k8s args: annotation {annotation}: {source}")]
    Annotation {
        /// Its key.
        annotation: &'static str,
        /// What is wrong with it.
        source: SelectionError,
    },
    /// More networks than any pod needs.
    #[error("the pod asks for {count} networks, more than {}", limits::NETWORKS)]
    TooManyNetworks {
        /// How many.
        count: usize,
    },
    /// More configuration than any pod needs.
    #[error(
        "the configurations of the pod's networks have more than {} bytes together",
        limits::CONFIGURATION
    )]
    TooLarge,
    /// A definition does not exist.
    #[error(
        "cannot find a network-attachment-definition ({name}) in namespace ({namespace}): \
         network-attachment-definitions.k8s.cni.cncf.io \"{name}\" not found"
    )]
    NoDefinition {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A definition of a namespace that this pod may not use.
    #[error(
        "network {network}: namespace isolation enabled, annotation violates permission, \
         pod is in namespace {pod} but refers to target namespace {target}"
    )]
    Isolated {
        /// `namespace/name` of the definition.
        network: String,
        /// The pod's namespace.
        pod: String,
        /// The definition's.
        target: String,
    },
    /// A definition that cannot be used.
    #[error("network {network}: {source}")]
    Definition {
        /// `namespace/name`.
        network: String,
        /// What is wrong with its configuration.
        source: ConfError,
    },
    /// A definition without a configuration, whose network is not on disk either.
    #[error("network {network}: in {directory}: {source}")]
    OnDisk {
        /// Where it was looked for.
        directory: String,
        /// `namespace/name`, or the configured name.
        network: String,
        /// What the directory lacks.
        source: LookupError,
    },
    /// A path of the configuration cannot be used.
    #[error("cannot use {path}: {reason}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// A configuration file cannot be used.
    #[error("in {path}: {source}")]
    File {
        /// The path.
        path: String,
        /// What is wrong with it.
        source: ConfError,
    },
    /// The devices that dynamic resource allocation gave to the pod cannot be told.
    #[error("dynamic resource allocation: {0}")]
    Claim(#[from] ClaimError),
    /// A network whose plugin is Multus itself.
    #[error(
        "network {network}: its plugin is \"{plugin}\", Multus itself, which would call itself without end"
    )]
    Recursive {
        /// The attachment's name.
        network: String,
        /// The plugin's type.
        plugin: String,
    },
    /// `args` or `args.cni` of a plugin is not an object, so `cni-args` cannot be merged into it.
    #[error("network {network}: cni-args: \"{key}\" of plugin \"{plugin}\" is not an object")]
    CniArgs {
        /// The attachment's name.
        network: String,
        /// The plugin's type.
        plugin: String,
        /// `args` or `args.cni`.
        key: &'static str,
    },
    /// A network whose configuration has no usable name.
    #[error("network {network}: {source}")]
    NetworkName {
        /// The attachment's name.
        network: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// An interface name that cannot be used.
    #[error("network {network}: {source}")]
    IfName {
        /// The attachment's name.
        network: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// Two attachments of one interface name.
    #[error("networks {first} and {second} both ask for interface {ifname}")]
    SameIfName {
        /// The interface name.
        ifname: String,
        /// The attachment that has it.
        first: String,
        /// The attachment that wants it too.
        second: String,
    },
    /// Several gateways of one family.
    #[error(
        "default-route of {}: more than one {family} gateway, multus does not support ECMP for default-route",
        networks.join(", ")
    )]
    SeveralGateways {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// The attachments that name one.
        networks: Vec<String>,
    },
    /// `auxiliaryCNIChainName` without a `clusterNetwork` that is a path (B2.143).
    #[error(
        "auxiliary chain used but ClusterNetwork must be a path, and it is not a path: {}",
        if network.is_empty() { "it is missing" } else { network }
    )]
    AuxiliaryChain {
        /// `clusterNetwork` as configured.
        network: String,
    },
    /// The planner kept asking: a fault of this program.
    #[error("planning did not end: a fault of this program")]
    NoEnd,
}

impl PlanError {
    /// The CNI error code: that of the cause where it has one.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::NetConf(_) => code::DECODING_FAILURE,
            Self::NetConfVersion { .. } => code::INCOMPATIBLE_VERSION,
            Self::PrevResult(error) => error.code(),
            Self::Another(source)
            | Self::Delegate { source, .. }
            | Self::Definition { source, .. }
            | Self::File { source, .. } => source.code(),
            Self::OnDisk { source, .. } => source.code(),
            Self::BadArgs { .. } | Self::UnknownArgs { .. } | Self::NoPodName => {
                code::INVALID_ENVIRONMENT
            }
            Self::NoEnd => code::INTERNAL,
            // The scheduler and the drivers write claims and slices; a kubelet's informers may be ahead of us.
            Self::PodReplaced { .. } | Self::NoPod { .. } | Self::Claim(_) => code::TRY_AGAIN_LATER,
            Self::ConfiguredNetwork { reason, .. } => reason.code(),
            // Also an interface name, whose own code is that of an environment variable, and an annotation.
            _ => code::INVALID_NETWORK_CONFIG,
        }
    }
}

#[cfg(test)]
mod tests {
    use cni::{ConfError, LookupError, code};

    use super::PlanError;
    use crate::{NetConf, PodArgs};

    #[test]
    fn what_a_configured_network_or_a_file_on_disk_lacks_decides_about_the_code() {
        // CNI SPEC 1.1, "Error"; B5.40, B5.75
        let broken = || LookupError::Broken {
            file: "a.conf".into(),
            source: ConfError::NotAnObject,
        };
        let on_disk = |source| PlanError::OnDisk {
            network: "n".into(),
            directory: "/d".into(),
            source,
        };
        let configured = |reason| PlanError::ConfiguredNetwork {
            network: "n".into(),
            namespace: "ns".into(),
            reason: Box::new(reason),
        };
        assert_eq!(on_disk(broken()).code(), code::DECODING_FAILURE);
        assert_eq!(
            on_disk(LookupError::NoConfigs).code(),
            code::INVALID_NETWORK_CONFIG
        );
        assert_eq!(configured(on_disk(broken())).code(), code::DECODING_FAILURE);
        assert_eq!(
            configured(PlanError::NoDelegates).code(),
            code::INVALID_NETWORK_CONFIG
        );
    }

    #[test]
    fn arguments_of_the_runtime_and_our_own_faults_have_codes_of_their_own() {
        // CNI SPEC 1.1, "Error"; B4.1
        for args in ["K8S_POD_NAME", "FOO=bar"] {
            let error = PodArgs::parse(args).unwrap_err();
            assert_eq!(error.code(), code::INVALID_ENVIRONMENT, "{args}");
        }
        assert_eq!(PlanError::NoEnd.code(), code::INTERNAL);
    }

    #[test]
    fn a_cause_with_a_code_of_its_own_keeps_it() {
        // CNI SPEC 1.1, "Error"; Q17
        let delegate = |conf: &str| format!(r#"{{"delegates": [{conf}]}}"#);
        let previous = |result: &str| format!(r#"{{"delegates": [{{}}], "prevResult": {result}}}"#);
        let cases = [
            ("no JSON", "{".to_owned(), 6),
            ("a wrong type", r#"{"cniDir": 1}"#.to_owned(), 6),
            (
                "an unknown version",
                r#"{"cniVersion": "9.0.0"}"#.to_owned(),
                1,
            ),
            ("no network at all", "{}".to_owned(), 7),
            ("a result that is none", previous("1"), 6),
            (
                "a result of an unknown version",
                previous("{\"cniVersion\": \"9\"}"),
                1,
            ),
            ("a delegate of a wrong type", delegate("{\"type\": 1}"), 6),
            (
                "a delegate of an unknown version",
                delegate("{\"type\": \"a\", \"cniVersion\": \"9\"}"),
                1,
            ),
            ("a delegate without type", delegate("{}"), 7),
        ];
        for (name, text, code) in cases {
            let error = NetConf::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.code(), code, "{name}: {error}");
        }
    }
}
