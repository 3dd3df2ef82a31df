//! What can go wrong, and what to do about it.

use std::time::Duration;

use crate::event::DisconnectReason;

/// Why a room could not be joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address is not one a room can be reached at.
    #[error("{url} is no room server's address: {why}; use ws://, wss://, http:// or https://")]
    BadUrl {
        /// The address as given, without user name and password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The server refused the token (HTTP 401 or 403): ask for a new one.
    #[error("the server at {host} refused the access token ({status}): {message}; ask for a new token")]
    Refused {
        /// The server's host and port.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The server's words, shortened.
        message: String,
    },
    /// No room of that name, or the server cannot make one (HTTP 404).
    #[error("the server at {host} knows no such room (404): {message}")]
    NotFound {
        /// The server's host and port.
        host: String,
        /// The server's words, shortened.
        message: String,
    },
    /// Another HTTP status than the one that opens a WebSocket.
    #[error("the server at {host} answered {status} instead of opening the connection: {message}")]
    Http {
        /// The server's host and port.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The server's words, shortened.
        message: String,
    },
    /// The server could not be reached.
    #[error("cannot reach {host}: {why}; is the server running, and the network up?")]
    Unreachable {
        /// The server's host and port.
        host: String,
        /// The cause as the system words it.
        why: String,
    },
    /// The server was reached but did not finish in time.
    #[error("{host} did not answer within {} ms", after.as_millis())]
    TimedOut {
        /// The server's host and port.
        host: String,
        /// How long was waited.
        after: Duration,
    },
    /// The server spoke something that is not this protocol.
    #[error("{host} does not speak the room protocol: {why}")]
    Protocol {
        /// The server's host and port.
        host: String,
        /// What it said.
        why: String,
    },
    /// The server let us in and sent us away at once.
    #[error("the server ended the session while joining: {0}")]
    Left(DisconnectReason),
    /// This machine could not provide what a connection needs.
    #[error("cannot set up the connection on this machine: {0}")]
    Local(String),
}

/// Why a track could not be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The options contradict themselves.
    #[error("cannot publish: {0}")]
    BadOptions(&'static str),
    /// The token does not allow it.
    #[error("the server does not allow publishing this track: {0}")]
    NotAllowed(String),
    /// The server did not answer in time.
    #[error("the server did not answer within {} s to the wish to publish", .0.as_secs())]
    TimedOut(Duration),
    /// The server could not agree on a codec or otherwise refused the description of the media.
    #[error("the server refused the media: {0}")]
    Rejected(String),
    /// The room is over.
    #[error("the room is closed")]
    Closed,
}

/// Why a command had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomError {
    /// The room is over.
    #[error("the room is closed")]
    Closed,
    /// No such track is known here.
    #[error("no track {0} in this room")]
    UnknownTrack(String),
    /// The message is larger than a data channel carries.
    #[error("the message has {size} bytes, at most {limit} go through; send it in parts")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Why a frame was not taken. Nothing is broken: the next frame may go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The track is muted.
    #[error("the track is muted")]
    Muted,
    /// There is no media connection at the moment.
    #[error("not connected at the moment")]
    NotConnected,
    /// The sender lags behind; the frame was dropped and a key frame will be asked for.
    #[error("the sender lags behind")]
    Full,
    /// The frame does not fit the track (audio on a video track, or a layer it does not have).
    #[error("the frame does not belong on this track")]
    WrongKind,
    /// The track is unpublished or the room closed.
    #[error("the track is no longer published")]
    Gone,
}
