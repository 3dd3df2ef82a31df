//! Tracks: ours, which frames are written to, and others', which frames come from.

mod local;
mod queue;
mod remote;

pub use local::{EncodedAudio, EncodedVideo, LocalTrack};
pub(crate) use local::{LocalShared, OutFrame, OutMedia};
pub use queue::{MediaReceiver, RecvError};
pub use remote::{RemoteAudioPacket, RemoteTrack, RemoteVideoFrame, VideoCodec};
pub(crate) use remote::{RemoteShared, RemoteSink};
