//! A node whose daemon is not there: what it recorded is enough for pods that ask for nothing (`plainPodsWithoutDaemon`).

use plan::{Catalog, PRIMARY_RECORD, Plan, PrimaryRecord, Request};
use plugin::Call;

/// The longest record (twice the largest configuration that the daemon reads).
const LARGEST: u64 = 2 << 20;

/// How to attach the container without a daemon; `None` where that is not wanted on this node.
pub(crate) fn plan(call: &Call<'_>) -> Result<Option<Plan>, String> {
    let path = call.conf.cni_dir.join(PRIMARY_RECORD);
    let record = sys::files::read_trusted(&path, LARGEST).map_err(|error| error.to_string())?;
    let record = record.and_then(|bytes| PrimaryRecord::decode(&bytes));
    let Some(record) = record.filter(|record| record.plain) else {
        return Ok(None);
    };
    let part = |part: Option<String>| part.unwrap_or_default();
    let request = Request {
        container_id: part(call.request.container_id.as_ref().map(ToString::to_string)),
        ifname: part(call.request.ifname.as_ref().map(ToString::to_string)),
        args: call.args.clone(),
        catalog: Catalog::None,
        // The record lies where the daemon looks for ledgers.
        may_owe_status: true,
    };
    plan::plain(call.conf, &request, &call.request.config, &record)
        .map(Some)
        .map_err(|error| error.to_string())
}
