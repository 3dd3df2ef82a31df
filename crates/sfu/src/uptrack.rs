//! A published track as it comes in: its layers, their bitrates, and who gets it.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use str0m::format::Codec;
use str0m::media::{Mid, Rid};
use str0m::rtp::Ssrc;
use str0m::rtp::rtcp::SenderInfo;

use crate::asked::AskedLayers;
use crate::early::Early;
use crate::ids::ParticipantKey;
use crate::in_step::InStep;
use crate::keyframe::KeyFrameRequests;
use crate::layers::{MAX_LAYERS, Wish};
use crate::meter::Meter;

/// A publisher is asked for a key frame of a layer no more often than this …
const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);
/// … and for one of a layer below the largest, which costs little.
const SMALL_KEY_FRAME_INTERVAL: Duration = Duration::from_millis(300);

/// A large layer of a screen takes all that was declared for it only while all of it moves. It takes less than this part of that most of the
/// time, and is begun with where that fits: what it takes is known half a second later.
const LIKELY_OF_SCREEN: u64 = 4;
/// No layer is taken to need more than this, in bits per second, whatever its client says: sums of such figures would overflow.
const MOST_OF_LAYER: u64 = 1_000_000_000;

/// One encoding of a track.
#[derive(Debug)]
pub(crate) struct UpLayer {
    pub ssrc: Ssrc,
    pub codec: Codec,
    pub meter: Meter,
    pub key_frames: KeyFrameRequests,
    pub report: Option<SenderInfo>,
    pub early: Early,
}

impl UpLayer {
    /// `small`: there is a larger layer.
    pub fn new(now: Instant, ssrc: Ssrc, codec: Codec, small: bool) -> Self {
        let interval = if small { SMALL_KEY_FRAME_INTERVAL } else { KEY_FRAME_INTERVAL };
        let key_frames = KeyFrameRequests::new(interval);
        Self { ssrc, codec, meter: Meter::new(now), key_frames, report: None, early: Early::default() }
    }
}

