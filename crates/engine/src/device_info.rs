//! Device information: what a device plugin leaves about a device, and what a CNI plugin leaves about an attachment, on
//! its way into the network status (DI-20 … DI-41). Nothing fails for want of it: plugins that need it say so themselves.

use std::io;

use cni::{ContainerId, Verb};
use npwg::device_info::{CNI_DIR, device_plugin_file};
use npwg::{DeviceInfo, DeviceInfoError};
use plan::Attachment;

use crate::{Container, Engine, Stage};

/// Why device information is not there, or not as it should be.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("{0}")]
    Content(#[from] DeviceInfoError),
}

impl Engine<'_> {
    /// Puts what the device plugin left about an attachment's device where the attachment's plugins find it (B4.28, B5.95,
    /// DI-21). What an earlier attempt left there does not stay (Q73).
    pub(crate) fn prepare_device_info(&self, container: &Container, record: &Attachment) {
        let Some(file) = file_of(&container.id, record) else {
            return;
        };
        let prepared = self.copy_device_info(record, file).or_else(|problem| {
            self.tell_problem(container, record, &problem);
            Ok(self.device_info.remove(file)?)
        });
        if let Err(problem) = prepared {
            self.tell_problem(container, record, &problem);
        }
    }

    fn copy_device_info(&self, record: &Attachment, file: &str) -> Result<(), Problem> {
        let requests = &record.requests;
        let left = match (&requests.resource_name, &requests.device_id) {
            (Some(resource), Some(device)) => {
                let file = device_plugin_file(resource, device);
                self.device_info.of_device(&file)?
            }
            _ => None,
        };
        match left {
            // Read and written anew: keys that nobody knows are dropped (B3.80).
            Some(bytes) => {
                let text = DeviceInfo::parse(&bytes)?.render()?;
                Ok(self.device_info.write(file, text.as_bytes())?)
            }
            None => Ok(self.device_info.remove(file)?),
        }
    }

    /// What is known about an attachment's device after its plugins ran (B4.28, B5.96, DI-40). It is published also where
    /// it does not keep to the specification (DI-41): readers take it as it is.
    pub(crate) fn known_device_info(
        &self,
        container: &Container,
        record: &Attachment,
    ) -> Option<DeviceInfo> {
        let file = file_of(&container.id, record)?;
        let read = || match self.device_info.read(file)? {
            Some(bytes) => Ok(Some(DeviceInfo::parse(&bytes)?)),
            None => Ok(None),
        };
        let known = read().unwrap_or_else(|problem| {
            self.tell_problem(container, record, &problem);
            None
        });
        if let Some(Err(problem)) = known.as_ref().map(DeviceInfo::check) {
            self.tell_problem(container, record, &problem.into());
        }
        known
    }

    fn tell_problem(&self, container: &Container, record: &Attachment, problem: &Problem) {
        let text = problem.to_string();
        self.tell(Verb::Add, container, record, Stage::DeviceInfo(&text));
    }

    /// Removes the files of attachments that are detached, or that nobody could detach (B4.106, B5.97, DI-23).
    pub(crate) fn forget_device_info(&self, files: Vec<String>) {
        for file in files {
            // Its name is this attachment's alone: left behind, it tells nobody anything wrong.
            let _ = self.device_info.remove(&file);
        }
    }
}

/// The files of these attachments.
pub(crate) fn files<'a>(
    container: &Container,
    records: impl IntoIterator<Item = &'a Attachment>,
) -> Vec<String> {
    let files = records
        .into_iter()
        .filter_map(|record| file_of(&container.id, record));
    files.map(str::to_owned).collect()
}

/// The name of an attachment's file. Ledgers are read back from disk: only a file of this very attachment in the one
/// directory counts, lest another one be read or removed.
fn file_of<'a>(container: &ContainerId, record: &'a Attachment) -> Option<&'a str> {
    let path = record.capability_args.get("CNIDeviceInfoFile")?.as_str()?;
    let file = path.strip_prefix(CNI_DIR)?.strip_prefix('/')?;
    let own = format!("-{container}_{}", record.ifname).replace('/', "-");
    (!file.contains('/') && file.ends_with(&own)).then_some(file)
}

#[cfg(test)]
mod tests;
