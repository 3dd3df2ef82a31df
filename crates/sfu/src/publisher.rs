//! The publishing half of a participant: its transport from client to server and its tracks.

use std::collections::HashMap;
use std::time::Instant;

use beckon_rtp::index;
use livekit_protocol as proto;
use str0m::channel::ChannelId;
use str0m::media::Mid;
use str0m::rtp::{RtpPacket, Ssrc};

use crate::clock::{PublisherClock, translate};
use crate::downtrack::PacketFacts;
use crate::ids::ParticipantKey;
use crate::keyframe::starts_picture;
use crate::transport::Transport;
use crate::uptrack::{UpLayer, UpTrack};

/// A track that was announced (`AddTrack`) and has no media section yet.
#[derive(Debug)]
pub(crate) struct PendingTrack {
    pub cid: String,
    pub info: proto::TrackInfo,
}

/// How a data channel delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Reliable,
    Lossy,
}

pub(crate) struct Publisher {
    pub transport: Transport,
    pub tracks: Vec<UpTrack>,
    pub pending: Vec<PendingTrack>,
    pub channels: HashMap<ChannelId, Delivery>,
    pub clock: PublisherClock,
    /// Number of the last reliable data packet that came.
    pub last_reliable: u32,
    /// Which streams belong to which track and layer.
    streams: HashMap<Ssrc, (u32, usize)>,
    next_track_number: u32,
}

/// A packet the room can forward: facts, and the track's list of subscribers. The list is lent so
/// that other participants can be reached while it is read; give it back.
pub(crate) struct Incoming {
    pub track_number: u32,
    pub facts: PacketFacts,
    pub subscribers: Vec<(ParticipantKey, usize)>,
    /// Level of an audio packet in -dBov.
    pub level: Option<u8>,
    /// The track's codec was seen for the first time: its information changed.
    pub codec_found: bool,
    /// A layer that was not there before.
    pub new_layer: bool,
    /// A packet before it may still come.
    pub early: bool,
}

