//! A subscription: one published track on its way to one subscriber.

use std::time::{Duration, Instant};

use beckon_rtp::fall::ROOM_AFTER;
use livekit_protocol as proto;
use str0m::Rtc;
use str0m::format::Codec;
use str0m::media::Pt;
use str0m::rtp::{RtpPacket, RtpWrite, SeqNo, Ssrc};

use crate::bandwidth::Way;
use crate::ids::ParticipantKey;
use crate::layers::{Demand, Steady, Wish};
use crate::rewrite::Rewriter;
use crate::subscriber::forget_sent;
use crate::uptrack::is_stereo;
use crate::vp8::Vp8Rewriter;

/// What the room found out about a packet once, for all its subscribers.
pub(crate) struct PacketFacts {
    pub layer: usize,
    pub codec: Codec,
    pub video: bool,
    /// A decoder can start with it.
    pub starts_picture: bool,
    /// When it left the publisher, in our time.
    pub sent_at: Instant,
    /// Clock rate of its timestamps, in Hz.
    pub clock_rate: u32,
    /// Its timestamp in the time of each other layer, where sender reports tell.
    pub in_layer_time: [Option<u32>; crate::layers::MAX_LAYERS],
    /// Layers that the publisher gave up; known where a decoder can start.
    pub gone: [bool; crate::layers::MAX_LAYERS],
}

/// Where a subscription's media goes in the subscriber's session.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub ssrc: Ssrc,
    /// Payload types by codec.
    pub payload_types: Vec<(Codec, Pt)>,
}

#[derive(Debug)]
pub(crate) struct DownTrack {
    pub publisher: ParticipantKey,
    pub publisher_sid: String,
    pub track_sid: String,
    pub track_number: u32,
    pub video: bool,
    /// A shared screen's pictures.
    pub screen: bool,
    /// Sound of two channels.
    pub stereo: bool,
    /// Place in the subscriber's list of media sections, once one is meant for it.
    pub section: Option<usize>,
    /// `None` until the subscriber's answer is in.
    pub slot: Option<Slot>,
    pub wish: Wish,
    pub muted: bool,
    /// Layer that flows now.
    pub current: Option<usize>,
    /// Layer that should flow.
    pub target: Option<usize>,
    pub stream_state: proto::StreamState,
    /// Not even the lowest layer fits into the subscriber's bandwidth.
    pub paused: bool,
    /// The subscriber asked for another size just now: it need not wait for it.
    pub eager: bool,
    pub steady: Steady,
    /// The layer that flows is sent on no more, and the next one is still to come.
    left: bool,
    /// It does not come before then.
    rests: Option<Instant>,
    /// Since when nothing flows although a layer was chosen.
    waiting: Option<Instant>,
    rewriter: Option<Rewriter>,
    vp8: Vp8Rewriter,
}

/// A layer that a publisher was asked for is on its way this long, as a rule. A viewer who sees nothing yet does not wait longer for
/// it while there is another one.
const LATE: Duration = Duration::from_millis(250);
/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forwarded {
    /// It is in the subscriber's queue.
    Written,
    /// The same, and it is the first of its layer.
    Begun,
    /// Not wanted (another layer, paused, not negotiated).
    Skipped,
    /// Not wanted until a key frame of this packet's layer comes: ask for one.
    NeedsKeyFrame,
}

impl DownTrack {
    pub fn new(publisher: ParticipantKey, publisher_sid: String, info: &proto::TrackInfo, track_number: u32) -> Self {
        Self {
            publisher,
            publisher_sid,
            track_sid: info.sid.clone(),
            track_number,
            video: info.r#type() == proto::TrackType::Video,
            screen: info.source() == proto::TrackSource::ScreenShare,
            stereo: is_stereo(info),
            section: None,
            slot: None,
            wish: Wish::default(),
            muted: info.muted,
            current: None,
            target: Some(0),
            stream_state: proto::StreamState::Active,
            paused: false,
            eager: true,
            steady: Steady::default(),
            left: false,
            rests: None,
            waiting: None,
            rewriter: None,
            vp8: Vp8Rewriter::default(),
        }
    }

    /// Stream and track id in the subscriber's session description.
    pub fn stream_id(&self) -> String {
        format!("{}|{}", self.publisher_sid, self.track_sid)
    }

