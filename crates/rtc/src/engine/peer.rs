//! One peer connection: what publisher and subscriber have in common.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use beckon_rtp::fall::Fall;
use beckon_rtp::idle::{Heard, Idle};
use beckon_rtp::request::{Copies, Requests};
use beckon_sdp::PayloadTypes;
use serde::Deserialize;
use str0m::bwe::Bitrate;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::stats::PeerStats;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc, RtcConfig};

use super::recheck::LastCheck;
use super::sdp::DescriptionError;
use super::silence::Silence;
use super::{EngineOut, Incoming, Outputs};
use crate::stats::LinkStats;
use crate::transport::Lane;

/// How long UDP may try before TCP candidates join in: UDP is better, and often only a little slower to answer. Long enough for an
/// answer and one repeat on a way of 200 ms; where UDP is blocked, people wait so long.
const TCP_HANDICAP: Duration = Duration::from_millis(500);
/// The port of a candidate that only opens connections (RFC 6544, 4.5).
const DISCARD_PORT: u16 = 9;
/// The server may name this many candidates after each description.
const MAX_CANDIDATES: usize = 256;

/// The longest wait between two checks of the road, and between repeats of one, while packets come; see [`Silence`] for silence.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// The wait before the first repeat of a check; it doubles from one to the next. The first check may overtake the
/// description that tells the server of us: whatever is to come up waits for the second then.
const FIRST_REPEAT: Duration = Duration::from_millis(50);
/// Repeats of a check before the road counts as dead, if [`Silence`] has not said so before.
const CHECK_REPEATS: usize = 18;

/// How often figures are made, and with them an estimate of the bandwidth. ([`Fall`] sees a network that falls later where they are rarer.)
const STATS_INTERVAL: Duration = Duration::from_millis(100);

/// The pacer gives one packet each time it is told the time, and wants this to go by between two: a timer would make
/// milliseconds of it, for each packet of a picture.
const ROUND: Duration = Duration::from_micros(1);
/// Packets that leave before anything else has its turn.
const MAX_ROUNDS: usize = 256;

/// What both peer connections have in common.
pub(super) fn config() -> RtcConfig {
    let mut config = Rtc::builder().set_stats_interval(Some(STATS_INTERVAL));
    config.set_initial_stun_rto(FIRST_REPEAT);
    config.set_max_stun_rto(CHECK_INTERVAL);
    config.set_max_stun_retransmits(CHECK_REPEATS);
    config
}

/// The JSON of a trickle message.
#[derive(Deserialize)]
struct CandidateInit {
    candidate: String,
}

pub(super) struct Peer {
    pub(super) rtc: Rtc,
    lane: Lane,
    due: Instant,
    force_tcp: bool,
    connected: bool,
    silence: Silence,
    last_check: LastCheck,
    broken: bool,
    held_tcp: Vec<Candidate>,
    release_tcp: Option<Instant>,
    /// Candidates the server has named since its last description.
    candidates: usize,
    /// What the server's payload types mean.
    payload_types: PayloadTypes,
    pub(super) stats: LinkStats,
    /// Packets sent on each of the streams that carry repairs, by SSRC.
    repairs: HashMap<u32, u64>,
    /// Notices when the road suddenly carries far less.
    fall: Fall,
    /// It did, and nobody has asked yet.
    fell: bool,
    /// Notices when its estimate falls while next to nothing is sent.
    idle: Idle,
    /// Which requests go out twice.
    requests: Requests,
    /// Which of the server's requests that come twice count.
    copies: Copies,
    /// The time it was told last.
    now: Instant,
}

impl Peer {
    pub(super) fn new(rtc: Rtc, now: Instant, lane: Lane, force_tcp: bool) -> Self {
        Self {
            rtc,
            lane,
            due: now,
            force_tcp,
            connected: false,
            silence: Silence::new(now),
            last_check: LastCheck::default(),
            broken: false,
            held_tcp: Vec::new(),
            release_tcp: None,
            candidates: 0,
            payload_types: PayloadTypes::default(),
            stats: LinkStats::default(),
            repairs: HashMap::new(),
            fall: Fall::default(),
            fell: false,
            idle: Idle::default(),
            requests: Requests::default(),
            copies: Copies::default(),
            now,
        }
    }

