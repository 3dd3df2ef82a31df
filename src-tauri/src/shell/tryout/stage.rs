//! What the settings window's stage shows: one picture at a time, whoever's it is.

use std::{collections::HashMap, sync::Arc};

use beckon_media::{LatestReceiver, VideoFrame, compositor, latest, layout::TileId};
use beckon_protocol::{channel::app::RoomPhase, room::Role};
use beckon_session::{DeviceView, MemberView, Quality, RoomView, sound::VOLUME_DEFAULT};
use parking_lot::Mutex;

use crate::stage::{Painter, Pictures, SharedPixels, StageError};

/// Hands each picture source to the painter once, by the tile that shows it.
#[derive(Clone, Default)]
struct Sources(Arc<Mutex<HashMap<TileId, LatestReceiver<VideoFrame>>>>);

impl Pictures for Sources {
    fn video(&self, tile: TileId) -> LatestReceiver<VideoFrame> {
        // One that is over shows nothing.
        self.0.lock().remove(&tile).unwrap_or_else(|| latest::channel().1)
    }

    fn set_tile_size(&self, _: TileId, _: u32, _: u32) {}
}

/// Whose pictures are shown; the number tells one opening from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Showing {
    #[default]
    Nothing,
    Camera(u64),
    Call(u64),
    Room(u32),
}

/// The stage of a window that is open.
pub struct Stage {
    painter: Arc<Painter>,
    sources: Sources,
    showing: Showing,
    /// The tile of what is shown: each source has its own, as the painter takes a tile's pictures once.
    tile: u64,
}

impl Stage {
    /// One that shows nothing yet.
    ///
    /// # Errors
    /// When the painter's thread cannot be started.
    pub fn start(pixels: SharedPixels, language: compositor::Language) -> Result<Self, StageError> {
        let sources = Sources::default();
        let painter = Painter::start(Box::new(sources.clone()), alone("", 0, false), pixels, language)
            .map_err(|e| StageError(e.to_string()))?;
        Ok(Self { painter: Arc::new(painter), sources, showing: Showing::Nothing, tile: 0 })
    }

    /// Who draws it.
    pub fn painter(&self) -> &Arc<Painter> {
        &self.painter
    }

    /// Shows these pictures under this name from now on, unless it does already.
    pub fn show(&mut self, showing: Showing, pictures: impl FnOnce() -> Option<(LatestReceiver<VideoFrame>, String)>) {
        if showing == self.showing {
            return;
        }
        self.showing = showing;
        self.tile += 1;
        let (on, name) = match pictures() {
            Some((pictures, name)) => {
                self.sources.0.lock().insert(TileId(self.tile), pictures);
                (true, name)
            }
            None => (false, String::new()),
        };
        self.painter.update(alone(&name, self.tile, on));
    }
}

/// A room with nobody but ourselves, for the painter. `name` is what the picture is called.
pub(crate) fn alone(name: &str, tile: u64, on: bool) -> RoomView {
    let me = MemberView {
        sid: String::new(),
        user_id: "me".to_owned(),
        user_name: name.to_owned(),
        user_avatar: String::new(),
        role: Role::Member,
        is_local: true,
        tile,
        screen_tile: None,
        camera: on,
        camera_connecting: false,
        microphone: true,
        speaking: false,
        level: 0.0,
        quality: Quality::Unknown,
        synthetic: false,
        volume: VOLUME_DEFAULT,
    };
    let device = |on| DeviceView { on, running: on, ..DeviceView::default() };
    RoomView {
        phase: RoomPhase::Connected,
        joined: true,
        members: vec![me],
        camera: device(on),
        microphone: device(true),
        speaker: device(true),
        ..RoomView::default()
    }
}
