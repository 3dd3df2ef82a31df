//! What the app tells the page by itself.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::{Code, room::Member, rpc::Message};

/// Where a launch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename_all = "camelCase")]
pub enum LaunchState {
    /// The app shows the person who asks for what, and waits.
    AwaitingConsent,
    /// The person or a policy allowed the page; calls are answered.
    Ready,
    /// The person or a policy said no.
    Denied,
}

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename_all = "camelCase")]
pub enum RoomPhase {
    /// Logging in and joining.
    Connecting,
    /// In the room.
    Connected,
    /// The network or the server was lost; the app is coming back by itself.
    Reconnecting,
    /// Over.
    Ended,
}

/// `room.state`: the room as it stands now; sent whole at each change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomState {
    /// The room's ID; empty until the server gave one.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// Where it stands.
    pub phase: RoomPhase,
    /// Own camera is on and sent.
    pub camera: bool,
    /// Own microphone is on and sent.
    pub microphone: bool,
    /// The others are heard.
    #[serde(default)]
    pub speaker: bool,
    /// A screen, window or part of the screen is shared.
    #[serde(default)]
    pub screen: bool,
    /// A link that lets guests in with a browser; empty where guests are not allowed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[ts(optional, as = "Option<String>")]
    pub guest_link: String,
}

/// `members`: the whole list, at each change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Members {
    /// The room's ID.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// Everybody in the room, oneself included.
    pub members: Vec<Member>,
}

/// `chat`: a room text arrived, or one's own was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// The room's ID.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// Who wrote it.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// Their name.
    pub user_name: String,
    /// Address of their picture, or empty.
    pub user_avatar: String,
    /// The text.
    pub message: String,
    /// When, UNIX time in ms.
    #[ts(type = "number")]
    pub time: i64,
}

/// `notice`: something the person sees in the window and the page may want to know (a device lost, quality bad …).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Notice {
    /// The room's ID.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// What it is.
    #[ts(type = "number")]
    pub code: Code,
    /// In words.
    pub message: String,
}

/// `closed`: the room is over for this participant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Closed {
    /// The room's ID.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// Why; 0 when the page asked for it.
    #[ts(type = "number")]
    pub code: Code,
    /// In words.
    pub msg: String,
}

/// `launch.state`: the person answered the question, or a policy did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LaunchChanged {
    /// Where the launch stands now.
    pub state: LaunchState,
    /// The app's version, once the page may know it.
    pub app: String,
}

/// Everything the app tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "method", content = "params")]
pub enum Event {
    /// The launch moved on.
    #[serde(rename = "launch.state")]
    LaunchState(LaunchChanged),
    /// The room changed.
    #[serde(rename = "room.state")]
    RoomState(RoomState),
    /// The member list changed.
    #[serde(rename = "members")]
    Members(Members),
    /// A text.
    #[serde(rename = "chat")]
    Chat(Chat),
    /// A notice.
    #[serde(rename = "notice")]
    Notice(Notice),
    /// The room is over.
    #[serde(rename = "closed")]
    Closed(Closed),
}

impl Event {
    /// The notification that carries it.
    pub fn to_message(&self) -> Message {
        // The tag and content of this enum are always strings and objects, so both lookups find something.
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        Message::Notification {
            method: value.get("method").and_then(Value::as_str).unwrap_or_default().to_owned(),
            params: value.get("params").cloned().unwrap_or(Value::Null),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn events_are_notifications_with_their_method() {
        let event = Event::Closed(Closed { room_id: "r".into(), code: Code::RoomDestroyed, msg: "over".into() });
        let Message::Notification { method, params } = event.to_message() else { panic!("no notification") };
        assert_eq!(method, "closed");
        assert_eq!(params, serde_json::json!({"roomID": "r", "code": 3005, "msg": "over"}));
    }
}