    pub(super) fn due(&self) -> Instant {
        let silence = self.connected.then(|| self.silence.due().min(self.silence.check_due()));
        [Some(self.due), self.release_tcp, silence].into_iter().flatten().min().unwrap_or(self.due)
    }

    pub(super) fn connected(&self) -> bool {
        self.connected
    }

    /// Moves time forward.
    pub(super) fn timeout(&mut self, now: Instant, out: &mut Outputs, mut on_event: impl FnMut(Event, &mut Outputs)) {
        if self.release_tcp.is_some_and(|t| now >= t) {
            self.release_tcp(out);
        }
        if self.silence.is_long(now) && self.connected {
            self.set_connected(false, out);
        }
        if self.connected && self.silence.wants_check(now) {
            self.last_check.again(self.lane, out);
        }
        self.now = now;
        let mut at = now;
        for _ in 0..MAX_ROUNDS {
            self.input(Input::Timeout(at), out, &mut on_event);
            if self.broken || self.due > at + ROUND {
                return;
            }
            at += ROUND;
        }
    }

    /// Has the figures told that would be told next. For a connection that is given up: its clock runs ahead of the world's, and
    /// what it wants sent meanwhile goes nowhere.
    pub(super) fn last_figures(&mut self, now: Instant, on_event: impl FnMut(Event, &mut Outputs)) {
        self.input(Input::Timeout(now + STATS_INTERVAL), &mut Outputs::new(), on_event);
    }

