//! Which devices there are, for the pickers.

use std::sync::Arc;

use beckon_interface::{
    devices::{self as interface, DeviceKind},
    settings::{DeviceSetting, Devices, SettingsChange},
};
use beckon_media::{audio_io::DeviceInfo, devices::DeviceList};
use tauri::{
    LogicalPosition, WebviewWindow,
    menu::{CheckMenuItemBuilder, MenuBuilder, MenuItemBuilder},
};

use super::{Shell, room::OpenRoom, windows};
use crate::desk::RoomKey;

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

fn setting(devices: &mut Devices, kind: DeviceKind) -> &mut DeviceSetting {
    match kind {
        DeviceKind::Camera => &mut devices.camera,
        DeviceKind::Microphone => &mut devices.microphone,
        DeviceKind::Speaker => &mut devices.speaker,
    }
}

const fn name(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "camera",
        DeviceKind::Microphone => "microphone",
        DeviceKind::Speaker => "speaker",
    }
}

/// Shows the devices of a kind, the chosen one ticked, in a native menu of a window that begins `at` that place in it.
///
/// # Errors
/// What the system says.
pub fn show_menu(
    shell: &Shell,
    window: &WebviewWindow,
    kind: DeviceKind,
    there: &interface::DeviceList,
    at: LogicalPosition<f64>,
) -> tauri::Result<()> {
    let room = windows::room_of_label(window.label()).and_then(|key| shell.room(key));
    let language = room.as_ref().map_or_else(|| shell.language(""), |room| room.language);
    let chosen = setting(&mut shell.settings.get().devices, kind).clone();
    let list = match kind {
        DeviceKind::Camera => &there.cameras,
        DeviceKind::Microphone => &there.microphones,
        DeviceKind::Speaker => &there.speakers,
    };
    let default = language.pick("系统默认", "System default");
    let mut entries = vec![(DeviceSetting::Default, default.to_owned())];
    entries.extend(list.iter().map(|device| {
        let (id, label) = (device.id.clone(), device.label.clone());
        (DeviceSetting::Device { id, label: label.clone() }, label)
    }));
    if let DeviceSetting::Device { id, label } = &chosen
        && !list.iter().any(|device| device.id == *id)
    {
        let absent = language.pick("未连接", "not connected");
        entries.push((chosen.clone(), format!("{label} ({absent})")));
    }
    let same = |entry: &DeviceSetting| match (entry, &chosen) {
        // Its name may have changed since it was chosen.
        (DeviceSetting::Device { id: a, .. }, DeviceSetting::Device { id: b, .. }) => a == b,
        (entry, chosen) => entry == chosen,
    };
    let mut menu = MenuBuilder::new(window);
    for (n, (entry, label)) in entries.iter().enumerate() {
        let item = CheckMenuItemBuilder::new(label.replace('&', "&&"))
            .id(format!("device/{}/{n}", name(kind)))
            .checked(same(entry))
            .build(window)?;
        menu = menu.item(&item);
    }
    if kind == DeviceKind::Camera
        && let Some(room) = room
    {
        let item = CheckMenuItemBuilder::new(language.pick("美颜", "Beauty"))
            .id(format!("device/beauty/{}", room.key.0))
            .checked(!room.session.beauty().is_off())
            .build(window)?;
        menu = menu.separator().item(&item);
    }
    let more = MenuItemBuilder::new(language.pick("设置…", "Settings…")).id("device/settings").build(window)?;
    *shell.choices.lock() = entries.into_iter().map(|(entry, _)| entry).collect();
    window.popup_menu_at(&menu.separator().item(&more).build()?, at)
}

/// Does what was chosen in that menu: `settings`, `beauty` and the room, or the kind and the number of the choice.
pub fn menu_chosen(shell: &Arc<Shell>, choice: &str) {
    if choice == "settings" {
        return windows::show_settings(shell, "devices");
    }
    let Some((kind, number)) = choice.split_once('/') else { return };
    if kind == "beauty" {
        if let Some(room) = number.parse().ok().and_then(|key| shell.room(RoomKey(key))) {
            toggle_beauty(shell, &room);
        }
        return;
    }
    let kinds = [DeviceKind::Camera, DeviceKind::Microphone, DeviceKind::Speaker];
    let Some(kind) = kinds.into_iter().find(|k| name(*k) == kind) else { return };
    let entry = number.parse().ok().and_then(|n: usize| shell.choices.lock().get(n).cloned());
    if let Some(entry) = entry {
        let mut devices = shell.settings.get().devices;
        *setting(&mut devices, kind) = entry;
        shell.change_settings(SettingsChange::Devices(devices));
    }
}

/// Turns the beauty filter on or off: seen from this room, whose page may have had a wish of its own.
fn toggle_beauty(shell: &Arc<Shell>, room: &OpenRoom) {
    let beauty = shell.settings.get().beauty.turned(room.session.beauty().is_off());
    shell.change_settings(SettingsChange::Beauty(beauty));
}
