//! The room as a window shows it: one snapshot, sent whole at each change.

use beckon_media::layout::TileId;
use beckon_protocol::{
    Code,
    channel::app::RoomPhase,
    room::{Member, Role, StyleType, Template},
};
use serde::Serialize;
use ts_rs::TS;

use crate::error::SessionError;
use crate::request::{Entry, SessionRequest};

/// How good somebody's connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename_all = "camelCase")]
pub enum Quality {
    /// Not judged yet.
    #[default]
    Unknown,
    /// Nothing to complain of.
    Excellent,
    /// Some loss or delay.
    Good,
    /// Much loss or delay.
    Poor,
    /// Nothing arrives.
    Lost,
}

/// One member, with their tile.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    /// The server's name for this stay; changes when they rejoin. Empty before we are in.
    pub sid: String,
    /// Who it is.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// Display name.
    pub user_name: String,
    /// Address of a picture, or empty.
    pub user_avatar: String,
    /// What they are in the room.
    pub role: Role,
    /// Ourselves.
    pub is_local: bool,
    /// Their camera tile, [`MemberView::tile_id`]; stays the same over rejoins.
    #[ts(type = "number")]
    pub tile: u64,
    /// The tile of the screen they share, if they do.
    #[ts(type = "number | null")]
    pub screen_tile: Option<u64>,
    /// Their camera is on.
    pub camera: bool,
    /// The camera is on, but no picture has come yet.
    pub camera_connecting: bool,
    /// Their microphone is on.
    pub microphone: bool,
    /// They speak now.
    pub speaking: bool,
    /// Loudness while speaking, 0 … 1.
    pub level: f32,
    /// Their connection.
    pub quality: Quality,
    /// Their camera is no camera (test card, file): the window says so.
    pub synthetic: bool,
    /// How loud we hear them, percent: 100 is as they are.
    pub volume: u16,
}

impl MemberView {
    /// The camera tile, as layout and compositor name it.
    pub fn tile_id(&self) -> TileId {
        TileId(self.tile)
    }

    /// As pages see it.
    pub fn to_member(&self) -> Member {
        Member {
            user_id: self.user_id.clone(),
            user_name: self.user_name.clone(),
            user_avatar: self.user_avatar.clone(),
            role: self.role,
        }
    }
}

/// One of our own devices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DeviceView {
    /// The person wants it on.
    pub on: bool,
    /// It runs. `on` without `running` and without `problem`: it is being opened.
    pub running: bool,
    /// Its name, once it runs.
    pub label: String,
    /// It is no real device.
    pub synthetic: bool,
    /// It is another one than was chosen, as that one is not there.
    pub stands_in: bool,
    /// Why it does not run, or why nobody gets what it takes.
    #[ts(type = "number | null")]
    pub problem: Option<Code>,
}

/// Our talking, beyond the microphone being on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TalkView {
    /// Muted, and the microphone is open all the same because the person wants the hint or push-to-talk. Nothing that
    /// it hears is sent.
    pub ready: bool,
    /// Push-to-talk is set: holding the key lets us talk while muted.
    pub push_to_talk: bool,
    /// The key is held.
    pub held: bool,
    /// We talk, and nobody hears it: we are muted.
    pub muted: bool,
}

/// What we share.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ScreenView {
    /// Something is shared, or about to be.
    pub on: bool,
    /// Its pictures are taken.
    pub running: bool,
    /// What people call it.
    pub label: String,
    /// The window is minimised: viewers keep its last picture.
    pub minimised: bool,
    /// The computer's sound is shared with it.
    pub sound: bool,
    /// Why the last share ended without having been stopped; until the next begins or the person has taken note.
    #[ts(type = "number | null")]
    pub ended: Option<Code>,
}

/// Something the person should know, as long as it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct NoticeView {
    /// What it is; the window has the words for it in the person's language.
    #[ts(type = "number")]
    pub code: Code,
    /// In English words, with the details.
    pub message: String,
}

impl From<Code> for NoticeView {
    /// In the code's own words.
    fn from(code: Code) -> Self {
        Self { code, message: code.text().to_owned() }
    }
}

impl From<&SessionError> for NoticeView {
    fn from(error: &SessionError) -> Self {
        Self { code: error.code, message: error.message.clone() }
    }
}

/// How the room ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct EndView {
    /// Why; 0 when the page asked for it.
    #[ts(type = "number")]
    pub code: Code,
    /// In English words.
    pub message: String,
}

/// The room as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomView {
    /// Where it stands.
    pub phase: RoomPhase,
    /// We have been in the room: what follows a loss is a reconnect, what ends it is no failed start.
    pub joined: bool,
    /// How it ended, once it has.
    pub end: Option<EndView>,
    /// The room's ID; empty until the server gave one.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// The room's name.
    pub room_name: String,
    /// What stands in the window's title.
    pub room_title: String,
    /// Address of a logo for the window, or empty.
    pub room_logo: String,
    /// Call or live.
    #[serde(rename = "type")]
    pub style: StyleType,
    /// How the picture area is laid out.
    pub template: Template,
    /// A link that lets guests in; empty where they are not allowed.
    pub guest_link: String,
    /// The room takes pictures and sound from us. The audience of a live room only sees, hears and writes.
    pub may_publish: bool,
    /// Everybody, the creator first, then in order of joining.
    pub members: Vec<MemberView>,
    /// Our camera.
    pub camera: DeviceView,
    /// Our microphone.
    pub microphone: DeviceView,
    /// Our loudspeaker.
    pub speaker: DeviceView,
    /// Our talking.
    pub talk: TalkView,
    /// What we share.
    pub screen: ScreenView,
    /// What the person should know now.
    pub notices: Vec<NoticeView>,
}

impl Default for RoomView {
    /// Before anything is known of the room.
    fn default() -> Self {
        Self {
            phase: RoomPhase::Connecting,
            joined: false,
            end: None,
            room_id: String::new(),
            room_name: String::new(),
            room_title: String::new(),
            room_logo: String::new(),
            style: StyleType::default(),
            template: Template::default(),
            guest_link: String::new(),
            may_publish: true,
            members: Vec::new(),
            camera: DeviceView::default(),
            microphone: DeviceView::default(),
            speaker: DeviceView::default(),
            talk: TalkView::default(),
            screen: ScreenView::default(),
            notices: Vec::new(),
        }
    }
}

impl RoomView {
    /// What the request tells of a room in which we are not yet.
    pub(crate) fn asked(request: &SessionRequest) -> Self {
        let view = Self { room_id: request.room_id().to_owned(), ..Self::default() };
        let Entry::Service(open) = &request.entry else { return view };
        let room = &open.roomdata;
        Self {
            room_name: room.room_name.clone(),
            room_title: room.room_title.clone(),
            room_logo: room.room_logo.clone(),
            style: room.style,
            template: room.template,
            ..view
        }
    }

    /// The member with this tile, be it their camera or their screen.
    pub fn member_of_tile(&self, tile: TileId) -> Option<&MemberView> {
        self.members.iter().find(|m| m.tile == tile.0 || m.screen_tile == Some(tile.0))
    }

    /// Ourselves.
    pub fn local(&self) -> Option<&MemberView> {
        self.members.iter().find(|m| m.is_local)
    }
}