impl Publisher {
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            tracks: Vec::new(),
            pending: Vec::new(),
            channels: HashMap::new(),
            clock: PublisherClock::default(),
            last_reliable: 0,
            streams: HashMap::new(),
            next_track_number: 0,
        }
    }

    pub fn track(&self, sid: &str) -> Option<&UpTrack> {
        self.tracks.iter().find(|t| t.info.sid == sid)
    }

    pub fn track_mut(&mut self, sid: &str) -> Option<&mut UpTrack> {
        self.tracks.iter_mut().find(|t| t.info.sid == sid)
    }

    pub fn by_number(&mut self, number: u32) -> Option<&mut UpTrack> {
        self.tracks.iter_mut().find(|t| t.number == number)
    }

    /// Gives a pending track its media section.
    pub fn bind(&mut self, pending: PendingTrack, mid: Mid) -> &UpTrack {
        let number = self.next_track_number;
        self.next_track_number += 1;
        let mut info = pending.info;
        info.mid = mid.to_string();
        for codec in &mut info.codecs {
            codec.mid = mid.to_string();
        }
        self.tracks.push(UpTrack::new(number, info, pending.cid, mid));
        &self.tracks[self.tracks.len() - 1]
    }

    /// Takes a track out.
    pub fn remove(&mut self, number: u32) -> Option<UpTrack> {
        self.streams.retain(|_, (n, _)| *n != number);
        let at = self.tracks.iter().position(|t| t.number == number)?;
        Some(self.tracks.remove(at))
    }

    /// Looks at a packet. `None` if it belongs to no published track, or cannot be.
    pub fn accept(&mut self, now: Instant, packet: &RtpPacket) -> Option<Incoming> {
        if !index::exists(*packet.seq_no) {
            return None;
        }
        let ssrc = packet.header.ssrc;
        let mut new_layer = false;
        let (number, layer) = match self.streams.get(&ssrc) {
            Some(&known) => known,
            None => {
                new_layer = true;
                self.discover(now, ssrc, packet)?
            }
        };
        let track = self.tracks.iter_mut().find(|t| t.number == number)?;
        let video = track.is_video();
        let mut codec_found = false;
        let up = track.layers[layer].as_mut()?;
        up.meter.count(now, *packet.seq_no, packet.payload.len());
        let early = video && up.early.came(now, *packet.seq_no);
        let starts = !video || starts_picture(up.codec, &packet.payload);
        if starts {
            up.key_frames.arrived();
        }
        if let Some(info) = &packet.last_sender_info
            && up.report.is_none_or(|r| r.ntp_time != info.ntp_time)
        {
            up.report = Some(*info);
            self.clock.report(packet.timestamp, info);
        }
        if video {
            track.in_step.packet(layer, packet.header.timestamp);
        }
        let clock_rate = if video { 90_000 } else { 48_000 };
        let codec = up.codec;
        let report = up.report;
        let sent_at = self.clock.sent_at(now, packet.header.timestamp, clock_rate, report.as_ref());
        let mut in_layer_time = [None; crate::layers::MAX_LAYERS];
        let mut gone = [false; crate::layers::MAX_LAYERS];
        if starts && video {
            if !track.is_screen() {
                gone = track.in_step.gone(layer);
            }
            for (other, time) in track.layers.iter().zip(&mut in_layer_time) {
                let theirs = other.as_ref().and_then(|o| o.report);
                *time = report.zip(theirs).map(|(from, to)| translate(packet.header.timestamp, &from, &to, clock_rate));
            }
        }
        if !track.codec_seen {
            track.codec_seen = true;
            let mime = crate::uptrack::mime_type(codec);
            codec_found = track.info.mime_type != mime;
            track.info.mime_type = mime.to_owned();
            if let Some(first) = track.info.codecs.first_mut() {
                first.mime_type = mime.to_owned();
            }
        }
        // Music that is shared is loud all the time: its sharer does not speak for that.
        let level = packet.header.ext_vals.audio_level.filter(|_| !track.is_screen_sound());
        let level = level.map(|l| l.unsigned_abs().min(127));
        Some(Incoming {
            track_number: number,
            facts: PacketFacts {
                layer,
                codec,
                video,
                starts_picture: starts,
                sent_at,
                clock_rate,
                in_layer_time,
                gone,
            },
            subscribers: std::mem::take(&mut track.subscribers),
            level,
            codec_found,
            new_layer,
            early,
        })
    }

    /// Puts a lent list of subscribers back.
    pub fn give_back(&mut self, track_number: u32, subscribers: Vec<(ParticipantKey, usize)>) {
        if let Some(track) = self.by_number(track_number) {
            track.subscribers = subscribers;
        }
    }

    /// A layer of a track, where it has come.
    pub fn layer(&mut self, track_number: u32, layer: usize) -> Option<&mut UpLayer> {
        self.by_number(track_number)?.layers.get_mut(layer)?.as_mut()
    }

    fn discover(&mut self, now: Instant, ssrc: Ssrc, packet: &RtpPacket) -> Option<(u32, usize)> {
        let stream = self.transport.rtc.direct_api();
        let mut stream = stream;
        let (mid, rid) = stream.stream_rx(&ssrc).map(|s| (s.mid(), s.rid()))?;
        let pt = packet.header.payload_type;
        let codec = self.transport.rtc.codec_config().find(|p| p.pt() == pt)?.spec().codec;
        let track = self.tracks.iter_mut().find(|t| t.mid == mid)?;
        let layer = track.layer_of_rid(rid)?;
        let known = (track.number, layer);
        let small = layer + 1 < track.sizes().len();
        if let Some(old) = track.layers[layer].replace(UpLayer::new(now, ssrc, codec, small)) {
            self.streams.remove(&old.ssrc);
        }
        self.streams.insert(ssrc, known);
        Some(known)
    }
}
