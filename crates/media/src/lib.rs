//! Frames and clock, sources, beauty filter, layout, compositor and codecs.
//!
//! Everything here runs on plain threads, never on an async runtime: these are real-time paths.
//! Two rules hold throughout:
//!
//! - **The newest picture wins.** Between capture, encoder and view a frame waits in a slot of one
//!   ([`latest`]); a slow stage skips pictures and never queues them.
//! - **Sound never drops silently.** The adaptive [`jitter`] buffer decides what to stretch, squeeze or
//!   conceal, and counts each.
//!
//! A video frame is I420 from a pool ([`frame::VideoFrame`]), an audio frame 10 ms at 48 kHz
//! ([`frame::AudioFrame`]); both carry the time of capture on this machine's monotonic clock ([`clock::MediaTime`]).

pub mod audio_io;
#[forbid(unsafe_code)]
pub mod barcode;
pub mod beauty;
pub mod camera;
pub mod clock;
pub mod codec;
pub mod compositor;
pub mod devices;
pub mod file;
#[forbid(unsafe_code)]
pub mod frame;
#[forbid(unsafe_code)]
mod halve;
#[forbid(unsafe_code)]
pub mod jitter;
#[forbid(unsafe_code)]
pub mod latest;
#[forbid(unsafe_code)]
pub mod layout;
#[forbid(unsafe_code)]
pub mod playout;
#[forbid(unsafe_code)]
mod recolor;
pub mod scale;
pub mod screen;
#[forbid(unsafe_code)]
pub mod similarity;
#[forbid(unsafe_code)]
pub mod source;
mod swscale;
pub mod system_sound;
#[forbid(unsafe_code)]
pub mod testcard;
pub mod urgency;
pub mod voice;

pub use clock::MediaTime;
pub use frame::{AudioFrame, ColorSpace, FramePool, Rotation, VideoFrame, VideoFrameMut};
pub use latest::{LatestReceiver, LatestSender};
pub use source::{AudioSink, AudioSource, RunningSource, SourceError, SourceInfo, SourceStatus, VideoSource};
