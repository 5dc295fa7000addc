//! `CNI_ARGS`, capability arguments and interface names (B4.1, B4.60–B4.66).

use serde_json::{Map, Value, json};

use crate::{PlanError, PodRef, Requests, RuntimeConfig, attachment};

/// The runtime's `CNI_ARGS`, read as far as a pod's identity goes (B4.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodArgs {
    /// The pod; empty fields where the runtime named none.
    pub pod: PodRef,
    /// `K8S_POD_INFRA_CONTAINER_ID`.
    pub infra_container_id: String,
    /// Every pair in the order given, known keys included.
    pub pairs: Vec<(String, String)>,
}

/// Keys that upstream's decoder knows (B4.1).
const KNOWN: [&str; 6] = [
    "IgnoreUnknown",
    "IP",
    "K8S_POD_NAME",
    "K8S_POD_NAMESPACE",
    "K8S_POD_INFRA_CONTAINER_ID",
    "K8S_POD_UID",
];

impl PodArgs {
    /// Reads `CNI_ARGS`.
    ///
    /// # Errors
    /// A piece without `=`; an unknown key where `IgnoreUnknown` is not true.
    pub fn parse(args: &str) -> Result<Self, PlanError> {
        let mut pairs = Vec::new();
        for piece in args.split(';').filter(|piece| !piece.is_empty()) {
            let (key, value) = piece.split_once('=').ok_or_else(|| PlanError::BadArgs {
                piece: piece.to_owned(),
            })?;
            pairs.push((key.to_owned(), value.to_owned()));
        }
        let last = |key: &str| {
            pairs
                .iter()
                .rev()
                .find(|(known, _)| known == key)
                .map(|(_, value)| value.clone())
        };
        if !last("IgnoreUnknown")
            .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
            && let Some((key, _)) = pairs.iter().find(|(key, _)| !KNOWN.contains(&key.as_str()))
        {
            return Err(PlanError::UnknownArgs { key: key.clone() });
        }
        let value = |key| last(key).unwrap_or_default();
        Ok(Self {
            pod: PodRef {
                namespace: value("K8S_POD_NAMESPACE"),
                name: value("K8S_POD_NAME"),
                uid: value("K8S_POD_UID"),
            },
            infra_container_id: value("K8S_POD_INFRA_CONTAINER_ID"),
            pairs,
        })
    }
}

/// `CNI_ARGS` of one attachment: the five standard keys in fixed order, then what else the runtime gave, then `MAC` and
/// `IP` where the pod asked for them; each key once (B4.61–B4.63).
#[must_use]
pub fn cni_args(args: &PodArgs, requests: &Requests) -> Vec<(String, String)> {
    let mut pairs = vec![
        ("IgnoreUnknown".to_owned(), "true".to_owned()),
        ("K8S_POD_NAMESPACE".to_owned(), args.pod.namespace.clone()),
        ("K8S_POD_NAME".to_owned(), args.pod.name.clone()),
        (
            "K8S_POD_INFRA_CONTAINER_ID".to_owned(),
            args.infra_container_id.clone(),
        ),
        ("K8S_POD_UID".to_owned(), args.pod.uid.clone()),
    ];
    for (key, value) in &args.pairs {
        match pairs.iter_mut().find(|(known, _)| known == key) {
            None => pairs.push((key.clone(), value.clone())),
            Some(known) if known.1.is_empty() => known.1.clone_from(value),
            Some(_) => {}
        }
    }
    let mut set = |key: &str, value: String| {
        pairs.retain(|(known, _)| known != key);
        pairs.push((key.to_owned(), value));
    };
    if let Some(mac) = &requests.mac {
        set("MAC", mac.clone());
    }
    if !requests.ips.is_empty() {
        set("IP", requests.ips.join(","));
    }
    pairs
}

