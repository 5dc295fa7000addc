//! From a name or a selection element to a network configuration (B5.40, B5.55–B5.66, B5.75–B5.78).

use std::path::Path;

use cni::{ConfError, NetworkConf};
use npwg::{Definition, SelectionElement};
use serde_json::{Map, Value, json};

use crate::resolve::Stop;
use crate::{Facts, NetConf, PathFact, PlanError, Requests, Warning};

/// A network to attach to, before its place in the list is known.
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) conf: NetworkConf,
    pub(crate) requests: Requests,
    /// The resource whose devices the definition is made for (B5.56).
    pub(crate) resource: Option<String>,
}

impl Network {
    /// One of the configuration's, without a definition: named as it names itself.
    pub(crate) fn of_configuration(conf: &NetConf, network: NetworkConf) -> Self {
        Self {
            name: network.name().to_owned(),
            conf: network,
            requests: Requests::of_configuration(conf),
            resource: None,
        }
    }
}

/// A network named in the configuration: a definition, a configuration on disk, a file or a directory (B5.40).
pub(crate) fn configured(
    conf: &NetConf,
    facts: &Facts,
    network: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Network, Stop> {
    let found = if network.contains('/') {
        from_path(conf, facts, network, warnings)
    } else {
        from_name(conf, facts, network, warnings)
    };
    found.map_err(|stop| match stop {
        Stop::Error(reason) => Stop::Error(PlanError::ConfiguredNetwork {
            network: network.to_owned(),
            namespace: conf.multus_namespace.clone(),
            reason: Box::new(reason),
        }),
        needs @ Stop::Needs(_) => needs,
    })
}

fn from_name(
    conf: &NetConf,
    facts: &Facts,
    name: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Network, Stop> {
    if let Some(definition) = facts.definition(&conf.multus_namespace, name)? {
        let network = definition_conf(conf, facts, definition, warnings)?;
        let name = format!("{}/{}", conf.multus_namespace, name);
        return Ok(Network {
            name,
            conf: network,
            requests: Requests::of_configuration(conf),
            resource: definition.resource_name.clone(),
        });
    }
    let found = on_disk(facts, &conf.conf_dir, name, Some(name), warnings)?;
    Ok(Network::of_configuration(conf, found))
}

fn from_path(
    conf: &NetConf,
    facts: &Facts,
    path: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Network, Stop> {
    let location = Path::new(path);
    let bytes = match facts.path(location)? {
        PathFact::Directory(_) => {
            let found = on_disk(facts, location, path, None, warnings)?;
            return Ok(Network::of_configuration(conf, found));
        }
        PathFact::File(bytes) => bytes,
        PathFact::Missing => return Err(path_error(location, "no such file or directory").into()),
        PathFact::Unreadable(reason) => return Err(path_error(location, reason).into()),
    };
    let file = |source| PlanError::File {
        path: path.to_owned(),
        source,
    };
    let found = if location
        .extension()
        .is_some_and(|extension| extension == "conflist")
    {
        let mut list = NetworkConf::parse_list(bytes).map_err(file)?;
        if !list.load_only_inlined() {
            // The name becomes part of a path: it must be a name and nothing else.
            cni::NetworkName::parse(list.name()).map_err(|source| PlanError::NetworkName {
                network: path.to_owned(),
                source,
            })?;
            let directory = location.with_file_name(list.name());
            list.append_plugins(chain_directory(facts, &directory)?)
                .map_err(file)?;
        }
        if list.plugins().is_empty() {
            return Err(path_error(location, "no plugin configs found").into());
        }
        list
    } else {
        NetworkConf::parse_single(bytes).map_err(file)?
    };
    Ok(Network::of_configuration(conf, found))
}

/// The network of a selection element (B5.55–B5.65).
pub(crate) fn definition(
    conf: &NetConf,
    facts: &Facts,
    element: &SelectionElement,
    warnings: &mut Vec<Warning>,
) -> Result<Network, Stop> {
    let Some(definition) = facts.definition(&element.namespace, &element.name)? else {
        let (namespace, name) = (element.namespace.clone(), element.name.clone());
        return Err(PlanError::NoDefinition { namespace, name }.into());
    };
    let mut network = definition_conf(conf, facts, definition, warnings)?;
    if let Some(arguments) = &element.cni_args {
        merge_cni_args(&mut network, arguments, &element.reference())?;
    }
    Ok(Network {
        name: element.reference(),
        conf: network,
        requests: Requests::of_element(conf, element),
        resource: definition.resource_name.clone(),
    })
}

/// The configuration that a definition stands for: its own, or the one of its name on disk (B5.56, B5.57).
fn definition_conf(
    conf: &NetConf,
    facts: &Facts,
    definition: &Definition,
    warnings: &mut Vec<Warning>,
) -> Result<NetworkConf, Stop> {
    let network = definition.reference();
    if definition.config.is_empty() {
        return on_disk(
            facts,
            &conf.conf_dir,
            &network,
            Some(&definition.name),
            warnings,
        );
    }
    named_conf(&definition.config, &definition.name)
        .map_err(|source| PlanError::Definition { network, source }.into())
}

/// Parses a definition's text; where it has no name it gets the definition's (B5.57).
fn named_conf(text: &str, name: &str) -> Result<NetworkConf, ConfError> {
    let conf = NetworkConf::parse(text.as_bytes())?;
    if conf.name().is_empty() {
        conf.with_name(name)
    } else {
        Ok(conf)
    }
}

/// A configuration of a directory, by its network name, or the first usable one (B5.75–B5.78).
fn on_disk(
    facts: &Facts,
    directory: &Path,
    network: &str,
    name: Option<&str>,
    warnings: &mut Vec<Warning>,
) -> Result<NetworkConf, Stop> {
    let none = Vec::new();
    let files = match facts.path(directory)? {
        PathFact::Directory(files) => files,
        PathFact::Missing | PathFact::File(_) => &none,
        PathFact::Unreadable(reason) => return Err(path_error(directory, reason).into()),
    };
    let found = cni::find_by_name(files, name).map_err(|source| PlanError::OnDisk {
        network: network.to_owned(),
        directory: directory.display().to_string(),
        source,
    })?;
    warnings.extend(
        found
            .skipped
            .into_iter()
            .map(|text| Warning::SkippedFile { text }),
    );
    Ok(found.conf)
}

/// The plugins of a sub-directory chain; a missing directory has none (B5.40).
fn chain_directory(facts: &Facts, directory: &Path) -> Result<Vec<cni::PluginConf>, Stop> {
    match facts.path(directory)? {
        PathFact::Directory(files) => cni::subdir_plugins(files).map_err(|source| {
            PlanError::File {
                path: directory.display().to_string(),
                source,
            }
            .into()
        }),
        PathFact::Missing | PathFact::File(_) => Ok(Vec::new()),
        PathFact::Unreadable(reason) => Err(path_error(directory, reason).into()),
    }
}

/// The auxiliary chain, as a last attachment, where it has plugins of its own (B4.26).
pub(crate) fn auxiliary_chain(conf: &NetConf, facts: &Facts) -> Result<Option<Network>, Stop> {
    let Some(name) = &conf.auxiliary_chain else {
        return Ok(None);
    };
    let cluster_network = conf.cluster_network.as_deref().unwrap_or_default();
    if !cluster_network.contains('/') {
        return Err(PlanError::AuxiliaryChain {
            network: cluster_network.to_owned(),
        }
        .into());
    }
    cni::NetworkName::parse(name).map_err(|source| PlanError::NetworkName {
        network: "auxiliaryCNIChainName".to_owned(),
        source,
    })?;
    let plugins = chain_directory(facts, &parent(cluster_network).join(name))?;
    if plugins.is_empty() {
        return Ok(None);
    }
    let head = json!({
        "cniVersion": conf.cni_version_label,
        "name": name,
        "plugins": [{"type": "passthru", "name": "passthru-cni"}],
    });
    let unusable = |source| PlanError::Definition {
        network: name.clone(),
        source,
    };
    let mut chain = NetworkConf::parse_list(head.to_string().as_bytes()).map_err(unusable)?;
    chain.append_plugins(plugins).map_err(unusable)?;
    Ok(Some(Network::of_configuration(conf, chain)))
}

/// The directory of a path: what stands before its last slash, so that `/d/` is in `/d`.
fn parent(path: &str) -> &Path {
    Path::new(match path.rsplit_once('/') {
        None => ".",
        Some(("", _)) => "/",
        Some((directory, _)) => directory,
    })
}

/// Merges an element's `cni-args` into `args.cni` of every plugin; the pod wins, key by key (B5.63, MN-035).
pub(crate) fn merge_cni_args(
    conf: &mut NetworkConf,
    arguments: &Map<String, Value>,
    network: &str,
) -> Result<(), PlanError> {
    let unusable = |plugin: &cni::PluginConf, key| PlanError::CniArgs {
        network: network.to_owned(),
        plugin: plugin.plugin_type().to_owned(),
        key,
    };
    for plugin in conf.plugins() {
        match plugin.raw().get("args") {
            None | Some(Value::Null) => {}
            Some(Value::Object(args)) => match args.get("cni") {
                None | Some(Value::Null | Value::Object(_)) => {}
                Some(_) => return Err(unusable(plugin, "args.cni")),
            },
            Some(_) => return Err(unusable(plugin, "args")),
        }
    }
    conf.edit_plugins(|_, plugin| {
        let mut args = take_object(plugin, "args");
        let mut cni = take_object(&mut args, "cni");
        cni.extend(arguments.clone());
        args.insert("cni".to_owned(), Value::Object(cni));
        plugin.insert("args".to_owned(), Value::Object(args));
    })
    .map_err(|source| PlanError::Definition {
        network: network.to_owned(),
        source,
    })
}

/// Takes an object out of an object; anything else counts as an empty one.
fn take_object(map: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match map.remove(key) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn path_error(path: &Path, reason: impl Into<String>) -> PlanError {
    PlanError::Path {
        path: path.display().to_string(),
        reason: reason.into(),
    }
}
