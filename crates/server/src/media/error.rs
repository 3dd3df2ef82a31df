//! What can go wrong with the engine, in words for the one who runs the server.

use std::net::SocketAddr;
use std::sync::Arc;

use beckon_sfu::JoinError;

/// A failure of the media engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A media port could not be opened.
    #[error(
        "cannot open the {proto} media port {addr}: {source} (is another server running? choose another port in the configuration)"
    )]
    Bind {
        /// `"UDP"` or `"TCP"`.
        proto: &'static str,
        /// Address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start the thread {name}: {source}")]
    Thread {
        /// Name of the thread.
        name: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A media port that was open is read no longer.
    #[error(
        "the {proto} media port is read no longer: {source} (nobody is heard or seen over it; start the server again)"
    )]
    Lost {
        /// `"UDP"`.
        proto: &'static str,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// The program failed in a thread that ran rooms.
    #[error("the thread {thread} failed (nobody in its rooms is heard or seen; start the server again)")]
    Failed {
        /// Name of the thread.
        thread: String,
    },
    /// No room of that name.
    #[error("no room named {0:?}")]
    UnknownRoom(String),
    /// No such participant in the room.
    #[error("no participant {identity:?} in the room {room:?}")]
    UnknownParticipant {
        /// Name of the room.
        room: String,
        /// Identity asked for.
        identity: String,
    },
    /// The engine is shutting down.
    #[error("the media engine is shutting down")]
    Closed,
}

/// Why a client may not enter.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnterError {
    /// The room does not let it in.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// There is no such room, or the engine is closing.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
