//! The subscribing half of a participant: its transport from server to client, what it subscribes
//! to, and the negotiation that brings new tracks into its session.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use beckon_rtp::seek::Seeker;
use bytes::Bytes;
use livekit_protocol as proto;
use str0m::RtcError;
use str0m::change::SdpPendingOffer;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::error::SctpError;
use str0m::format::Codec;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::rtp::StreamTx;

use crate::bandwidth::Estimate;
use crate::downtrack::{DownTrack, Slot};
use crate::publisher::Delivery;
use crate::rewrite::Rewriter;
use crate::sdp::{DescriptionError, rename_track};
use crate::standing::Standing;
use crate::transport::Transport;
use crate::unrepaired::Unrepaired;

/// Reliable data that the client is too slow to take is kept up to this many bytes; then its
/// data channel is considered broken and older messages are dropped.
const MAX_BACKLOG: usize = 4 << 20;

/// Packets of a track that are kept for repair at most.
const REPAIRABLE_PACKETS: usize = 1_500;

/// From now on nothing of what this stream has sent is repaired.
pub(crate) fn forget_sent(stream: &mut StreamTx) {
    beckon_rtp::repair::forget_sent(stream, REPAIRABLE_PACKETS);
}

/// A media section of the subscriber's session. Sections are never taken away (they cannot be);
/// one whose track is gone waits for the next track of its kind. That does not come before the client has agreed that
/// nothing is sent in it: one in which something was sent before and is sent now has no new track in many a client's eyes.
struct Section {
    mid: Mid,
    kind: MediaKind,
    /// Track in it, as its place in `tracks`.
    track: Option<usize>,
    /// The last offer had a track in it.
    offered: bool,
    /// It was agreed on without a track.
    free: bool,
    /// Ids it carries in the session description.
    ids: (String, String),
    numbering: Option<Rewriter>,
}

pub(crate) struct Subscriber {
    pub transport: Transport,
    /// Subscriptions; places are kept so that publishers can point at them.
    pub tracks: Vec<Option<DownTrack>>,
    /// What the client said about tracks, where that differs from its automatic subscription.
    pub choices: HashMap<String, bool>,
    /// What the client said about how it shows tracks that it may not be subscribed to yet.
    pub wishes: HashMap<String, crate::layers::Wish>,
    /// What the way to the client can carry.
    pub estimate: Estimate,
    pub loss: Option<f32>,
    /// When it was found to carry less last.
    pub shrank: Option<Instant>,
    /// What that means for the size of pictures.
    pub unrepaired: Unrepaired,
    /// Whether the queue before it is full.
    pub standing: Standing,
    /// What its tracks would take, and what they were given, in bits per second.
    pub demand: (u64, u64),
    /// What its transport was last told to look for room for, in bits per second.
    pub wish: u64,
    pub seeker: Seeker,
    /// When layers were chosen last, and for which estimate.
    pub last_allocation: Option<Instant>,
    pub chosen_for: Option<u64>,
    sections: Vec<Section>,
    pending: Option<SdpPendingOffer>,
    offer: proto::SessionDescription,
    wants_offer: bool,
    wants_restart: bool,
    reliable: Option<ChannelId>,
    lossy: Option<ChannelId>,
    backlog: VecDeque<Bytes>,
    backlog_bytes: usize,
}

impl Subscriber {
    pub fn new(transport: Transport) -> Self {
        Self {
            transport,
            tracks: Vec::new(),
            choices: HashMap::new(),
            wishes: HashMap::new(),
            estimate: Estimate::default(),
            loss: None,
            shrank: None,
            unrepaired: Unrepaired::default(),
            standing: Standing::default(),
            demand: (0, 0),
            wish: 0,
            seeker: Seeker::default(),
            last_allocation: None,
            chosen_for: None,
            sections: Vec::new(),
            pending: None,
            offer: proto::SessionDescription::default(),
            wants_offer: true,
            wants_restart: false,
            reliable: None,
            lossy: None,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
        }
    }

    /// Place of the subscription to a track.
    pub fn place_of(&self, track_sid: &str) -> Option<usize> {
        self.tracks.iter().position(|t| t.as_ref().is_some_and(|t| t.track_sid == track_sid))
    }

