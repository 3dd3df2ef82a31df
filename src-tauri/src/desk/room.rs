//! What the desk knows of one room.

use beckon_bridge::LaunchId;
use beckon_protocol::channel::page::RoomOpen;

use super::{Asker, CallId};

#[derive(Debug)]
pub(super) struct Room {
    /// Whose page opened it.
    pub asker: Asker,
    /// The page that hears of it, while it is there.
    pub launch: Option<LaunchId>,
    /// The `room.open` that waits for the room to come up.
    pub opening: Option<CallId>,
    /// `room.close` calls that wait for its end.
    pub closing: Vec<CallId>,
    /// Its ID; empty until the server gave one.
    pub room_id: String,
    /// Not over yet.
    pub active: bool,
    /// On its way out, as the page or the person asked: no obstacle to the next room.
    pub leaving: bool,
    /// Its window is open.
    pub window: bool,
    /// The window stays after the end, to say why it ended.
    pub keep_window: bool,
    /// What the page wishes that this version does not do; it is told once the room is open.
    pub unmet: Option<&'static str>,
    /// The page may turn the camera on.
    pub may_camera: bool,
    /// The page may turn the microphone on.
    pub may_microphone: bool,
}

impl Room {
    pub fn new(asker: Asker, launch: LaunchId, call: CallId, open: &RoomOpen) -> Self {
        let custom = &open.custom;
        Self {
            asker,
            launch: Some(launch),
            opening: Some(call),
            closing: Vec::new(),
            room_id: open.roomdata.room_id.clone(),
            active: true,
            leaving: false,
            window: true,
            keep_window: true,
            unmet: custom.wishes_recording(),
            may_camera: custom.camera,
            may_microphone: custom.microphone,
        }
    }
}
