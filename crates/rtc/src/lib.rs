//! A room over the LiveKit protocol.
//!
//! [`Room::connect`] joins a room; [`RoomEvents`] tells what happens in it; [`LocalTrack`] takes encoded frames,
//! [`RemoteTrack`] hands out received ones. The crate neither captures nor codes media: it carries H.264 pictures in
//! Annex B form and Opus packets. A lost connection is won back without the application doing anything: see
//! [`RoomEvent::Reconnecting`] and [`RoomEvent::Reconnected`].
//!
//! Times are nanoseconds on a clock the application names ([`ConnectOptions::clock`]); the WebRTC engine inside does
//! not show in the public types.
//!
//! ```no_run
//! use beckon_rtc::{ConnectOptions, PublishOptions, Room, RoomEvent};
//!
//! # fn clock() -> i64 { 0 }
//! # async fn example(url: url::Url, token: String) -> Result<(), Box<dyn std::error::Error>> {
//! let (room, mut events) = Room::connect(ConnectOptions::new(url, token, clock)).await?;
//! let camera = room.publish(PublishOptions::camera(1280, 720, 1_500_000)).await?;
//! while let Some(event) = events.recv().await {
//!     match event {
//!         RoomEvent::TrackSubscribed(track) => println!("{} sends {:?}", track.identity(), track.kind()),
//!         RoomEvent::KeyFrameRequested { .. } => { /* encode a key frame, then camera.write_video(…) */ }
//!         _ => {}
//!     }
//! }
//! # let _ = camera; Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod data;
mod engine;
mod error;
mod event;
mod ids;
mod options;
mod participant;
mod publication;
mod room;
mod signal;
mod stats;
mod track;
mod transport;

pub use data::{ChatMessage, DataMessage, DataOptions};
pub use error::{ConnectError, PublishError, RoomError, WriteError};
pub use event::{DisconnectReason, RoomEvent};
pub use ids::{Identity, ParticipantSid, TrackSid};
pub use options::{Clock, ConnectOptions, Proxy, ReconnectPolicy};
pub use participant::{ConnectionQuality, ParticipantInfo, ParticipantKind, ParticipantState, Permissions, Speaker};
pub use publication::{
    AudioOptions, PublishMedia, PublishOptions, SCREEN_SOUND_BITRATE_BPS, SOUND_OVERHEAD_BPS, TrackInfo, TrackKind,
    TrackSource, VOICE_BITRATE_BPS, VideoLayer, VideoOptions,
};
pub use room::{Room, RoomEvents, RoomInfo};
pub use stats::{LinkStats, LocalTrackStats, RemoteTrackStats, RoomStats};
pub use track::{
    EncodedAudio, EncodedVideo, LocalTrack, MediaReceiver, RecvError, RemoteAudioPacket, RemoteTrack, RemoteVideoFrame,
    VideoCodec,
};
