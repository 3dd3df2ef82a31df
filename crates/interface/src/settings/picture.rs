//! How our pictures are taken and shown.

use beckon_protocol::video::VideoPreset;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Our camera's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct Picture {
    /// Size, shape and rate they are sent at, where the network carries it.
    pub preset: VideoPreset,
    /// We see ourselves as in a mirror. Others never do.
    pub mirror: bool,
}

impl Default for Picture {
    fn default() -> Self {
        Self { preset: VideoPreset::default(), mirror: true }
    }
}
