//! One WebRTC transport of a participant: an [`Rtc`] with what the room has to remember about it.

mod checks;
mod path;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use beckon_rtp::fall::Fall;
use beckon_rtp::request::{Copies, Requests, is_rtp};
use beckon_sdp::PayloadTypes;
use str0m::bwe::Bitrate;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::net::{Protocol, Receive, TcpType, Transmit};
use str0m::rtp::Ssrc;
use str0m::{Candidate, Input, Output, PacerReason, Reason, Rtc, RtcConfig, RtcError};

use self::checks::{Check, Checks};
use self::path::{Follower, Path, Word};
use crate::ids::Side;
use crate::sdp::{DescriptionError, with_few_candidates};

/// A transport keeps this many addresses of its client; older ones are forgotten, but never the one that is in use: a check
/// that somebody caught is as authentic from anywhere.
const MAX_ADDRESSES: usize = 8;
/// A client may name this many candidates until its next ICE restart …
const MAX_CANDIDATES: usize = 64;
/// … and so many in its descriptions, which name the same ones again and again.
const MAX_DESCRIBED: usize = 1_024;
/// What a subscriber's bandwidth is taken for until it is measured.
const INITIAL_BITRATE: Bitrate = Bitrate::mbps(2);

/// How often a subscriber's transport tells its figures: the bandwidth estimate it averages hears of
/// a network that became slow seconds later than these do.
const STATS_INTERVAL: Duration = Duration::from_millis(100);

/// A handshake takes less than this, as a rule.
const EARLY: Duration = Duration::from_millis(500);
/// Clients may go on with the credentials before the last ICE restart until its answer has come.
const KNOWN_UFRAGS: usize = 2;

/// Whoever probed this long ago may be probing still: a probe lasts 15 to 100 ms.
const PROBING: Duration = Duration::from_millis(250);

/// What all transports have in common.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// Addresses (UDP) that clients can reach the server at.
    pub udp: Vec<SocketAddr>,
    /// Addresses (TCP, RFC 4571 framing) that clients can reach the server at.
    pub tcp: Vec<SocketAddr>,
    /// Certificate of all DTLS sessions; `None` makes one for each.
    pub certificate: Option<DtlsCert>,
}

/// A transport and its state.
pub(crate) struct Transport {
    pub rtc: Rtc,
    /// When the transport is to be woken.
    pub wake_at: Instant,
    /// Entry in the room's timer queue: there is one at this time or earlier.
    pub scheduled: Option<Instant>,
    /// Waits in the room's list of transports to be driven.
    pub dirty: bool,
    /// Has the beginning of a picture to send and waits for the rest.
    pub gathering: bool,
    /// Media packets written and not yet taken out.
    pub queued: u32,
    /// When it last sent something [extra](Kind::Extra), or waited for a probe.
    pub last_probe: Option<Instant>,
    /// Streams that media packets are written to.
    pub sources: Vec<Ssrc>,
    /// ICE and DTLS are up.
    pub connected: bool,
    /// They were up before.
    pub was_up: bool,
    born: Instant,
    /// Addresses the client was heard from, proven by STUN's message integrity.
    pub addresses: Vec<(Protocol, SocketAddr)>,
    /// ICE user name fragments under which clients may knock.
    pub ufrags: Vec<String>,
    /// Notices when it suddenly carries far less.
    pub fall: Fall,
    /// Which requests go out twice.
    requests: Requests,
    /// Which of the client's requests that come twice count.
    pub copies: Copies,
    /// Goes with a client whose address changed.
    follower: Follower,
    /// Checks the client has made.
    checks: Checks,
    /// What the client's payload types mean.
    payload_types: PayloadTypes,
    /// Candidates the client has named since the last ICE restart.
    candidates: usize,
    /// Candidates that its descriptions may still name until the next one.
    described: usize,
}

impl Transport {
    pub fn new(now: Instant, side: Side, config: &TransportConfig) -> Self {
        let mut rtc = rtc_config(side, config).build(now);
        let udp = config.udp.iter().filter_map(|&addr| Candidate::host(addr, "udp").ok());
        let tcp = config
            .tcp
            .iter()
            .filter_map(|&addr| Candidate::builder().tcp().host(addr).tcptype(TcpType::Passive).build().ok());
        for candidate in udp.chain(tcp) {
            rtc.add_local_candidate(candidate);
        }
        let ufrags = vec![rtc.direct_api().local_ice_credentials().ufrag];
        Self {
            rtc,
            wake_at: now,
            scheduled: None,
            dirty: false,
            gathering: false,
            queued: 0,
            last_probe: None,
            sources: Vec::new(),
            connected: false,
            was_up: false,
            born: now,
            addresses: Vec::new(),
            ufrags,
            fall: Fall::default(),
            requests: Requests::default(),
            copies: Copies::default(),
            follower: Follower::default(),
            checks: Checks::default(),
            payload_types: PayloadTypes::default(),
            candidates: 0,
            described: MAX_DESCRIBED,
        }
    }

