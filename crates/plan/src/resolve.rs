//! The plan itself: which networks, in which order (B4.20–B4.29, B5.40–B5.71).

use npwg::{SelectionElement, names};

use crate::limits::Room;
use crate::selected::Network;
use crate::{
    Attachment, Catalog, Facts, Need, NetConf, PlanError, Pod, PodArgs, PodRef, Warning, arguments,
    devices, is_multus, limits, routes, selected,
};

/// What the runtime asks for, as far as a plan needs it.
#[derive(Debug, Clone)]
pub struct Request {
    /// `CNI_CONTAINERID`.
    pub container_id: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// `CNI_ARGS`.
    pub args: PodArgs,
    /// Where pods and definitions come from.
    pub catalog: Catalog,
    /// Whether somebody stays who could write a status after the runtime has its result.
    pub may_owe_status: bool,
}

/// Every attachment of a sandbox, in order; the first is the default network.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pod, where the catalog knows it: status and events go to it.
    pub pod: Option<PodRef>,
    /// The attachments.
    pub attachments: Vec<Attachment>,
    /// What the pod's owner should know although nothing fails.
    pub warnings: Vec<Warning>,
    /// The status may be written after the runtime has its result: the pod has the cluster network alone, asked for no
    /// other, and has no status yet, or one that is known.
    pub owes_status: bool,
    /// The status of an earlier sandbox that the one that is owed replaces.
    pub earlier_status: Option<String>,
}

/// What [`plan`] came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Attach the sandbox like this.
    Attach(Plan),
    /// The API does not know the pod: nothing is attached (B4.24).
    PodUnknown,
}

/// What was asked for, or what is missing for it.
#[derive(Debug, Clone)]
pub enum Planned<T = Outcome> {
    /// It is complete.
    Ready(T),
    /// Fetch these and ask again.
    Needs(Vec<Need>),
}

impl<T> Planned<T> {
    pub(crate) fn of(planned: Result<T, Stop>) -> Result<Self, PlanError> {
        match planned {
            Ok(planned) => Ok(Self::Ready(planned)),
            Err(Stop::Needs(needs)) => Ok(Self::Needs(needs)),
            Err(Stop::Error(error)) => Err(error),
        }
    }
}

/// Why planning stops before its end.
pub(crate) enum Stop {
    Needs(Vec<Need>),
    Error(PlanError),
}

impl From<Need> for Stop {
    fn from(need: Need) -> Self {
        Self::Needs(vec![need])
    }
}

impl From<PlanError> for Stop {
    fn from(error: PlanError) -> Self {
        Self::Error(error)
    }
}

/// Plans the attachments of a sandbox from what is known.
///
/// # Errors
/// Whatever makes the request impossible to honour; nothing has been done then.
pub fn plan(conf: &NetConf, request: &Request, facts: &Facts) -> Result<Planned, PlanError> {
    Planned::of(outcome(conf, request, facts))
}

fn outcome(conf: &NetConf, request: &Request, facts: &Facts) -> Result<Outcome, Stop> {
    let pod = match find_pod(request, facts)? {
        Found::Pod(pod) => Some(pod),
        Found::NotAsked => None,
        Found::Unknown => return Ok(Outcome::PodUnknown),
    };
    let mut warnings = Vec::new();
    let mut networks = configured(conf, request, facts, pod, &mut warnings)?;
    if let Some(pod) = pod {
        if let Some(network) = default_override(conf, facts, pod, &mut warnings)? {
            match networks.first_mut() {
                Some(first) => *first = network,
                None => networks.push(network),
            }
        }
        networks.extend(annotated(conf, facts, pod, &mut warnings)?);
    }
    networks.extend(selected::auxiliary_chain(conf, facts)?);
    devices::assign(request, facts, pod, &mut networks, &mut warnings)?;
    let attachments = assemble(conf, request, networks)?;
    warnings.extend(attachments.iter().flat_map(missing_capabilities));
    let owes_status = request.may_owe_status && attachments.len() == 1 && pod.is_some_and(may_owe);
    let pod = pod.map(|pod| identity(pod, request));
    Ok(Outcome::Attach(Plan {
        pod,
        attachments,
        warnings,
        owes_status,
        earlier_status: None,
    }))
}

/// Nobody waits for the status of a pod that asked for nothing. One that stands there may be of an earlier sandbox, or
/// another program's, and whoever writes behind could not tell.
fn may_owe(pod: &Pod) -> bool {
    pod.is_plain() && !pod.has_status && !pod.is_static()
}