    pub fn subscribed(&mut self) -> impl Iterator<Item = &mut DownTrack> {
        self.tracks.iter_mut().flatten()
    }

    /// Adds a subscription; it is negotiated with the next offer. Gives its place.
    pub fn add(&mut self, track: DownTrack) -> usize {
        self.wants_offer = true;
        match self.tracks.iter().position(Option::is_none) {
            Some(place) => {
                self.tracks[place] = Some(track);
                place
            }
            None => {
                self.tracks.push(Some(track));
                self.tracks.len() - 1
            }
        }
    }

    /// Ends a subscription.
    pub fn remove(&mut self, place: usize) {
        let Some(track) = self.tracks.get_mut(place).and_then(Option::take) else { return };
        if let Some(section) = track.section.and_then(|s| self.sections.get_mut(s)) {
            section.track = None;
            section.numbering = track.into_numbering().or(section.numbering.take());
            self.wants_offer = true;
        }
    }

    /// The client's network changed: the next offer restarts ICE.
    pub fn restart_ice(&mut self) {
        self.wants_offer = true;
        self.wants_restart = true;
    }

    /// The offer that the client has not answered, to be sent again after it was away.
    pub fn unanswered(&self) -> Option<&proto::SessionDescription> {
        self.pending.as_ref().map(|_| &self.offer)
    }

    /// Makes the next offer, if something changed and none is on its way.
    pub fn next_offer(&mut self) -> Option<proto::SessionDescription> {
        if self.pending.is_some() || !self.wants_offer {
            return None;
        }
        self.wants_offer = false;
        let mut api = self.transport.rtc.sdp_api();
        if self.reliable.is_none() {
            let reliable = ChannelConfig { label: "_reliable".into(), ..Default::default() };
            let lossy = ChannelConfig {
                label: "_lossy".into(),
                ordered: false,
                reliability: Reliability::MaxRetransmits { retransmits: 0 },
                ..Default::default()
            };
            self.reliable = Some(api.add_channel_with_config(reliable));
            self.lossy = Some(api.add_channel_with_config(lossy));
        }
        for section in self.sections.iter().filter(|s| s.track.is_none()) {
            api.set_direction(section.mid, Direction::Inactive);
        }
        for (place, track) in self.tracks.iter_mut().enumerate() {
            let Some(track) = track.as_mut().filter(|t| t.section.is_none()) else { continue };
            let kind = if track.video { MediaKind::Video } else { MediaKind::Audio };
            let ids = (track.stream_id(), track.track_sid.clone());
            let free = self.sections.iter().position(|s| s.track.is_none() && s.free && s.kind == kind);
            let at = if let Some(free) = free {
                let section = &mut self.sections[free];
                api.set_direction(section.mid, Direction::SendOnly);
                (section.track, section.ids, section.free) = (Some(place), ids, false);
                free
            } else {
                let mid = api.add_media(kind, Direction::SendOnly, Some(ids.0.clone()), Some(ids.1.clone()), None);
                self.sections.push(Section {
                    mid,
                    kind,
                    track: Some(place),
                    offered: false,
                    free: false,
                    ids,
                    numbering: None,
                });
                self.sections.len() - 1
            };
            track.section = Some(at);
        }
        if std::mem::take(&mut self.wants_restart) {
            api.ice_restart(true);
        }
        let (offer, pending) = api.apply()?;
        let mut sdp = offer.to_sdp_string();
        for section in &self.sections {
            sdp = rename_track(&sdp, &section.mid, &section.ids.0, &section.ids.1);
            let track = section.track.and_then(|place| self.tracks[place].as_ref());
            if track.is_some_and(|track| track.stereo) {
                sdp = beckon_sdp::with_stereo(&sdp, &section.mid);
            }
        }
        let mid_to_track_id =
            self.sections.iter().filter(|s| s.track.is_some()).map(|s| (s.mid.to_string(), s.ids.1.clone())).collect();
        self.offer = proto::SessionDescription { r#type: "offer".into(), sdp, id: self.offer.id + 1, mid_to_track_id };
        for section in &mut self.sections {
            section.offered = section.track.is_some();
        }
        self.pending = Some(pending);
        Some(self.offer.clone())
    }

    /// Takes the client's answer. Gives the places of subscriptions that can flow now.
    pub fn answer(&mut self, answer: &proto::SessionDescription) -> Result<Vec<usize>, DescriptionError> {
        // An answer to an offer that is not the last one: clients that number them may be late.
        if answer.id != 0 && answer.id != self.offer.id {
            return Ok(Vec::new());
        }
        let Some(pending) = self.pending.take() else { return Ok(Vec::new()) };
        self.transport.accept_answer(pending, &answer.sdp)?;
        let mut ready = Vec::new();
        for at in 0..self.sections.len() {
            let section = &mut self.sections[at];
            let Some(place) = section.track else {
                section.free = !section.offered;
                continue;
            };
            let started = self.tracks[place].as_ref().is_some_and(|t| t.slot.is_some());
            if started {
                continue;
            }
            let Some(slot) = self.slot(self.sections[at].mid) else { continue };
            let numbering = self.sections[at].numbering.take();
            if let Some(track) = &mut self.tracks[place] {
                track.start(slot, numbering);
                ready.push(place);
            }
        }
        Ok(ready)
    }

    fn slot(&mut self, mid: Mid) -> Option<Slot> {
        let rtc = &mut self.transport.rtc;
        let remote = rtc.media(mid)?.remote_pts().to_vec();
        let payload_types: Vec<_> = rtc
            .codec_config()
            .params()
            .iter()
            .filter(|p| remote.contains(&p.pt()))
            .map(|p| (p.spec().codec, p.pt()))
            .filter(|(codec, _)| matches!(codec, Codec::Opus | Codec::Vp8 | Codec::H264))
            .collect();
        let mut api = rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None)?;
        // The publisher's encoder already paces its frames; queueing them again here would only
        // cost time. What does not fit is found out by the estimate, which chooses the layer.
        stream.set_unpaced(true);
        forget_sent(stream);
        let ssrc = stream.ssrc();
        if !self.transport.sources.contains(&ssrc) {
            self.transport.sources.push(ssrc);
        }
        Some(Slot { ssrc, payload_types })
    }

