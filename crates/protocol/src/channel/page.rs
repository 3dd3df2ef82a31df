//! What a page may call.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::proof::Nonce;
use super::reading::{number_or_text, port_number_or_text, read, text_or_number, video};
use crate::beauty::BeautySettings;
use crate::video::VideoPreset;
use crate::{
    Code, Secret,
    room::{AVATAR_MAX, NAME_MAX, RoomAction, StyleType, Template},
    rpc::RpcError,
};

/// `hello`: the first message of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hello {
    /// Which key the page knows ([`super::proof::key_id`]): the launch's, or the resume key of an earlier channel of
    /// this launch. Each opens one channel.
    pub key: String,
    /// The page's nonce.
    pub nonce: Nonce,
    /// The highest version of the table ([`super::VERSION`]) the page knows.
    pub version: u32,
    /// The shim's own version, for the log.
    #[serde(default)]
    #[ts(optional, as = "Option<String>")]
    pub shim: String,
}

/// What `hello` returns. A page that finds the proof wrong says nothing more: somebody else has the app's port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Challenge {
    /// The version of the table both will use.
    pub version: u32,
    /// The app's nonce.
    pub nonce: Nonce,
    /// The app's proof ([`super::proof::Handshake::proof`]).
    pub proof: Secret,
}

/// `prove`: the second message of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prove {
    /// The page's proof.
    pub proof: Secret,
}

/// What `prove` returns. Both sides now hold a fresh resume key ([`super::proof::Handshake::resume_key`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// The app's version, only for origins that have consent; empty before.
    pub app: String,
    /// Where the launch stands.
    pub state: super::app::LaunchState,
    /// The room that is open for this page, after a reload.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub room: Option<super::app::RoomState>,
}

/// Who joins. As `userdata` in the page API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct UserData {
    /// The user's ID, given by the customer's backend.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// The name others see.
    #[serde(default)]
    #[ts(optional, as = "Option<String>")]
    pub user_name: String,
    /// Address of a picture.
    #[serde(default)]
    #[ts(optional, as = "Option<String>")]
    pub user_avatar: String,
    /// The application the userSig was made for.
    #[serde(rename = "sdkAppID", deserialize_with = "number_or_text")]
    #[ts(type = "number | string")]
    pub sdk_app_id: u64,
    /// Account type; only kept for pages that send it.
    #[serde(default, deserialize_with = "text_or_number")]
    #[ts(optional, type = "string | number")]
    pub acc_type: String,
    /// The proof of who the user is.
    pub user_sig: Secret,
}

/// Which room. As `roomdata` in the page API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomData {
    /// The address of beckond, `https://HOST[:PORT]`; a `/weapp/…` path of older pages is taken too.
    pub server_domain: String,
    /// Make the room or enter it.
    pub room_action: RoomAction,
    /// The room's ID; optional for `createRoom`: the server assigns one.
    #[serde(rename = "roomID", default, deserialize_with = "text_or_number")]
    #[ts(optional, type = "string | number")]
    pub room_id: String,
    /// The room's name, for lists.
    #[serde(default)]
    #[ts(optional, as = "Option<String>")]
    pub room_name: String,
    /// What stands in the window's title.
    #[serde(default)]
    #[ts(optional, as = "Option<String>")]
    pub room_title: String,
    /// Address of a logo for the window.
    #[serde(default)]
    #[ts(optional, as = "Option<String>")]
    pub room_logo: String,
    /// A call or a live room.
    #[serde(rename = "type", default)]
    #[ts(optional, as = "Option<StyleType>")]
    pub style: StyleType,
    /// How the picture area is laid out.
    #[serde(default)]
    #[ts(optional, as = "Option<Template>")]
    pub template: Template,
}

/// Where a screen recording goes (`EnumDef.ScreenRecordType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(try_from = "u8", into = "u8")]
#[ts(type = "0 | 1 | 2 | 3")]
pub enum ScreenRecord {
    /// Nothing is recorded.
    #[default]
    None,
    /// To a server, by RTMP.
    ToServer,
    /// To a file on this machine.
    ToClient,
    /// To both.
    ToBoth,
}

impl TryFrom<u8> for ScreenRecord {
    type Error = String;
    fn try_from(value: u8) -> Result<Self, String> {
        Ok(match value {
            0 => Self::None,
            1 => Self::ToServer,
            2 => Self::ToClient,
            3 => Self::ToBoth,
            other => return Err(format!("screenRecord must be 0, 1, 2 or 3, not {other}")),
        })
    }
}

impl From<ScreenRecord> for u8 {
    fn from(value: ScreenRecord) -> Self {
        value as u8
    }
}

