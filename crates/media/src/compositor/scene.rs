//! What the compositor is told to draw.

use std::sync::Arc;

use super::theme::Theme;
use crate::{
    frame::VideoFrame,
    layout::{Layout, TileId, TileKind},
};

/// Language of the words on the stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// Simplified Chinese.
    #[default]
    Chinese,
    /// English.
    English,
}

/// What a tile's person or screen is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TileState {
    /// Not here yet: the avatar and a spinner.
    #[default]
    Connecting,
    /// The newest picture; a spinner until there is one.
    Live,
    /// Here, without a camera: the avatar.
    CameraOff,
    /// The connection is lost and being taken up again: the last picture, dimmed, and a spinner.
    Reconnecting,
    /// Gone: the avatar and a word.
    Ended,
}

/// How good a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Quality {
    /// Not known: no mark.
    #[default]
    Unknown,
    /// Three quiet bars.
    Good,
    /// Two amber bars.
    Fair,
    /// One red bar.
    Poor,
}

/// One tile's contents. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TileView {
    /// Which tile of the layout.
    pub id: TileId,
    /// The person's name; for a screen, the name of who shows it.
    pub name: Arc<str>,
    /// Person or screen: decides whether the picture may be cropped.
    pub kind: TileKind,
    /// Whether it is our own: the name gets "(me)".
    pub own: bool,
    /// Whether the picture is shown as in a mirror (own camera).
    pub mirror: bool,
    /// What is going on.
    pub state: TileState,
    /// The newest picture, if there is one.
    pub frame: Option<VideoFrame>,
    /// Whether the microphone is off.
    pub muted: bool,
    /// Whether the person speaks right now.
    pub speaking: bool,
    /// Whether the source is no real device; a frame marked so has the same effect.
    pub synthetic: bool,
    /// The connection's quality.
    pub quality: Quality,
}

impl TileView {
    /// A person who is connecting; set what differs.
    pub fn camera(id: TileId, name: impl Into<Arc<str>>) -> Self {
        Self {
            id,
            name: name.into(),
            kind: TileKind::Camera,
            own: false,
            mirror: false,
            state: TileState::default(),
            frame: None,
            muted: false,
            speaking: false,
            synthetic: false,
            quality: Quality::default(),
        }
    }

    /// A shared screen that is connecting.
    pub fn screen(id: TileId, name: impl Into<Arc<str>>) -> Self {
        Self { kind: TileKind::Screen, ..Self::camera(id, name) }
    }
}

/// The whole picture area at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Where the tiles lie; its size is the picture's.
    pub layout: &'a Layout,
    /// Contents, found by id; a placed tile without contents is drawn empty.
    pub tiles: &'a [TileView],
    /// Colours.
    pub theme: Theme,
    /// Language of the words.
    pub language: Language,
    /// Physical pixels per logical pixel, as given to the layout.
    pub scale: f32,
}

/// The words drawn on tiles.
pub(super) struct Words {
    pub connecting: &'static str,
    pub reconnecting: &'static str,
    pub ended: &'static str,
    pub screen_ended: &'static str,
    pub me: &'static str,
    pub screen_of: (&'static str, &'static str),
    pub synthetic: &'static str,
    pub synthetic_short: &'static str,
}

impl Language {
    pub(super) const fn words(self) -> Words {
        match self {
            Self::Chinese => Words {
                connecting: "正在连接…",
                reconnecting: "正在重新连接…",
                ended: "已离开",
                screen_ended: "共享已结束",
                me: "（我）",
                screen_of: ("", " 的屏幕"),
                synthetic: "模拟信号源",
                synthetic_short: "模拟",
            },
            Self::English => Words {
                connecting: "Connecting…",
                reconnecting: "Reconnecting…",
                ended: "Left the room",
                screen_ended: "Sharing ended",
                me: " (me)",
                screen_of: ("", "'s screen"),
                synthetic: "Synthetic source",
                synthetic_short: "Synthetic",
            },
        }
    }
}