    /// Takes the client's offer and gives the answer to it.
    ///
    /// # Errors
    /// [`DescriptionError`]: it cannot be read, or asks for what we do not do. The transport is not to be used any more then.
    pub fn accept_offer(&mut self, sdp: &str) -> Result<SdpAnswer, DescriptionError> {
        self.payload_types.check(sdp)?;
        let sdp = with_few_candidates(sdp, &mut self.described);
        let offer = SdpOffer::from_sdp_string(&sdp).map_err(|e| DescriptionError::Unreadable(e.to_string()))?;
        Ok(self.rtc.sdp_api().accept_offer(offer)?)
    }

    /// Takes the client's answer to an offer of ours.
    ///
    /// # Errors
    /// As [`Transport::accept_offer`].
    pub fn accept_answer(&mut self, pending: SdpPendingOffer, sdp: &str) -> Result<(), DescriptionError> {
        self.payload_types.check(sdp)?;
        let sdp = with_few_candidates(sdp, &mut self.described);
        let answer = SdpAnswer::from_sdp_string(&sdp).map_err(|e| DescriptionError::Unreadable(e.to_string()))?;
        Ok(self.rtc.sdp_api().accept_answer(pending, answer)?)
    }

    /// Takes a candidate of the client's; too many are not taken.
    pub fn add_candidate(&mut self, candidate: Candidate) {
        if self.candidates < MAX_CANDIDATES {
            self.candidates += 1;
            self.rtc.add_remote_candidate(candidate);
        }
    }

    /// Takes a datagram in; `bytes` are the whole of it. What became of it: see [`Heard`].
    ///
    /// # Errors
    /// [`RtcError`]: the WebRTC stack refused the datagram. The transport goes on.
    pub fn receive(&mut self, now: Instant, receive: Receive<'_>, bytes: &[u8]) -> Result<Heard, RtcError> {
        let stun = beckon_rtp::stun::is_stun(bytes);
        let from = (receive.proto, receive.source);
        let path = Path { protocol: receive.proto, local: receive.destination, remote: receive.source };
        let input = Input::Receive(now, receive);
        let known = self.addresses.contains(&from);
        // Only a check proves where its sender is; the rest must come from there.
        if stun && !self.rtc.accepts(&input) {
            return Ok(Heard::Refused);
        }
        let check =
            if stun { self.checks.hear(bytes, &self.rtc.direct_api().local_ice_credentials().pass) } else { Check::No };
        // Of two with the same number one is a copy: the second, where the client is known already. Until it is, the
        // copy may have been quicker.
        let counts = check == Check::New || (check == Check::Again && !known && !self.follower.is_proven());
        if !counts && !known {
            return Ok(Heard::Refused);
        }
        if self.copies.leaves_out(now, bytes) {
            return Ok(Heard::Known);
        }
        self.requests.came(now, bytes);
        self.fall.heard(now);
        self.rtc.handle_input(input)?;
        let word = match (stun, counts) {
            (_, true) => Word::Check { nominates: path::nominates(bytes) },
            (true, false) => Word::Stun,
            (false, false) => Word::Data,
        };
        self.follower.heard(now, path, word);
        if !counts {
            return Ok(Heard::Known);
        }
        let in_use = self.address_in_use() == Some(from);
        let forgotten = (!known && self.addresses.len() >= MAX_ADDRESSES).then(|| {
            let used = self.follower.in_use().map(|path| (path.protocol, path.remote));
            let oldest = self.addresses.iter().position(|address| Some(*address) != used);
            self.addresses.remove(oldest.unwrap_or(0))
        });
        if !known {
            self.addresses.push(from);
        }
        Ok(Heard::Check { in_use, forgotten })
    }

    /// Where the client is, as soon as it is connected.
    pub fn address_in_use(&self) -> Option<(Protocol, SocketAddr)> {
        self.follower.in_use().filter(|_| self.connected).map(|path| (path.protocol, path.remote))
    }

    /// Lets the transport's time go on.
    ///
    /// # Errors
    /// [`RtcError`]: something in the WebRTC stack failed; [`Transport::poll`] says whether it goes on.
    pub fn advance(&mut self, now: Instant) -> Result<(), RtcError> {
        self.rtc.handle_input(Input::Timeout(now))
    }

    /// How well what it waits for can wait. It names the first of all that it waits for: while the network is probed,
    /// the probe's next packet may be right behind it.
    pub fn patience(&self, now: Instant) -> Patience {
        match self.rtc.last_timeout_reason() {
            Reason::Pacer(PacerReason::Padding) => Patience::Little,
            Reason::Pacer(PacerReason::Handle)
            | Reason::BweDelayControl
            | Reason::BweProbeEstimator
            | Reason::Feedback
            | Reason::Stats => {
                if self.may_probe(now) {
                    Patience::Little
                } else {
                    Patience::Much
                }
            }
            _ => Patience::None,
        }
    }

