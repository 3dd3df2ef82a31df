//! What the engine tells the rest of the server.

use beckon_sfu::RoomEvent;
use serde::Serialize;

/// Something that happened in one of the engine's rooms.
// Nearly all of them are of the large kind.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq)]
pub enum EngineEvent {
    /// A room is gone (deleted, or idle for longer than its timeouts).
    RoomFinished {
        /// Name of the room.
        room: String,
        /// Sid of the room (`RM_…`).
        sid: String,
    },
    /// Something happened in a room.
    InRoom {
        /// Name of the room.
        room: String,
        /// What.
        event: RoomEvent,
    },
}

/// Counters of the whole engine since it started, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EngineStats {
    /// Rooms at present.
    pub rooms: u64,
    /// Participants at present.
    pub participants: u64,
    /// Datagrams (UDP) and frames (TCP) received.
    pub packets_in: u64,
    /// Bytes received in them.
    pub bytes_in: u64,
    /// Datagrams and frames sent.
    pub packets_out: u64,
    /// Bytes sent in them.
    pub bytes_out: u64,
    /// Received datagrams that belong to no participant, or for whose room its worker was too far behind.
    pub packets_dropped: u64,
    /// Datagrams the socket would not take.
    pub send_failures: u64,
}
