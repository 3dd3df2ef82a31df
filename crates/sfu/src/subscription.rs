//! Who gets which track.

use std::time::Instant;

use livekit_protocol as proto;
use proto::signal_response::Message;

use crate::downtrack::DownTrack;
use crate::event::RoomEvent;
use crate::ids::{ParticipantKey, Side, TransportId};
use crate::layers::Wish;
use crate::room::{Output, Room};
use crate::route::RouteChange;
use crate::uptrack::UpTrack;

impl Room {
    /// Sends a subscriber the next offer, if something changed.
    pub(crate) fn negotiate(&mut self, key: ParticipantKey) {
        let Some(p) = self.get_mut(key) else { return };
        if !p.admission.can_subscribe {
            return;
        }
        if let Some(offer) = p.subscriber.next_offer() {
            self.send(key, Message::Offer(offer));
            self.mark_dirty(TransportId { participant: key, side: Side::Subscriber });
        }
    }

    /// The subscriber answered.
    pub(crate) fn on_answer(&mut self, now: Instant, key: ParticipantKey, answer: &proto::SessionDescription) {
        let Some(p) = self.get_mut(key) else { return };
        match p.subscriber.answer(answer) {
            Ok(ready) => {
                self.after_description(now, TransportId { participant: key, side: Side::Subscriber });
                if !ready.is_empty() {
                    self.allocate(now, key);
                    self.ask_for_key_frames(now, key);
                    self.tell_publishers(key, &ready);
                }
                self.negotiate(key);
            }
            Err(error) => self.refuse(now, key, "answer", &error),
        }
    }

    fn tell_publishers(&mut self, key: ParticipantKey, places: &[usize]) {
        let Some(p) = self.get(key) else { return };
        let mut publishers: Vec<_> =
            places.iter().filter_map(|&place| p.subscriber.tracks.get(place)?.as_ref()).map(|t| t.publisher).collect();
        publishers.sort_unstable();
        publishers.dedup();
        for publisher in publishers {
            self.tell_of_subscribers(publisher);
        }
    }

    /// Tells a publisher which of its tracks somebody gets for the first time: bots speak only then.
    pub(crate) fn tell_of_subscribers(&mut self, publisher: ParticipantKey) {
        let Some(p) = self.get(publisher).filter(|p| p.connection.is_some()) else { return };
        let gets = |&(key, place): &(ParticipantKey, usize)| {
            self.get(key).filter(|p| !p.admission.hidden).is_some_and(|p| {
                p.subscriber.tracks.get(place).and_then(Option::as_ref).is_some_and(|track| track.slot.is_some())
            })
        };
        let news: Vec<_> = p
            .publisher
            .tracks
            .iter()
            .filter(|track| !track.told_of_subscriber && track.subscribers.iter().any(gets))
            .map(|track| (track.number, track.info.sid.clone()))
            .collect();
        for (number, track_sid) in news {
            if let Some(track) = self.get_mut(publisher).and_then(|p| p.publisher.by_number(number)) {
                track.told_of_subscriber = true;
            }
            self.send(publisher, Message::TrackSubscribed(proto::TrackSubscribed { track_sid }));
        }
    }

    /// A description was applied to a transport: its credentials may have changed, and an ICE agent
    /// that got candidates must be woken.
    pub(crate) fn after_description(&mut self, now: Instant, transport: TransportId) {
        let Some(p) = self.get_mut(transport.participant) else { return };
        if let Some((ufrag, old)) = p.transport(transport.side).new_ufrag() {
            self.outputs.push_back(Output::Route(RouteChange::AddUfrag(ufrag, transport)));
            self.outputs.extend(old.map(|old| Output::Route(RouteChange::RemoveUfrag(old))));
        }
        self.pump(now, transport);
        self.mark_dirty(transport);
    }

    /// Whether a participant should get a track, by what it chose and may.
    fn wants(&self, key: ParticipantKey, publisher: ParticipantKey, track_sid: &str) -> bool {
        let Some((p, from)) = self.get(key).zip(self.get(publisher)) else { return false };
        key != publisher
            && p.admission.can_subscribe
            && *p.subscriber.choices.get(track_sid).unwrap_or(&p.auto_subscribe)
            && from.permits(&p.sid, p.identity(), track_sid)
    }

    /// Makes a participant's subscription to a track what it should be. Whether that changed it.
    fn settle(&mut self, now: Instant, key: ParticipantKey, publisher: ParticipantKey, track_sid: &str) -> bool {
        let wanted = self.wants(key, publisher, track_sid);
        let Some(p) = self.get(key) else { return false };
        let place = p.subscriber.place_of(track_sid);
        match (wanted, place) {
            (true, None) => {
                let Some(from) = self.get(publisher) else { return false };
                let Some(up) = from.publisher.track(track_sid) else { return false };
                let number = up.number;
                let mut down = DownTrack::new(publisher, from.sid.clone(), &up.info, number);
                let Some(p) = self.get_mut(key) else { return false };
                if let Some(wish) = p.subscriber.wishes.get(track_sid) {
                    down.wish = *wish;
                }
                if down.video {
                    p.subscriber.seeker.begins(now);
                }
                let place = p.subscriber.add(down);
                if let Some(up) = self.get_mut(publisher).and_then(|p| p.publisher.by_number(number)) {
                    up.subscribers.push((key, place));
                }
                true
            }
            (false, Some(place)) => {
                if let Some(p) = self.get_mut(key) {
                    p.subscriber.remove(place);
                }
                if let Some(up) = self.get_mut(publisher).and_then(|p| p.publisher.track_mut(track_sid)) {
                    up.subscribers.retain(|&(k, _)| k != key);
                }
                self.allocate(now, key);
                true
            }
            _ => false,
        }
    }

