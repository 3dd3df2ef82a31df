//! Rooms: who may make, enter and end them, and when they end by themselves.
//!
//! [`rules`] is pure: one room, what happened to it, the time. [`RoomService`] applies it to all rooms, keeps them in the
//! [store](crate::store) and has them run by an [engine](RoomEngine).

mod ending;
pub mod engine;
pub mod rules;
mod service;

use beckon_protocol::{
    Code,
    room::{IdError, RoomId},
};

pub use engine::{EngineFailure, Occupant, RoomEngine, RoomNews, Ticket};
pub use service::{Entry, Person, RoomService, RoomServiceConfig};

use crate::store::StoreError;

/// Why a room call failed.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// The wished ID does not fit.
    #[error(transparent)]
    Id(#[from] IdError),
    /// No such room, or not one this caller may see.
    #[error("there is no room \"{0}\"; check its ID, or make it first")]
    NotFound(RoomId),
    /// The ID is taken.
    #[error("a room \"{0}\" exists already; enter it, choose another ID or leave the ID empty")]
    Exists(RoomId),
    /// No seat is free.
    #[error("the room {room} is full: its template lets {seats} in")]
    Full {
        /// The room.
        room: RoomId,
        /// How many it takes.
        seats: u32,
    },
    /// Only the creator may.
    #[error("only the creator of the room {0} may destroy it")]
    NotCreator(RoomId),
    /// One user has too many rooms.
    #[error("this user has {0} rooms, the most a user may have at a time; destroy one first")]
    TooMany(usize),
    /// A field of the request is too long.
    #[error("{field} has {length} bytes; at most {most} are taken")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length, bytes.
        length: usize,
        /// The longest taken, bytes.
        most: usize,
    },
    /// The engine refuses or does not answer.
    #[error(transparent)]
    Engine(#[from] EngineFailure),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RoomError {
    /// The code a client sees.
    pub fn code(&self) -> Code {
        match self {
            Self::Id(_) => Code::RoomIdInvalid,
            Self::NotFound(_) => Code::RoomNotFound,
            Self::Exists(_) => Code::RoomExists,
            Self::Full { .. } => Code::RoomFull,
            Self::NotCreator(_) | Self::TooMany(_) => Code::Forbidden,
            Self::TooLong { .. } => Code::WrongParameter,
            Self::Engine(EngineFailure::Unreachable { .. }) => Code::ServerUnreachable,
            Self::Engine(EngineFailure::Closed) => Code::ServerStopping,
            Self::Engine(_) | Self::Store(_) => Code::Internal,
        }
    }

    /// The field of the request that did not fit.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Id(_) | Self::NotFound(_) | Self::Exists(_) => Some("roomID"),
            Self::TooLong { field, .. } => Some(field),
            _ => None,
        }
    }
}
