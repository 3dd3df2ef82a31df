//! The choice of layers: what each subscriber's network carries, and which layers it gets for it.

use std::time::{Duration, Instant};

use beckon_rtp::seek::{CLEAN, FULL, Road, Try};
use livekit_protocol as proto;
use proto::signal_response::Message;
use str0m::bwe::Bitrate;
use str0m::stats::PeerStats;

use crate::downtrack::DownTrack;
use crate::ids::{ParticipantKey, Side, TransportId};
use crate::layers::{Demand, SCREEN_UPGRADE_MARGIN_PERCENT, UPGRADE_MARGIN_PERCENT, allocate};
use crate::participant::Participant;
use crate::room::Room;
use crate::subscriber::Subscriber;
use crate::uptrack::UpTrack;

/// How often layers are chosen anew.
const ALLOCATION_INTERVAL: Duration = Duration::from_millis(500);
/// A change of the bandwidth estimate chooses anew no more often than this, unless it fell …
const ESTIMATE_INTERVAL: Duration = Duration::from_millis(200);
/// … below this share (in percent) of what was spent.
const FALLEN_PERCENT: u64 = 90;
/// More than this is believed of no network, in bits per second, whoever says so: neither estimators nor clients know an upper end.
const MOST: u64 = 10_000_000_000;
/// Share of the estimate that may be spent, in percent: repairs and sound need room too.
const SPENDABLE_PERCENT: u64 = 92;
/// A way that carries no more than this share (in percent) of what is sent brings hardly a picture of it whole.
const HOPELESS_PERCENT: u64 = 50;
/// A full queue is given this long to drain; routers have some 300 ms.
const DRAINED_AFTER: Duration = Duration::from_millis(400);
/// An estimate that went down to this share (in percent) or less says that there is too much on the way …
const SHRUNK_PERCENT: u64 = 95;
/// … for this long.
const TROUBLED: Duration = Duration::from_secs(2);

/// What the way to a subscriber carries, in bits per second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimate {
    /// As it was heard last.
    current: Option<u64>,
    /// What a client that tries itself out asked us to believe.
    pretended: Option<u64>,
}

impl Estimate {
    /// What to count on.
    pub fn bps(&self) -> Option<u64> {
        self.pretended.or(self.current)
    }

    /// What of it may be spent on pictures.
    fn spendable(&self) -> Option<u64> {
        self.bps().map(|bps| bps * SPENDABLE_PERCENT / 100)
    }

    /// Whether it goes down by more than it does of itself.
    fn shrinks_to(&self, bps: u64) -> bool {
        self.current.is_some_and(|before| bps * 100 < before * SHRUNK_PERCENT)
    }

    /// The estimate as of now; it is heard ten times a second. Whether it changed.
    pub fn now(&mut self, bps: u64) -> bool {
        self.current.replace(bps) != Some(bps)
    }

    /// The average over some seconds lags behind: only the first says anything, as it is heard before the estimate itself. Whether it did.
    pub fn averaged(&mut self, bps: u64) -> bool {
        let first = self.current.is_none();
        self.current.get_or_insert(bps);
        first
    }

    /// Believes this from now on, whatever is measured; `None` ends it.
    pub fn pretend(&mut self, bps: Option<u64>) {
        self.pretended = bps.map(|bps| bps.min(MOST));
    }
}

/// What the way to a subscriber is like, as far as the choice of layers depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// Bits per second that may be spent on pictures, where that is known.
    pub budget: Option<u64>,
    pub lossy: bool,
    /// What falls at the beginning of a layer may be the burst it begins with; here it is not.
    pub full: bool,
    /// It carries less than before, or loses some of it.
    pub troubled: bool,
}

impl Way {
    fn of(now: Instant, half: &Subscriber) -> Self {
        let lossy = half.loss.is_some_and(|share| share > CLEAN);
        let shrank = half.shrank.is_some_and(|at| now.saturating_duration_since(at) < TROUBLED);
        Self {
            budget: half.estimate.spendable(),
            lossy,
            // The queue says otherwise.
            full: lossy || half.transport.fall.fell_lately(now),
            troubled: lossy || half.estimate.pretended.is_some() || shrank,
        }
    }
}