/// Sound of two channels, by its older name or its newer one.
#[allow(deprecated)]
pub(crate) fn is_stereo(info: &proto::TrackInfo) -> bool {
    info.stereo || info.audio_features().any(|feature| feature == proto::AudioTrackFeature::TfStereo)
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
    /// Whether the publisher was told that somebody gets it.
    pub told_of_subscriber: bool,
    /// Which layers the publisher is to send.
    pub asked: AskedLayers,
    /// Whether the codec in `info` was seen on the wire.
    pub codec_seen: bool,
    pub in_step: InStep,
    /// Layers that were given up by the publisher, as of the last look.
    given_up: [bool; MAX_LAYERS],
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
            told_of_subscriber: false,
            asked: AskedLayers::default(),
            codec_seen: false,
            in_step: InStep::default(),
            given_up: [false; MAX_LAYERS],
        }
    }

    pub fn is_video(&self) -> bool {
        self.info.r#type() == proto::TrackType::Video
    }

    /// Sound of two channels.
    pub fn is_stereo(&self) -> bool {
        is_stereo(&self.info)
    }

    pub fn is_screen(&self) -> bool {
        self.info.source() == proto::TrackSource::ScreenShare
    }

    /// What a computer plays, shared beside its screen.
    pub fn is_screen_sound(&self) -> bool {
        self.info.source() == proto::TrackSource::ScreenShareAudio
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

    /// Bits per second of each layer that flows, or would flow if it were asked for; `lasting`: of a screen what it takes for longer, without
    /// bursts.
    pub fn offers(&self, now: Instant, lasting: bool) -> [Option<u64>; MAX_LAYERS] {
        let flowed = self.layers.iter().any(Option::is_some);
        let mut offers = std::array::from_fn(|i| {
            let declared = self.expected_bitrate(i);
            let flowing = self.layers[i].as_ref().filter(|_| self.flows(now, i));
            let bitrate = |meter: &Meter| match lasting && self.is_screen() {
                true => meter.lasting_bitrate(now),
                false => meter.bitrate(now),
            };
            match flowing {
                Some(layer) => match bitrate(&layer.meter).unwrap_or(0) {
                    // Too young to be measured.
                    0 => Some(declared.unwrap_or(0)),
                    bps => Some(bps),
                },
                None => declared.filter(|_| {
                    let others = self.others_flow(now, i);
                    self.is_simulcast() && (!flowed || self.asked.may_come(now, i, self.newest(i), others))
                }),
            }
        });
        if self.is_screen() {
            // Whatever was declared: while the large layer stands still, so do smaller ones.
            let mut least = u64::MAX;
            for offer in offers.iter_mut().rev().flatten() {
                least = least.min(*offer);
                *offer = least;
            }
        }
        offers
    }

    /// What there is for somebody whose layer ended just now: of [`offers`](Self::offers) only what flows, for what may come might not,
    /// and everything else is better than no picture.
    pub fn at_hand(&self, now: Instant, ended: usize, lasting: bool) -> [Option<u64>; MAX_LAYERS] {
        let offers = self.offers(now, lasting);
        if offers[ended].is_some() { offers } else { self.flowing(now, lasting) }
    }

    /// Of [`offers`](Self::offers) only what flows, unless nothing does.
    pub fn flowing(&self, now: Instant, lasting: bool) -> [Option<u64>; MAX_LAYERS] {
        let offers = self.offers(now, lasting);
        if !self.any_flows(now) {
            return offers;
        }
        std::array::from_fn(|i| offers[i].filter(|_| self.flows(now, i)))
    }

    /// Whether others flow and this one does not.
    pub fn others_flow(&self, now: Instant, layer: usize) -> bool {
        !self.flows(now, layer) && self.any_flows(now)
    }

    fn any_flows(&self, now: Instant) -> bool {
        (0..MAX_LAYERS).any(|layer| self.flows(now, layer))
    }

    /// Whether packets of a layer come at present.
    fn flows(&self, now: Instant, layer: usize) -> bool {
        self.layers[layer].as_ref().is_some_and(|l| l.meter.live(now)) && !self.ceased(now, layer)
    }

    /// A layer that stops while others go on was given up by the publisher. Not so with screens: the small layer has fewer pictures, and
    /// a still one has few at all.
    fn ceased(&self, now: Instant, layer: usize) -> bool {
        if self.is_screen() {
            return false;
        }
        let mut others = (0..MAX_LAYERS).filter(|&other| other != layer).flat_map(|other| &self.layers[other]);
        self.layers[layer].as_ref().is_some_and(|l| l.meter.quiet(now)) && others.any(|l| l.meter.busy(now))
    }

    /// Whether a layer was given up since the last look: who gets it needs another one at once.
    pub fn gave_up_layer(&mut self, now: Instant) -> bool {
        let before = self.given_up;
        self.given_up = std::array::from_fn(|layer| self.ceased(now, layer));
        self.given_up.iter().zip(before).any(|(&now, before)| now && !before)
    }

    /// When the last packet of a layer came.
    pub fn newest(&self, layer: usize) -> Option<Instant> {
        self.layers[layer].as_ref().and_then(|l| l.meter.newest())
    }

    /// What a layer takes as far as is known before it was measured, in bits per second; `None`: there is no such layer.
    fn expected_bitrate(&self, layer: usize) -> Option<u64> {
        let declared = self.declared_bitrate(layer)?;
        let smaller = self.declared().iter().any(|l| quality_index(l.quality()) < layer);
        Some(if self.is_screen() && smaller { declared / LIKELY_OF_SCREEN } else { declared })
    }

    /// What the client said a layer takes, in bits per second, or what its size suggests; `None`:
    /// there is no such layer.
    fn declared_bitrate(&self, layer: usize) -> Option<u64> {
        let found = self.declared().iter().find(|l| quality_index(l.quality()) == layer)?;
        let bps = match found.bitrate {
            0 => u64::from(found.width).saturating_mul(found.height.into()).saturating_mul(3) / 2,
            bps => u64::from(bps),
        };
        Some(bps.min(MOST_OF_LAYER))
    }

    /// Layers as the client declared them.
    #[allow(deprecated)] // the new place of the same list is per codec; clients fill in both
    fn declared(&self) -> &[proto::VideoLayer] {
        &self.info.layers
    }

    /// The layers somebody needs who gets a screen.
    ///
    /// What the large layer takes is anything between next to nothing (still) and what was declared, and can only be measured. So it
    /// goes on as long as somebody would like to have it, whether or not it fits at present; and the smallest for who gets nothing.
    pub fn needs_of_screen(&self, wish: &Wish, paused: bool) -> Option<usize> {
        let mut layers = self.declared().iter().map(|l| quality_index(l.quality()));
        if paused {
            layers.min()
        } else {
            layers.clone().filter(|&l| l <= wish.max_layer_of_screen()).max().or(layers.next())
        }
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
