//! What an open room has of our devices, as the settings window shows it.

use std::sync::Arc;

use beckon_interface::devices::{InRoom, Trial};
use beckon_media::layout::TileId;
use beckon_session::{DeviceView, MemberView, RoomView};

use crate::shell::{Shell, room::OpenRoom};

/// The room that is open; of several the one whose camera is on, else the first.
pub fn live(shell: &Shell) -> Option<Arc<OpenRoom>> {
    let rooms = shell.rooms.lock();
    let live = rooms.values().filter(|room| !room.is_over());
    live.min_by_key(|room| (!room.session.view().borrow().camera.on, room.key.0)).cloned()
}

/// How the settings window shows it.
pub fn shown(shell: &Shell, room: &OpenRoom) -> InRoom {
    let view = room.session.view();
    let view = view.borrow();
    let muted = view.talk.ready;
    InRoom {
        camera: trial(&view.camera),
        microphone: match muted {
            true => Trial::On { label: view.microphone.label.clone() },
            false => trial(&view.microphone),
        },
        muted,
        picture: room.picture(shell),
    }
}

fn trial(device: &DeviceView) -> Trial {
    match device {
        DeviceView { on: false, .. } => Trial::Off,
        DeviceView { problem: Some(code), .. } => Trial::Failed { code: *code },
        DeviceView { running: false, .. } => Trial::Opening,
        DeviceView { label, .. } => Trial::On { label: label.clone() },
    }
}

/// Where its own camera's pictures are shown, while it runs.
pub fn own_tile(view: &RoomView) -> Option<TileId> {
    view.local().filter(|me| me.camera).map(MemberView::tile_id)
}
