//! beckond: accounts, rooms, signalling, media and pages in one binary.
//!
//! [`Server`] puts it together: [`config`] says how, [`account`] who may come in, [`room`] what a room is and what it
//! runs on (our own engine or a LiveKit server), [`store`] what outlives a restart, [`api`] and [`relay`] and [`web`] what
//! is served. `docs/server.md` is for those who run it.
#![forbid(unsafe_code)]

pub mod account;
pub mod api;
pub mod config;
pub mod media;
pub mod relay;
pub mod room;
mod server;
pub mod signal;
pub mod store;
pub mod web;

pub use server::{Server, ServerError};
