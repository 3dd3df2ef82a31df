//! The messages on the channel between page and app: JSON-RPC 2.0 over a WebSocket, the same on loopback and relay.
//!
//! This is the one table of methods. [`page`] has what a page may call, [`app`] what the app tells by itself.
//! A channel opens with `hello` and `prove` ([`proof`]); nothing else is answered before them.

pub mod app;
pub mod page;
pub mod proof;
mod reading;

pub use app::Event;
pub use page::Call;

/// The version of this table. A newer minor version only adds; page and app work with the smaller one.
pub const VERSION: u32 = 1;

/// The channel closes with this WebSocket status when the page does not prove that it knows a valid key.
pub const CLOSE_WRONG_KEY: u16 = 4401;
/// … when the origin is not the launch's.
pub const CLOSE_FOREIGN_ORIGIN: u16 = 4403;
/// … when the person or a policy said no.
pub const CLOSE_DENIED: u16 = 4405;
/// … when another channel with the same session took over (the page was reloaded).
pub const CLOSE_REPLACED: u16 = 4409;
/// … when a message is too large or no JSON-RPC, several times over.
pub const CLOSE_BAD_MESSAGES: u16 = 4400;
