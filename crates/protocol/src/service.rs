//! The JSON of the room service's own interface, `/api/v1/…` on beckond.
//!
//! | call | in | out |
//! |---|---|---|
//! | `POST /api/v1/login` | [`Login`] | [`LoggedIn`] |
//! | `POST /api/v1/rooms` | [`CreateRoom`] | [`Entrance`] |
//! | `GET /api/v1/rooms?count=&index=` | | [`RoomList`] |
//! | `GET /api/v1/rooms/{roomID}` | | [`Room`] |
//! | `POST /api/v1/rooms/{roomID}/enter` | [`EnterRoom`] | [`Entrance`] |
//! | `POST /api/v1/rooms/{roomID}/leave` | | |
//! | `DELETE /api/v1/rooms/{roomID}` | | |
//! | `POST /api/v1/guests` | [`GuestEntry`] | [`GuestEntrance`] |
//!
//! All but `login` and `guests` want `Authorization: Bearer TOKEN` with the token of [`LoggedIn`]. Errors are
//! [`Failure`] with a fitting HTTP status.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::{
    Code, Secret,
    room::{Member, Role, StyleType, Template},
};

/// Proof of who one is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The application.
    #[serde(rename = "sdkAppID")]
    pub sdk_app_id: u64,
    /// Account type; kept for older callers.
    #[serde(default)]
    pub acc_type: String,
    /// The user.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// The signature.
    pub user_sig: Secret,
}

/// A log-in that held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedIn {
    /// The user.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// Bearer token for the other calls.
    pub token: Secret,
    /// How long it holds, seconds.
    pub expires_in: u64,
}

/// A room to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateRoom {
    /// The wished ID; the server assigns one when it is empty.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// Name for lists.
    pub room_name: String,
    /// Title for windows.
    pub room_title: String,
    /// Call or live.
    #[serde(rename = "type")]
    pub style: StyleType,
    /// Layout; it also bounds how many may publish.
    pub template: Template,
    /// The creator's display name.
    pub user_name: String,
    /// The creator's picture.
    pub user_avatar: String,
}

/// Wish to enter a room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnterRoom {
    /// Display name.
    pub user_name: String,
    /// Picture.
    pub user_avatar: String,
}

/// A guest's wish to enter, from the page behind a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct GuestEntry {
    /// The room.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// The invitation out of the link (`/join/{roomID}?i=…`), signed by the server; may be empty where open guest links are allowed.
    #[serde(default)]
    #[ts(optional, as = "Option<Secret>")]
    pub invitation: Secret,
    /// The name the guest gave.
    pub user_name: String,
    /// The pass out of an earlier [`GuestEntrance`]: its bearer comes back as the same guest, onto the same seat. One that
    /// does not hold (any more) counts as none.
    #[serde(default)]
    #[ts(optional, as = "Option<Secret>")]
    pub pass: Secret,
}

/// The way in for a guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GuestEntrance {
    /// As for everybody; guests do not invite.
    #[serde(flatten)]
    pub entrance: Entrance,
    /// With this the same guest comes in again; signed by the server, for this room.
    pub pass: Secret,
}

/// A room as the service tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// Its ID.
    #[serde(rename = "roomID")]
    pub room_id: String,
    /// Name for lists.
    pub room_name: String,
    /// Title for windows.
    pub room_title: String,
    /// Call or live.
    #[serde(rename = "type")]
    pub style: StyleType,
    /// Layout.
    pub template: Template,
    /// The creator's user ID.
    pub creator: String,
    /// Who is in it now.
    pub members: Vec<Member>,
    /// When it was made, UNIX time in s.
    #[ts(type = "number")]
    pub created: i64,
}

/// A page of rooms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomList {
    /// The rooms, newest first.
    pub rooms: Vec<Room>,
    /// How many there are in all.
    pub total: u64,
}

/// The way into a room: where to connect, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Entrance {
    /// The room.
    pub room: Room,
    /// The LiveKit server to connect to, `ws://…` or `wss://…` (without `/rtc`).
    pub url: String,
    /// The LiveKit access token.
    pub token: Secret,
    /// What this user is in the room.
    pub role: Role,
    /// A link that lets guests in, `https://HOST/join/{roomID}?i=…`; empty where guests are not allowed.
    #[serde(default)]
    pub guest_link: String,
}

/// What every failed call returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Failure {
    /// A [`Code`].
    #[ts(type = "number")]
    pub code: Code,
    /// What was wrong, where, and what to do.
    pub message: String,
    /// The field that did not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub field: Option<String>,
}

/// Test log-in values (`GET /weapp/utils/get_login_info`); only where the server's owner turned it on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TestLogin {
    /// 0.
    #[ts(type = "number")]
    pub code: Code,
    /// "success".
    pub message: String,
    /// The application.
    #[serde(rename = "sdkAppID")]
    #[ts(type = "number")]
    pub sdk_app_id: u64,
    /// Account type.
    pub acc_type: String,
    /// The user.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// A userSig for the user.
    pub user_sig: Secret,
}