impl Room {
    /// The averaged estimate of what a subscriber's network carries changed.
    pub(crate) fn on_averaged_estimate(&mut self, now: Instant, key: ParticipantKey, bps: u64) {
        let Some(p) = self.get_mut(key) else { return };
        if p.subscriber.estimate.averaged(bps.min(MOST)) {
            self.estimate_changed(now, key);
        }
    }

    /// What a subscriber's transport tells ten times a second: the estimate as of now, before it is averaged, among it.
    pub(crate) fn on_figures(&mut self, now: Instant, key: ParticipantKey, stats: &PeerStats) {
        let Some(p) = self.get_mut(key) else { return };
        let half = &mut p.subscriber;
        half.loss = stats.egress_loss_fraction;
        if let Some(share) = stats.egress_loss_fraction {
            half.unrepaired.heard(share);
        }
        if let Some(round_trip) = stats.rtt {
            half.transport.copies.look(now, round_trip);
        }
        // The key frame of a screen fills the way for a while, and is no fall of it.
        let settles = half.tracks.iter().flatten().any(|track| track.screen && track.steady.settles(now));
        let fall = &mut half.transport.fall;
        if let Some(round_trip) = stats.rtt
            && !settles
        {
            match fall.look(now, round_trip) {
                true => tracing::debug!(subscriber = key.0, ?round_trip, "the network fell"),
                false => fall.look_again(now, round_trip),
            }
        }
        let limited = stats.bwe_tx.map(|estimate| fall.limit(now, estimate.as_u64().min(MOST)));
        if limited.is_some_and(|bps| half.estimate.shrinks_to(bps)) {
            half.shrank = Some(now);
        }
        let changed = limited.is_some_and(|bps| half.estimate.now(bps));
        tracing::trace!(subscriber = key.0, rtt = ?stats.rtt, loss = half.loss, limited, bwe = ?stats.bwe_tx, "figures");
        let lost = half.loss.unwrap_or(0.0);
        if stats.rtt.is_some_and(|round_trip| half.standing.look(now, round_trip, lost)) {
            self.let_queue_drain(now, key);
        }
        if changed {
            self.estimate_changed(now, key);
        }
    }

    /// The queue before a subscriber's network is full. Where nothing smaller could be sent, pictures pause until it is empty: or
    /// all that comes, sound too, would go on being late, and some of it missing.
    fn let_queue_drain(&mut self, now: Instant, key: ParticipantKey) {
        let Some(p) = self.get(key) else { return };
        let flowing = || p.subscriber.tracks.iter().flatten().filter(|track| track.video && track.current.is_some());
        let smallest = |track: &DownTrack| {
            let up = self.published(track)?;
            track.current.filter(|&layer| up.offers(now, true).iter().position(Option::is_some) == Some(layer))
        };
        if flowing().any(|track| smallest(track).is_none()) {
            return;
        }
        let Some(p) = self.get_mut(key) else { return };
        let Subscriber { tracks, transport, .. } = &mut p.subscriber;
        tracing::debug!(subscriber = key.0, "pictures pause until the queue is empty");
        for track in tracks.iter_mut().flatten().filter(|track| track.video) {
            track.leave(&mut transport.rtc, Some(now + DRAINED_AFTER));
        }
    }

    fn estimate_changed(&mut self, now: Instant, key: ParticipantKey) {
        let Some(p) = self.get(key) else { return };
        let spent = p.subscriber.demand.1;
        let fell = p.subscriber.estimate.bps().is_some_and(|bps| bps < spent * FALLEN_PERCENT / 100);
        if fell || p.subscriber.last_allocation.is_none_or(|at| now.saturating_duration_since(at) >= ESTIMATE_INTERVAL)
        {
            self.allocate(now, key);
        }
    }

    /// Chooses anew for everybody who gets a track.
    pub(crate) fn allocate_all(&mut self, now: Instant, publisher: ParticipantKey, track: u32) {
        let subscribers = self
            .get_mut(publisher)
            .and_then(|p| p.publisher.by_number(track))
            .map(|t| t.subscribers.clone())
            .unwrap_or_default();
        for (key, _) in subscribers {
            self.allocate(now, key);
        }
    }

