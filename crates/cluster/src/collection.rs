//! Objects that are listed, and watched, together.

use crate::call::{RESOURCE_API, SIGNING_REQUESTS, segment};
use crate::error::ClusterError;

/// All objects of a kind, or those that a field tells from the others.
#[derive(Debug)]
pub(crate) struct Collection {
    /// What they are, for errors: `pods on node a`.
    pub(crate) name: String,
    pub(crate) path: String,
    /// The beginning of a query.
    pub(crate) selector: String,
    /// An API may not know such objects at all; then there are none.
    pub(crate) may_be_unknown: bool,
}

impl Collection {
    /// The pods of a node, or of all.
    pub(crate) fn pods(node: Option<&str>) -> Result<Self, ClusterError> {
        let (name, selector) = match node {
            Some(node) => (
                format!("pods on node {node}"),
                format!("fieldSelector=spec.nodeName%3D{}&", segment("node", node)?),
            ),
            None => ("pods".to_owned(), String::new()),
        };
        Ok(Self {
            name,
            path: "/api/v1/pods".to_owned(),
            selector,
            may_be_unknown: false,
        })
    }

    /// The definitions of all namespaces.
    pub(crate) fn definitions() -> Self {
        Self {
            name: npwg::names::PLURAL.to_owned(),
            path: format!("/apis/{}/{}", npwg::names::API_VERSION, npwg::names::PLURAL),
            selector: String::new(),
            may_be_unknown: true,
        }
    }

    /// Requests for certificates of one signer, whose name is `<domain>/<name>`.
    pub(crate) fn signing_requests(signer: &str) -> Result<Self, ClusterError> {
        let (domain, name) = signer.split_once('/').unwrap_or((signer, ""));
        Ok(Self {
            name: format!("certificate signing requests for {signer}"),
            path: SIGNING_REQUESTS.to_owned(),
            selector: format!(
                "fieldSelector=spec.signerName%3D{}%2F{}&",
                segment("signer", domain)?,
                segment("signer", name)?
            ),
            may_be_unknown: false,
        })
    }

    /// A driver's resource slices, of one node or of all.
    pub(crate) fn slices(driver: &str, node: Option<&str>) -> Result<Self, ClusterError> {
        let mut selector = "fieldSelector=".to_owned();
        let mut place = String::new();
        if let Some(node) = node {
            selector += &format!("spec.nodeName%3D{}%2C", segment("node", node)?);
            place = format!(" on node {node}");
        }
        selector += &format!("spec.driver%3D{}&", segment("driver", driver)?);
        Ok(Self {
            name: format!("resource slices of driver {driver}{place}"),
            path: format!("{RESOURCE_API}/resourceslices"),
            selector,
            may_be_unknown: false,
        })
    }
}
