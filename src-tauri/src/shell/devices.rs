//! Which devices there are, for the pickers.

use beckon_interface::devices::{DeviceEntry, DeviceList};
use beckon_media::{
    audio_io::{DeviceInfo, list_microphones, list_speakers},
    camera::list_cameras,
};

/// Every device that is plugged in. A kind the system does not tell of is empty, and the log says why. Opens none, but
/// asks drivers: not for the user interface's thread.
pub fn list() -> DeviceList {
    let cameras = found(list_cameras()).into_iter().enumerate();
    let sound = |list: Vec<DeviceInfo>| list.into_iter().filter(|d| !d.loopback).map(entry).collect();
    DeviceList {
        // Systems name no default camera; the first is what "default" opens.
        cameras: cameras.map(|(n, c)| DeviceEntry { id: c.id, label: c.label, default: n == 0 }).collect(),
        microphones: sound(found(list_microphones())),
        speakers: sound(found(list_speakers())),
    }
}

fn entry(device: DeviceInfo) -> DeviceEntry {
    DeviceEntry { id: device.id, label: device.label, default: device.default }
}

fn found<T>(list: Result<Vec<T>, beckon_media::SourceError>) -> Vec<T> {
    list.unwrap_or_else(|error| {
        tracing::warn!(%error, "a list of devices is missing");
        Vec::new()
    })
}
