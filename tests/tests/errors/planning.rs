//! Errors of the crates `npwg` and `plan`: annotations, definitions, the configuration.

use cni::{ConfError, LookupError, NameError};
use npwg::{DefinitionError, SelectionError, ValueError};
use plan::{ClaimError, PlanError};

use crate::{Sample, json, specification, texts, with_codes};

pub(crate) fn samples() -> impl Iterator<Item = Sample> {
    texts(values())
        .chain(texts(selections()))
        .chain(texts(definitions()))
        .chain(texts(claims()))
        .chain(with_codes(plans(), PlanError::code))
}

fn values() -> Vec<ValueError> {
    let value = || "\"x\"".to_owned();
    every!(ValueError {
        ValueError::Empty => [ValueError::Empty],
        ValueError::ObjectName { .. } => [ValueError::ObjectName { value: value() }],
        ValueError::Label { .. } => [ValueError::Label { value: value(), limit: 63 }],
        ValueError::Interface { .. } => [ValueError::Interface {
            value: value(),
            reason: "it is reserved",
        }],
        ValueError::Cidr { .. } => [ValueError::Cidr { value: value() }],
        ValueError::Ip { .. } => [ValueError::Ip { value: value() }],
        // Both are worded by what is wrong: see the annotations below.
        ValueError::Mac { .. } => [],
        ValueError::Guid { .. } => [],
        ValueError::Port { .. } => [ValueError::Port { value: 0 }],
        ValueError::Protocol { .. } => [ValueError::Protocol { value: value() }],
        ValueError::ClaimWithIps => [ValueError::ClaimWithIps],
    })
}

fn selections() -> Vec<SelectionError> {
    let read = |text: &str| npwg::selection::parse(text, "default").unwrap_err();
    every!(SelectionError {
        SelectionError::Json { .. } => [read("{}"), read("[")],
        SelectionError::Element { .. } => [
            read("[null]"),
            read("[{\"name\": \"a\", \"mac\": 7}]"),
            read("[{\"name\": \"a\", \"portMappings\": [{\"hostPort\": 70000}]}]"),
        ],
        SelectionError::Value { .. } => [
            read("[{}]"),
            read("[{\"name\": \"a\", \"mac\": \"x\"}]"),
            read("[{\"name\": \"a\", \"infiniband-guid\": \"02:00:00:00:00:01\"}]"),
        ],
        SelectionError::EmptyItem { .. } => [read("a,")],
        SelectionError::Separator { .. } => [read("a/b/c"), read("a@b@c")],
        SelectionError::Part { .. } => [read("A"), read("@b"), read("a@all")],
        SelectionError::NoDefault => [SelectionError::NoDefault],
        SelectionError::ManyDefaults { .. } => [SelectionError::ManyDefaults { count: 2 }],
    })
}

fn definitions() -> Vec<DefinitionError> {
    every!(DefinitionError {
        // Manifests and answers of the API are decoded before, and what has no kind or name is not found.
        DefinitionError::Json { .. } => [],
        DefinitionError::Kind { .. } => [],
        DefinitionError::NoName => [],
        DefinitionError::Type { .. } => [DefinitionError::Type {
            name: " (\"lan\")".to_owned(),
            key: "spec.config",
            expected: "a string",
        }],
    })
}

fn claims() -> Vec<ClaimError> {
    let name = || "shop/nics".to_owned();
    every!(ClaimError {
        ClaimError::NoClaim { .. } => [ClaimError::NoClaim { claim: name() }],
        ClaimError::NotAllocated { .. } => [ClaimError::NotAllocated { claim: name() }],
        ClaimError::NoRequest { .. } => [ClaimError::NoRequest {
            request: "r".to_owned(),
            claim: name(),
        }],
        ClaimError::NoAttribute { .. } => [ClaimError::NoAttribute {
            device: "d/p/x".to_owned(),
            request: "r".to_owned(),
            claim: name(),
            attribute: "k8s.cni.cncf.io/deviceID",
        }],
        ClaimError::OtherResource { .. } => [ClaimError::OtherResource {
            device: "d/p/x".to_owned(),
            request: "r".to_owned(),
            claim: name(),
            found: "example.com/a".to_owned(),
            resource: "example.com/b".to_owned(),
        }],
    })
}

