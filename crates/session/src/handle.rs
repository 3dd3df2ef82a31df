//! The handle of a session: what a window, the page channel and the command line hold of it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use beckon_media::layout::TileId;
use beckon_media::{LatestReceiver, VideoFrame};
use beckon_protocol::{
    Code,
    beauty::BeautySettings,
    channel::{
        app::{Chat, Closed},
        page::{CHAT_MAX, RoomOpened},
    },
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::beauty::BeautyWish;
use crate::chat::ChatPlaces;
use crate::core::{Command, Device, Input, LeaveReason};
use crate::env::SessionEnv;
use crate::error::SessionError;
use crate::event::SessionEvent;
use crate::hub::Hub;
use crate::report::SessionReport;
use crate::request::{CameraChoice, MicrophoneChoice, ScreenShare, SessionRequest, SpeakerChoice, VideoSettings};
use crate::shell;
use crate::sound::SoundSettings;
use crate::tiles::Tiles;
use crate::tryout::Notes;
use crate::view::RoomView;

/// Opens rooms.
pub struct Session;

impl Session {
    /// Opens a room. Returns at once; the room comes up behind the handle ([`SessionHandle::opened`]).
    /// Devices open at once too: ask the person before.
    ///
    /// Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The first field of the request that does not fit.
    pub fn open(request: SessionRequest, env: SessionEnv) -> Result<SessionHandle, SessionError> {
        request.check()?;
        Ok(SessionHandle { shared: shell::start(request, env) })
    }
}

/// What handle and conductor share.
pub(crate) struct Shared {
    pub(crate) inputs: mpsc::UnboundedSender<shell::Message>,
    pub(crate) view: watch::Receiver<RoomView>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) chat: Arc<ChatPlaces>,
    pub(crate) tiles: Arc<Tiles>,
    pub(crate) meters: Arc<shell::Meters>,
    pub(crate) beauty: BeautyWish,
    pub(crate) notes: Notes,
}

/// A session. Cheap to clone. The room is left by [`leave`](Self::leave), not by dropping the handle.
#[derive(Clone)]
pub struct SessionHandle {
    shared: Arc<Shared>,
}

impl SessionHandle {
    /// Turns our camera on or off. Off closes the device.
    pub fn set_camera(&self, on: bool) {
        self.command(Command::SetCamera(on));
    }

    /// Turns our microphone on or off. Off closes the device: nothing is recorded. Only where the person set that a
    /// muted microphone stays open ([`SoundSettings::mute_hint`], [`SoundSettings::push_to_talk`]) it does; then what it
    /// hears never reaches the encoder.
    pub fn set_microphone(&self, on: bool) {
        self.command(Command::SetMicrophone(on));
    }

    /// Turns our camera off, as another room of this program takes it; the person is told so. What is returned ends once the
    /// device is closed.
    pub fn give_up_camera(&self) -> impl Future<Output = ()> + Send + use<> {
        self.give_up(Device::Camera)
    }

    /// Turns our microphone off and closes it, as another room of this program takes it; the person is told so. What is
    /// returned ends once the device is closed.
    pub fn give_up_microphone(&self) -> impl Future<Output = ()> + Send + use<> {
        self.give_up(Device::Microphone)
    }

    fn give_up(&self, device: Device) -> impl Future<Output = ()> + Send + use<> {
        let (done, closed) = oneshot::channel();
        // Where the session is over, so are its devices, and the other end is dropped.
        let _ = self.shared.inputs.send(shell::Message::GiveUp { device, closed: done });
        async move {
            let _ = closed.await;
        }
    }

    /// Turns the others' sound on or off.
    pub fn set_speaker(&self, on: bool) {
        self.command(Command::SetSpeaker(on));
    }

    /// Takes another camera.
    pub fn choose_camera(&self, choice: CameraChoice) {
        self.command(Command::ChooseCamera(choice));
    }

    /// Takes another microphone.
    pub fn choose_microphone(&self, choice: MicrophoneChoice) {
        self.command(Command::ChooseMicrophone(choice));
    }

    /// Takes another loudspeaker.
    pub fn choose_speaker(&self, choice: SpeakerChoice) {
        self.command(Command::ChooseSpeaker(choice));
    }

    /// Takes and sends pictures of another size, rate or bitrate from now on.
    ///
    /// # Errors
    /// [`Code::WrongParameter`] for what no camera and no encoder could do.
    pub fn set_video(&self, video: VideoSettings) -> Result<(), SessionError> {
        video.check()?;
        self.command(Command::SetVideo(video));
        Ok(())
    }

    /// Filters our camera's pictures differently from the next one on. What we share is never filtered.
    pub fn set_beauty(&self, settings: BeautySettings) {
        self.shared.beauty.set(settings);
    }

    /// How our camera's pictures are filtered now.
    pub fn beauty(&self) -> BeautySettings {
        self.shared.beauty.get()
    }

    /// Treats our sound differently from now on.
    pub fn set_sound(&self, settings: SoundSettings) {
        self.command(Command::SetSound(settings));
    }

    /// The push-to-talk key is down or up. Without [`SoundSettings::push_to_talk`] nothing happens.
    pub fn hold_to_talk(&self, held: bool) {
        self.command(Command::HoldToTalk(held));
    }

    /// Makes somebody as loud as that, in percent up to [`VOLUME_MAX`](crate::sound::VOLUME_MAX), for us alone; they
    /// need not be in the room.
    pub fn set_volume(&self, user_id: impl Into<String>, percent: u16) {
        self.command(Command::SetVolume { user_id: user_id.into(), percent });
    }