/// Who the pod is: a manifest need not know the UID, the runtime does.
pub(crate) fn identity(pod: &Pod, request: &Request) -> PodRef {
    let mut reference = pod.reference.clone();
    if reference.uid.is_empty() {
        reference.uid.clone_from(&request.args.pod.uid);
    }
    reference
}

pub(crate) enum Found<'a> {
    Pod(&'a Pod),
    /// There is nobody to ask, or no name to ask for.
    NotAsked,
    /// The API does not know it.
    Unknown,
}

pub(crate) fn find_pod<'a>(request: &Request, facts: &'a Facts) -> Result<Found<'a>, Stop> {
    let wanted = &request.args.pod;
    let namespace = match request.catalog {
        Catalog::None => return Ok(Found::NotAsked),
        Catalog::Local if wanted.name.is_empty() => return Ok(Found::NotAsked),
        Catalog::Local if wanted.namespace.is_empty() => "default",
        Catalog::Api if wanted.name.is_empty() || wanted.namespace.is_empty() => {
            return Err(PlanError::NoPodName.into());
        }
        Catalog::Local | Catalog::Api => &wanted.namespace,
    };
    let Some(pod) = facts.pod(namespace, &wanted.name)? else {
        return Ok(if request.catalog == Catalog::Local {
            Found::NotAsked
        } else {
            Found::Unknown
        });
    };
    // B4.14; a static pod has another UID in the API than in the kubelet. A manifest need not know a UID.
    let found = &pod.reference.uid;
    let unchecked = wanted.uid.is_empty() || pod.is_static() || request.catalog == Catalog::Local;
    if !unchecked && *found != wanted.uid {
        return Err(PlanError::PodReplaced {
            expected: wanted.uid.clone(),
            found: found.clone(),
        }
        .into());
    }
    Ok(Found::Pod(pod))
}

