use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::thread::UnshareFlags;

use super::*;
use crate::testing::{sh, unshared};

/// A namespace with a veth pair: `eth0` with addresses of both families, and its other end.
fn with_eth0(work: impl FnOnce(&mut Netlink, Link) + Send) {
    unshared(UnshareFlags::NEWNET, || {
        sh(
            "ip link add eth0 address 02:00:00:00:00:01 mtu 1400 type veth peer name peer0
            ip addr add 10.1.2.3/24 dev eth0
            ip addr add fd00::3/64 dev eth0 nodad
            ip link set eth0 up; ip link set peer0 up",
        );
        let mut netlink = Netlink::open().unwrap();
        let eth0 = netlink.link("eth0").unwrap().unwrap();
        work(&mut netlink, eth0);
    });
}

const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 1));
const GATEWAY6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1));

#[test]
fn links_are_found_by_name() {
    // Q70
    with_eth0(|netlink, eth0| {
        assert_eq!(eth0.name, "eth0");
        assert_eq!(eth0.mac, "02:00:00:00:00:01");
        assert_eq!(eth0.mtu, 1400);
        assert!(eth0.is_up);
        assert!(!netlink.link("lo").unwrap().unwrap().is_up);
        for nothing in [
            "eth1",
            "eth",
            "",
            "a name that is longer than any",
            "a\0b",
            "%d",
            "/",
        ] {
            assert_eq!(netlink.link(nothing).unwrap(), None, "{nothing:?}");
        }
        let mut names: Vec<_> = netlink
            .links()
            .unwrap()
            .into_iter()
            .map(|link| link.name)
            .collect();
        names.retain(|name| ["lo", "eth0", "peer0"].contains(&name.as_str()));
        names.sort_unstable();
        assert_eq!(names, ["eth0", "lo", "peer0"]);
        assert!(netlink.links().unwrap().contains(&eth0));
    });
}

#[test]
fn many_links_come_in_many_packets() {
    unshared(UnshareFlags::NEWNET, || {
        sh("for i in $(seq 100); do echo link add v$i type veth peer name w$i; done | ip -batch -");
        let mut netlink = Netlink::open().unwrap();
        let links = netlink.links().unwrap();
        assert!(links.len() > 200);
        for link in links.iter().rev().take(20) {
            assert_eq!(netlink.link(&link.name).unwrap().as_ref(), Some(link));
        }
    });
}

#[test]
fn a_link_is_set_up() {
    with_eth0(|netlink, _| {
        let lo = netlink.link("lo").unwrap().unwrap();
        netlink.set_up(lo.index).unwrap();
        assert!(netlink.link("lo").unwrap().unwrap().is_up);
        let error = netlink.set_up(9999).unwrap_err();
        assert!(error.is_not_there(), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("failed to set link 9999 up: "),
            "{error}"
        );
    });
}

#[test]
fn addresses_are_those_of_the_link_alone() {
    with_eth0(|netlink, eth0| {
        sh("ip addr add 10.9.9.9/32 dev peer0; ip addr add 10.5.5.5 peer 10.6.6.6/31 dev eth0");
        let mut addresses: Vec<_> = netlink.addresses(eth0.index).unwrap();
        addresses
            .retain(|address| !matches!(address.ip, IpAddr::V6(ip) if ip.is_unicast_link_local()));
        let shown: Vec<_> = addresses
            .iter()
            .map(|address| format!("{}/{}", address.ip, address.prefix))
            .collect();
        assert_eq!(shown, ["10.1.2.3/24", "10.5.5.5/31", "fd00::3/64"]);
    });
}

#[test]
fn default_routes_of_each_family_are_added_listed_and_deleted() {
    with_eth0(|netlink, eth0| {
        for (family, other, gateway) in [
            (Family::V4, Family::V6, GATEWAY),
            (Family::V6, Family::V4, GATEWAY6),
        ] {
            assert_eq!(netlink.default_routes(family).unwrap(), []);
            netlink.add_default_route(gateway, eth0.index).unwrap();
            let routes = netlink.default_routes(family).unwrap();
            assert_eq!(routes.len(), 1, "{routes:?}");
            assert_eq!(
                routes[0].hops,
                [Hop {
                    interface: eth0.index,
                    gateway: Some(gateway)
                }]
            );
            assert_eq!(netlink.default_routes(other).unwrap(), []);
            let again = netlink.add_default_route(gateway, eth0.index).unwrap_err();
            assert!(again.is_already_there(), "{again}");

            netlink.delete_route(&routes[0]).unwrap();
            assert_eq!(netlink.default_routes(family).unwrap(), []);
            assert!(netlink.delete_route(&routes[0]).unwrap_err().is_not_there());
        }
    });
}

