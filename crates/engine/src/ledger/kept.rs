//! Keys of a ledger that this release does not know: a later one has put them there, or a later upstream. Whoever rewrites a
//! ledger keeps them.

use serde_json::{Map, Value};

/// Of an element.
pub(super) const ELEMENT: [&str; 14] = [
    "Conf",
    "ConfList",
    "Name",
    "ifnameRequest",
    "macRequest",
    "infinibandGUIDRequest",
    "ipRequest",
    "default-route",
    "IsFilterV4Gateway",
    "IsFilterV6Gateway",
    "deviceID",
    "resourceName",
    "Bytes",
    OWN_KEY,
];
/// Of the key that is ours.
pub(super) const OWN: [&str; 4] = ["ifname", "cniArgs", "capabilityArgs", "container"];
/// Of the container in it.
pub(super) const CONTAINER: [&str; 12] = [
    "version",
    "phase",
    "podNamespace",
    "podName",
    "podUid",
    "netns",
    "ifname",
    "cniArgs",
    "configuration",
    "time",
    "owedStatus",
    "earlierStatus",
];

const OWN_KEY: &str = "multusRs";

/// Puts what the elements of `before` have, and this release does not know, into those of the same attachments in `after`. Tells
/// whether there was any.
pub(super) fn keep(before: &[Value], after: &mut [Value]) -> bool {
    let mut is_any = false;
    let mut unused: Vec<&Value> = before.iter().collect();
    if let (Some(from), Some(to)) = (before.first(), after.first_mut()) {
        let container = "/multusRs/container";
        is_any |= copy(
            from.pointer(container),
            to.pointer_mut(container),
            &CONTAINER,
        );
    }
    for element in after {
        let Some(at) = unused.iter().position(|other| is_same(other, element)) else {
            continue;
        };
        let from = unused.remove(at);
        is_any |= copy(from.get(OWN_KEY), element.get_mut(OWN_KEY), &OWN);
        is_any |= copy(Some(from), Some(element), &ELEMENT);
    }
    is_any
}

/// Whether both are of one attachment. Upstream's elements do not name its interface.
fn is_same(before: &Value, after: &Value) -> bool {
    let ifname = |of: &Value| of.pointer("/multusRs/ifname").cloned();
    before.get("Bytes") == after.get("Bytes")
        && ifname(before).is_none_or(|name| Some(name) == ifname(after))
}

fn copy(from: Option<&Value>, to: Option<&mut Value>, known: &[&str]) -> bool {
    let (Some(Value::Object(from)), Some(Value::Object(to))) = (from, to) else {
        return false;
    };
    let is_known = |key: &str| known.iter().any(|known| known.eq_ignore_ascii_case(key));
    let strange: Map<String, Value> = from
        .iter()
        .filter(|(key, _)| !is_known(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let is_any = !strange.is_empty();
    to.extend(strange);
    is_any
}
