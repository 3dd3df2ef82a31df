//! Forwarding: packets from publishers to subscribers, key-frame requests back; and what the room
//! looks after from time to time.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::participant_info::State;
use proto::signal_response::Message;
use str0m::media::{KeyframeRequestKind, Mid};
use str0m::rtp::RtpPacket;

use crate::downtrack::{DownTrack, Forwarded, PacketFacts};
use crate::ids::{ParticipantKey, Side, TransportId};
use crate::participant::Participant;
use crate::quality::{Seen, judge};
use crate::room::Room;
use crate::speaker::Speaker;
use crate::uptrack::UpTrack;

/// How often connections are judged, and those present counted.
pub(crate) const QUALITY_INTERVAL: Duration = Duration::from_secs(5);

impl Room {
    /// A media packet came from a publisher.
    pub(crate) fn forward(&mut self, now: Instant, from: ParticipantKey, packet: RtpPacket) {
        self.stats.packets_received += 1;
        let Some(participant) = self.get_mut(from) else { return };
        let Some(incoming) = participant.publisher.accept(now, &packet) else { return };
        if let Some(level) = incoming.level {
            self.speakers.observe(from, level);
        }
        let mut ask = false;
        let mut begun = Vec::new();
        for &to in &incoming.subscribers {
            match self.forward_to(now, to, &incoming.facts, &packet) {
                Forwarded::Begun if incoming.facts.video => begun.push(to),
                Forwarded::NeedsKeyFrame => ask = true,
                _ => {}
            }
        }
        let (number, layer) = (incoming.track_number, incoming.facts.layer);
        let Some(participant) = self.get_mut(from) else { return };
        participant.publisher.give_back(number, incoming.subscribers);
        if (incoming.early || !begun.is_empty())
            && let Some(up) = participant.publisher.layer(number, layer)
        {
            let after = if begun.is_empty() { Vec::new() } else { up.early.after(*packet.seq_no) };
            if incoming.early {
                up.early.keep(incoming.facts, packet);
            }
            for (facts, packet) in after {
                for &to in &begun {
                    self.forward_to(now, to, &facts, &packet);
                }
            }
        }
        if ask {
            self.request_key_frame(now, from, number, layer);
        }
        if incoming.codec_found {
            self.announce(now, from);
        }
        if incoming.new_layer {
            self.allocate_all(now, from, number);
        }
    }

