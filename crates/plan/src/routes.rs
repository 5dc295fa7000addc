//! `default-route` requests: who keeps, loses and gets a default route (B4.80–B4.88).

use std::net::IpAddr;

use crate::{Attachment, PlanError};

/// What is to be done to the default routes of one interface once it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteChange {
    /// Remove IPv4 default routes through this interface.
    pub remove_v4: bool,
    /// Remove IPv6 default routes through this interface.
    pub remove_v6: bool,
    /// Then add a default route through each of these gateways.
    pub add: Vec<IpAddr>,
}

impl RouteChange {
    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.remove_v4 && !self.remove_v6 && self.add.is_empty()
    }
}

/// Sets every attachment's [`RouteChange`] from the requests of all. A gateway takes its family's default route from
/// every other interface and leaves the other family alone (Q11); an empty list asks for nothing.
///
/// # Errors
/// More than one gateway of a family (B4.81).
pub(crate) fn assign(attachments: &mut [Attachment]) -> Result<(), PlanError> {
    let gateways: Vec<IpAddr> = attachments
        .iter()
        .filter_map(|attachment| attachment.requests.default_route.as_ref())
        .flatten()
        .copied()
        .collect();
    let v4 = gateways.iter().filter(|gateway| gateway.is_ipv4()).count();
    let v6 = gateways.len() - v4;
    if v4 > 1 || v6 > 1 {
        return Err(PlanError::SeveralGateways);
    }
    for attachment in attachments {
        attachment.routes = RouteChange {
            remove_v4: v4 > 0,
            remove_v6: v6 > 0,
            add: attachment
                .requests
                .default_route
                .clone()
                .unwrap_or_default(),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_kind_is_something_to_do() {
        let nothing = RouteChange::default();
        assert!(nothing.is_empty());
        for change in [
            RouteChange {
                remove_v4: true,
                ..RouteChange::default()
            },
            RouteChange {
                remove_v6: true,
                ..RouteChange::default()
            },
            RouteChange {
                add: vec![IpAddr::from([10, 0, 0, 1])],
                ..RouteChange::default()
            },
        ] {
            assert!(!change.is_empty(), "{change:?}");
        }
    }
}
