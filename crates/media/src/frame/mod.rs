//! Video and audio frames.

mod audio;
mod crop;
mod pool;
mod video;

pub use audio::{AudioFrame, CHANNELS_STEREO, SAMPLE_RATE, SAMPLES_PER_CHANNEL};
pub(crate) use crop::within;
pub use pool::{FramePool, VideoFrameMut};
pub use video::{ColorSpace, Planes, Rotation, VideoFrame};
pub(crate) use video::{PlaneRefs, plane_size};
