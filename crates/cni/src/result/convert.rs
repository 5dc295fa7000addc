//! From version to version.

use super::{CniResult, Ip, ResultError, Route};
use crate::{Family, Version};

impl CniResult {
    /// The same result in another version.
    ///
    /// Within a family only the label changes. From family to family, what the other one does not know is lost: unknown
    /// keys always; MTU, socket and device of interfaces below 1.0.0; below 0.3.0 also interfaces, further addresses of
    /// a family, and routes of a family without address.
    ///
    /// # Errors
    /// [`ResultError::NoAddresses`] when a result without addresses would go below 0.3.0 (#74).
    pub fn convert(mut self, to: Version) -> Result<Self, ResultError> {
        let (from, family) = (self.version.family(), to.family());
        self.version = to;
        if from == family {
            return Ok(self);
        }
        self.forget_unknown();
        // Of 1.0.0 alone, whichever way it goes.
        for interface in &mut self.interfaces {
            interface.mtu = 0;
            interface.socket_path.clear();
            interface.pci_id.clear();
        }
        if family == Family::F02 {
            self.narrow()
        } else {
            Ok(self)
        }
    }

    fn forget_unknown(&mut self) {
        self.extra.clear();
        self.dns.extra.clear();
        self.interfaces
            .iter_mut()
            .for_each(|interface| interface.extra.clear());
        self.ips.iter_mut().for_each(|ip| ip.extra.clear());
        self.routes.iter_mut().for_each(|route| route.extra.clear());
    }

    /// One address of each family, their routes, and nothing that belongs to an interface.
    fn narrow(self) -> Result<Self, ResultError> {
        let first = |is_ipv4: bool| self.ips.iter().find(|ip| ip.address.is_ipv4() == is_ipv4);
        let (ip4, ip6) = (first(true), first(false));
        if ip4.is_none() && ip6.is_none() {
            return Err(ResultError::NoAddresses);
        }
        let reachable = |route: &&Route| {
            if route.dst.is_ipv4() {
                ip4.is_some()
            } else {
                ip6.is_some()
            }
        };
        // Routes stand in their address's slot, IPv4 first.
        let mut routes: Vec<_> = self
            .routes
            .iter()
            .filter(reachable)
            .map(|r| Route::new(r.dst, r.gw))
            .collect();
        routes.sort_by_key(|route| !route.dst.is_ipv4());
        Ok(Self {
            version: self.version,
            interfaces: Vec::new(),
            ips: [ip4, ip6]
                .into_iter()
                .flatten()
                .map(|ip| Ip {
                    gateway: ip.gateway,
                    ..Ip::new(ip.address)
                })
                .collect(),
            routes,
            dns: self.dns,
            extra: self.extra,
        })
    }
}
