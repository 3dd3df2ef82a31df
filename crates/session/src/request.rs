//! What to open: the room as the page asked for it, and this machine's devices.

use std::collections::BTreeMap;
use std::path::PathBuf;

use beckon_media::screen::ScreenChoice;
use beckon_protocol::{
    Code, Secret,
    beauty::BeautySettings,
    channel::page::RoomOpen,
    room::{RoomAction, RoomId, StyleType},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use url::Url;

use crate::error::SessionError;
use crate::sound::SoundSettings;

/// Where our pictures come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind", content = "id")]
pub enum CameraChoice {
    /// None: nothing is published.
    None,
    /// The test card with frame number and time as a bar code.
    TestCard,
    /// A media file, played in a loop.
    #[ts(type = "string")]
    File(PathBuf),
    /// The camera of this ID (`beckon_media::source`'s list of cameras).
    Device(String),
    /// The system's first camera; in a room that one for as long as the room lasts, with another one standing in while it is away.
    #[default]
    Default,
}

/// Where our sound comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind", content = "id")]
pub enum MicrophoneChoice {
    /// None: nothing is published.
    None,
    /// A tone that beeps together with the test card's flash.
    Tone,
    /// A media file, played in a loop.
    #[ts(type = "string")]
    File(PathBuf),
    /// The microphone of this ID.
    Device(String),
    /// The system's default microphone.
    #[default]
    Default,
}

/// Where the others' sound goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind", content = "id")]
pub enum SpeakerChoice {
    /// Nowhere: it is decoded, mixed and measured in real time, and not heard.
    None,
    /// The device of this ID.
    Device(String),
    /// The system's default device.
    #[default]
    Default,
}

/// A screen that the person chose to share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScreenShare {
    /// What is shared.
    pub choice: ScreenChoice,
    /// What people call it, for the banner.
    pub label: String,
    /// Its width when it was chosen, in pixels; it may change.
    pub width: u32,
    /// Its height when it was chosen, in pixels.
    pub height: u32,
    /// It shows a film rather than text: when bandwidth is short, pixels go before pictures a second.
    pub motion: bool,
    /// Share what the other programs of this computer play too.
    pub sound: bool,
}

/// How our pictures are sent at their best; the bandwidth estimate takes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoSettings {
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
    /// Greatest bitrate, bit/s.
    pub max_bitrate_bps: u64,
}

impl Default for VideoSettings {
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 30, max_bitrate_bps: 1_500_000 }
    }
}

impl VideoSettings {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first value that does not fit.
    pub fn check(&self) -> Result<(), SessionError> {
        let wrong = |why: &str| Err(SessionError::new(Code::WrongParameter, why));
        if !(64..=4096).contains(&self.width) || !(64..=4096).contains(&self.height) {
            return wrong("the video size must lie between 64x64 and 4096x4096");
        }
        if !self.width.is_multiple_of(2) || !self.height.is_multiple_of(2) {
            return wrong("the video size must be even");
        }
        if !(1..=60).contains(&self.fps) {
            return wrong("the frame rate must lie between 1 and 60 pictures a second");
        }
        if !(30_000..=50_000_000).contains(&self.max_bitrate_bps) {
            return wrong("the video bitrate must lie between 30000 and 50000000 bit/s");
        }
        Ok(())
    }
}

/// A SOCKS5 proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socks5 {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name and password where the proxy asks for them.
    pub auth: Option<(String, Secret)>,
}

/// How to get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Through a Beckon server's room service: log in with a userSig, make or enter the room.
    Service(Box<RoomOpen>),
    /// Straight to a LiveKit server with a ready token.
    Direct {
        /// The server, `ws://…` or `wss://…`.
        url: Url,
        /// The access token (JWT).
        token: Secret,
    },
}

