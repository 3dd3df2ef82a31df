//! The app's side of the page channel.
//!
//! A web page launches the app with a URL ([`beckon_protocol::launch`]); the app hands the parsed URL to
//! [`Bridge::launch`] and from then on hears from the [`Request`]s of its receiver what the page wants.
//!
//! The rules live in [`core`], a state machine without sockets or clocks of its own: who may connect (the launch's
//! origin, from loopback, with the one-time key), what is answered before the person consented, what happens when the
//! page is reloaded or goes away. Around it stands a thin shell on tokio: a WebSocket listener on 127.0.0.1 and a
//! client to the relay, the second road for pages that cannot reach loopback.
//!
//! ```no_run
//! # async fn demo(url: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use beckon_bridge::{Bridge, BridgeConfig, Request};
//! use beckon_protocol::{channel::page::RoomOpened, launch::Launch};
//!
//! let (bridge, mut requests) = Bridge::start(BridgeConfig::new("0.1.0"));
//! bridge.launch(Launch::parse(url)?);
//! while let Some(request) = requests.recv().await {
//!     match request {
//!         Request::Consent { launch, .. } => bridge.answer_consent(launch, true),
//!         Request::RoomOpen { reply, .. } => reply.ok(RoomOpened { room_id: "42".into() }),
//!         _ => {}
//!     }
//! }
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

pub mod core;
mod listener;
mod relay;
mod request;
mod shell;
mod wire;

pub use crate::{
    core::{EndReason, LaunchId},
    request::{Reply, Request},
    shell::{Bridge, BridgeConfig},
};
