//! The default network for STATUS, as far as it is known without the API.

use cni::{CniError, NetworkConf, code};
use plan::{Catalog, Fact, Inquiry, Need, NetConf, Planned};
use plugin::messages::plain;

use crate::catalog::{Store, look};
use crate::local::Manifests;

/// The configured default network. One that only the API can name is left to ADD: STATUS does not ask it.
pub(crate) fn default_network(conf: &NetConf) -> Result<Option<NetworkConf>, CniError> {
    let catalog = Store::kind_of(conf);
    let unavailable = |error: &dyn std::fmt::Display| plain(code::NOT_AVAILABLE, error);
    let mut inquiry = Inquiry::default();
    loop {
        let network = inquiry.ask(|facts| plan::default_network(conf, catalog, facts));
        let needs = match network.map_err(|error| unavailable(&error))? {
            Planned::Ready(network) => return Ok(Some(network)),
            Planned::Needs(needs) => needs,
        };
        for need in needs {
            let fact = match (&need, catalog, &conf.manifest_dir) {
                (Need::Path(path), ..) => Fact::Path(look(path)),
                (Need::Definition { namespace, name }, Catalog::Local, Some(directory)) => {
                    let found = Manifests::new(directory).definition(namespace, name);
                    Fact::Definition(found.map_err(|error| unavailable(&error))?)
                }
                // Everything else is the API's or the kubelet's to tell.
                _ => return Ok(None),
            };
            inquiry
                .tell(need, fact)
                .map_err(|error| unavailable(&error))?;
        }
    }
}
