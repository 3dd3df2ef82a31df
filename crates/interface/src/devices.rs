//! Which devices there are.

use beckon_protocol::{Code, video::VideoPreset};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::settings::Beauty;

/// What a device is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum DeviceKind {
    /// Our pictures.
    Camera,
    /// Our sound.
    Microphone,
    /// The others' sound.
    Speaker,
}

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

/// One device that is tried out in the settings window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "state")]
pub enum Trial {
    /// It is closed.
    #[default]
    Off,
    /// It is being opened.
    Opening,
    /// It is open.
    On {
        /// Its name.
        label: String,
    },
    /// It does not work.
    Failed {
        /// Why.
        #[ts(type = "number")]
        code: Code,
    },
}

impl Trial {
    /// It is closed, and nobody wants it open.
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// Where a test call stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase", tag = "stage")]
pub enum TestCallView {
    /// There is none.
    #[default]
    Idle,
    /// Picture and sound are being recorded.
    Recording,
    /// They are being played back.
    Playing,
    /// It is over.
    Over {
        /// What did not work.
        #[ts(type = "Array<number>")]
        problems: Vec<Code>,
    },
}

/// What is tried out in the settings window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TryoutView {
    /// The camera, looked at by the person alone.
    pub camera: Trial,
    /// The microphone, whose loudness is shown.
    pub microphone: Trial,
    /// The loudspeaker, which plays some notes.
    pub speaker: Trial,
    /// A call with oneself.
    pub call: TestCallView,
    /// The room that is open, if one is.
    pub room: Option<InRoom>,
}

/// What holds in an open room. It has the first right to the devices: what it has on is shown, and not opened here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct InRoom {
    /// Its camera.
    pub camera: Trial,
    /// Its microphone; where the person wants that, it is open while it is muted, too.
    pub microphone: Trial,
    /// Its microphone is muted, so that nobody hears what its level shows.
    pub muted: bool,
    /// How it has our pictures.
    pub picture: OwnPicture,
}

/// How a room has our pictures: its page may have asked for something else than what the person set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub struct OwnPicture {
    /// Size, shape and rate.
    pub preset: VideoPreset,
    /// The beauty filter.
    pub beauty: Beauty,
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
