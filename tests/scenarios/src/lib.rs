//! What scenario tests share: servers and participants, all real.
//!
//! A test starts a [`TestServer`] on free ports, lets [`Client`]s join and waits for what must happen
//! ([`Client::until`]); nothing is awaited by sleeping. Scenarios take turns ([`turn`]): they measure delays, and two
//! at a time on a small machine would measure each other.
#![forbid(unsafe_code)]

mod client;
mod ffi_peer;
mod film;
mod go_peer;
mod hog;
mod livekit;
mod machine;
mod page;
mod place;
mod quiet;
mod server;
mod socks;
mod webrtc_peer;
mod wire;

pub use client::{Client, Wish, eventually};
pub use ffi_peer::{FfiPeer, FfiReport};
pub use film::film;
pub use go_peer::{GoPeer, GoReport};
pub use hog::Hog;
pub use livekit::LiveKitServer;
pub use machine::Unlike;
pub use page::{page, page_picture};
pub use place::{Engine, Place};
pub use server::{TestServer, sig};
pub use socks::SocksProxy;
pub use webrtc_peer::WebRtcPeer;
pub use wire::Wire;

use tokio::sync::{Mutex, MutexGuard};

static TURN: Mutex<()> = Mutex::const_new(());

/// Waits until no other scenario of this program runs, and keeps others waiting while the guard lives.
pub async fn turn() -> MutexGuard<'static, ()> {
    // SCENARIO_LOG=beckon_session=debug,beckon_rtc=debug shows what happens; only the first call can set it.
    if let Ok(filter) = std::env::var("SCENARIO_LOG") {
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
    }
    TURN.lock().await
}
