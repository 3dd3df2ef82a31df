//! The conductor: one launch request becomes one running room.
//!
//! [`Session::open`] takes a [`SessionRequest`] and gives a [`SessionHandle`]. Behind it the session logs in, makes or
//! enters the room, connects, publishes camera and microphone, decodes and plays the others, and comes back by itself
//! when network, server or devices were lost. It runs the same with and without a window:
//!
//! - a window draws [`SessionHandle::video`] for each tile of [`SessionHandle::view`],
//! - a page hears [`SessionHandle::events`],
//! - a test reads [`SessionHandle::report`].
//!
//! Inside, [`core`] decides (pure: inputs and time in, effects out) and [`shell`] does.
//!
//! ```no_run
//! use beckon_session::{CameraChoice, Session, SessionEnv, SessionRequest};
//!
//! # async fn example(url: url::Url, token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let mut request = SessionRequest::direct(url, token);
//! request.camera = CameraChoice::TestCard;
//! let session = Session::open(request, SessionEnv::system())?;
//! session.opened().await?;
//! session.send_chat("hello")?;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod beauty;
mod chat;
mod core;
mod env;
mod error;
mod event;
mod handle;
mod hub;
mod measure;
mod preset;
pub mod rate;
pub mod report;
pub mod request;
mod screen_rate;
mod shell;
pub mod sound;
pub mod sound_rate;
mod tiles;
pub mod tryout;
pub mod view;

pub use core::LeaveReason;
pub use env::{Devices, SessionEnv, VisibilityListener};
pub use error::SessionError;
pub use event::SessionEvent;
pub use handle::{Session, SessionHandle};
pub use report::SessionReport;
pub use request::{
    CameraChoice, Entry, MicrophoneChoice, ScreenShare, SessionRequest, Socks5, SpeakerChoice, VideoSettings,
};
pub use shell::test_login;
pub use sound::{NoiseSuppression, SoundSettings};
pub use view::{DeviceView, EndView, MemberView, NoticeView, Quality, RoomView, ScreenView, TalkView};