    /// The layer that is to flow, of `chosen`, what fits best, and what flows now; `settles`: it is given time to.
    pub fn decide(
        &mut self,
        now: Instant,
        demand: &Demand,
        chosen: Option<usize>,
        way: &Way,
        settles: bool,
    ) -> Option<usize> {
        // Who asked for another size just now gets it at once; what was not asked to be smaller is given up as ever.
        let asked = std::mem::take(&mut self.eager);
        let eager = asked && self.current.is_none_or(|layer| layer > demand.max || chosen >= Some(layer));
        // Of a network over which a still screen goes nobody knows any more what it carries: it shows when that moves.
        let bears = self.screen && !eager && !way.troubled;
        let goes_on = |&layer: &usize| bears && layer <= demand.max && demand.layers[layer].is_some();
        let chosen = chosen.max(self.current.filter(goes_on));
        // Without a limit, or when the publisher stopped, there is nothing to keep steady; but the first layer is known to begin.
        // A larger one that was decided for is waited for until its key frame has come, as long as it is what is chosen.
        let awaited = self.current.is_some() && chosen == self.target && chosen > self.current;
        if (way.budget.is_none() && self.current.is_some()) || !demand.flows() || awaited {
            return chosen;
        }
        match self.steady.settle(now, self.current, chosen, eager, way.full && !settles) {
            Ok(layer) => layer,
            // What flows goes on; if it ended at the publisher, it cannot. Before a pause it is the least there is.
            Err(_) => match chosen {
                Some(_) => self.current.filter(|&l| demand.layers[l].is_some()).or(chosen),
                None => demand.base(),
            },
        }
    }

    /// This layer is to flow, or none: what its subscriber is to be told, if that is news. Clients show the last picture as paused.
    pub fn state_changed(&mut self, layer: Option<usize>) -> Option<proto::StreamStateInfo> {
        let state = if layer.is_some() { proto::StreamState::Active } else { proto::StreamState::Paused };
        let told = self.current.is_some() || self.stream_state == proto::StreamState::Paused;
        (told && std::mem::replace(&mut self.stream_state, state) != state).then(|| self.stream_state_info())
    }

    /// Whether it flows, as its subscriber is told.
    pub fn stream_state_info(&self) -> proto::StreamStateInfo {
        proto::StreamStateInfo {
            participant_sid: self.publisher_sid.clone(),
            track_sid: self.track_sid.clone(),
            state: self.stream_state as i32,
        }
    }

    /// The subscriber's answer is in: packets may flow. A section that carried another track before
    /// goes on counting where that one stopped.
    pub fn start(&mut self, slot: Slot, earlier: Option<Rewriter>) {
        self.slot = Some(slot);
        self.rewriter = self.rewriter.take().or(earlier);
    }

    /// Gives up its place; what remains of its numbering goes to the next track in the section.
    pub fn into_numbering(self) -> Option<Rewriter> {
        self.rewriter
    }

    /// Nothing flows until the next key frame.
    pub fn pause(&mut self) {
        (self.current, self.left, self.rests) = (None, false, None);
    }

    /// The network carries far less than the layer that flows: if a smaller one was chosen, nothing more of the larger one is sent, nor
    /// repaired. Hardly a picture of it would come whole, and its packets would stand in the way of the next one's key frame.
    pub fn leave_larger(&mut self, now: Instant, rtc: &mut Rtc) {
        if self.current.zip(self.target).is_some_and(|(current, target)| target < current) {
            self.leave(rtc, Some(now + ROOM_AFTER));
        }
    }

    /// Nothing more is sent of the layer that flows, nor repaired, and the next begins with a key frame; `until`: not before then.
    pub fn leave(&mut self, rtc: &mut Rtc, until: Option<Instant>) {
        let Some(slot) = self.slot.as_ref().filter(|_| self.current.is_some() && !self.left) else { return };
        (self.left, self.rests) = (true, until);
        if let Some(stream) = rtc.direct_api().stream_tx(&slot.ssrc) {
            forget_sent(stream);
        }
    }

    /// Whether it rests yet; see [`leave`](Self::leave).
    fn rests(&self, now: Instant) -> bool {
        self.rests.is_some_and(|until| now < until)
    }

    /// Whether packets should flow at all.
    pub fn wanted(&self) -> bool {
        self.slot.is_some() && !self.wish.disabled
    }

    /// A layer was chosen, or none.
    pub fn aim(&mut self, now: Instant) {
        self.waiting = self.target.filter(|_| self.current.is_none()).map(|_| self.waiting.unwrap_or(now));
    }

