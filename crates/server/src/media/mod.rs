//! The media engine: rooms on threads of their own, one UDP port and one TCP port for all of them.
//!
//! ```text
//!            media-udp thread, TCP tasks        worker threads (rooms)
//!  UDP ──▶ receive ─┬─ route by address ──▶ datagrams ──▶ Room ──▶ datagrams ──▶ UDP (each worker sends itself)
//!  TCP ──▶ frames ──┘   or STUN user name                  ▲  │
//!                                                 commands │  └─▶ signalling messages, events
//! ```
//!
//! Rooms share nothing: each lives on one worker. The table of routes is written when a client's
//! address is learned and otherwise only read.

mod backlog;
mod batch;
mod command;
mod config;
mod engine;
mod error;
mod event;
mod io;
mod loss;
mod outlet;
mod port;
mod rhythm;
mod route;
mod worker;

pub use command::{SignalLink, SignalOut};
pub use config::{ApiKeys, EngineConfig, RoomSpec};
pub use engine::{Engine, EngineHandle};
pub use error::{EngineError, EnterError};
pub use event::{EngineEvent, EngineStats};