    /// Looks at what it waits for: whether that is a probe.
    pub fn note_wait(&mut self, now: Instant) {
        if let Reason::BweProbeControl | Reason::Pacer(PacerReason::Probe1 | PacerReason::Probe2) =
            self.rtc.last_timeout_reason()
        {
            self.last_probe = Some(now);
        }
    }

    /// What a datagram that it gave carries.
    pub fn kind(&self, datagram: &[u8]) -> Kind {
        match datagram {
            &[_, _, _, _, _, _, _, _, s0, s1, s2, s3, ..] if is_rtp(datagram) => {
                let ssrc = Ssrc::from(u32::from_be_bytes([s0, s1, s2, s3]));
                if self.sources.contains(&ssrc) { Kind::Media } else { Kind::Extra }
            }
            _ => Kind::Control,
        }
    }

    /// A second one of this datagram, where it should leave twice.
    pub fn copy(&mut self, now: Instant, datagram: &Transmit) -> Option<Transmit> {
        let Transmit { proto, source, destination, ref contents } = *datagram;
        (proto == Protocol::Udp && self.requests.leaves_twice(now, contents)).then(|| Transmit {
            proto,
            source,
            destination,
            contents: contents.to_vec().into(),
        })
    }

    /// Whether its network may be being probed: it sent something extra, or waited for that, a moment ago.
    pub fn may_probe(&self, now: Instant) -> bool {
        self.last_probe.is_some_and(|at| now.saturating_duration_since(at) < PROBING)
    }

    /// What is to be sent or told next, or until when there is nothing.
    ///
    /// # Errors
    /// [`RtcError`]: the transport has failed. Nothing comes of it until it is told something new.
    pub fn poll(&mut self) -> Result<Output, RtcError> {
        let mut output = self.rtc.poll_output()?;
        if let Output::Transmit(datagram) = &mut output {
            self.follower.direct(datagram);
        }
        Ok(output)
    }

    /// Whether media may be written. What is written before the first handshake is over waits in the WebRTC stack, without limit, and comes
    /// all at once. Pictures of the first moments may: mostly the handshake is quicker than the next key frame.
    pub fn takes(&self, now: Instant, video: bool) -> bool {
        self.was_up || (video && now.saturating_duration_since(self.born) < EARLY)
    }

    /// A user name fragment that is new since the last look (after an ICE restart), and one under which nobody knocks any more.
    pub fn new_ufrag(&mut self) -> Option<(String, Option<String>)> {
        let ufrag = self.rtc.direct_api().local_ice_credentials().ufrag;
        (!self.ufrags.contains(&ufrag)).then(|| {
            self.ufrags.push(ufrag.clone());
            (self.candidates, self.described) = (0, MAX_DESCRIBED);
            (ufrag, (self.ufrags.len() > KNOWN_UFRAGS).then(|| self.ufrags.remove(0)))
        })
    }
}

/// How well something can wait for company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Answers, repairs, probes and handshakes: not at all.
    None,
    /// Padding: a few milliseconds.
    Little,
    /// Bookkeeping of the bandwidth estimate, reports: until media is sent next, if that is soon.
    Much,
}

/// What a datagram that leaves carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A media packet that was written to the transport.
    Media,
    /// RTP beside that: repairs, or padding that probes the network.
    Extra,
    /// Reports, checks, handshakes.
    Control,
}

/// What became of a received datagram.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It does not belong here.
    Refused,
    /// From an address that was known.
    Known,
    /// A check of the client's own, from the address that is in use or from another one, for which an older one may have
    /// been given up.
    Check { in_use: bool, forgotten: Option<(Protocol, SocketAddr)> },
}

fn rtc_config(side: Side, config: &TransportConfig) -> RtcConfig {
    let mut rtc = RtcConfig::new()
        .set_crypto_provider(crate::dtls::crypto())
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_opus(true, false)
        .enable_vp8(true)
        .set_sctp_max_buffered_amount(1 << 20)
        // Video comes in frames of many packets; keep two seconds of a large picture.
        .set_send_buffer_video(1_500);
    // Constrained baseline, packetization mode 1: what every endpoint can do.
    rtc.codec_config().add_h264(108.into(), Some(109.into()), true, 0x42_e0_1f);
    if let Some(certificate) = &config.certificate {
        rtc = rtc.set_dtls_cert(certificate.clone());
    }
    match side {
        Side::Publisher => rtc,
        Side::Subscriber => rtc.enable_bwe(Some(INITIAL_BITRATE)).set_stats_interval(Some(STATS_INTERVAL)),
    }
}