    /// A newcomer gets what is there already.
    pub(crate) fn subscribe_to_all(&mut self, now: Instant, key: ParticipantKey) {
        let tracks: Vec<_> = self
            .participants
            .iter()
            .flatten()
            .flat_map(|p| p.publisher.tracks.iter().map(move |t| (p.key, t.info.sid.clone())))
            .collect();
        for (publisher, sid) in tracks {
            self.settle(now, key, publisher, &sid);
        }
    }

    /// Everybody gets a new track, or loses one they may not have any more.
    pub(crate) fn settle_track(&mut self, now: Instant, publisher: ParticipantKey, track_sid: &str) {
        for key in self.keys() {
            if self.settle(now, key, publisher, track_sid) {
                self.negotiate(key);
            }
        }
    }

    /// A publisher restricted (or freed) who may get its tracks.
    pub(crate) fn settle_permissions(&mut self, now: Instant, publisher: ParticipantKey) {
        let Some(p) = self.get(publisher) else { return };
        let publisher_sid = p.sid.clone();
        let tracks: Vec<_> = p.publisher.tracks.iter().map(|t| t.info.sid.clone()).collect();
        for sid in tracks {
            for key in self.keys() {
                if !self.settle(now, key, publisher, &sid) {
                    continue;
                }
                let allowed = self.wants(key, publisher, &sid);
                let update = proto::SubscriptionPermissionUpdate {
                    participant_sid: publisher_sid.clone(),
                    track_sid: sid.clone(),
                    allowed,
                };
                self.send(key, Message::SubscriptionPermissionUpdate(update));
                self.negotiate(key);
            }
        }
    }

    /// The client chooses tracks.
    pub(crate) fn on_update_subscription(
        &mut self,
        now: Instant,
        key: ParticipantKey,
        request: proto::UpdateSubscription,
    ) {
        let subscribe = request.subscribe;
        let listed = request.participant_tracks.into_iter().flat_map(|p| p.track_sids);
        let sids: Vec<String> = request.track_sids.into_iter().chain(listed).collect();
        for sid in sids {
            let Some(publisher) = self.publisher_of(&sid) else { continue };
            let Some(p) = self.get_mut(key) else { return };
            p.subscriber.choices.insert(sid.clone(), subscribe);
            self.settle(now, key, publisher, &sid);
        }
        self.negotiate(key);
    }

    /// Who publishes a track. Of others nothing is kept: a client may name any.
    fn publisher_of(&self, track_sid: &str) -> Option<ParticipantKey> {
        self.participants.iter().flatten().find(|p| p.publisher.track(track_sid).is_some()).map(|p| p.key)
    }

    /// The client says how it shows tracks.
    pub(crate) fn on_track_settings(
        &mut self,
        now: Instant,
        key: ParticipantKey,
        settings: &proto::UpdateTrackSettings,
    ) {
        let wish = Wish::from_settings(settings);
        for sid in &settings.track_sids {
            if self.publisher_of(sid).is_none() {
                continue;
            }
            let Some(p) = self.get_mut(key) else { return };
            p.subscriber.wishes.insert(sid.clone(), wish);
            let Some(place) = p.subscriber.place_of(sid) else { continue };
            let Some(Some(track)) = p.subscriber.tracks.get_mut(place) else { continue };
            if wish.disabled {
                track.pause();
            }
            track.eager |= track.wish != wish;
            track.wish = wish;
        }
        self.allocate(now, key);
        self.ask_for_key_frames(now, key);
    }

    /// A track ends: its subscribers lose it, everybody is told.
    pub(crate) fn unpublish(&mut self, now: Instant, key: ParticipantKey, number: u32) {
        let Some(track) = self.get_mut(key).and_then(|p| p.publisher.remove(number)) else { return };
        self.take_away(&track);
        self.announce(now, key);
        let identity = self.get(key).map(|p| p.identity().to_owned()).unwrap_or_default();
        self.event(RoomEvent::TrackUnpublished { identity, track_sid: track.info.sid });
    }

    /// A track is over: its subscribers lose it, and what anybody wished of it is forgotten.
    pub(crate) fn take_away(&mut self, track: &UpTrack) {
        for &(subscriber, place) in &track.subscribers {
            if let Some(p) = self.get_mut(subscriber) {
                p.subscriber.remove(place);
                self.negotiate(subscriber);
            }
        }
        for p in self.participants.iter_mut().flatten() {
            p.subscriber.choices.remove(&track.info.sid);
            p.subscriber.wishes.remove(&track.info.sid);
        }
    }
}
