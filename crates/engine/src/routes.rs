//! Moves the default route: in the kernel, in the result, and in the result cache (B4.83–B4.88).

use cni::{CniResult, IpNet, Route};
use plan::{Attachment, RouteChange};

use crate::{Container, Engine, Failure, FailureKind};

impl Engine<'_> {
    /// Brings one attachment's default routes to what the pod asked for; kernel, result and cache agree afterwards.
    pub(crate) fn move_default_route(
        &self,
        container: &Container,
        record: &Attachment,
        result: &mut CniResult,
    ) -> Result<(), Failure> {
        let failed = |source| {
            let ifname = record.ifname.to_string();
            Failure::of(record, FailureKind::Routes { ifname, source })
        };
        // A network without interface and address in the sandbox has no routes either (B4.83).
        if result.interfaces.is_empty() && result.ips.is_empty() {
            return Ok(());
        }
        self.netns
            .change_routes(&container.netns, record.ifname.as_str(), &record.routes)
            .map_err(failed)?;
        rewrite(result, &record.routes);
        let attachment = container.attachment(record, &container.netns);
        self.runtime
            .store(&record.conf, &attachment, result)
            .map_err(failed)
    }
}

/// The same change in a result.
fn rewrite(result: &mut CniResult, change: &RouteChange) {
    result.routes.retain(|route| {
        let removed = if route.dst.is_ipv4() {
            change.remove_v4
        } else {
            change.remove_v6
        };
        route.dst.prefix() != 0 || !removed
    });
    for gateway in &change.add {
        result.routes.push(Route::new(
            IpNet::default_route(gateway.is_ipv4()),
            Some(*gateway),
        ));
    }
}
