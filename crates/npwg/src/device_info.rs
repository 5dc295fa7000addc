//! The device information object (version 1.1.0 of its specification, DI-01 … DI-07) and the names of the files that carry it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::text;

/// What stands behind an interface (B3.80). Values are text as read: other programs write them, and readers expect to
/// find in the status what was written. [`DeviceInfo::check`] says whether they keep to the specification.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceInfo {
    /// `pci`, `vdpa`, `vhost-user` or `memif`: which of the maps below is the main one.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Version of the specification.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// A PCI device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pci: Option<PciDevice>,
    /// A vDPA device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vdpa: Option<VdpaDevice>,
    /// A vhost-user socket.
    #[serde(rename = "vhost-user", skip_serializing_if = "Option::is_none")]
    pub vhost_user: Option<VhostDevice>,
    /// A memif socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memif: Option<MemifDevice>,
}

/// A PCI device (DI-04).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PciDevice {
    /// Address as `0000:00:00.0`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pci_address: String,
    /// Path of the vhost-net device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vhost_net: String,
    /// RDMA device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rdma_device: String,
    /// Address of the physical function.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pf_pci_address: String,
    /// Name of the representor.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub representor_device: String,
}

/// A vDPA device (DI-05).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct VdpaDevice {
    /// Name of the device on the vDPA bus.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub parent_device: String,
    /// `vhost` or `virtio`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// Absolute path of the device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// PCI address of the device.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pci_address: String,
    /// PCI address of the physical function.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pf_pci_address: String,
    /// Name of the representor.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub representor_device: String,
}

/// A vhost-user socket (DI-06).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VhostDevice {
    /// `client` or `server`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Path of the socket.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
}

/// A memif socket (DI-07).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemifDevice {
    /// `master` or `slave`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// Path of the socket.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// `ethernet`, `ip`, or `inject-punt` (also written as `punt`).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
}

/// What is wrong with a device information object.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DeviceInfoError {
    /// Not JSON, or a value of the wrong type.
    #[error("read device information: {message}")]
    Decode {
        /// What the decoder said.
        message: String,
    },
    /// The object could not be written.
    #[error("write device information: {message}")]
    Encode {
        /// What the encoder said.
        message: String,
    },
    /// A required key is missing or empty.
    #[error("device information: {key} is missing")]
    Missing {
        /// Path of the key.
        key: &'static str,
    },
    /// A value outside what the specification allows.
    #[error("device information: {key} is {value}")]
    Value {
        /// Path of the key.
        key: &'static str,
        /// The value, cut and escaped.
        value: String,
    },
}

/// Where device plugins leave their files (B5.90).
pub const DEVICE_PLUGIN_DIR: &str = "/var/run/k8s.cni.cncf.io/devinfo/dp";
/// Where the files of attachments are (B5.90).
pub const CNI_DIR: &str = "/var/run/k8s.cni.cncf.io/devinfo/cni";

/// What a file system takes.
const LONGEST_FILE_NAME: usize = 255;

/// Name of the file that a device plugin writes for a device (B5.91, DI-11). It has no `/` in it.
#[must_use]
pub fn device_plugin_file(resource_name: &str, device_id: &str) -> String {
    format!("{resource_name}-{device_id}-device.json").replace('/', "-")
}

/// Name of the file of one attachment (B4.65, DI-13). It has no `/` in it. Container and interface alone make it unique:
/// where all three are longer than a file's name may be, the attachment's name is cut.
#[must_use]
pub fn cni_file(attachment_name: &str, container_id: &str, interface: &str) -> String {
    let end = format!("-{container_id}_{interface}");
    let mut most = LONGEST_FILE_NAME
        .saturating_sub(end.len())
        .min(attachment_name.len());
    while !attachment_name.is_char_boundary(most) {
        most = most.saturating_sub(1);
    }
    let name = attachment_name.get(..most).unwrap_or_default();
    format!("{name}{end}").replace('/', "-")
}