#[test]
fn only_default_routes_of_the_main_table_are_listed() {
    with_eth0(|netlink, eth0| {
        sh("ip route add default via 10.1.2.1 table 100; ip route add 10.7.0.0/16 via 10.1.2.1
            ip route add unreachable default metric 4000; ip -6 route add unreachable default metric 4000
            ip route add 0.0.0.0/1 via 10.1.2.1; ip -6 route add default via fd00::1 table 100");
        assert_eq!(netlink.default_routes(Family::V4).unwrap(), []);
        assert_eq!(netlink.default_routes(Family::V6).unwrap(), []);
        sh("ip route add default via 10.1.2.1 metric 7; ip route add default dev eth0 metric 8");
        let routes = netlink.default_routes(Family::V4).unwrap();
        let hop = |gateway| {
            vec![Hop {
                interface: eth0.index,
                gateway,
            }]
        };
        let shown: Vec<_> = routes
            .into_iter()
            .map(|route| (route.priority, route.hops))
            .collect();
        assert_eq!(shown, [(Some(7), hop(Some(GATEWAY))), (Some(8), hop(None))]);
    });
}

#[test]
fn a_deleted_route_comes_back_as_it_was() {
    with_eth0(|netlink, eth0| {
        sh(
            "ip route add default proto static metric 7 mtu 1300 src 10.1.2.3 \
              nexthop via 10.1.2.1 dev eth0 weight 2 nexthop via 10.1.2.2 dev eth0 weight 1
            ip route add default via 10.200.0.1 dev eth0 onlink metric 9
            ip -6 route add default via fd00::1 metric 7 pref high",
        );
        let shown = || sh("ip route show default; ip -6 route show default");
        let before = shown();
        assert_eq!(before.lines().count(), 5, "{before}");
        let v4 = netlink.default_routes(Family::V4).unwrap();
        let v6 = netlink.default_routes(Family::V6).unwrap();
        assert_eq!((v4.len(), v6.len()), (2, 1));
        assert_eq!(v4[0].hops.len(), 2);
        assert!(
            v4[0]
                .hops
                .iter()
                .all(|hop| hop.interface == eth0.index && hop.gateway.is_some())
        );
        for route in v4.iter().chain(&v6) {
            netlink.delete_route(route).unwrap();
        }
        assert_eq!(shown().trim(), "");
        for route in v4.iter().chain(&v6) {
            netlink.restore_route(route).unwrap();
        }
        assert_eq!(shown(), before);
        assert!(
            netlink
                .restore_route(&v4[0])
                .unwrap_err()
                .is_already_there()
        );
    });
}

#[test]
fn refusals_tell_what_and_why() {
    with_eth0(|netlink, eth0| {
        let error = netlink
            .add_default_route(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), eth0.index)
            .unwrap_err();
        let text = error.to_string();
        let beginning = format!(
            "failed to add a default route via 192.0.2.1 on link {}: ",
            eth0.index
        );
        assert!(text.starts_with(&beginning), "{text}");
        assert!(
            text.contains("unreachable") && text.contains("gateway"),
            "{text}"
        );
        assert!(!error.is_already_there() && !error.is_not_there());
    });
}

#[test]
fn a_socket_stays_in_the_namespace_where_it_was_opened() {
    let mut netlink = unshared(UnshareFlags::NEWNET, || {
        sh("ip link add only-here type veth peer name peer0");
        Netlink::open().unwrap()
    });
    assert!(netlink.link("only-here").unwrap().is_some());
    assert!(
        Netlink::open()
            .unwrap()
            .link("only-here")
            .unwrap()
            .is_none()
    );
}