fn plans() -> Vec<PlanError> {
    let lan = || "shop/lan".to_owned();
    let text = |text: &str| text.to_owned();
    every!(PlanError {
        PlanError::NetConf(_) => [PlanError::NetConf(json())],
        // Every request's version is checked before.
        PlanError::NetConfVersion { .. } => [],
        PlanError::PrevResult(_) => [PlanError::PrevResult(specification::results().remove(0))],
        PlanError::RelativePath { .. } => [PlanError::RelativePath { key: "cniDir" }],
        PlanError::NoPod { .. } => [PlanError::NoPod {
            pod: text("shop/web/u1"),
        }],
        PlanError::Another(_) => [PlanError::Another(ConfError::NeitherForm)],
        PlanError::NoDelegates => [PlanError::NoDelegates],
        PlanError::TwoCatalogs => [PlanError::TwoCatalogs],
        PlanError::Delegate { .. } => [PlanError::Delegate {
            index: 0,
            source: ConfError::NeitherForm,
        }],
        PlanError::BadArgs { .. } => [PlanError::BadArgs { piece: text("x") }],
        PlanError::UnknownArgs { .. } => [PlanError::UnknownArgs { key: text("x") }],
        PlanError::NoPodName => [PlanError::NoPodName],
        PlanError::PodReplaced { .. } => [PlanError::PodReplaced {
            expected: text("u1"),
            found: text("u2"),
        }],
        PlanError::NoCatalog => [PlanError::NoCatalog],
        PlanError::ConfiguredNetwork { .. } => [PlanError::ConfiguredNetwork {
            network: text("lan"),
            namespace: text("kube-system"),
            reason: Box::new(PlanError::Path {
                path: text("/x"),
                reason: text("no such file or directory"),
            }),
        }],
        PlanError::Annotation { .. } => [PlanError::Annotation {
            annotation: npwg::names::NETWORKS,
            source: SelectionError::EmptyItem { index: 0 },
        }],
        PlanError::NoDefinition { .. } => [PlanError::NoDefinition {
            namespace: text("shop"),
            name: text("lan"),
        }],
        PlanError::Isolated { .. } => [PlanError::Isolated {
            network: lan(),
            pod: text("web"),
            target: text("shop"),
        }],
        PlanError::Definition { .. } => [PlanError::Definition {
            network: lan(),
            source: ConfError::NoPlugins,
        }],
        PlanError::OnDisk { .. } => [PlanError::OnDisk {
            directory: text("/etc/cni/multus/net.d"),
            network: lan(),
            source: LookupError::NoConfigs,
        }],
        PlanError::Path { .. } => [PlanError::Path {
            path: text("/x"),
            reason: text("no such file or directory"),
        }],
        PlanError::File { .. } => [PlanError::File {
            path: text("/x"),
            source: ConfError::NotAnObject,
        }],
        PlanError::Claim(_) => [PlanError::Claim(claims().remove(0))],
        PlanError::Recursive { .. } => [PlanError::Recursive {
            network: lan(),
            plugin: text("multus"),
        }],
        PlanError::CniArgs { .. } => [PlanError::CniArgs {
            network: lan(),
            plugin: text("macvlan"),
            key: "args",
        }],
        PlanError::NetworkName { .. } => [PlanError::NetworkName {
            network: lan(),
            source: NameError::MissingNetworkName,
        }],
        PlanError::IfName { .. } => [PlanError::IfName {
            network: lan(),
            source: cni::IfName::parse("a/b").unwrap_err(),
        }],
        PlanError::SameIfName { .. } => [PlanError::SameIfName {
            ifname: text("net1"),
            first: lan(),
            second: lan(),
        }],
        PlanError::SeveralGateways { .. } => [PlanError::SeveralGateways {
            family: "IPv4",
            networks: vec![lan(), lan()],
        }],
        PlanError::AuxiliaryChain { .. } => [PlanError::AuxiliaryChain { network: text("x") }],
        PlanError::TooManyNetworks { .. } => [PlanError::TooManyNetworks { count: 300 }],
        PlanError::TooLarge => [PlanError::TooLarge],
        PlanError::NoEnd => [PlanError::NoEnd],
    })
}
