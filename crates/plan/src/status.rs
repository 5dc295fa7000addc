//! From plugin results to `network-status` entries (B3.70–B3.77), and the result for a pod that nobody knows.

use std::net::{IpAddr, Ipv4Addr};

use cni::{CniResult, Interface, Ip, IpNet, Version};
use npwg::NetworkStatus;

/// The entries of one attachment. A result with neither interfaces nor addresses has none; addresses without an
/// interface make one entry without interface (Q21).
#[must_use]
pub fn network_statuses(name: &str, is_default: bool, result: &CniResult) -> Vec<NetworkStatus> {
    let base = NetworkStatus {
        name: name.to_owned(),
        dns: npwg::status::Dns {
            nameservers: result.dns.nameservers.clone(),
            domain: result.dns.domain.clone(),
            search: result.dns.search.clone(),
            options: result.dns.options.clone(),
        },
        gateway: default_gateways(result),
        ..NetworkStatus::default()
    };
    match result.interfaces.as_slice() {
        [] if result.ips.is_empty() => Vec::new(),
        [] => vec![NetworkStatus {
            ips: addresses(&result.ips),
            default: is_default,
            ..base
        }],
        // B3.73: with a single interface every address is its own, whatever its index says.
        [only] => {
            let mut status = NetworkStatus {
                ips: addresses(&result.ips),
                default: is_default,
                ..base
            };
            if !only.sandbox.is_empty() {
                describe(&mut status, only);
            }
            vec![status]
        }
        many => several(&base, is_default, many, &result.ips),
    }
}

/// One entry for each interface in the sandbox (B3.73).
fn several(
    base: &NetworkStatus,
    is_default: bool,
    interfaces: &[Interface],
    ips: &[Ip],
) -> Vec<NetworkStatus> {
    let inside: Vec<(usize, &Interface)> = interfaces
        .iter()
        .enumerate()
        .filter(|(_, interface)| !interface.sandbox.is_empty())
        .collect();
    // Q21: where the address with a gateway lies outside, the first interface inside is the default one.
    let with_gateway = ips
        .iter()
        .filter(|ip| ip.gateway.is_some())
        .find_map(|ip| ip.interface);
    let default = with_gateway
        .filter(|index| inside.iter().any(|(inside, _)| inside == index))
        .or_else(|| inside.first().map(|(index, _)| *index));
    let last = inside.last().map(|(index, _)| *index);
    inside
        .iter()
        .map(|(index, interface)| {
            let own: Vec<Ip> = ips
                .iter()
                .filter(|ip| ip.interface.or(last) == Some(*index))
                .cloned()
                .collect();
            let mut status = NetworkStatus {
                ips: addresses(&own),
                default: is_default && default == Some(*index),
                ..base.clone()
            };
            describe(&mut status, interface);
            status
        })
        .collect()
}

fn describe(status: &mut NetworkStatus, interface: &Interface) {
    status.interface.clone_from(&interface.name);
    status.mac.clone_from(&interface.mac);
    status.mtu = interface.mtu.into();
}

/// Without prefix length, as every reader of the annotation expects (B3.71).
fn addresses(ips: &[Ip]) -> Vec<String> {
    ips.iter().map(|ip| ip.address.addr().to_string()).collect()
}

/// The gateway of every default route. A default route without one goes through the gateway of an address of its
/// family (CNI SPEC 1.1, result type `routes`); where there is none either, nothing is listed (Q22).
fn default_gateways(result: &CniResult) -> Vec<String> {
    result
        .routes
        .iter()
        .filter(|route| route.dst.prefix() == 0)
        .filter_map(|route| {
            let same_family = |ip: &&IpAddr| ip.is_ipv4() == route.dst.is_ipv4();
            route.gw.or_else(|| {
                result
                    .ips
                    .iter()
                    .filter_map(|ip| ip.gateway.as_ref())
                    .find(same_family)
                    .copied()
            })
        })
        .map(|gateway| gateway.to_string())
        .collect()
}

/// What a pod gets that the API does not know: a result that names its interface and the address `0.0.0.0/0`, in the
/// version asked for (B4.24, Q2). Runtimes that tear the sandbox down right away accept it.
#[must_use]
pub fn empty_result(version: Version, ifname: &str, netns: &str) -> CniResult {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let mut result = CniResult::new(version);
    result.interfaces.push(Interface {
        name: ifname.to_owned(),
        sandbox: netns.to_owned(),
        ..Interface::default()
    });
    result.ips.push(Ip {
        gateway: Some(any),
        ..Ip::new(IpNet::default_route(true))
    });
    result
}

#[cfg(test)]
mod tests;