    /// Brings a packet to one subscriber, at its place in the list of subscriptions.
    fn forward_to(
        &mut self,
        now: Instant,
        (key, place): (ParticipantKey, usize),
        facts: &PacketFacts,
        packet: &RtpPacket,
    ) -> Forwarded {
        let Some(subscriber) = self.participants.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return Forwarded::Skipped;
        };
        let half = &mut subscriber.subscriber;
        let Some(Some(track)) = half.tracks.get_mut(place) else { return Forwarded::Skipped };
        if !half.transport.takes(now, facts.video) {
            track.pause();
            return Forwarded::Skipped;
        }
        let forwarded = track.forward(now, &mut half.transport.rtc, facts, packet);
        if matches!(forwarded, Forwarded::Written | Forwarded::Begun) {
            half.transport.queued += 1;
            self.stats.packets_forwarded += 1;
            let transport = TransportId { participant: key, side: Side::Subscriber };
            // The end of a picture, or sound: nothing to wait for.
            if packet.header.marker || !facts.video {
                self.mark_dirty(transport);
            } else {
                self.gather(now, transport);
            }
        }
        forwarded
    }

    /// Asks a publisher for a key frame, unless that was done a moment ago.
    pub(crate) fn request_key_frame(&mut self, now: Instant, publisher: ParticipantKey, track: u32, layer: usize) {
        let Some(p) = self.get_mut(publisher) else { return };
        let Some(track_of) = p.publisher.by_number(track) else { return };
        // It begins with a key frame by itself, and browsers would answer with one of every other layer.
        if track_of.others_flow(now, layer) {
            return;
        }
        let Some(Some(up)) = track_of.layers.get_mut(layer) else { return };
        up.key_frames.request();
        if !up.key_frames.poll(now) {
            return;
        }
        let ssrc = up.ssrc;
        if let Some(stream) = p.publisher.transport.rtc.direct_api().stream_rx(&ssrc) {
            stream.request_keyframe(KeyframeRequestKind::Pli);
            tracing::debug!(publisher = publisher.0, track, layer, "a key frame is asked for");
            self.stats.key_frame_requests += 1;
            self.mark_dirty(TransportId { participant: publisher, side: Side::Publisher });
        }
    }

    /// A subscriber's decoder cannot go on.
    pub(crate) fn on_key_frame_request(&mut self, now: Instant, key: ParticipantKey, mid: Mid) {
        let Some(p) = self.get(key) else { return };
        let Some(Some(track)) = p.subscriber.place_of_mid(mid).and_then(|place| p.subscriber.tracks.get(place)) else {
            return;
        };
        let (publisher, number) = (track.publisher, track.track_number);
        if let Some(layer) = track.key_frame_of(now) {
            self.request_key_frame(now, publisher, number, layer);
        }
    }

    /// Asks for what a subscriber's tracks need in order to start.
    pub(crate) fn ask_for_key_frames(&mut self, now: Instant, key: ParticipantKey) {
        // They would not be sent on before the client is connected.
        let Some(p) = self.get_mut(key).filter(|p| p.subscriber.transport.takes(now, true)) else { return };
        let waiting: Vec<_> = p
            .subscriber
            .subscribed()
            .filter(|t| t.waits_for_key_frame(now))
            .filter_map(|t| Some((t.publisher, t.track_number, t.target?)))
            .collect();
        for (publisher, number, layer) in waiting {
            self.request_key_frame(now, publisher, number, layer);
        }
    }

    /// What the room does ten times a second.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.check_timeouts(now);
        self.tell_speakers(now);
        let judge_now = now >= self.next_quality;
        if judge_now {
            self.next_quality = now + QUALITY_INTERVAL;
            self.judge_connections();
            self.tell_counts();
        }
        self.replace_given_up_layers(now);
        for key in self.keys() {
            self.tell_late_changes(now, key);
            self.repeat_key_frame_requests(now, key);
            self.flush_data(key);
            self.allocate_if_due(now, key);
            self.seek(now, key);
            self.tell_subscribed_quality(now, key);
        }
    }

    /// Who gets a layer that a publisher stopped sending gets another one.
    fn replace_given_up_layers(&mut self, now: Instant) {
        let mut given_up = Vec::new();
        for p in self.participants.iter_mut().flatten() {
            let (key, tracks) = (p.key, &mut p.publisher.tracks);
            given_up.extend(
                tracks
                    .iter_mut()
                    .filter(|t| t.is_simulcast())
                    .filter_map(|t| t.gave_up_layer(now).then_some((key, t.number))),
            );
        }
        for (publisher, number) in given_up {
            self.allocate_all(now, publisher, number);
        }
    }

    fn repeat_key_frame_requests(&mut self, now: Instant, key: ParticipantKey) {
        let Some(p) = self.get(key) else { return };
        let due: Vec<_> = p
            .publisher
            .tracks
            .iter()
            .flat_map(|t| t.layers.iter().enumerate().map(move |(i, l)| (t, i, l)))
            .filter_map(|(track, i, layer)| {
                let requests = &layer.as_ref()?.key_frames;
                let due = requests.next_due()?.is_none_or(|at| now >= at);
                due.then(|| (track.number, i, self.anybody_needs_key_frame(now, track, i)))
            })
            .collect();
        for (number, layer, needed) in due {
            if needed {
                self.request_key_frame(now, key, number, layer);
            } else if let Some(up) = self.get_mut(key).and_then(|p| p.publisher.layer(number, layer)) {
                up.key_frames.withdraw();
            }
        }
    }

    /// Whether a subscriber gets a layer, or waits for it.
    fn anybody_needs_key_frame(&self, now: Instant, track: &UpTrack, layer: usize) -> bool {
        let down = |&(key, place): &(ParticipantKey, usize)| {
            let half = &self.get(key)?.subscriber;
            half.tracks.get(place)?.as_ref().filter(|_| half.transport.takes(now, true))
        };
        let needs = |t: &DownTrack| t.wanted() && !t.muted && !t.paused && t.key_frame_of(now) == Some(layer);
        track.subscribers.iter().filter_map(down).any(needs)
    }

    fn tell_speakers(&mut self, now: Instant) {
        let changed = self.speakers.poll(now);
        if changed.is_empty() {
            return;
        }
        let speakers = self.speaker_infos(&changed);
        self.broadcast(None, |p| {
            p.admission
                .can_subscribe
                .then(|| Message::SpeakersChanged(proto::SpeakersChanged { speakers: speakers.clone() }))
        });
    }

    /// Tells a newcomer who speaks.
    pub(crate) fn send_active_speakers(&mut self, to: ParticipantKey) {
        let speakers = self.speaker_infos(&self.speakers.active());
        if !speakers.is_empty() {
            self.send(to, Message::SpeakersChanged(proto::SpeakersChanged { speakers }));
        }
    }

    /// Tells somebody who was away who speaks, and of all others that they do not.
    pub(crate) fn send_all_speakers(&mut self, to: ParticipantKey) {
        let active = self.speakers.active();
        let silent = |participant| Speaker { participant, level: 0.0, active: false };
        let all: Vec<_> = self
            .keys()
            .into_iter()
            .map(|key| active.iter().find(|s| s.participant == key).copied().unwrap_or_else(|| silent(key)))
            .collect();
        if self.get(to).is_some_and(|p| p.admission.can_subscribe) {
            let speakers = self.speaker_infos(&all);
            self.send(to, Message::SpeakersChanged(proto::SpeakersChanged { speakers }));
        }
    }

    fn speaker_infos(&self, speakers: &[Speaker]) -> Vec<proto::SpeakerInfo> {
        speakers
            .iter()
            .filter_map(|s| {
                let p = self.get(s.participant).filter(|p| !p.admission.hidden)?;
                Some(proto::SpeakerInfo { sid: p.sid.clone(), level: s.level, active: s.active })
            })
            .collect()
    }

    /// Tells everybody how many are here, if that changed: clients show it, and do not count themselves.
    fn tell_counts(&mut self) {
        let room = self.info();
        let counts = (room.num_participants, room.num_publishers);
        if std::mem::replace(&mut self.told_counts, counts) != counts {
            self.tell_room_update();
        }
    }

    fn judge_connections(&mut self) {
        let mut changed = Vec::new();
        let active = |p: &&mut Box<Participant>| p.state == State::Active;
        for p in self.participants.iter_mut().flatten().filter(active) {
            let mut seen = Seen {
                downstream_loss: p.subscriber.loss,
                connected: p.primary_connected() || p.media_lost.is_none(),
                ..Seen::default()
            };
            for layer in p.publisher.tracks.iter_mut().flat_map(|t| t.layers.iter_mut().flatten()) {
                let (expected, received) = layer.meter.take_counts();
                seen.expected += expected;
                seen.received += received;
            }
            let (desired, allotted) = p.subscriber.demand;
            if desired > 0 {
                seen.shortfall = desired.saturating_sub(allotted) as f32 / desired as f32;
            }
            let verdict = judge(seen);
            if p.verdict.is_none_or(|told| told.differs(verdict)) {
                p.verdict = Some(verdict);
                changed.extend(p.connection_quality());
            }
        }
        if !changed.is_empty() {
            self.broadcast(None, |_| Some(connection_qualities(changed.clone())));
        }
    }

    /// Tells a newcomer how the others' connections are.
    pub(crate) fn send_connection_qualities(&mut self, to: ParticipantKey) {
        let known: Vec<_> = self.participants.iter().flatten().filter_map(|p| p.connection_quality()).collect();
        if !known.is_empty() {
            self.send(to, connection_qualities(known));
        }
    }
}

fn connection_qualities(updates: Vec<proto::ConnectionQualityInfo>) -> Message {
    Message::ConnectionQuality(proto::ConnectionQualityUpdate { updates })
}
