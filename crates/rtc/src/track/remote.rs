//! A track of somebody else.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::queue::{MediaReceiver, MediaSender, media_queue};
use crate::ids::{Identity, TrackSid};
use crate::publication::{TrackInfo, TrackKind};
use crate::room::Command;
use crate::stats::RemoteTrackStats;

/// Pictures that may wait for their decoder: two seconds.
const VIDEO_QUEUE: usize = 60;
/// Packets of 20 ms that may wait for the jitter buffer: two seconds.
const AUDIO_QUEUE: usize = 100;

/// What a picture is coded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VideoCodec {
    /// H.264, Annex B.
    H264,
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
    /// H.265, Annex B.
    H265,
    /// Something else.
    Other,
}

/// One picture as it came in, whole.
#[derive(Clone, Debug)]
pub struct RemoteVideoFrame {
    /// The picture, H.264 in Annex B form. Empty in other codecs: their pictures are not put together.
    pub data: Arc<[u8]>,
    /// What it is coded in.
    pub codec: VideoCodec,
    /// RTP time in units of 1/90000 s, extended so that it never wraps.
    pub rtp_time: u64,
    /// Whether decoding can start here.
    pub key: bool,
    /// False when something before it is missing, which happens only to key frames.
    pub contiguous: bool,
    /// When its first packet came: ns on the clock given in the connect options.
    pub received_ns: i64,
    /// When it was captured, by the sender's wall clock: ns since 1970. Known once a sender report has come. The wall
    /// clocks of sender and receiver may differ; those of one sender's audio and video are the same.
    pub sender_unix_ns: Option<i64>,
}

/// One packet of sound as it came in.
#[derive(Clone, Debug)]
pub struct RemoteAudioPacket {
    /// The Opus packet.
    pub payload: Arc<[u8]>,
    /// RTP sequence number.
    pub seq: u16,
    /// RTP time in units of 1/48000 s.
    pub rtp_time: u32,
    /// When it came: ns on the clock given in the connect options.
    pub received_ns: i64,
    /// When it was captured, by the sender's wall clock: ns since 1970; as for pictures.
    pub sender_unix_ns: Option<i64>,
}

pub(crate) enum RemoteSink {
    Video(MediaSender<RemoteVideoFrame>),
    Audio(MediaSender<RemoteAudioPacket>),
}

#[derive(Debug)]
enum Media {
    Video(MediaReceiver<RemoteVideoFrame>),
    Audio(MediaReceiver<RemoteAudioPacket>),
}

/// What handle and driver share of a track of somebody else.
#[derive(Debug)]
pub(crate) struct RemoteShared {
    sid: TrackSid,
    identity: Identity,
    kind: TrackKind,
    pub(crate) info: RwLock<TrackInfo>,
    pub(crate) stats: RwLock<RemoteTrackStats>,
    media: Media,
}

/// A track of somebody else whose media comes in. Cheap to clone; clones share one queue.
#[derive(Clone, Debug)]
pub struct RemoteTrack {
    shared: Arc<RemoteShared>,
    commands: mpsc::UnboundedSender<Command>,
}

impl RemoteTrack {
    pub(crate) fn new(
        identity: Identity,
        info: TrackInfo,
        commands: mpsc::UnboundedSender<Command>,
    ) -> (Self, RemoteSink, Arc<RemoteShared>) {
        let (sink, media) = match info.kind {
            TrackKind::Video => {
                let (tx, rx) = media_queue(VIDEO_QUEUE);
                (RemoteSink::Video(tx), Media::Video(rx))
            }
            TrackKind::Audio => {
                let (tx, rx) = media_queue(AUDIO_QUEUE);
                (RemoteSink::Audio(tx), Media::Audio(rx))
            }
        };
        let shared = Arc::new(RemoteShared {
            sid: info.sid.clone(),
            identity,
            kind: info.kind,
            stats: RwLock::new(RemoteTrackStats { sid: info.sid.clone(), ..RemoteTrackStats::default() }),
            info: RwLock::new(info),
            media,
        });
        (Self { shared: shared.clone(), commands }, sink, shared)
    }

    /// The track's name.
    pub fn sid(&self) -> TrackSid {
        self.shared.sid.clone()
    }

    /// Who publishes it.
    pub fn identity(&self) -> Identity {
        self.shared.identity.clone()
    }

    /// Audio or video.
    pub fn kind(&self) -> TrackKind {
        self.shared.kind
    }

    /// The track as last told by the server.
    pub fn info(&self) -> TrackInfo {
        self.shared.info.read().clone()
    }

    /// The pictures, if this is a video track.
    pub fn video(&self) -> Option<MediaReceiver<RemoteVideoFrame>> {
        match &self.shared.media {
            Media::Video(rx) => Some(rx.clone()),
            Media::Audio(_) => None,
        }
    }

    /// The packets of sound, if this is an audio track.
    pub fn audio(&self) -> Option<MediaReceiver<RemoteAudioPacket>> {
        match &self.shared.media {
            Media::Audio(rx) => Some(rx.clone()),
            Media::Video(_) => None,
        }
    }

    /// Asks the publisher for a key frame. Requests close to one another are merged.
    pub fn request_key_frame(&self) {
        // A closed room has nobody to ask.
        let _ = self.commands.send(Command::RequestKeyFrame(self.shared.sid.clone()));
    }

    /// Figures, refreshed about once a second.
    pub fn stats(&self) -> RemoteTrackStats {
        self.shared.stats.read().clone()
    }
}
