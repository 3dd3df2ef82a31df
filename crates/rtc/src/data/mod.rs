//! Messages beside the media.

mod chat;

use bytes::Bytes;

pub(crate) use chat::{ChatReader, encode as encode_chat};

use crate::ids::Identity;

/// The largest message that goes through in one piece, bytes: what fits one data channel message of every client.
pub(crate) const MAX_MESSAGE: usize = 15_000;

/// How a data message travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataOptions {
    /// Ordered and repaired (true), or neither (false).
    pub reliable: bool,
    /// What it is about, for the receiver to sort by.
    pub topic: Option<String>,
    /// Who gets it; empty: everybody.
    pub destinations: Vec<Identity>,
}

impl Default for DataOptions {
    fn default() -> Self {
        Self { reliable: true, topic: None, destinations: Vec::new() }
    }
}

/// A data message that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataMessage {
    /// Who sent it; `None`: the server.
    pub from: Option<Identity>,
    /// What it is about.
    pub topic: Option<String>,
    /// Whether it came over the reliable channel.
    pub reliable: bool,
    /// The message.
    pub payload: Bytes,
}

/// A chat message that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// The sender's name for the message, unique; an edit comes with the same.
    pub id: String,
    /// Who wrote it.
    pub from: Identity,
    /// The text.
    pub text: String,
    /// When it was sent by the sender's clock, milliseconds since 1970.
    pub time_ms: i64,
    /// Whether this replaces an earlier message of the same `id`.
    pub edited: bool,
}
