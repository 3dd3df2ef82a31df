//! Which devices there are.

use serde::Serialize;
use ts_rs::TS;

/// A device that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DeviceEntry {
    /// What it is known by ([`crate::settings::DeviceSetting::Device`]).
    pub id: String,
    /// Its name.
    pub label: String,
    /// It is the system's default.
    pub default: bool,
}

/// Every device that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DeviceList {
    /// Cameras.
    pub cameras: Vec<DeviceEntry>,
    /// Microphones.
    pub microphones: Vec<DeviceEntry>,
    /// Loudspeakers.
    pub speakers: Vec<DeviceEntry>,
}