/// Options; all optional. As `custom` in the page API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct Custom {
    /// Show the member list.
    pub user_list: bool,
    /// Show the chat.
    #[serde(rename = "IMList")]
    pub im_list: bool,
    /// Show the whiteboard. There is none in this version: has no effect.
    pub whiteboard: bool,
    /// Offer screen sharing.
    pub screen_share: bool,
    /// Record on the server. Not done in this version; the page is told ([`Code::RecordingAbsent`]).
    pub record: bool,
    /// Where to get the installer. Only the shim uses it: it hands it on with "not installed".
    pub exe_url: String,
    /// SOCKS5 proxy: host name or address; empty for none.
    #[serde(rename = "proxy_ip")]
    pub proxy_ip: String,
    /// SOCKS5 proxy: port.
    #[serde(rename = "proxy_port", deserialize_with = "port_number_or_text")]
    #[ts(type = "number | string")]
    pub proxy_port: u16,
    /// Only one room at a time; a second launch is told -2.
    pub singleton: bool,
    /// Record the mixed picture on the server (third generation of the page API). As `record`.
    pub mix_record: bool,
    /// Record the window's picture. As `record`.
    pub screen_record: ScreenRecord,
    /// Where to push the recording, `rtmp://…`. As `record`.
    pub cloud_record_url: Secret,
    /// Open the room with the camera on.
    pub camera: bool,
    /// Open the room with the microphone on.
    pub microphone: bool,
    /// What happens when the page goes away: the room stays open, or closes.
    pub close_with_page: bool,
    /// Language of the window: `zh-CN`, `en`, or empty for the system's.
    pub language: String,
    /// Size, shape and rate of our pictures at their best; without it, what the person set. What is left out of it is
    /// 720p, 16:9 or 30.
    #[serde(deserialize_with = "video")]
    #[ts(type = "Partial<Omit<VideoPreset, 'fps'>> & { fps?: FrameRate | 15 | 30 }")]
    pub video: Option<VideoPreset>,
    /// The beauty filter on our camera's pictures; without it, what the person set. What is left out of it is off.
    #[ts(type = "BeautySettings")]
    pub beauty: Option<BeautySettings>,
}

impl Default for Custom {
    fn default() -> Self {
        Self {
            user_list: true,
            im_list: true,
            whiteboard: true,
            screen_share: true,
            record: false,
            exe_url: String::new(),
            proxy_ip: String::new(),
            proxy_port: 0,
            singleton: true,
            mix_record: false,
            screen_record: ScreenRecord::None,
            cloud_record_url: Secret::default(),
            camera: true,
            microphone: true,
            close_with_page: false,
            language: String::new(),
            video: None,
            beauty: None,
        }
    }
}

impl Custom {
    /// The first field by which the page wishes a recording.
    pub fn wishes_recording(&self) -> Option<&'static str> {
        let wishes = [
            (self.record, "custom.record"),
            (self.mix_record, "custom.mixRecord"),
            (self.screen_record != ScreenRecord::None, "custom.screenRecord"),
        ];
        wishes.into_iter().find_map(|(wished, field)| wished.then_some(field))
    }
}

/// `room.open`: opens a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RoomOpen {
    /// Who joins.
    pub userdata: UserData,
    /// Which room.
    pub roomdata: RoomData,
    /// Options.
    #[serde(default)]
    #[ts(optional, as = "Option<Custom>")]
    pub custom: Custom,
}

/// What `room.open` returns, once the room is joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RoomOpened {
    /// The room's ID, also where the server assigned it.
    #[serde(rename = "roomID")]
    pub room_id: String,
}

/// `room.close`: leaves the room and closes its window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct RoomClose {
    /// The room; empty for the one that is open for this page.
    #[serde(rename = "roomID", default, deserialize_with = "text_or_number")]
    #[ts(optional, type = "string | number")]
    pub room_id: String,
}

/// `chat.send`: sends a room text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChatSend {
    /// The text, at most [`CHAT_MAX`] bytes.
    pub message: String,
}

/// Longest room text, bytes.
pub const CHAT_MAX: usize = 8 * 1024;

/// `media.set`: turns devices on or off, and says how our pictures are made; what is left out stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[ts(optional_fields)]
pub struct MediaSet {
    /// Camera on or off. A page may turn it off; turning it on asks the person unless the launch allowed it.
    pub camera: Option<bool>,
    /// Microphone on or off.
    pub microphone: Option<bool>,
    /// Sound of the others on or off.
    pub speaker: Option<bool>,
    /// Size, shape and rate of our pictures at their best. What is left out of it is 720p, 16:9 or 30.
    #[serde(deserialize_with = "video")]
    #[ts(optional, type = "Partial<Omit<VideoPreset, 'fps'>> & { fps?: FrameRate | 15 | 30 }")]
    pub video: Option<VideoPreset>,
    /// The beauty filter on our camera's pictures. What is left out of it is off; `{}` turns it off.
    pub beauty: Option<BeautySettings>,
}

