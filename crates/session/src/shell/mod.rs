//! Does what the state machine says: sockets, devices, threads and clocks.

mod audio_in;
mod audio_out;
mod coding;
mod conductor;
mod devices;
mod media;
mod meters;
mod screen;
mod screen_out;
mod screen_sound;
mod service;
mod sound_line;
mod system;
mod video_in;
mod video_layers;
mod video_out;

use std::sync::Arc;

use beckon_rtc::{LocalTrack, PublishError, Room, RoomEvents};
use tokio::sync::{mpsc, oneshot, watch};

use crate::beauty::BeautyWish;
use crate::chat::ChatPlaces;
use crate::core::{Core, Device, Input};
use crate::env::SessionEnv;
use crate::error::SessionError;
use crate::handle::Shared;
use crate::hub::Hub;
use crate::request::SessionRequest;
use crate::tiles::Tiles;
use crate::tryout::Notes;
use beckon_protocol::Secret;
use conductor::Conductor;
pub(crate) use devices::code_of;
use media::Media;
pub(crate) use meters::Meters;
pub use service::test_login;
pub(crate) use system::SystemDevices;
pub(crate) use video_layers::fit;

/// What reaches the conductor.
pub(crate) enum Message {
    /// For the state machine as it is.
    Input(Input),
    /// The service knows us.
    LoggedIn { attempt: u32, outcome: Result<Secret, SessionError> },
    /// The media room let us in, or not.
    Connected { attempt: u32, outcome: Result<(Room, RoomEvents), SessionError> },
    /// A track of ours is in the room, or not.
    Published { attempt: u32, device: Device, outcome: Result<LocalTrack, PublishError> },
    /// Our camera's pictures go out in another track than this one from now on.
    Replaced { track: LocalTrack },
    /// Another room of this program takes the device, and wants to know when it is closed.
    GiveUp { device: Device, closed: oneshot::Sender<()> },
    /// What we share is in the room, or not.
    ScreenPublished { attempt: u32, generation: u32, outcome: Result<LocalTrack, PublishError> },
    /// The sound that goes with it is in the room, or not.
    ScreenSoundPublished { attempt: u32, generation: u32, outcome: Result<LocalTrack, PublishError> },
}

/// Starts a session on the current Tokio runtime.
pub(crate) fn start(request: SessionRequest, env: SessionEnv) -> Arc<Shared> {
    let (messages, inbox) = mpsc::unbounded_channel();
    let (core, effects) = Core::start(&request);
    let (view_out, view) = watch::channel(core.view().clone());
    let hub = Arc::new(Hub::default());
    let tiles = Arc::new(Tiles::default());
    let meters = Arc::new(Meters::new());
    let beauty = BeautyWish::new(request.beauty);
    let notes = Notes::default();
    let shared = Arc::new(Shared {
        inputs: messages.clone(),
        view,
        hub,
        chat: Arc::<ChatPlaces>::default(),
        tiles: tiles.clone(),
        meters: meters.clone(),
        beauty: beauty.clone(),
        notes: notes.clone(),
    });
    let media = Media::new(&request, &env, messages.clone(), tiles, meters, beauty, notes);
    let conductor = Conductor::new(core, request, messages, view_out, media, &shared);
    tokio::spawn(conductor.run(effects, inbox));
    shared
}
