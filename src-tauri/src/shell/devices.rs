//! Which devices there are, for the pickers.

use std::sync::Arc;

use beckon_interface::devices as interface;
use beckon_media::{audio_io::DeviceInfo, devices::DeviceList};

use super::{Shell, windows};

/// The list as windows are told it.
fn shown(list: &DeviceList) -> interface::DeviceList {
    let sound = |list: &[DeviceInfo]| {
        let usual = list.iter().filter(|d| !d.loopback);
        usual.map(|d| interface::DeviceEntry { id: d.id.clone(), label: d.label.clone(), default: d.default }).collect()
    };
    // Systems name no default camera; the first is what "default" opens.
    let cameras = list.cameras.iter().enumerate();
    interface::DeviceList {
        cameras: cameras
            .map(|(n, c)| interface::DeviceEntry { id: c.id.clone(), label: c.label.clone(), default: n == 0 })
            .collect(),
        microphones: sound(&list.microphones),
        speakers: sound(&list.speakers),
    }
}

/// What is plugged in now. Opens none, but asks drivers: not for the user interface's thread.
pub fn list() -> interface::DeviceList {
    shown(&DeviceList::now())
}

/// Tells the windows from now on what is plugged in, until [`rest`].
pub fn follow(shell: &Arc<Shell>) {
    let mut plugged = shell.plugged.lock();
    if plugged.is_some() {
        return;
    }
    let told = Arc::downgrade(shell);
    let watch = beckon_media::devices::watch(move |list| {
        if let Some(shell) = told.upgrade() {
            windows::tell_all(&shell, "devices", &shown(list));
        }
    });
    match watch {
        Ok(watch) => *plugged = Some(watch),
        Err(error) => tracing::warn!(%error, "the windows are not told what is plugged in"),
    }
}

/// Nobody needs to know any more, if no window is left that shows devices.
pub fn rest(shell: &Shell) {
    if !windows::shows_devices(shell) {
        let watch = shell.plugged.lock().take();
        drop(watch);
    }
}
