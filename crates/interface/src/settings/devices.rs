//! Which devices the person chose.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum DeviceSetting {
    /// The system's default, whichever that is at the time.
    #[default]
    Default,
    /// This one, whenever it is there.
    Device {
        /// What it is known by, from one start to the next.
        id: String,
        /// Its name when it was chosen, to call it by while it is not there.
        label: String,
    },
}

/// Camera, microphone and loudspeaker for every room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct Devices {
    /// Where our pictures come from.
    pub camera: DeviceSetting,
    /// Where our sound comes from.
    pub microphone: DeviceSetting,
    /// Where the others' sound goes.
    pub speaker: DeviceSetting,
}