    /// Place of the subscription in a media section.
    pub fn place_of_mid(&self, mid: Mid) -> Option<usize> {
        self.sections.iter().find(|s| s.mid == mid)?.track
    }

    /// Sends a data message. Lossy ones are dropped when the channel cannot take them, reliable
    /// ones wait their turn.
    pub fn send_data(&mut self, delivery: Delivery, message: Bytes) {
        match delivery {
            Delivery::Lossy => {
                self.write(self.lossy, &message);
            }
            Delivery::Reliable => {
                if !self.backlog.is_empty() || self.write(self.reliable, &message) == Written::NotYet {
                    self.backlog_bytes += message.len();
                    self.backlog.push_back(message);
                    while self.backlog_bytes > MAX_BACKLOG {
                        let Some(dropped) = self.backlog.pop_front() else { break };
                        self.backlog_bytes -= dropped.len();
                    }
                }
            }
        }
    }

    /// Sends what waits. Whether anything was sent.
    pub fn flush_data(&mut self) -> bool {
        let mut any = false;
        while let Some(next) = self.backlog.front().cloned() {
            if self.write(self.reliable, &next) == Written::NotYet {
                break;
            }
            any = true;
            self.backlog_bytes -= next.len();
            self.backlog.pop_front();
        }
        any
    }

    fn write(&mut self, channel: Option<ChannelId>, message: &[u8]) -> Written {
        let Some(mut channel) = channel.and_then(|id| self.transport.rtc.channel(id)) else { return Written::NotYet };
        match channel.write(true, message) {
            Ok(true) => Written::Sent,
            Ok(false) | Err(RtcError::Sctp(SctpError::WriteBeforeEstablished)) => Written::NotYet,
            Err(error) => {
                // Larger than the client said it takes, say. What comes after it must not wait for it.
                tracing::debug!(%error, bytes = message.len(), "a data message cannot be sent");
                Written::Never
            }
        }
    }
}

/// What became of a data message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Sent,
    /// The channel is not open, or full.
    NotYet,
    /// This client cannot take it.
    Never,
}