    /// Whether nothing flows although the chosen layer could have been there by now.
    pub fn waits_long(&self, now: Instant) -> bool {
        let late = |since: Instant| now.saturating_duration_since(since) >= LATE;
        self.waits_for_key_frame(now) && self.current.is_none() && self.waiting.is_some_and(late)
    }

    /// The layer that a key frame is of use of, when the viewer's decoder cannot go on: the one that flows, unless it is about to end.
    pub fn key_frame_of(&self, now: Instant) -> Option<usize> {
        if self.rests(now) {
            return None;
        }
        let ends = self.left || self.current.zip(self.target).is_some_and(|(current, target)| target < current);
        if ends { self.target } else { self.current.or(self.target) }
    }

    /// Whether it waits for a key frame of its target layer.
    pub fn waits_for_key_frame(&self, now: Instant) -> bool {
        let begins = self.left || self.current != self.target;
        self.video && self.wanted() && !self.muted && self.target.is_some() && begins && !self.rests(now)
    }

    /// Whether a key frame comes in the place of a larger layer that the publisher gave up: nothing better is left, and no
    /// smaller one was chosen.
    fn takes_over(&self, facts: &PacketFacts) -> bool {
        let Some(current) = self.current.filter(|&current| current > facts.layer) else { return false };
        self.target.is_some_and(|target| target > facts.layer)
            && facts.gone[facts.layer + 1..=current].iter().all(|&gone| gone)
    }

    /// Writes a packet to the subscriber's queue, if it is of the layer that flows, or begins the one that is to flow.
    pub fn forward(&mut self, now: Instant, rtc: &mut Rtc, facts: &PacketFacts, packet: &RtpPacket) -> Forwarded {
        let Some(slot) = &self.slot else { return Forwarded::Skipped };
        if self.wish.disabled || self.paused {
            return Forwarded::Skipped;
        }
        let begins = self.left || self.current != Some(facts.layer);
        if self.left && self.rests(now) {
            return Forwarded::Skipped;
        }
        if begins {
            if facts.starts_picture && self.takes_over(facts) {
                self.target = Some(facts.layer);
            }
            if self.target != Some(facts.layer) {
                return Forwarded::Skipped;
            }
            if !facts.starts_picture {
                return Forwarded::NeedsKeyFrame;
            }
        }
        let Some(&(_, pt)) = slot.payload_types.iter().find(|(codec, _)| *codec == facts.codec) else {
            return Forwarded::Skipped;
        };
        let rewriter = self.rewriter.get_or_insert_with(|| Rewriter::new(facts.clock_rate, first_seq()));
        let (seq, timestamp) = (*packet.seq_no, packet.header.timestamp);
        let smaller = self.current.is_some_and(|current| current > facts.layer);
        if begins {
            let aligned = self
                .current
                .and_then(|current| facts.in_layer_time[current])
                .zip(rewriter.timestamp_offset())
                .map(|(t, offset)| t.wrapping_add(offset));
            rewriter.switch(now, seq, timestamp, aligned);
            self.vp8.switch();
            (self.current, self.waiting, self.left, self.rests) = (Some(facts.layer), None, false, None);
        }
        let Some(out) = rewriter.rewrite(now, seq, timestamp) else { return Forwarded::Skipped };
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_tx(&slot.ssrc) else { return Forwarded::Skipped };
        if smaller {
            // A receiver goes on with the key frame, whatever is missing before it. Where the network suddenly carries less, repairs
            // of the larger pictures would take the room of these.
            forget_sent(stream);
        }

        let mut extensions = packet.header.ext_vals.clone();
        // These name the publisher's transport; the subscriber's own are filled in on sending.
        (extensions.mid, extensions.rid, extensions.rid_repair) = (None, None, None);
        (extensions.abs_send_time, extensions.transport_cc) = (None, None);

        // `RtpWrite` shares the payload; nothing is copied until it is encrypted.
        let mut write = RtpWrite::new(pt, SeqNo::from(out.seq), out.timestamp, facts.sent_at, packet.payload.clone())
            .marker(packet.header.marker)
            .ext_vals(extensions)
            .nackable(facts.video);
        if facts.codec == Codec::Vp8
            && let Some(patch) = self.vp8.rewrite(&packet.payload)
        {
            write = write.vp8_patch(patch);
        }
        stream.write_rtp(write);
        if begins { Forwarded::Begun } else { Forwarded::Written }
    }
}

/// A first sequence number in the lower half, so that losses at the very start cannot make the
/// receiver guess the rollover counter wrong (RFC 3711 section 3.3.1).
fn first_seq() -> u16 {
    rand::random_range(1..0x8000)
}
