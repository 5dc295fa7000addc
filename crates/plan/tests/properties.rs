//! Readers and conversions under arbitrary input.

use std::net::IpAddr;

use cni::{CniResult, Interface, Ip, IpNet, Route, Version};
use plan::{NetConf, PodArgs, Requests, RuntimeConfig, cni_args, network_statuses};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

/// `CNI_ARGS` with the standard keys, others, and each of them perhaps more than once.
fn arguments() -> impl Strategy<Value = Vec<(String, String)>> {
    let key = prop_oneof![
        Just("K8S_POD_NAME".to_owned()),
        Just("K8S_POD_NAMESPACE".to_owned()),
        Just("K8S_POD_INFRA_CONTAINER_ID".to_owned()),
        Just("K8S_POD_UID".to_owned()),
        Just("IP".to_owned()),
        Just("MAC".to_owned()),
        "[A-Za-z]{1,3}",
    ];
    vec((key, "[a-z0-9=]{0,4}"), 0..8)
}

prop_compose! {
    fn requests()(mac in option::of("[0-9a-f:]{1,5}"), ips in vec("[0-9.]{1,5}", 0..3)) -> Requests {
        Requests { mac, ips, ..Requests::default() }
    }
}

fn net() -> impl Strategy<Value = IpNet> {
    (any::<IpAddr>(), 0..=32_u8).prop_filter_map("too long", |(address, prefix)| {
        IpNet::new(address, prefix).ok()
    })
}

prop_compose! {
    fn result()(
        sandboxes in vec(any::<bool>(), 0..4),
        ips in vec((net(), option::of(any::<IpAddr>()), option::of(0..5_usize)), 0..5),
        routes in vec((net(), option::of(any::<IpAddr>())), 0..4),
    ) -> CniResult {
        let mut result = CniResult::new(Version::LATEST);
        result.interfaces = sandboxes.into_iter().enumerate().map(|(index, inside)| Interface {
            name: format!("i{index}"), sandbox: if inside { "/s" } else { "" }.to_owned(), ..Interface::default()
        }).collect();
        result.ips = ips.into_iter().map(|(net, gateway, interface)| Ip { gateway, interface, ..Ip::new(net) }).collect();
        result.routes = routes.into_iter().map(|(dst, gw)| Route::new(dst, gw)).collect();
        result
    }
}

proptest! {
    #[test]
    fn any_cni_args_are_read_or_refused(text in any::<String>()) {
        let _ = PodArgs::parse(&text);
        let _ = PodArgs::parse(&format!("IgnoreUnknown=1;{text}"));
    }

    #[test]
    fn arguments_of_an_attachment_have_every_key_once_and_lose_none(pairs in arguments(), requests in requests()) {
        // B4.61–B4.63
        let text = cni::args::encode(&pairs).unwrap();
        let args = PodArgs::parse(&format!("{text};IgnoreUnknown=true")).unwrap();
        let made = cni_args(&args, &requests);
        let of = |key: &str| made.iter().filter(|(known, _)| known == key).map(|(_, value)| value.clone()).collect::<Vec<_>>();
        for (key, _) in &pairs {
            prop_assert_eq!(of(key).len(), 1, "{}", key);
        }
        for (key, value) in [("K8S_POD_NAME", &args.pod.name), ("K8S_POD_UID", &args.pod.uid)] {
            prop_assert!(value.is_empty() || of(key) == [value.clone()], "{}", key);
        }
        if let Some(mac) = &requests.mac {
            prop_assert_eq!(of("MAC"), [mac.clone()]);
        }
        if !requests.ips.is_empty() {
            prop_assert_eq!(of("IP"), [requests.ips.join(",")]);
        }
        // What a delegate gets is what it would hand on itself.
        let again = PodArgs::parse(&cni::args::encode(&made).unwrap()).unwrap();
        prop_assert_eq!(cni_args(&again, &Requests::default()), made);
    }

    #[test]
    fn any_configuration_is_read_or_refused(text in ".{0,100}", key in "[a-zA-Z]{1,12}") {
        let _ = NetConf::parse(text.as_bytes());
        let text = json!({"clusterNetwork": "x", key: text}).to_string();
        let _ = NetConf::parse(text.as_bytes());
    }

    #[test]
    fn the_runtimes_capability_arguments_are_passed_on_as_they_came(
        ports in vec((any::<u16>(), any::<u16>(), option::of("[a-z]{1,4}")), 0..3),
        rates in option::of(any::<[u32; 4]>()),
        ips in vec("[0-9.]{1,9}", 0..3),
        [mac, guid, device, file] in ["[0-9a-f:]{0,5}", "[0-9a-f:]{0,5}", "[a-z]{0,3}", "[a-z/]{0,3}"],
    ) {
        // B2.40–B2.46, B4.66: each key only where it holds something
        let mut expected = serde_json::Map::new();
        if !ports.is_empty() {
            let mapping = |(host, container, protocol): (u16, u16, Option<String>)| {
                let mut mapping = json!({"hostPort": host, "containerPort": container});
                if let Some(protocol) = protocol {
                    mapping["protocol"] = protocol.into();
                }
                mapping
            };
            expected.insert("portMappings".into(), ports.into_iter().map(mapping).collect());
        }
        if let Some([a, b, c, d]) = rates {
            let rates = json!({"ingressRate": a, "ingressBurst": b, "egressRate": c, "egressBurst": d});
            expected.insert("bandwidth".into(), rates);
        }
        if !ips.is_empty() {
            expected.insert("ips".into(), json!(ips));
        }
        for (key, text) in [("mac", mac), ("infinibandGUID", guid), ("deviceID", device), ("CNIDeviceInfoFile", file)] {
            if !text.is_empty() {
                expected.insert(key.into(), text.into());
            }
        }
        let text = json!({"clusterNetwork": "x", "runtimeConfig": expected}).to_string();
        let read: RuntimeConfig = NetConf::parse(text.as_bytes()).unwrap().runtime_config;
        prop_assert_eq!(read.to_map(), expected);
    }

    #[test]
    fn a_status_invents_nothing_and_names_one_default_at_most(result in result(), is_default in any::<bool>()) {
        // B3.71, B3.73, Q21
        let statuses = network_statuses("ns/net", is_default, &result);
        let defaults = statuses.iter().filter(|status| status.default).count();
        prop_assert_eq!(defaults, usize::from(is_default && !statuses.is_empty()));
        let known: Vec<String> = result.ips.iter().map(|ip| ip.address.addr().to_string()).collect();
        for status in &statuses {
            prop_assert!(status.ips.iter().all(|ip| known.contains(ip)));
            let inside = |interface: &Interface| interface.name == status.interface && !interface.sandbox.is_empty();
            prop_assert!(status.interface.is_empty() || result.interfaces.iter().any(inside));
        }
        let text = npwg::status::render(&statuses).unwrap();
        prop_assert_eq!(npwg::status::parse(&text).unwrap(), statuses);
    }
}
