//! The file in which the kubelet's device manager keeps its allocations: for nodes whose kubelet has no pod-resources
//! socket (B5.81).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

use crate::message::Devices;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Data")]
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "PodDeviceEntries")]
    entries: Option<Vec<Entry>>,
}

/// What one container of a pod has of one resource.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "PodUID")]
    pod_uid: String,
    #[serde(rename = "ResourceName")]
    resource_name: String,
    /// Ids by NUMA node.
    #[serde(rename = "DeviceIDs")]
    device_ids: Option<BTreeMap<String, Option<Vec<String>>>>,
}

/// The devices of the pod with this UID. A container may have been given what an init container had before it: each
/// device counts once. `None` where there is no such file.
///
/// # Errors
/// The file cannot be read, has more than `most` bytes, or is not what the kubelet writes.
pub(crate) fn devices_of(path: &Path, uid: &str, most: usize) -> io::Result<Option<Devices>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let document: Document = serde_json::from_slice(&bytes)?;
    Ok(Some(collect(document, uid)))
}

fn collect(document: Document, uid: &str) -> Devices {
    let mut devices = Devices::new();
    let entries = document.data.entries.unwrap_or_default();
    for entry in entries.into_iter().filter(|entry| entry.pod_uid == uid) {
        let ids = entry.device_ids.unwrap_or_default();
        devices
            .entry(entry.resource_name)
            .or_default()
            .extend(ids.into_values().flatten().flatten());
    }
    devices
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const MOST: usize = 10_000;

    fn read(text: &str) -> io::Result<Option<Devices>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoint");
        io::Write::write_all(&mut File::create(&path).unwrap(), text.as_bytes()).unwrap();
        devices_of(&path, "u-1", MOST)
    }

    fn entry(uid: &str, container: &str, resource: &str, ids: &Value) -> Value {
        json!({"PodUID": uid, "ContainerName": container, "ResourceName": resource, "DeviceIDs": ids, "AllocResp": "CmU="})
    }

    fn checkpoint(entries: &[Value]) -> String {
        json!({"Data": {"PodDeviceEntries": entries, "RegisteredDevices": {"example.com/nic": ["a", "b"]}},
            "Checksum": 1_234_567_890})
        .to_string()
    }

    #[test]
    fn a_pods_entries_are_put_together_over_containers_and_numa_nodes() {
        // B5.81, T6.3
        let text = checkpoint(&[
            entry(
                "u-1",
                "a",
                "example.com/nic",
                &json!({"1": ["0000:03:02.3"], "0": ["0000:03:02.0"]}),
            ),
            entry(
                "u-2",
                "a",
                "example.com/nic",
                &json!({"0": ["0000:03:02.1"]}),
            ),
            entry(
                "u-1",
                "b",
                "example.com/nic",
                &json!({"-1": ["0000:03:02.3", "0000:03:02.2"]}),
            ),
            entry("u-1", "b", "example.com/gpu", &json!({"0": ["gpu-1"]})),
        ]);
        let devices = read(&text).unwrap().unwrap();
        let ids = |resource: &str| {
            devices[resource]
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            ids("example.com/nic"),
            ["0000:03:02.0", "0000:03:02.2", "0000:03:02.3"]
        );
        assert_eq!(ids("example.com/gpu"), ["gpu-1"]);
    }

    #[test]
    fn a_kubelet_that_allocated_nothing_writes_null() {
        let text =
            json!({"Data": {"PodDeviceEntries": null, "RegisteredDevices": {}}, "Checksum": 1})
                .to_string();
        assert_eq!(read(&text).unwrap(), Some(Devices::new()));
        let text = checkpoint(&[entry("u-1", "a", "example.com/nic", &Value::Null)]);
        assert!(read(&text).unwrap().unwrap()["example.com/nic"].is_empty());
    }

    #[test]
    fn what_is_no_checkpoint_is_an_error() {
        // T6.3
        for text in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"Data": []}"#,
            r#"{"Data": {"PodDeviceEntries": {}}}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(
            read(&" ".repeat(MOST + 1)).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn no_checkpoint_is_none_and_an_unreadable_one_an_error() {
        // T6.3
        let directory = tempfile::tempdir().unwrap();
        assert!(
            devices_of(&directory.path().join("gone"), "u-1", MOST)
                .unwrap()
                .is_none()
        );
        assert!(devices_of(directory.path(), "u-1", MOST).is_err());
    }
}
