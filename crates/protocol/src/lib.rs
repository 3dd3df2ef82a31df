//! What the parts of Beckon say to each other.
//!
//! One truth for each message: the launch URL a page opens ([`launch`]), the JSON-RPC messages that page and app
//! exchange over their channel ([`channel`]), the meeting point on the server where loopback is closed ([`relay`]), the
//! JSON of the room service ([`service`]), the beauty filter's settings ([`beauty`]) and the error codes that a page or an admin sees ([`code`]). TypeScript types are generated from these definitions (`cargo xtask types`).
#![forbid(unsafe_code)]

pub mod beauty;
pub mod channel;
pub mod code;
pub mod launch;
pub mod log;
pub mod relay;
pub mod room;
pub mod rpc;
pub mod secret;
pub mod service;
mod text_or_number;
pub mod video;

pub use code::Code;
pub use secret::Secret;
