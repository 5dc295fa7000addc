//! A node whose daemon is not there: what it recorded is enough for pods that ask for nothing (`plainPodsWithoutDaemon`).

use plan::{Catalog, PRIMARY_RECORD, Plan, PrimaryRecord};
use plugin::Call;

/// The longest record (twice the largest configuration that the daemon reads).
const LARGEST: u64 = 2 << 20;

/// What the daemon recorded of the node's primary network.
pub(crate) fn record(call: &Call<'_>) -> Result<Option<PrimaryRecord>, String> {
    let path = call.conf.cni_dir.join(PRIMARY_RECORD);
    let bytes = sys::files::read_trusted(&path, LARGEST).map_err(|error| error.to_string())?;
    Ok(bytes.and_then(|bytes| PrimaryRecord::decode(&bytes)))
}

/// How to attach the container without a daemon; `None` where that is not wanted on this node.
pub(crate) fn plan(call: &Call<'_>) -> Result<Option<Plan>, String> {
    let Some(record) = record(call)?.filter(|record| record.plain) else {
        return Ok(None);
    };
    // The record lies where the daemon looks for ledgers.
    let request = call.to_plan(Catalog::None, true);
    plan::plain(call.conf, &request, &call.request.config, &record)
        .map(Some)
        .map_err(|error| error.to_string())
}
