//! Tracks: ours, which frames are written to, and others', which frames come from.

mod local;
mod queue;
mod remote;

pub(crate) use local::{LocalShared, OutFrame, OutMedia};
pub use local::{EncodedAudio, EncodedVideo, LocalTrack};
pub use queue::{MediaReceiver, RecvError};
pub(crate) use remote::{RemoteShared, RemoteSink};
pub use remote::{RemoteAudioPacket, RemoteTrack, RemoteVideoFrame, VideoCodec};
