//! What goes into the state machine and what comes out.

use beckon_media::layout::TileId;
use beckon_protocol::{Code, Secret, service::Entrance};
use beckon_rtc::{ParticipantInfo, RoomEvent, RoomInfo};

use crate::error::SessionError;
use crate::event::SessionEvent;
use crate::request::{CameraChoice, MicrophoneChoice, ScreenShare, SpeakerChoice, VideoSettings};
use crate::sound::SoundSettings;

/// Why we leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaveReason {
    /// The person pressed leave or closed the window.
    User,
    /// The page asked for it, or went away having asked for that.
    Page,
    /// The program ends.
    Shutdown,
}

impl LeaveReason {
    /// The close code the page sees.
    pub const fn code(self) -> Code {
        match self {
            Self::User | Self::Shutdown => Code::LeftByUser,
            Self::Page => Code::Ok,
        }
    }
}

/// What the person or the page wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    SetCamera(bool),
    SetMicrophone(bool),
    SetSpeaker(bool),
    ChooseCamera(CameraChoice),
    ChooseMicrophone(MicrophoneChoice),
    ChooseSpeaker(SpeakerChoice),
    SetVideo(VideoSettings),
    SetSound(SoundSettings),
    HoldToTalk(bool),
    SetVolume {
        user_id: String,
        percent: u16,
    },
    /// The person is choosing what to share, or is not any more.
    ChooseScreen(bool),
    StartScreen(ScreenShare),
    StopScreen,
    SendChat {
        text: String,
        time_ms: i64,
    },
    TileSize {
        tile: TileId,
        width: u32,
        height: u32,
    },
    /// Another room of this program takes the camera or the microphone.
    GiveUp(Device),
    Leave(LeaveReason),
}

/// A device of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Device {
    Camera,
    Microphone,
    Speaker,
}

/// What became of a device. `generation` tells which opening is meant: news of one that was closed meanwhile is stale.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DeviceNews {
    /// The one device, by ID, that the choice of none in particular means in this room. Told before it is opened.
    Means(String),
    /// It runs.
    Opened { label: String, synthetic: bool, stands_in: bool },
    /// It could not be opened, or broke off while running; it must be opened again.
    Failed(SessionError),
    /// It is gone and comes back by itself, with [`DeviceNews::Opened`].
    Lost(SessionError),
}

/// What became of what we share.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ScreenNews {
    /// Its pictures are taken, and the computer's sound where that was wanted and can be had.
    Opened { sound: bool },
    /// The window was minimised, or came back.
    Minimised(bool),
    /// Its pictures are sent smaller or fewer than they could be, as this machine has too much to do; or that is over.
    Busy(bool),
    /// None of its pictures can be coded, or they can again.
    Coded(Option<SessionError>),
    /// The sound that goes with it cannot be coded, or it can again.
    SoundCoded(Option<SessionError>),
    /// The room has its track no more, though nobody here took it out.
    Unpublished,
    /// It could not be shared, or is gone.
    Failed(SessionError),
}

/// We are in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Joined {
    pub(crate) room: RoomInfo,
    pub(crate) local: ParticipantInfo,
    pub(crate) others: Vec<ParticipantInfo>,
}

/// Everything that can happen. Answers carry the number of the attempt they belong to.
#[derive(Debug)]
pub(crate) enum Input {
    LoggedIn {
        attempt: u32,
        outcome: Result<(), SessionError>,
    },
    Entered {
        attempt: u32,
        outcome: Result<Box<Entrance>, SessionError>,
    },
    Joined {
        attempt: u32,
        outcome: Result<Box<Joined>, SessionError>,
    },
    Room {
        attempt: u32,
        event: RoomEvent,
    },
    Device {
        device: Device,
        generation: u32,
        news: DeviceNews,
    },
    /// Other devices are plugged in than before.
    Plugged {
        /// The cameras there are, by ID.
        cameras: Vec<String>,
    },
    /// Of the share with this number.
    Screen {
        generation: u32,
        news: ScreenNews,
    },
    /// The device's track is in the room.
    Published(Device),
    /// The device's track is not taken by the room.
    PublishFailed {
        device: Device,
        error: SessionError,
    },
    /// Nothing that the device takes can be coded, or it can again.
    Coded {
        device: Device,
        failed: Option<SessionError>,
    },
    /// The first picture of a tile (since its camera went on) was decoded.
    FirstPicture(TileId),
    Command(Command),
    /// Somebody begins or stops to talk into our muted microphone.
    TalksMuted(bool),
    /// Our camera's pictures are sent smaller than they could be, as this machine has too much to do; or that is over.
    Busy(bool),
    /// The pictures of others are too much for this machine in the size they are shown at: the sides are divided by this
    /// from now on. 1: no longer.
    Relief(u32),
    /// The room and the service know that we are gone.
    Left,
    /// The time asked for has come.
    Timeout,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Show the room service who we are.
    LogIn { attempt: u32 },
    /// Make the room, or enter it.
    Enter { attempt: u32, create: bool, room_id: String },
    /// Join the media room.
    Connect { attempt: u32, url: String, token: Secret },
    /// Let go of the media room (or of joining it) without a word.
    DropRoom,
    /// Leave the media room, then tell the service. Answered by [`Input::Left`].
    Leave { service: bool },
    /// Open a device.
    Open { device: Device, generation: u32 },
    /// Close a device.
    Close(Device),
    /// Publish the device's track.
    Publish { device: Device, synthetic: bool },
    /// Mute or unmute a published track.
    SetMuted { device: Device, muted: bool },
    /// From now on what the microphone hears may be sent, or not.
    SendSound(bool),
    /// A screen is about to be published, or is not any more.
    ExpectScreen(bool),
    /// Take pictures of what is shared.
    OpenScreen { generation: u32, share: ScreenShare },
    /// Take no more pictures of it, and take its tracks out of the room.
    CloseScreen,
    /// Publish it, and the computer's sound with it if there is any.
    PublishScreen { generation: u32, sound: bool },
    /// Send a room text.
    SendChat(String),
    /// The server has a room text of ours.
    ChatDelivered,
    /// Say how large somebody's track is wanted.
    Prefer { track: beckon_rtc::TrackSid, width: u32, height: u32 },
    /// Tell listeners.
    Tell(SessionEvent),
    /// It is all over; nothing comes after this.
    Finish,
}
