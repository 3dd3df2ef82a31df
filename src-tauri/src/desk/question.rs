//! What the person is asked, and what they may say.

pub use beckon_interface::boot::Answer;
use beckon_protocol::launch::Origin;
use serde::{Deserialize, Serialize};

use super::{CallId, RoomKey};

/// Whose page asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Asker {
    /// The page's origin.
    pub origin: Origin,
    /// Who vouches for the origin: none where the browser itself told it, else the host of the relay. A relay may lie,
    /// so what was allowed to a page that came directly is not allowed to one that came through a relay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<String>,
}

/// What a page wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// To open rooms with this machine's camera and microphone.
    Room,
    /// To turn on a device that its room was opened without.
    Devices {
        /// In which room.
        room: RoomKey,
        /// The camera.
        camera: bool,
        /// The microphone.
        microphone: bool,
        /// The call that waits.
        call: CallId,
    },
}

/// One question to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who asks.
    pub asker: Asker,
    /// For what.
    pub asks: Asks,
}