/// The networks of the configuration: the inline delegates, or the cluster network and, for pods outside the system
/// namespaces, the default networks (B2.140, B5.41).
fn configured(
    conf: &NetConf,
    request: &Request,
    facts: &Facts,
    pod: Option<&Pod>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Network>, Stop> {
    let Some(cluster_network) = &conf.cluster_network else {
        return Ok(conf
            .delegates
            .iter()
            .map(|delegate| Network::of_configuration(conf, delegate.clone()))
            .collect());
    };
    if request.catalog == Catalog::None {
        return Err(PlanError::NoCatalog.into());
    }
    let mut wanted = vec![cluster_network];
    if pod.is_some_and(|pod| !conf.system_namespaces.contains(&pod.reference.namespace)) {
        wanted.extend(&conf.default_networks);
    }
    all(wanted, |network| {
        selected::configured(conf, facts, network, warnings)
    })
}

/// The network that STATUS asks, which knows no pod: the first of the configuration.
///
/// # Errors
/// As [`plan`].
pub fn default_network(
    conf: &NetConf,
    catalog: Catalog,
    facts: &Facts,
) -> Result<Planned<cni::NetworkConf>, PlanError> {
    let request = Request {
        container_id: String::new(),
        ifname: String::new(),
        args: PodArgs::default(),
        catalog,
        may_owe_status: false,
    };
    let networks = configured(conf, &request, facts, None, &mut Vec::new());
    Planned::of(networks.and_then(|networks| {
        let first = networks.into_iter().next();
        let first = first.ok_or(Stop::Error(PlanError::NoDelegates))?;
        Ok(first.conf)
    }))
}

/// The pod's own default network, in place of the configured one (B3.60–B3.63).
fn default_override(
    conf: &NetConf,
    facts: &Facts,
    pod: &Pod,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Network>, Stop> {
    let Some(text) = &pod.default_network else {
        return Ok(None);
    };
    let element =
        npwg::selection::parse_default_network(text, &conf.multus_namespace).map_err(|source| {
            PlanError::Annotation {
                annotation: names::DEFAULT_NETWORK,
                source,
            }
        })?;
    // Q5: the definitions of Multus' own namespace are for everyone; others obey the isolation.
    if element.namespace != conf.multus_namespace {
        check_isolation(conf, pod, &element)?;
    }
    warnings.extend(unknown_keys(&element));
    selected::definition(conf, facts, &element, warnings).map(Some)
}

/// The networks that the pod selects (B5.50).
fn annotated(
    conf: &NetConf,
    facts: &Facts,
    pod: &Pod,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Network>, Stop> {
    let Some(text) = &pod.networks else {
        return Ok(Vec::new());
    };
    let elements = npwg::selection::parse(text, &pod.reference.namespace).map_err(|source| {
        PlanError::Annotation {
            annotation: names::NETWORKS,
            source,
        }
    })?;
    limits::check_count(elements.len())?;
    for element in &elements {
        check_isolation(conf, pod, element)?;
        warnings.extend(unknown_keys(element));
    }
    let mut room = Room::new();
    all(elements.iter().collect(), |element| {
        let network = selected::definition(conf, facts, element, warnings)?;
        room.take(network.conf.bytes().len())?;
        Ok(network)
    })
}

fn unknown_keys(element: &SelectionElement) -> Option<Warning> {
    let (network, keys) = (element.reference(), element.unknown_keys.clone());
    (!keys.is_empty()).then_some(Warning::UnknownKeys { network, keys })
}

/// Resolves every item; where several miss something, asks for all of it at once.
pub(crate) fn all<T, R>(
    items: Vec<T>,
    mut resolve: impl FnMut(T) -> Result<R, Stop>,
) -> Result<Vec<R>, Stop> {
    let mut resolved = Vec::with_capacity(items.len());
    let mut missing: Vec<Need> = Vec::new();
    for item in items {
        match resolve(item) {
            Ok(network) => resolved.push(network),
            Err(Stop::Needs(needs)) => {
                missing.extend(
                    needs
                        .into_iter()
                        .filter(|need| !missing.contains(need))
                        .collect::<Vec<_>>(),
                );
            }
            Err(Stop::Error(error)) => return Err(Stop::Error(error)),
        }
    }
    if missing.is_empty() {
        Ok(resolved)
    } else {
        Err(Stop::Needs(missing))
    }
}

/// B5.70.
fn check_isolation(conf: &NetConf, pod: &Pod, element: &SelectionElement) -> Result<(), PlanError> {
    let own = &pod.reference.namespace;
    if !conf.namespace_isolation
        || element.namespace == *own
        || conf.global_namespaces.contains(&element.namespace)
    {
        return Ok(());
    }
    Err(PlanError::Isolated {
        network: element.reference(),
        pod: own.clone(),
        target: element.namespace.clone(),
    })
}

/// Names interfaces, computes arguments and routes, and refuses what cannot work, before anything runs.
fn assemble(
    conf: &NetConf,
    request: &Request,
    networks: Vec<Network>,
) -> Result<Vec<Attachment>, PlanError> {
    let mut attachments: Vec<Attachment> = Vec::with_capacity(networks.len());
    for (index, network) in networks.into_iter().enumerate() {
        let attachment = attach(conf, request, index, network)?;
        if let Some(first) = attachments
            .iter()
            .find(|other| other.ifname == attachment.ifname)
        {
            return Err(PlanError::SameIfName {
                ifname: attachment.ifname.to_string(),
                first: first.name.clone(),
                second: attachment.name,
            });
        }
        attachments.push(attachment);
    }
    routes::assign(&mut attachments)?;
    Ok(attachments)
}

pub(crate) fn attach(
    conf: &NetConf,
    request: &Request,
    index: usize,
    network: Network,
) -> Result<Attachment, PlanError> {
    let Network {
        name,
        conf: network,
        mut requests,
        resource: _,
    } = network;
    // A pod without its default network is no pod.
    requests.optional &= index > 0;
    if let Some(plugin) = network
        .plugins()
        .iter()
        .find(|plugin| is_multus(plugin.plugin_type()))
    {
        return Err(PlanError::Recursive {
            network: name,
            plugin: plugin.plugin_type().to_owned(),
        });
    }
    if let Err(source) = cni::NetworkName::parse(network.name()) {
        return Err(PlanError::NetworkName {
            network: name,
            source,
        });
    }
    let ifname = arguments::generated_ifname(index, requests.interface.as_deref(), &request.ifname);
    let ifname = match cni::IfName::parse(&ifname) {
        Ok(ifname) => ifname,
        Err(source) => {
            return Err(PlanError::IfName {
                network: name,
                source,
            });
        }
    };
    let mut capability_args =
        arguments::capability_args(&conf.runtime_config, &requests, index == 0);
    let file = npwg::device_info::cni_file(&name, &request.container_id, ifname.as_str());
    let has_device = requests.device_id.is_some();
    arguments::add_device_info(&mut capability_args, &network, has_device, &file);
    Ok(Attachment {
        args: arguments::cni_args(&request.args, &requests),
        capability_args,
        routes: crate::RouteChange::default(),
        name,
        conf: network,
        ifname,
        requests,
    })
}

pub(crate) fn missing_capabilities(attachment: &Attachment) -> Vec<Warning> {
    attachment
        .undeclared_capabilities()
        .into_iter()
        .map(|capability| Warning::MissingCapability {
            network: attachment.name.clone(),
            capability,
        })
        .collect()
}

#[cfg(test)]
mod tests;