    /// Feeds a packet; what cannot be one of ours is ignored.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        packet: Incoming<'_>,
        out: &mut Outputs,
        on_event: impl FnMut(Event, &mut Outputs),
    ) {
        self.now = now;
        let Incoming { tcp, source, destination, data } = packet;
        let proto = if tcp { Protocol::Tcp } else { Protocol::Udp };
        let Ok(receive) = Receive::new(proto, source, destination, data) else { return };
        let input = Input::Receive(now, receive);
        // A stranger's packet must not touch the session.
        if self.rtc.accepts(&input) {
            let tells = self.last_check.tells(proto);
            if tells {
                self.silence.heard(now);
            }
            if self.copies.leaves_out(now, data) {
                return;
            }
            self.requests.came(now, data);
            self.input(input, out, on_event);
            if tells && !self.connected && !self.broken && self.rtc.is_connected() {
                self.set_connected(true, out);
            }
        }
    }

    fn input(&mut self, input: Input<'_>, out: &mut Outputs, on_event: impl FnMut(Event, &mut Outputs)) {
        if self.broken {
            return;
        }
        if let Err(e) = self.rtc.handle_input(input) {
            // A packet that cannot be dealt with is the sender's fault; a state that cannot is found when polling.
            tracing::debug!(lane = ?self.lane, "input: {e}");
        }
        self.drain(out, on_event);
    }

    /// Takes out everything there is. To be called after every change.
    pub(super) fn drain(&mut self, out: &mut Outputs, mut on_event: impl FnMut(Event, &mut Outputs)) {
        loop {
            if !self.broken && !self.rtc.is_alive() {
                return self.fail("the connection was shut down".into(), out);
            }
            match self.rtc.poll_output() {
                Ok(Output::Timeout(due)) => {
                    self.due = due;
                    return;
                }
                Ok(Output::Transmit(t)) => {
                    self.fall.sent(self.now, t.contents.len());
                    self.count_repair(&t.contents);
                    if self.last_check.sent(&t) {
                        // Of the new one nothing is known yet.
                        self.silence = Silence::new(self.now);
                    }
                    let tcp = t.proto == Protocol::Tcp;
                    let copy = (!tcp && self.requests.leaves_twice(self.now, &t.contents)).then(|| t.contents.to_vec());
                    for data in copy.map(Into::into).into_iter().chain([t.contents]) {
                        out.push_back(EngineOut::Transmit {
                            lane: self.lane,
                            tcp,
                            source: t.source,
                            destination: t.destination,
                            data,
                        });
                    }
                }
                Ok(Output::Event(event)) => match event {
                    Event::Connected => self.set_connected(true, out),
                    Event::IceConnectionStateChange(state) => match state {
                        IceConnectionState::Disconnected => self.set_connected(false, out),
                        IceConnectionState::Connected | IceConnectionState::Completed if self.rtc.is_connected() => {
                            self.set_connected(true, out);
                        }
                        _ => {}
                    },
                    Event::Closed => self.fail("the server closed the media connection".into(), out),
                    Event::PeerStats(mut stats) => {
                        self.note(&stats);
                        self.limit(&mut stats);
                        self.begin_anew(&mut stats);
                        on_event(Event::PeerStats(stats), out);
                    }
                    event => on_event(event, out),
                },
                Err(e) => return self.fail(e.to_string(), out),
            }
        }
    }

    /// From now on packets of this stream are counted.
    pub(super) fn watch_repairs(&mut self, ssrc: u32) {
        self.repairs.entry(ssrc).or_default();
    }

    /// Packets sent on a watched stream.
    pub(super) fn repairs(&self, ssrc: u32) -> u64 {
        self.repairs.get(&ssrc).copied().unwrap_or_default()
    }

    /// The header of an RTP packet is not encrypted (RFC 3711): version 2, then the SSRC at 8 … 12.
    fn count_repair(&mut self, packet: &[u8]) {
        if !self.repairs.is_empty()
            && packet.first().is_some_and(|b| b >> 6 == 2)
            && let Some(ssrc) = packet.get(8..12).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes)
            && let Some(count) = self.repairs.get_mut(&ssrc)
        {
            *count += 1;
        }
    }

    fn fail(&mut self, why: String, out: &mut Outputs) {
        if !self.broken {
            self.broken = true;
            self.connected = false;
            self.release_tcp = None;
            self.rtc.disconnect();
            if let Ok(Output::Timeout(due)) = self.rtc.poll_output() {
                self.due = due;
            }
            out.push_back(EngineOut::Broken { lane: self.lane, why });
        }
    }

    fn set_connected(&mut self, connected: bool, out: &mut Outputs) {
        if self.connected != connected {
            self.connected = connected;
            self.stats.connected = connected;
            if connected {
                self.release_tcp = None;
                // The silence of a road that was given up says nothing of the one that took over.
                self.silence = Silence::new(self.now);
            }
            out.push_back(EngineOut::Link { lane: self.lane, connected });
        }
    }

    /// Our address is another one now.
    pub(super) fn road_gone(&mut self, out: &mut Outputs) {
        self.set_connected(false, out);
    }

    /// Where the road was seen to fall, and the estimate does not know of it yet, it is what is left.
    fn limit(&mut self, stats: &mut PeerStats) {
        if let Some(round_trip) = stats.rtt {
            self.copies.look(self.now, round_trip);
        }
        if stats.rtt.is_some_and(|round_trip| self.fall.look(self.now, round_trip)) {
            tracing::debug!(lane = ?self.lane, rtt = ?stats.rtt, estimate = ?stats.bwe_tx, "the network fell");
            self.fell = true;
        }
        stats.bwe_tx = stats.bwe_tx.map(|estimate| Bitrate::bps(self.fall.limit(self.now, estimate.as_u64())));
    }

    /// Whether the road was seen to fall since this was asked last.
    pub(super) fn take_fall(&mut self) -> bool {
        std::mem::take(&mut self.fell)
    }

    /// What was sent lately, bit/s.
    pub(super) fn sent_lately(&self) -> u64 {
        self.fall.sent_lately(self.now)
    }

    /// Where the estimate fell for nothing, the estimator begins anew.
    fn begin_anew(&mut self, stats: &mut PeerStats) {
        let Some(estimate) = stats.bwe_tx.map(|estimate| estimate.as_u64()) else { return };
        let heard = Heard {
            estimate,
            sent: self.sent_lately(),
            loss: stats.egress_loss_fraction.unwrap_or(0.0),
            fell: self.fall.fell_lately(self.now),
        };
        if let Some(bps) = self.idle.heard(self.now, heard) {
            tracing::debug!(lane = ?self.lane, estimate, bps, "the estimate fell for nothing and begins anew");
            self.rtc.bwe().reset(Bitrate::bps(bps));
            stats.bwe_tx = Some(Bitrate::bps(bps));
        }
    }

    fn note(&mut self, stats: &PeerStats) {
        self.stats.bytes_sent = stats.peer_bytes_tx;
        self.stats.bytes_received = stats.peer_bytes_rx;
        if let Some(pair) = &stats.selected_candidate_pair {
            self.stats.transport = if pair.protocol == Protocol::Tcp { "tcp" } else { "udp" }.into();
            self.stats.remote = pair.remote.addr.to_string();
            self.stats.rtt_ms = pair.current_round_trip_time.map(|d| d.as_secs_f32() * 1000.0);
        }
    }

    /// A candidate of ours: a bound socket (UDP), or the address connections will leave from (TCP).
    pub(super) fn add_local(&mut self, tcp: bool, local: SocketAddr, out: &mut Outputs) {
        let candidate = if tcp {
            let local = SocketAddr::new(local.ip(), DISCARD_PORT);
            Candidate::builder().tcp().host(local).tcptype(TcpType::Active).build()
        } else {
            Candidate::host(local, Protocol::Udp)
        };
        match candidate {
            Ok(candidate) => {
                if let Some(added) = self.rtc.add_local_candidate(candidate) {
                    let candidate = added.to_sdp_string();
                    let candidate = candidate.trim_start_matches("a=").trim().to_owned();
                    out.push_back(EngineOut::LocalCandidate { lane: self.lane, candidate });
                }
            }
            Err(e) => tracing::debug!("no candidate from {local}: {e}"),
        }
    }

    /// Takes the server's offer and gives the answer to it. After an error the connection is not to be used any more.
    pub(super) fn accept_offer(&mut self, sdp: &str) -> Result<SdpAnswer, DescriptionError> {
        self.payload_types.check(sdp)?;
        self.candidates = 0;
        let offer = SdpOffer::from_sdp_string(sdp).map_err(str0m::RtcError::from)?;
        Ok(self.rtc.sdp_api().accept_offer(offer)?)
    }

    /// Takes the server's answer to an offer of ours. After an error the connection is not to be used any more.
    pub(super) fn accept_answer(&mut self, pending: SdpPendingOffer, sdp: &str) -> Result<(), DescriptionError> {
        self.payload_types.check(sdp)?;
        self.candidates = 0;
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(str0m::RtcError::from)?;
        Ok(self.rtc.sdp_api().accept_answer(pending, answer)?)
    }

    /// A candidate of the server's, as the JSON of a trickle message.
    pub(super) fn add_remote_json(&mut self, now: Instant, init: &str, out: &mut Outputs) {
        match serde_json::from_str::<CandidateInit>(init) {
            Ok(init) => self.add_remote(now, &init.candidate, out),
            Err(e) => tracing::warn!("skipped a candidate that cannot be read: {e}"),
        }
    }

    /// A candidate of the server's, as in a description, without `a=`.
    pub(super) fn add_remote(&mut self, now: Instant, candidate: &str, out: &mut Outputs) {
        let candidate = candidate.trim();
        if candidate.is_empty() {
            // "No more candidates".
            return;
        }
        if self.candidates >= MAX_CANDIDATES {
            return tracing::debug!("skipped a candidate: there are too many");
        }
        self.candidates += 1;
        let candidate = match Candidate::from_sdp_string(candidate) {
            Ok(candidate) => candidate,
            Err(e) => return tracing::debug!("skipped the candidate {candidate:?}: {e}"),
        };
        match candidate.proto() {
            Protocol::Udp if !self.force_tcp => self.pair(candidate, false, out),
            Protocol::Tcp if candidate.tcptype() != Some(TcpType::Active) => {
                if self.force_tcp {
                    self.pair(candidate, true, out);
                } else {
                    self.held_tcp.push(candidate);
                    if self.silence.is_doubtful(now) {
                        self.set_connected(false, out);
                    }
                    if !self.connected && self.release_tcp.is_none() {
                        self.release_tcp = Some(now + TCP_HANDICAP);
                    }
                }
            }
            _ => {}
        }
    }

    fn pair(&mut self, candidate: Candidate, tcp: bool, out: &mut Outputs) {
        out.push_back(EngineOut::Route { lane: self.lane, remote: candidate.addr(), tcp });
        self.rtc.add_remote_candidate(candidate);
    }

    fn release_tcp(&mut self, out: &mut Outputs) {
        self.release_tcp = None;
        for candidate in std::mem::take(&mut self.held_tcp) {
            self.pair(candidate, true, out);
        }
    }

    /// An ICE restart begins: TCP waits again, and any road may be the next.
    pub(super) fn restarted(&mut self) {
        self.last_check = LastCheck::default();
        self.held_tcp.clear();
        self.release_tcp = None;
    }
}