/// Everything a session needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    /// How to get in.
    pub entry: Entry,
    /// Our pictures.
    pub camera: CameraChoice,
    /// Start with the camera on.
    pub camera_on: bool,
    /// Another room of this program has the camera: it is off at first, and the person is told why.
    pub camera_elsewhere: bool,
    /// Our sound.
    pub microphone: MicrophoneChoice,
    /// Start with the microphone on.
    pub microphone_on: bool,
    /// Another room of this program has the microphone: it is off at first, and the person is told why.
    pub microphone_elsewhere: bool,
    /// The others' sound.
    pub speaker: SpeakerChoice,
    /// How pictures are sent.
    pub video: VideoSettings,
    /// What the beauty filter does to our camera's pictures.
    pub beauty: BeautySettings,
    /// What is done to our sound, and when it is sent.
    pub sound: SoundSettings,
    /// How loud single people are, by user ID, percent up to [`VOLUME_MAX`](crate::sound::VOLUME_MAX); others are as
    /// loud as they are.
    pub volumes: BTreeMap<String, u16>,
    /// Reach everything through this proxy.
    pub proxy: Option<Socks5>,
    /// Media over TCP only.
    pub force_tcp: bool,
    /// Decode bar codes, tones, flashes and beeps in what comes in, for the report. Costs a little.
    pub measure: bool,
}

impl SessionRequest {
    /// A request as a page made it, with the machine's default devices.
    ///
    /// # Errors
    /// The first field that does not fit, with [`Code::MissingParameter`] or [`Code::WrongParameter`].
    pub fn from_open(open: RoomOpen) -> Result<Self, SessionError> {
        open.check()?;
        let custom = &open.custom;
        let proxy = (!custom.proxy_ip.is_empty()).then(|| Socks5 {
            host: custom.proxy_ip.clone(),
            port: custom.proxy_port,
            auth: None,
        });
        let (camera_on, microphone_on) = (custom.camera, custom.microphone);
        let beauty = custom.beauty.unwrap_or_default();
        Ok(Self { proxy, camera_on, microphone_on, beauty, ..Self::new(Entry::Service(Box::new(open))) })
    }

    /// A request that goes straight to a LiveKit server, with the machine's default devices.
    pub fn direct(url: Url, token: impl Into<Secret>) -> Self {
        Self::new(Entry::Direct { url, token: token.into() })
    }

    fn new(entry: Entry) -> Self {
        Self {
            entry,
            camera: CameraChoice::default(),
            camera_on: true,
            camera_elsewhere: false,
            microphone: MicrophoneChoice::default(),
            microphone_on: true,
            microphone_elsewhere: false,
            speaker: SpeakerChoice::default(),
            video: VideoSettings::default(),
            beauty: BeautySettings::default(),
            sound: SoundSettings::default(),
            volumes: BTreeMap::new(),
            proxy: None,
            force_tcp: false,
            measure: false,
        }
    }

    /// The room that was asked for; empty where the server assigns one or the token names it.
    pub fn room_id(&self) -> &str {
        match &self.entry {
            Entry::Service(open) => &open.roomdata.room_id,
            Entry::Direct { .. } => "",
        }
    }

    /// Whether the room is to be made.
    pub fn creates(&self) -> bool {
        matches!(&self.entry, Entry::Service(open) if open.roomdata.room_action == RoomAction::CreateRoom)
    }

    /// Whether the room may take us as its audience, which sends nothing. A token says so itself, once the room has it.
    pub(crate) fn may_be_audience(&self) -> bool {
        let live = matches!(&self.entry, Entry::Service(open) if open.roomdata.style == StyleType::LiveRoom);
        live && !self.creates()
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first field that does not fit.
    pub fn check(&self) -> Result<(), SessionError> {
        let wrong = |why: &str| Err(SessionError::new(Code::WrongParameter, why));
        match &self.entry {
            Entry::Service(open) => open.check()?,
            Entry::Direct { url, token } => {
                if !matches!(url.scheme(), "ws" | "wss" | "http" | "https") || url.host_str().is_none() {
                    return wrong("the room server's address must begin with ws:// or wss://");
                }
                if token.is_empty() {
                    return Err(SessionError::new(Code::MissingParameter, "the access token is missing"));
                }
            }
        }
        if let Entry::Service(open) = &self.entry
            && !open.roomdata.room_id.is_empty()
            && let Err(error) = open.roomdata.room_id.parse::<RoomId>()
        {
            return Err(SessionError::new(Code::RoomIdInvalid, error.to_string()));
        }
        self.video.check()
    }
}
