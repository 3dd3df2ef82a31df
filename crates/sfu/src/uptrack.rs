//! A published track as it comes in: its layers, their bitrates, and who gets it.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use str0m::format::Codec;
use str0m::media::{Mid, Rid};
use str0m::rtp::Ssrc;
use str0m::rtp::rtcp::SenderInfo;

use crate::ids::ParticipantKey;
use crate::keyframe::KeyFrameRequests;
use crate::layers::MAX_LAYERS;
use crate::meter::Meter;

/// A publisher is asked for a key frame of a layer no more often than this.
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);

/// One encoding of a track.
#[derive(Debug)]
pub(crate) struct UpLayer {
    pub ssrc: Ssrc,
    pub codec: Codec,
    pub meter: Meter,
    pub key_frames: KeyFrameRequests,
    pub report: Option<SenderInfo>,
}

impl UpLayer {
    pub fn new(now: Instant, ssrc: Ssrc, codec: Codec) -> Self {
        Self {
            ssrc,
            codec,
            meter: Meter::new(now),
            key_frames: KeyFrameRequests::new(KEY_FRAME_INTERVAL),
            report: None,
        }
    }
}

/// A published track.
#[derive(Debug)]
pub(crate) struct UpTrack {
    /// Never used twice by one publisher.
    pub number: u32,
    pub info: proto::TrackInfo,
    /// The client's name for it.
    pub cid: String,
    pub mid: Mid,
    pub layers: [Option<UpLayer>; MAX_LAYERS],
    /// Who gets it: the participant and the place in its list of subscriptions.
    pub subscribers: Vec<(ParticipantKey, usize)>,
    /// Highest layer anybody has a use for, as last told to the publisher; `None`: not told yet.
    pub told_quality: Option<Option<usize>>,
    /// Since when less would do.
    pub lower_since: Option<Instant>,
    /// Whether the codec in `info` was seen on the wire.
    pub codec_seen: bool,
}

impl UpTrack {
    pub fn new(number: u32, info: proto::TrackInfo, cid: String, mid: Mid) -> Self {
        Self {
            number,
            info,
            cid,
            mid,
            layers: Default::default(),
            subscribers: Vec::new(),
            told_quality: None,
            lower_since: None,
            codec_seen: false,
        }
    }

    pub fn is_video(&self) -> bool {
        self.info.r#type() == proto::TrackType::Video
    }

    pub fn is_screen(&self) -> bool {
        self.info.source() == proto::TrackSource::ScreenShare
    }

    /// Place of a layer by its restriction id. LiveKit clients call them q, h and f.
    pub fn layer_of_rid(&self, rid: Option<Rid>) -> Option<usize> {
        let Some(rid) = rid else { return Some(0) };
        let name: &str = &rid;
        let declared = self.declared().iter().find(|l| !l.rid.is_empty() && l.rid == name);
        if let Some(layer) = declared {
            return Some(quality_index(layer.quality()));
        }
        match name {
            "q" | "0" | "l" | "low" => Some(0),
            "h" | "1" | "m" | "mid" | "medium" => Some(1),
            "f" | "2" | "high" => Some(2),
            _ => None,
        }
    }

    /// Sizes of the layers in pixels, lowest first, as the client declared them.
    pub fn sizes(&self) -> Vec<(u32, u32)> {
        let mut layers: Vec<_> = self.declared().iter().collect();
        layers.sort_by_key(|l| quality_index(l.quality()));
        layers.iter().map(|l| (l.width, l.height)).collect()
    }

    /// Bits per second of the layers that are sent at present.
    pub fn bitrates(&self, now: Instant) -> [Option<u64>; MAX_LAYERS] {
        std::array::from_fn(|i| self.layers[i].as_ref().and_then(|l| l.meter.bitrate(now)))
    }

    /// Layers as the client declared them.
    #[allow(deprecated)] // the new place of the same list is per codec; clients fill in both
    fn declared(&self) -> &[proto::VideoLayer] {
        &self.info.layers
    }

    /// Sent in more than one encoding.
    pub fn is_simulcast(&self) -> bool {
        self.declared().len() > 1
    }
}

/// Place of a quality among the layers.
pub(crate) fn quality_index(quality: proto::VideoQuality) -> usize {
    match quality {
        proto::VideoQuality::Low => 0,
        proto::VideoQuality::Medium => 1,
        _ => 2,
    }
}

/// MIME type of a codec, as track information carries it.
pub(crate) fn mime_type(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "audio/opus",
        Codec::H264 => "video/h264",
        Codec::Vp8 => "video/vp8",
        _ => "",
    }
}
