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
    let moves_v4 = is_moved(attachments, "IPv4", IpAddr::is_ipv4)?;
    let moves_v6 = is_moved(attachments, "IPv6", IpAddr::is_ipv6)?;
    for attachment in attachments {
        attachment.routes = RouteChange {
            remove_v4: moves_v4,
            remove_v6: moves_v6,
            add: attachment
                .requests
                .default_route
                .clone()
                .unwrap_or_default(),
        };
    }
    Ok(())
}

/// Whether an attachment names a gateway of this family.
fn is_moved(
    attachments: &[Attachment],
    family: &'static str,
    is_of_family: fn(&IpAddr) -> bool,
) -> Result<bool, PlanError> {
    let gateways = |attachment: &Attachment| {
        let gateways = attachment.requests.default_route.iter().flatten();
        gateways.filter(|gateway| is_of_family(gateway)).count()
    };
    let asking = attachments.iter().filter(|asking| gateways(asking) > 0);
    match attachments.iter().map(gateways).sum::<usize>() {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(PlanError::SeveralGateways {
            family,
            networks: asking.map(|asking| asking.name.clone()).collect(),
        }),
    }
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
