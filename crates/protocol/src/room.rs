//! The words that describe a room, shared by page, app and server.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use ts_rs::TS;

/// Longest room ID, in bytes.
pub const ROOM_ID_MAX: usize = 64;
/// Longest user ID, in bytes.
pub const USER_ID_MAX: usize = 128;
/// Longest display name of a person or a room, in bytes.
pub const NAME_MAX: usize = 256;
/// Longest address of a person's picture, in bytes.
pub const AVATAR_MAX: usize = 2048;

/// Why a text is no room or user ID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IdError {
    /// It is empty or too long.
    #[error("{what} must be 1 to {max} bytes long, not {length}")]
    Length {
        /// Which ID.
        what: &'static str,
        /// Longest allowed, bytes.
        max: usize,
        /// What was given, bytes.
        length: usize,
    },
    /// It has a character that is not taken.
    #[error("{what} may not contain {character:?}")]
    Character {
        /// Which ID.
        what: &'static str,
        /// The offending character.
        character: char,
    },
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
        #[serde(try_from = "String", into = "String")]
        #[ts(type = "string")]
        pub struct $name(String);

        impl $name {
            /// The ID as text.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                if text.is_empty() || text.len() > $max {
                    return Err(IdError::Length { what: $what, max: $max, length: text.len() });
                }
                let allowed: fn(char) -> bool = $allowed;
                match text.chars().find(|c| !allowed(*c)) {
                    Some(character) => Err(IdError::Character { what: $what, character }),
                    None => Ok(Self(text)),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> { Self::try_from(text.to_owned()) }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String { id.0 }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) }
        }
    };
}

id_type!(
    /// A room's ID: letters, digits, `-`, `_`, `.`; at most [`ROOM_ID_MAX`] bytes. It stands in links and paths.
    RoomId, "the room ID", ROOM_ID_MAX,
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
);
id_type!(
    /// A user's ID, given by the customer's own backend; any printable text without spaces at its core,
    /// at most [`USER_ID_MAX`] bytes.
    UserId, "the user ID", USER_ID_MAX,
    |c| !c.is_control() && !c.is_whitespace()
);

/// What kind of room: everybody talks, or one talks to many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
pub enum StyleType {
    /// A live room: an anchor, speakers, a large audience.
    LiveRoom,
    /// A call: everybody sees and hears everybody.
    #[default]
    RTCRoom,
}

/// What the page wants done with the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename_all = "camelCase")]
pub enum RoomAction {
    /// Make a room and enter it as its creator.
    CreateRoom,
    /// Enter a room that exists.
    EnterRoom,
}

/// How many people the picture area is laid out for: one (the own side) and up to four others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
pub enum Template {
    /// Two people.
    #[default]
    #[serde(rename = "1v1")]
    OneToOne,
    /// Up to three people.
    #[serde(rename = "1v2")]
    OneToTwo,
    /// Up to four people.
    #[serde(rename = "1v3")]
    OneToThree,
    /// Up to five people.
    #[serde(rename = "1v4")]
    OneToFour,
}

impl Template {
    /// The most participants (publishing) that fit.
    pub const fn capacity(self) -> u32 {
        match self {
            Self::OneToOne => 2,
            Self::OneToTwo => 3,
            Self::OneToThree => 4,
            Self::OneToFour => 5,
        }
    }
}

/// What a member is in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(rename_all = "camelCase")]
pub enum Role {
    /// Made the room; the room ends when they leave.
    Creator,
    /// Sends and receives.
    #[default]
    Member,
    /// Only receives.
    Audience,
}

/// One member of the room, as pages see it (`onMemberChange`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The user's ID.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// Display name.
    pub user_name: String,
    /// Address of a picture, or empty.
    #[serde(default)]
    pub user_avatar: String,
    /// What they are in the room.
    pub role: Role,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_does_not_fit_and_say_why() {
        assert!("crm-42_a.b".parse::<RoomId>().is_ok());
        assert!("".parse::<RoomId>().is_err());
        assert_eq!("a/b".parse::<RoomId>().unwrap_err().to_string(), "the room ID may not contain '/'");
        assert!("张三".parse::<UserId>().is_ok());
        assert!("a b".parse::<UserId>().is_err());
        assert!("x".repeat(65).parse::<RoomId>().is_err());
    }

    #[test]
    fn enumerations_read_as_the_page_api_writes_them() {
        assert_eq!(serde_json::to_string(&Template::OneToFour).unwrap(), "\"1v4\"");
        assert_eq!(serde_json::to_string(&RoomAction::CreateRoom).unwrap(), "\"createRoom\"");
        assert_eq!(serde_json::to_string(&StyleType::RTCRoom).unwrap(), "\"RTCRoom\"");
    }
}