impl DeviceInfo {
    /// Reads a file's content. Keys match in any case, unknown ones are dropped, values are not judged.
    ///
    /// # Errors
    ///
    /// Not a JSON object, or a value of the wrong type.
    pub fn parse(bytes: &[u8]) -> Result<Self, DeviceInfoError> {
        gojson::from_slice(bytes).map_err(|error| DeviceInfoError::Decode {
            message: text::message(&error),
        })
    }

    /// The object as a file's content: one line, empty values left out.
    ///
    /// # Errors
    ///
    /// None of these values can fail to be written; the error is the encoder's.
    pub fn render(&self) -> Result<String, DeviceInfoError> {
        gojson::to_string(self).map_err(|error| DeviceInfoError::Encode {
            message: text::message(&error),
        })
    }

    /// Compares the object with the specification (DI-01 … DI-07).
    ///
    /// # Errors
    ///
    /// The first rule that it breaks. Readers take such an object nevertheless, so publish it and log the error.
    pub fn check(&self) -> Result<(), DeviceInfoError> {
        required("version", &self.version)?;
        match self.kind.as_str() {
            "" => Err(DeviceInfoError::Missing { key: "type" }),
            "pci" => self
                .pci
                .as_ref()
                .map_or_else(|| missing("pci"), PciDevice::check),
            "vdpa" => self
                .vdpa
                .as_ref()
                .map_or_else(|| missing("vdpa"), VdpaDevice::check),
            "vhost-user" => self
                .vhost_user
                .as_ref()
                .map_or_else(|| missing("vhost-user"), VhostDevice::check),
            "memif" => self
                .memif
                .as_ref()
                .map_or_else(|| missing("memif"), MemifDevice::check),
            other => Err(DeviceInfoError::Value {
                key: "type",
                value: text::quoted(other),
            }),
        }
    }
}

impl PciDevice {
    fn check(&self) -> Result<(), DeviceInfoError> {
        required("pci.pci-address", &self.pci_address)?;
        valid(
            "pci.pci-address",
            &self.pci_address,
            is_pci_address(&self.pci_address),
        )
    }
}

impl VdpaDevice {
    fn check(&self) -> Result<(), DeviceInfoError> {
        required("vdpa.parent-device", &self.parent_device)?;
        one_of("vdpa.driver", &self.driver, &["vhost", "virtio"])?;
        required("vdpa.path", &self.path)?;
        valid("vdpa.path", &self.path, self.path.starts_with('/'))
    }
}

impl VhostDevice {
    fn check(&self) -> Result<(), DeviceInfoError> {
        one_of("vhost-user.mode", &self.mode, &["client", "server"])?;
        required("vhost-user.path", &self.path)
    }
}

impl MemifDevice {
    fn check(&self) -> Result<(), DeviceInfoError> {
        one_of("memif.role", &self.role, &["master", "slave"])?;
        required("memif.path", &self.path)?;
        one_of(
            "memif.mode",
            &self.mode,
            &["ethernet", "ip", "inject-punt", "punt"],
        )
    }
}

fn missing(key: &'static str) -> Result<(), DeviceInfoError> {
    Err(DeviceInfoError::Missing { key })
}

fn required(key: &'static str, value: &str) -> Result<(), DeviceInfoError> {
    if value.is_empty() {
        missing(key)
    } else {
        Ok(())
    }
}

fn valid(key: &'static str, value: &str, holds: bool) -> Result<(), DeviceInfoError> {
    if holds {
        Ok(())
    } else {
        Err(DeviceInfoError::Value {
            key,
            value: text::quoted(value),
        })
    }
}

fn one_of(key: &'static str, value: &str, allowed: &[&str]) -> Result<(), DeviceInfoError> {
    required(key, value)?;
    valid(key, value, allowed.contains(&value))
}

/// `dddd:BB:DD.f`, hexadecimal.
fn is_pci_address(value: &str) -> bool {
    let groups: Vec<&str> = value.split([':', '.']).collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let separators: String = value.chars().filter(|c| !c.is_ascii_hexdigit()).collect();
    // Domains beyond 16 bits exist (VMD).
    matches!(lengths.as_slice(), [4..=8, 2, 2, 1]) && separators == "::."
}

#[cfg(test)]
mod tests;
