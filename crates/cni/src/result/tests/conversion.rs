//! The table of conversions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;

fn converted(value: Value, to: Version) -> Value {
    parse(value).unwrap().to_value(to).unwrap()
}

#[test]
fn within_a_family_only_the_label_changes() {
    for from in Version::ALL {
        for to in Version::ALL
            .into_iter()
            .filter(|to| to.family() == from.family())
        {
            assert_eq!(converted(golden(from), to), golden(to), "{from} to {to}");
        }
    }
}

#[test]
fn from_0_2_to_0_4_addresses_get_a_version_and_routes_move_up() {
    let expected = json!({
        "cniVersion": "0.4.0",
        "ips": [{"version": "4", "address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"version": "6", "address": "fd00::3/64"}],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.1.2.9"}, {"dst": "::/0", "gw": "fd00::1"}],
        "dns": {"nameservers": ["10.1.2.53"], "domain": "x.test", "search": ["a.test"], "options": ["ndots:2"]},
    });
    assert_eq!(
        converted(golden(Version::V0_2_0), Version::V0_4_0),
        expected
    );
}

#[test]
fn from_0_2_to_1_1_goes_the_same_way() {
    let expected = json!({
        "cniVersion": "1.1.0",
        "ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}, {"address": "fd00::3/64"}],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.1.2.9"}, {"dst": "::/0", "gw": "fd00::1"}],
        "dns": {"nameservers": ["10.1.2.53"], "domain": "x.test", "search": ["a.test"], "options": ["ndots:2"]},
    });
    assert_eq!(
        converted(golden(Version::V0_1_0), Version::V1_1_0),
        expected
    );
}

#[test]
fn from_0_4_to_1_0_addresses_lose_their_version() {
    let expected = json!({
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "br0"}, {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x"}],
        "ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 1}, {"address": "fd00::3/64"}],
        "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.1.2.9", "mtu": 1400}],
    });
    assert_eq!(
        converted(golden(Version::V0_3_1), Version::V1_0_0),
        expected
    );
}

#[test]
fn from_1_1_to_0_3_interfaces_lose_what_is_new_and_routes_keep_it() {
    let expected = json!({
        "cniVersion": "0.3.1",
        "interfaces": [{"name": "br0"}, {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x"}],
        "ips": [
            {"version": "4", "address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 1},
            {"version": "6", "address": "fd00::3/64"},
        ],
        "routes": [{"dst": "10.0.0.0/8", "gw": "10.1.2.9", "mtu": 1400, "advmss": 1360, "priority": 7, "table": 0, "scope": 0}],
        "dns": {"nameservers": ["10.1.2.53"]},
    });
    assert_eq!(
        converted(golden(Version::V1_1_0), Version::V0_3_1),
        expected
    );
}

#[test]
fn below_0_3_the_first_address_of_each_family_and_its_routes_remain() {
    // #73
    let value = json!({
        "cniVersion": "1.0.0",
        "interfaces": [{"name": "eth0"}],
        "ips": [
            {"address": "fd00::3/64", "interface": 0}, {"address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 0},
            {"address": "10.9.9.9/24"}, {"address": "fd01::9/64"},
        ],
        "routes": [{"dst": "::/0"}, {"dst": "10.0.0.0/8", "gw": "10.1.2.9", "mtu": 1400}],
    });
    let expected = json!({
        "cniVersion": "0.2.0",
        "ip4": {"ip": "10.1.2.3/24", "gateway": "10.1.2.1", "routes": [{"dst": "10.0.0.0/8", "gw": "10.1.2.9"}]},
        "ip6": {"ip": "fd00::3/64", "routes": [{"dst": "::/0"}]},
        "dns": {},
    });
    assert_eq!(converted(value, Version::V0_2_0), expected);
}

#[test]
fn below_0_3_routes_of_a_family_without_address_are_dropped() {
    // #72
    let value = json!({"ips": [{"address": "fd00::3/64"}], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]});
    let expected = json!({"cniVersion": "0.1.0", "ip6": {"ip": "fd00::3/64", "routes": [{"dst": "::/0"}]}, "dns": {}});
    assert_eq!(converted(value, Version::V0_1_0), expected);
}

#[test]
fn without_addresses_nothing_goes_below_0_3() {
    // #74
    let value = json!({"interfaces": [{"name": "eth0"}]});
    let error = parse(value.clone())
        .unwrap()
        .to_value(Version::V0_2_0)
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot convert: no valid IP addresses");
    assert!(parse(value).unwrap().to_value(Version::V0_3_0).is_ok());
    assert!(
        CniResult::new(Version::V0_2_0)
            .to_value(Version::V0_1_0)
            .is_ok()
    );
}

#[test]
fn an_address_without_declared_version_is_not_lost() {
    // #69
    for version in [json!({}), json!({"version": "6"}), json!({"version": ""})] {
        let mut ip = version;
        ip["address"] = "10.1.2.3/24".into();
        let down = converted(json!({"cniVersion": "0.3.1", "ips": [ip]}), Version::V0_2_0);
        assert_eq!(down["ip4"]["ip"], "10.1.2.3/24");
    }
}

#[test]
fn a_mapped_address_counts_as_ipv6() {
    // #76
    let value = json!({"ips": [{"address": "::ffff:10.0.0.1/120"}]});
    let down = converted(value, Version::V0_4_0);
    assert_eq!(
        down["ips"],
        json!([{"address": "::ffff:10.0.0.1/120", "version": "6"}])
    );
}

fn net() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (any::<[u8; 4]>(), 0..=32_u8).prop_map(|(a, p)| IpNet::new(
            IpAddr::V4(Ipv4Addr::from(a)),
            p
        )
        .unwrap()),
        (any::<[u8; 16]>(), 0..=128_u8).prop_map(|(a, p)| IpNet::new(
            IpAddr::V6(Ipv6Addr::from(a)),
            p
        )
        .unwrap()),
    ]
}

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    proptest::option::of(any::<IpAddr>())
}