/// Capability arguments of one attachment: the runtime's, overridden by the pod's requests for every attachment but the
/// default one (B4.64).
#[must_use]
pub fn capability_args(
    runtime: &RuntimeConfig,
    requests: &Requests,
    is_default: bool,
) -> Map<String, Value> {
    let mut map = runtime.to_map();
    if is_default {
        return map;
    }
    match &requests.port_mappings {
        None => {}
        // Nothing takes the place of the runtime's too (B3.39).
        Some(none) if none.is_empty() => drop(map.remove("portMappings")),
        Some(mappings) => drop(map.insert("portMappings".to_owned(), json!(mappings))),
    }
    if let Some(bandwidth) = &requests.bandwidth {
        map.insert("bandwidth".to_owned(), json!(bandwidth));
    }
    if !requests.ips.is_empty() {
        map.insert("ips".to_owned(), json!(requests.ips));
    }
    let texts = [
        ("mac", &requests.mac),
        ("infinibandGUID", &requests.infiniband_guid),
        ("deviceID", &requests.device_id),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            map.insert(key.to_owned(), json!(value));
        }
    }
    map
}

/// Capability of plugins that read or write device information (DI-30).
const DEVICE_INFO_FILE: &str = "CNIDeviceInfoFile";

/// Says in the capability arguments where the device information of an attachment is: where its device is known
/// (B4.65), and where a plugin of its chain asks for the place (DI-30, Q73). What the runtime says of it is dropped.
pub fn add_device_info(
    arguments: &mut Map<String, Value>,
    conf: &cni::NetworkConf,
    has_device: bool,
    file: &str,
) {
    let known = has_device || arguments.contains_key("deviceID");
    if known || attachment::declares(conf, DEVICE_INFO_FILE) {
        let path = format!("{}/{file}", npwg::device_info::CNI_DIR);
        arguments.insert(DEVICE_INFO_FILE.to_owned(), json!(path));
    } else {
        arguments.remove(DEVICE_INFO_FILE);
    }
}