    /// The person is choosing what to share, or is not any more: what the network carries is found out meanwhile. Nothing is shared by it.
    pub fn choose_screen(&self, chooses: bool) {
        self.command(Command::ChooseScreen(chooses));
    }

    /// Shares a screen, window or region, in place of what is shared now. Only ever call it for a choice that the person
    /// at this machine has just made. [`crate::view::RoomView::screen`] tells how it fares; it ends by itself, with a
    /// notice, when what is shared is gone.
    pub fn start_screen(&self, share: ScreenShare) {
        self.command(Command::StartScreen(share));
    }

    /// Shares nothing any more.
    pub fn stop_screen(&self) {
        self.command(Command::StopScreen);
    }

    /// Sends a room text of 1 to [`CHAT_MAX`] bytes. While the connection is being won back it waits.
    ///
    /// # Errors
    /// [`Code::WrongParameter`] for an empty or too long text, [`Code::NoRoom`] once the room is over, and
    /// [`Code::ConnectionLost`] for the hundred and first that waits.
    pub fn send_chat(&self, text: impl Into<String>) -> Result<(), SessionError> {
        let text = text.into();
        if text.is_empty() || text.len() > CHAT_MAX {
            let why = format!("a room text must have 1 to {CHAT_MAX} bytes, not {}", text.len());
            return Err(SessionError::new(Code::WrongParameter, why));
        }
        if self.shared.hub.closed().is_some() {
            return Err(SessionError::of(Code::NoRoom));
        }
        self.shared.chat.take()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.command(Command::SendChat { text, time_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX) });
        Ok(())
    }

    /// Leaves the room; [`SessionEvent::Closed`] tells when that is done, after 4 s at the latest.
    pub fn leave(&self, reason: LeaveReason) {
        self.command(Command::Leave(reason));
    }

    /// Everything the session tells from now on, beginning with the state and the members as they are. Each call
    /// gives a receiver of its own; it ends after [`SessionEvent::Closed`].
    pub fn events(&self) -> mpsc::UnboundedReceiver<SessionEvent> {
        self.shared.hub.subscribe()
    }

    /// The room as it stands, and a way to wait for changes.
    pub fn view(&self) -> watch::Receiver<RoomView> {
        self.shared.view.clone()
    }

    /// The room texts so far, oldest first (the last 500).
    pub fn chat_history(&self) -> Vec<Chat> {
        self.shared.hub.chat()
    }

    /// The pictures of a tile ([`crate::view::MemberView::tile`]), own ones as others see them (not mirrored).
    ///
    /// The receiver may be taken before the tile has pictures and stays over reconnects; each call gives one of its
    /// own, beginning with the last picture. [`LatestReceiver::on_ready`] tells of a new picture.
    pub fn video(&self, tile: TileId) -> LatestReceiver<VideoFrame> {
        self.shared.tiles.tap(tile)
    }

    /// Tells how large a tile is shown, in physical pixels (0×0: not at all), so that no more than that is sent.
    pub fn set_tile_size(&self, tile: TileId, width: u32, height: u32) {
        self.command(Command::TileSize { tile, width, height });
    }

    /// Waits until we are in the room.
    ///
    /// # Errors
    /// Why the room did not come up.
    pub async fn opened(&self) -> Result<RoomOpened, SessionError> {
        let mut view = self.view();
        let seen = view.wait_for(|v| v.end.is_some() || v.joined).await;
        let (room_id, end) = match seen {
            Ok(v) => (v.room_id.clone(), v.end.clone().filter(|_| !v.joined)),
            Err(_) => return Err(SessionError::of(Code::Internal)),
        };
        match end {
            Some(end) => Err(SessionError::new(end.code, end.message)),
            None => Ok(RoomOpened { room_id }),
        }
    }

    /// Waits until the room is over.
    pub async fn closed(&self) -> Closed {
        let mut events = self.events();
        while let Some(event) = events.recv().await {
            if let SessionEvent::Closed(closed) = event {
                return closed;
            }
        }
        // The conductor ends only after telling so; a runtime that is shut down takes it away before.
        let message = "the session was torn down".to_owned();
        Closed { room_id: self.shared.view.borrow().room_id.clone(), code: Code::Internal, msg: message }
    }

    /// Plays a few notes with the others' voices, for the person alone. The microphone's echo canceller knows them as it
    /// knows the voices. Nothing is heard while the loudspeaker does not run.
    pub fn play_notes(&self) {
        if self.shared.view.borrow().speaker.running {
            self.shared.notes.begin();
        }
    }

    /// Whether they are still to be heard.
    pub fn plays_notes(&self) -> bool {
        self.shared.notes.are_played() && self.shared.view.borrow().speaker.running
    }

    /// The loudest 10 ms of our microphone since the last call, also of one that is muted and stays open all the same: 0 is
    /// −60 dB of full scale or less, or no microphone; 1 is full scale.
    pub fn microphone_level(&self) -> f32 {
        self.shared.meters.level.look()
    }

    /// Figures of the session so far.
    pub fn report(&self) -> SessionReport {
        self.shared.meters.report()
    }

    fn command(&self, command: Command) {
        // After the end there is nobody to do it, and nothing to do.
        let _ = self.shared.inputs.send(shell::Message::Input(Input::Command(command)));
    }
}