prop_compose! {
    fn interface()(name in "[a-z]{1,5}", mac in "[0-9a-f:]{0,5}", mtu in 0..3_u32, sandbox in "(/x)?", pci_id in "(0000)?") -> Interface {
        Interface { name, mac, mtu, sandbox, pci_id, ..Interface::default() }
    }
}

prop_compose! {
    fn result()(
        interfaces in proptest::collection::vec(interface(), 0..4),
        ips in proptest::collection::vec((net(), address(), proptest::option::of(0..4_usize)), 0..5),
        routes in proptest::collection::vec((net(), address(), 0..2_u32, proptest::option::of(-1..3_i64)), 0..5),
        domain in "(d)?",
        x in any::<bool>(),
    ) -> CniResult {
        let mut result = CniResult::new(Version::V1_1_0);
        result.interfaces = interfaces;
        result.ips = ips.into_iter().map(|(net, gateway, interface)| Ip { gateway, interface, ..Ip::new(net) }).collect();
        result.routes = routes.into_iter().map(|(dst, gw, mtu, scope)| Route { mtu, scope, ..Route::new(dst, gw) }).collect();
        result.dns.domain = domain;
        if x {
            result.extra.insert("x".into(), json!([1]));
        }
        result
    }
}

proptest! {
    #[test]
    fn printing_and_reading_changes_nothing(result in result(), to in 0..7_usize) {
        let to = Version::ALL[to];
        let Ok(there) = result.convert(to) else { return Ok(()) };
        prop_assert_eq!(CniResult::from_value(there.to_value(to).unwrap(), Version::V0_1_0), Ok(there.clone()));
        let text = there.to_json(to).unwrap();
        prop_assert_eq!(CniResult::parse(text.as_bytes(), Version::V0_1_0), Ok(there));
    }

    #[test]
    fn up_and_down_loses_unknown_keys_alone(result in result(), from in 0..7_usize, to in 0..7_usize) {
        let (from, to) = (Version::ALL[from.min(to)], Version::ALL[from.max(to)]);
        let Ok(there) = result.convert(from) else { return Ok(()) };
        let back = there.clone().convert(to).and_then(|up| up.convert(from));
        let mut expected = there;
        if to.family() != from.family() {
            expected.extra.clear();
        }
        prop_assert_eq!(back, Ok(expected));
    }

    #[test]
    fn down_and_up_loses_what_the_table_says_and_no_more(result in result(), to in 0..7_usize) {
        let to = Version::ALL[to];
        let mut expected = result.clone();
        if to.family() != Family::F1 {
            expected.extra.clear();
            expected.interfaces.iter_mut().for_each(|interface| { interface.mtu = 0; interface.pci_id.clear(); });
        }
        if to.family() == Family::F02 {
            let first = |v4: bool| result.ips.iter().find(|ip| ip.address.is_ipv4() == v4);
            let firsts = [first(true), first(false)];
            expected.interfaces.clear();
            expected.ips = firsts.into_iter().flatten().cloned().map(|ip| Ip { interface: None, ..ip }).collect();
            expected.routes = [true, false].into_iter().zip(firsts).filter(|(_, ip)| ip.is_some())
                .flat_map(|(v4, _)| result.routes.iter().filter(move |route| route.dst.is_ipv4() == v4))
                .map(|route| Route::new(route.dst, route.gw)).collect();
        }
        let back = result.clone().convert(to).and_then(|down| down.convert(Version::V1_1_0));
        match back {
            Ok(back) => prop_assert_eq!(back, expected),
            Err(error) => {
                prop_assert_eq!(error, ResultError::NoAddresses);
                prop_assert!(result.ips.is_empty() && to.family() == Family::F02);
            }
        }
    }
}