/// Everything a page may call, parsed.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// `hello`
    Hello(Hello),
    /// `prove`
    Prove(Prove),
    /// `room.open`
    RoomOpen(Box<RoomOpen>),
    /// `room.close`
    RoomClose(RoomClose),
    /// `chat.send`
    ChatSend(ChatSend),
    /// `media.set`
    MediaSet(MediaSet),
    /// `window.focus`: brings the room's window to the front.
    WindowFocus,
}

impl Call {
    /// The names of all methods, as they stand on the wire.
    pub const METHODS: &'static [&'static str] =
        &["hello", "prove", "room.open", "room.close", "chat.send", "media.set", "window.focus"];

    /// Each method with its parameters and its result, as TypeScript names them.
    pub const SIGNATURES: &'static [(&'static str, &'static str, &'static str)] = &[
        ("hello", "Hello", "Challenge"),
        ("prove", "Prove", "Welcome"),
        ("room.open", "RoomOpen", "RoomOpened"),
        ("room.close", "RoomClose", "null"),
        ("chat.send", "ChatSend", "null"),
        ("media.set", "MediaSet", "null"),
        ("window.focus", "Record<string, never>", "null"),
    ];

    /// Reads a call from a request's method and parameters.
    ///
    /// # Errors
    /// [`Code::UnknownMethod`], [`Code::MissingParameter`] or [`Code::WrongParameter`], with the field named.
    pub fn parse(method: &str, params: Value) -> Result<Self, RpcError> {
        Ok(match method {
            "hello" => Self::Hello(read(params)?),
            "prove" => Self::Prove(read(params)?),
            "room.open" => {
                let open: RoomOpen = read(params)?;
                open.check()?;
                Self::RoomOpen(Box::new(open))
            }
            "room.close" => Self::RoomClose(read(params)?),
            "chat.send" => {
                let chat: ChatSend = read(params)?;
                if chat.message.is_empty() || chat.message.len() > CHAT_MAX {
                    let why = format!("`message` must have 1 to {CHAT_MAX} bytes, not {}", chat.message.len());
                    return Err(RpcError::new(Code::WrongParameter, why).at("message"));
                }
                Self::ChatSend(chat)
            }
            "media.set" => Self::MediaSet(read(params)?),
            "window.focus" => Self::WindowFocus,
            other => {
                let known = other.chars().take(40).collect::<String>();
                return Err(RpcError::new(Code::UnknownMethod, format!("the channel has no method {known:?}")));
            }
        })
    }
}

impl RoomOpen {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// The first field that does not fit.
    pub fn check(&self) -> Result<(), RpcError> {
        let missing =
            |field: &str| Err(RpcError::new(Code::MissingParameter, format!("`{field}` is missing")).at(field));
        let wrong = |field: &str, why: String| Err(RpcError::new(Code::WrongParameter, why).at(field));
        let (user, room) = (&self.userdata, &self.roomdata);
        if user.user_id.is_empty() {
            return missing("userdata.userID");
        }
        if let Err(error) = user.user_id.parse::<crate::room::UserId>() {
            return wrong("userdata.userID", error.to_string());
        }
        if user.user_sig.is_empty() {
            return missing("userdata.userSig");
        }
        for (field, text, most) in [
            ("userdata.userName", &user.user_name, NAME_MAX),
            ("userdata.userAvatar", &user.user_avatar, AVATAR_MAX),
            ("roomdata.roomName", &room.room_name, NAME_MAX),
            ("roomdata.roomTitle", &room.room_title, NAME_MAX),
        ] {
            if text.len() > most {
                return wrong(field, format!("`{field}` has {} bytes; at most {most} are taken", text.len()));
            }
        }
        if let Err(error) = room.server() {
            return wrong("roomdata.serverDomain", error);
        }
        match (room.room_action, room.room_id.as_str()) {
            (RoomAction::EnterRoom, "") => return missing("roomdata.roomID"),
            (_, "") => {}
            (_, id) => {
                if let Err(error) = id.parse::<crate::room::RoomId>() {
                    return wrong("roomdata.roomID", error.to_string());
                }
            }
        }
        if !self.custom.proxy_ip.is_empty() && self.custom.proxy_port == 0 {
            return missing("custom.proxy_port");
        }
        Ok(())
    }
}

impl RoomData {
    /// The server's base address: scheme, host and port of `serverDomain`, whatever path an older page put behind.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the address.
    pub fn server(&self) -> Result<url::Url, String> {
        let mut url = url::Url::parse(&self.server_domain)
            .map_err(|e| format!("`serverDomain` must be an http or https address ({e})"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("`serverDomain` must be an http or https address".into());
        }
        let base = url.path().split("/weapp").next().unwrap_or("/").trim_end_matches('/').to_owned();
        url.set_path(&base);
        url.set_query(None);
        url.set_fragment(None);
        Ok(url)
    }
}

#[cfg(test)]
mod tests;