    /// Chooses anew where that was not done for a while.
    pub(crate) fn allocate_if_due(&mut self, now: Instant, key: ParticipantKey) {
        let due = self.get(key).is_some_and(|p| {
            // What was found just after the last choice is not left waiting for a whole interval where it may be used at once.
            let begins = p.subscriber.tracks.iter().flatten().any(|track| track.steady.begins(now));
            let found = begins && p.subscriber.estimate.bps() > p.subscriber.chosen_for;
            let interval = if found { ESTIMATE_INTERVAL } else { ALLOCATION_INTERVAL };
            p.subscriber.last_allocation.is_none_or(|at| now.saturating_duration_since(at) >= interval)
                || p.subscriber.tracks.iter().flatten().any(|track| self.waits_in_vain(now, track))
        });
        if due {
            self.allocate(now, key);
        }
    }

    /// Whether a viewer sees nothing while a layer flows that was not chosen.
    fn waits_in_vain(&self, now: Instant, track: &DownTrack) -> bool {
        track.waits_long(now)
            && track
                .target
                .zip(self.published(track))
                .is_some_and(|(target, up)| up.is_simulcast() && up.others_flow(now, target))
    }

    /// What a subscription is one of.
    fn published(&self, track: &DownTrack) -> Option<&UpTrack> {
        self.get(track.publisher)?.publisher.tracks.iter().find(|t| t.number == track.track_number)
    }

    /// Chooses the layers of one subscriber's tracks.
    pub(crate) fn allocate(&mut self, now: Instant, key: ParticipantKey) {
        let Some(p) = self.get(key) else { return };
        let way = Way::of(now, &p.subscriber);
        let (places, demands) = self.demands(now, p, &way);
        let allocation = allocate(way.budget, &demands);
        tracing::trace!(estimate = ?p.subscriber.estimate, ?demands, ?allocation, "layers chosen");
        let Some(p) = self.get_mut(key) else { return };
        (p.subscriber.last_allocation, p.subscriber.chosen_for) = (Some(now), p.subscriber.estimate.bps());
        let flowing: u64 = demands.iter().filter_map(|d| d.layers[d.current?]).sum();
        let hopeless = p.subscriber.estimate.bps().is_some_and(|bps| bps < flowing * HOPELESS_PERCENT / 100);
        let mut ask = Vec::new();
        let mut states = Vec::new();
        for ((&(place, settles), chosen), demand) in places.iter().zip(allocation.layers).zip(&demands) {
            let Some(Some(track)) = p.subscriber.tracks.get_mut(place) else { continue };
            let layer = track.decide(now, demand, chosen, &way, settles);
            states.extend(track.state_changed(layer));
            track.paused = layer.is_none() && demand.flows();
            if track.paused {
                track.pause();
                track.target = None;
            }
            // What is aimed at already, and has not begun, may not be sent yet: a new subscription aims at the lowest.
            if let Some(layer) = layer
                && (track.target.replace(layer) != Some(layer) || track.current.is_none())
            {
                tracing::debug!(subscriber = key.0, track = track.track_sid, layer, budget = ?way.budget, "aims at a layer");
                ask.push(track.publisher);
            }
            if hopeless {
                track.leave_larger(now, &mut p.subscriber.transport.rtc);
            }
            track.aim(now);
        }
        let demand = (allocation.desired, allocation.allotted);
        if p.subscriber.demand != demand {
            p.subscriber.demand = demand;
            self.look_for_room(key, false);
        }
        self.tell_stream_states(key, states);
        if !ask.is_empty() {
            // A layer that is not sent yet begins with a key frame of its own.
            for publisher in ask {
                self.tell_subscribed_quality(now, publisher);
            }
            self.ask_for_key_frames(now, key);
        }
    }