/// The interface name of the attachment at `index`: what the pod asked for, else the runtime's name for the default
/// attachment and `net<index>` for the others (B4.60).
#[must_use]
pub fn generated_ifname(index: usize, requested: Option<&str>, runtime: &str) -> String {
    match requested {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ if index == 0 => runtime.to_owned(),
        _ => format!("net{index}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINERD: &str = "K8S_POD_NAME=p;K8S_POD_NAMESPACE=n;IgnoreUnknown=1;K8S_POD_UID=u;K8S_POD_INFRA_CONTAINER_ID=c;X=y=z";

    fn keys(pairs: &[(String, String)]) -> Vec<String> {
        pairs
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect()
    }

    #[test]
    fn standard_keys_come_first_and_each_key_once() {
        // B4.61, B4.62, Q18, T1.16, T3.17
        let args = PodArgs::parse(CONTAINERD).unwrap();
        assert_eq!(
            keys(&cni_args(&args, &Requests::default())),
            [
                "IgnoreUnknown=true",
                "K8S_POD_NAMESPACE=n",
                "K8S_POD_NAME=p",
                "K8S_POD_INFRA_CONTAINER_ID=c",
                "K8S_POD_UID=u",
                "X=y=z"
            ]
        );
    }

    #[test]
    fn a_key_that_stands_there_twice_has_its_first_value_that_is_not_empty() {
        // B4.62
        let args = PodArgs::parse("IgnoreUnknown=1;X=;X=a;X=b;IP=10.0.0.1;IP=").unwrap();
        let pairs = keys(&cni_args(&args, &Requests::default()));
        assert_eq!(
            pairs.get(5..),
            Some(&["X=a".to_owned(), "IP=10.0.0.1".to_owned()][..])
        );
    }

    #[test]
    fn requested_mac_and_addresses_replace_the_runtimes() {
        // B4.41, B4.63
        let args = PodArgs::parse("IgnoreUnknown=1;IP=10.0.0.1;MAC=02:00:00:00:00:09").unwrap();
        let requests = Requests {
            mac: Some("02:00:00:00:00:01".to_owned()),
            ips: vec!["10.0.0.2/24".to_owned(), "fd00::2".to_owned()],
            ..Requests::default()
        };
        let pairs = keys(&cni_args(&args, &requests));
        assert_eq!(
            pairs.get(5..),
            Some(
                &[
                    "MAC=02:00:00:00:00:01".to_owned(),
                    "IP=10.0.0.2/24,fd00::2".to_owned()
                ][..]
            )
        );
    }

    #[test]
    fn unknown_keys_need_ignore_unknown() {
        // B4.1
        assert!(matches!(
            PodArgs::parse("FOO=bar"),
            Err(PlanError::UnknownArgs { .. })
        ));
        assert!(matches!(
            PodArgs::parse("K8S_POD_NAME:p"),
            Err(PlanError::BadArgs { .. })
        ));
        assert!(PodArgs::parse("FOO=bar;IgnoreUnknown=TRUE").is_ok());
        assert_eq!(PodArgs::parse("").unwrap(), PodArgs::default());
    }

    #[test]
    fn the_default_attachment_keeps_the_runtimes_capability_arguments() {
        // B4.64, B3.63, T1.19
        let runtime = RuntimeConfig {
            mac: "02:00:00:00:00:0a".to_owned(),
            ..RuntimeConfig::default()
        };
        let requests = Requests {
            mac: Some("02:00:00:00:00:01".to_owned()),
            ..Requests::default()
        };
        assert_eq!(
            capability_args(&runtime, &requests, true).get("mac"),
            Some(&json!("02:00:00:00:00:0a"))
        );
        assert_eq!(
            capability_args(&runtime, &requests, false).get("mac"),
            Some(&json!("02:00:00:00:00:01"))
        );
    }

    #[test]
    fn an_attachment_without_requests_has_the_runtimes_capability_arguments() {
        // B4.64
        let runtime = json!({
            "portMappings": [{"hostPort": 80, "containerPort": 8080}],
            "bandwidth": {"ingressRate": 1}, "ips": ["10.0.0.1/24"], "mac": "m", "infinibandGUID": "g", "deviceID": "d",
        });
        let runtime: RuntimeConfig = gojson::from_value(runtime).unwrap();
        assert_eq!(
            capability_args(&runtime, &Requests::default(), false),
            runtime.to_map()
        );
        let port = npwg::PortMapping {
            host_port: 1,
            container_port: 2,
            ..npwg::PortMapping::default()
        };
        let requests = Requests {
            port_mappings: Some(vec![port]),
            bandwidth: Some(npwg::Bandwidth::default()),
            ips: vec!["fd00::1".to_owned()],
            mac: Some("M".to_owned()),
            infiniband_guid: Some("G".to_owned()),
            device_id: Some("D".to_owned()),
            ..Requests::default()
        };
        let expected = json!({
            "portMappings": [{"hostPort": 1, "containerPort": 2}],
            "bandwidth": {"ingressRate": 0, "ingressBurst": 0, "egressRate": 0, "egressBurst": 0},
            "ips": ["fd00::1"], "mac": "M", "infinibandGUID": "G", "deviceID": "D",
        });
        assert_eq!(
            Value::Object(capability_args(&runtime, &requests, false)),
            expected
        );
    }

    #[test]
    fn a_list_of_ports_takes_the_place_of_the_runtimes_even_where_it_is_empty() {
        // B2.48, B3.39, B4.64, B4.66, T1.15, T1.19
        let mapping = |port| npwg::PortMapping {
            host_port: port,
            ..npwg::PortMapping::default()
        };
        let runtime = RuntimeConfig {
            port_mappings: vec![mapping(80)],
            ..RuntimeConfig::default()
        };
        let asked = |port_mappings| Requests {
            port_mappings,
            ..Requests::default()
        };
        let ports = |requests: &Requests, is_default| {
            let map = capability_args(&runtime, requests, is_default);
            map.get("portMappings")
                .map(|list| list[0]["hostPort"].clone())
        };
        assert_eq!(ports(&asked(None), false), Some(json!(80)));
        assert_eq!(ports(&asked(Some(vec![mapping(1)])), false), Some(json!(1)));
        assert_eq!(ports(&asked(Some(Vec::new())), false), None);
        assert_eq!(ports(&asked(Some(Vec::new())), true), Some(json!(80)));
        assert_eq!(runtime.port_mappings.len(), 1);
    }

    #[test]
    fn generated_names_count_over_the_whole_list() {
        // B4.60
        assert_eq!(generated_ifname(0, None, "eth0"), "eth0");
        assert_eq!(generated_ifname(0, Some("uplink"), "eth0"), "uplink");
        assert_eq!(generated_ifname(2, None, "eth0"), "net2");
        assert_eq!(generated_ifname(2, Some(""), "eth0"), "net2");
        assert_eq!(generated_ifname(2, Some("data0"), "eth0"), "data0");
    }
}
