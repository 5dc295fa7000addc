use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::thread::UnshareFlags;

use super::*;
use crate::testing::{sh, unshared};

/// A namespace with a veth pair: `eth0`, whose index `work` gets, with addresses of both families, and its other end.
fn with_eth0(work: impl FnOnce(&mut Netlink, u32) + Send) {
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
        let shown = sh("ip -o link show dev eth0");
        assert!(shown.contains(&format!("{eth0}: eth0@")), "{shown}");
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
            netlink.add_default_route(gateway, eth0).unwrap();
            let routes = netlink.default_routes(family).unwrap();
            assert_eq!(routes.len(), 1, "{routes:?}");
            assert_eq!(
                routes[0].hops,
                [Hop {
                    interface: eth0,
                    gateway: Some(gateway)
                }]
            );
            assert_eq!(netlink.default_routes(other).unwrap(), []);
            let again = netlink.add_default_route(gateway, eth0).unwrap_err();
            assert!(again.cause.is(Errno::EXIST), "{again}");

            netlink.delete_route(&routes[0]).unwrap();
            assert_eq!(netlink.default_routes(family).unwrap(), []);
            assert!(
                netlink
                    .delete_route(&routes[0])
                    .unwrap_err()
                    .cause
                    .is(Errno::SRCH)
            );
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
                interface: eth0,
                gateway,
            }]
        };
        let shown: Vec<_> = routes.into_iter().map(|route| route.hops).collect();
        assert_eq!(shown, [hop(Some(GATEWAY)), hop(None)]);
    });
}

#[test]
fn a_route_of_several_ways_is_one_and_goes_as_a_whole() {
    with_eth0(|netlink, eth0| {
        sh(
            "ip route add default proto static metric 7 mtu 1300 src 10.1.2.3 \
              nexthop via 10.1.2.1 dev eth0 weight 2 nexthop via 10.1.2.2 dev eth0 weight 1
            ip route add default via 10.200.0.1 dev eth0 onlink metric 9
            ip -6 route add default via fd00::1 metric 7 pref high",
        );
        let shown = || sh("ip route show default; ip -6 route show default");
        assert_eq!(shown().lines().count(), 5, "{}", shown());
        let v4 = netlink.default_routes(Family::V4).unwrap();
        let v6 = netlink.default_routes(Family::V6).unwrap();
        assert_eq!((v4.len(), v6.len()), (2, 1));
        assert_eq!(v4[0].hops.len(), 2);
        assert!(
            v4[0]
                .hops
                .iter()
                .all(|hop| hop.interface == eth0 && hop.gateway.is_some())
        );
        for route in v4.iter().chain(&v6) {
            netlink.delete_route(route).unwrap();
        }
        assert_eq!(shown().trim(), "");
    });
}

#[test]
fn many_routes_come_in_many_packets() {
    with_eth0(|netlink, eth0| {
        sh(
            "for i in $(seq 1000); do echo route add default via 10.1.2.1 dev eth0 metric $i; done | ip -batch -",
        );
        let routes = netlink.default_routes(Family::V4).unwrap();
        assert_eq!(routes.len(), 1000);
        assert!(
            routes
                .iter()
                .all(|route| route.hops.len() == 1 && route.hops[0].interface == eth0)
        );
    });
}

#[test]
fn refusals_tell_what_and_why() {
    with_eth0(|netlink, eth0| {
        let error = netlink
            .add_default_route(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), eth0)
            .unwrap_err();
        let text = error.to_string();
        let beginning = format!(
            "failed to add a default route via 192.0.2.1 on link {}: ",
            eth0
        );
        assert!(text.starts_with(&beginning), "{text}");
        assert!(
            text.contains("unreachable") && text.contains("gateway"),
            "{text}"
        );
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