    /// What each of a subscriber's pictures could take, with its place and whether it is given time to settle.
    fn demands(&self, now: Instant, p: &Participant, way: &Way) -> (Vec<(usize, bool)>, Vec<Demand>) {
        let mut places = Vec::new();
        let mut demands = Vec::new();
        for (place, track) in p.subscriber.tracks.iter().enumerate() {
            let Some(track) = track.as_ref().filter(|t| t.video && t.wanted() && !t.muted) else { continue };
            let Some(up) = self.published(track) else { continue };
            // A page that is turned on a shared screen, or the key frame it begins with, is over before anything smaller has come: while the
            // network bears it, or it is given time for that, only what lasts counts.
            let settles = up.is_screen() && track.steady.settles(now);
            places.push((place, settles));
            let lasting = settles || !way.lossy;
            let layers = match track.current {
                Some(current) => up.at_hand(now, current, lasting),
                None if track.waits_long(now) => up.flowing(now, lasting),
                None => up.offers(now, lasting),
            };
            let max = match up.is_screen() {
                // Small print matters more than that it comes at once.
                true => track.wish.max_layer_of_screen(),
                false => {
                    let bearable = p.subscriber.unrepaired.highest(&layers, track.current, UPGRADE_MARGIN_PERCENT);
                    track.wish.max_layer(&up.sizes()).min(bearable)
                }
            };
            demands.push(Demand {
                layers,
                max,
                current: track.current,
                priority: u32::from(up.is_screen()),
                paused: track.paused,
                margin_percent: if up.is_screen() { SCREEN_UPGRADE_MARGIN_PERCENT } else { UPGRADE_MARGIN_PERCENT },
            });
        }
        (places, demands)
    }

    fn tell_stream_states(&mut self, key: ParticipantKey, stream_states: Vec<proto::StreamStateInfo>) {
        if !stream_states.is_empty() {
            self.send(key, Message::StreamStateUpdate(proto::StreamStateUpdate { stream_states }));
        }
    }

    /// Tells a subscriber who was away which of its tracks flow.
    pub(crate) fn send_stream_states(&mut self, key: ParticipantKey) {
        let Some(p) = self.get(key) else { return };
        let pictures = p.subscriber.tracks.iter().flatten().filter(|track| track.video && track.slot.is_some());
        let states = pictures.map(DownTrack::stream_state_info).collect();
        self.tell_stream_states(key, states);
    }

    /// Tries from time to time whether a subscriber that gets less than it could use may have more.
    pub(crate) fn seek(&mut self, now: Instant, key: ParticipantKey) {
        let Some(p) = self.get_mut(key) else { return };
        let Subscriber { seeker, estimate, loss, demand: (desired, allotted), transport, .. } = &mut p.subscriber;
        let sent = transport.fall.sent_lately(now);
        let loss = loss.unwrap_or(0.0);
        // Where not even this fits there is nothing to be found.
        let short = desired > allotted && loss <= FULL && estimate.spendable() >= Some(*allotted);
        let tries =
            estimate.bps().and_then(|estimate| seeker.poll(now, Road { short, wish: *desired, estimate, sent, loss }));
        if tries == Some(Try::Anew)
            && let Some(bps) = estimate.current
        {
            tracing::debug!(
                subscriber = key.0,
                bps,
                desired = p.subscriber.demand.0,
                "the estimate says nothing and begins anew"
            );
            p.subscriber.transport.rtc.bwe().reset(Bitrate::bps(bps));
        }
        self.look_for_room(key, tries == Some(Try::Probe));
    }

    /// Has a subscriber's transport look for room for all that is wanted, with a little to spare for repairs and
    /// sound. `dip`: it is content with what there is until the next time: it probes when the wish grows.
    fn look_for_room(&mut self, key: ParticipantKey, dip: bool) {
        let Some(p) = self.get_mut(key) else { return };
        let (desired, allotted) = p.subscriber.demand;
        let wish = if dip { allotted } else { desired * 5 / 4 + 100_000 };
        // The first probes are the largest: they wait until it is known what for.
        let nothing_yet = desired == 0 && p.subscriber.wish == 0;
        if !nothing_yet && std::mem::replace(&mut p.subscriber.wish, wish) != wish {
            tracing::trace!(wish, estimate = ?p.subscriber.estimate, "looks for bandwidth");
            p.subscriber.transport.rtc.bwe().set_bitrate(Bitrate::ZERO, Bitrate::bps(wish));
            self.mark_dirty(TransportId { participant: key, side: Side::Subscriber });
        }
    }
}
