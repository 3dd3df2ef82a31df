//! What can be shared, and how.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What kind of thing is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename_all = "camelCase")]
pub enum ScreenKind {
    /// A whole monitor.
    Monitor,
    /// A window.
    Window,
}

/// Something that can be shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ScreenOffer {
    /// Its kind.
    pub kind: ScreenKind,
    /// The system's name or number for it.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Everything that can be shared now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ScreenOffers {
    /// Monitors first, then windows.
    pub offers: Vec<ScreenOffer>,
    /// A region can be drawn with the mouse here.
    pub region: bool,
    /// The computer's sound can be shared here.
    pub sound: bool,
    /// This desktop lists nothing: it asks the person itself.
    pub dialog: Option<ScreenDialog>,
}

/// The desktop's own dialog about what to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ScreenDialog {
    /// What was shared last may be had again, without the dialog where the desktop knows it still.
    pub again: bool,
}

/// How it is to be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ScreenHow {
    /// It shows a film rather than text.
    pub motion: bool,
    /// Share the computer's sound with it.
    pub sound: bool,
}
