//! A room: participants, their transports and what flows between them. Sans-IO: signalling
//! messages, datagrams and time go in; signalling messages, datagrams and events come out.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use livekit_protocol as proto;
use proto::signal_response::Message;
use str0m::Event;
use str0m::bwe::BweKind;
use str0m::net::{Protocol, Receive, Transmit};

use crate::departed::Departed;
use crate::event::{LeaveReason, RoomEvent};
use crate::ids::{ConnectionId, ParticipantKey, Side, TransportId, room_sid};
use crate::participant::Participant;
use crate::route::RouteChange;
use crate::speaker::SpeakerDetector;
use crate::transport::{Heard, TransportConfig};
use crate::turns::Turns;

/// How often the room looks after itself.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// What a room is given when it is made. The times may be zero.
#[derive(Clone, Debug)]
pub struct RoomConfig {
    /// Name of the room.
    pub name: String,
    /// Metadata that every participant sees.
    pub metadata: String,
    /// Most participants at a time; 0 is unlimited.
    pub max_participants: u32,
    /// How long the room waits for its first participant before it calls itself idle.
    pub empty_timeout: Duration,
    /// How long it waits after the last one left.
    pub departure_timeout: Duration,
    /// What its transports have in common.
    pub transport: Arc<TransportConfig>,
}

/// Something the room wants done. Datagrams come separately, see [`Room::take_datagrams`].
// Passed on at once and never kept in numbers: boxing would cost more than it saves.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Output {
    /// Send a message on a signalling connection.
    Signal(ConnectionId, Message),
    /// Close a signalling connection, after what was sent on it.
    CloseSignal(ConnectionId),
    /// Change where datagrams go.
    Route(RouteChange),
    /// Tell the room service.
    Event(RoomEvent),
}

/// What the room counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomStats {
    /// Participants at present.
    pub participants: u64,
    /// Media packets taken in.
    pub packets_received: u64,
    /// Media packets handed to subscribers' transports.
    pub packets_forwarded: u64,
    /// Datagrams that were refused: unparsable, from nobody, failed authentication of STUN.
    pub datagrams_refused: u64,
    /// Key-frame requests sent to publishers.
    pub key_frame_requests: u64,
}

/// A room.
pub struct Room {
    pub(crate) config: RoomConfig,
    pub(crate) sid: String,
    pub(crate) created_at: SystemTime,
    pub(crate) participants: Vec<Option<Box<Participant>>>,
    pub(crate) by_identity: HashMap<String, ParticipantKey>,
    pub(crate) by_connection: HashMap<ConnectionId, ParticipantKey>,
    pub(crate) departed: Departed,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) datagrams: Vec<Transmit>,
    pub(crate) speakers: SpeakerDetector,
    pub(crate) stats: RoomStats,
    pub(crate) closed: bool,
    pub(crate) turns: Turns,
    pub(crate) next_tick: Instant,
    pub(crate) next_quality: Instant,
    /// How many participants and publishers everybody was told of last.
    pub(crate) told_counts: (u32, u32),
    pub(crate) next_connection: u64,
    /// Since when nobody is here.
    pub(crate) empty_since: Option<Instant>,
    pub(crate) ever_joined: bool,
    pub(crate) idle_told: bool,
}

impl Room {
    /// An empty room.
    pub fn new(now: Instant, created_at: SystemTime, config: RoomConfig) -> Self {
        Self {
            config,
            sid: room_sid(),
            created_at,
            participants: Vec::new(),
            by_identity: HashMap::new(),
            by_connection: HashMap::new(),
            departed: Departed::default(),
            outputs: VecDeque::new(),
            datagrams: Vec::new(),
            speakers: SpeakerDetector::new(now),
            stats: RoomStats::default(),
            closed: false,
            turns: Turns::new(now),
            next_tick: now + TICK,
            next_quality: now + crate::media::QUALITY_INTERVAL,
            told_counts: (0, 0),
            next_connection: 0,
            empty_since: Some(now),
            ever_joined: false,
            idle_told: false,
        }
    }

    /// Sid of the room, `RM_…`.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The room as clients and the room service see it.
    pub fn info(&self) -> proto::Room {
        let since_epoch = self.created_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let visible = || self.participants.iter().flatten().filter(|p| !p.admission.hidden);
        proto::Room {
            sid: self.sid.clone(),
            name: self.config.name.clone(),
            empty_timeout: self.config.empty_timeout.as_secs() as u32,
            departure_timeout: self.config.departure_timeout.as_secs() as u32,
            max_participants: self.config.max_participants,
            creation_time: since_epoch.as_secs() as i64,
            creation_time_ms: since_epoch.as_millis() as i64,
            enabled_codecs: enabled_codecs(),
            metadata: self.config.metadata.clone(),
            num_participants: visible().count() as u32,
            num_publishers: visible().filter(|p| !p.publisher.tracks.is_empty()).count() as u32,
            ..Default::default()
        }
    }

    /// All participants, hidden ones too.
    pub fn participants(&self) -> Vec<proto::ParticipantInfo> {
        self.participants.iter().flatten().map(|p| p.info()).collect()
    }

    /// What was counted so far.
    pub fn stats(&self) -> RoomStats {
        RoomStats { participants: self.by_identity.len() as u64, ..self.stats }
    }

    /// Changes limits and times for what comes; participants that are in stay.
    pub fn configure(&mut self, max_participants: u32, empty_timeout: Duration, departure_timeout: Duration) {
        self.config.max_participants = max_participants;
        self.config.empty_timeout = empty_timeout;
        self.config.departure_timeout = departure_timeout;
    }

    /// Changes the room's metadata and tells everybody.
    pub fn set_metadata(&mut self, metadata: String) {
        if self.config.metadata == metadata {
            return;
        }
        self.config.metadata = metadata;
        self.tell_room_update();
    }

    pub(crate) fn tell_room_update(&mut self) {
        let update = proto::RoomUpdate { room: Some(self.info()) };
        self.broadcast(None, |_| Some(Message::RoomUpdate(update.clone())));
    }

    // ---- time and datagrams -------------------------------------------------------------------

    /// A datagram (or a TCP frame) for a transport of this room. Garbage is counted and forgotten.
    /// Call [`drive`](Self::drive) when all datagrams at hand are in.
    pub fn datagram(
        &mut self,
        now: Instant,
        to: TransportId,
        protocol: Protocol,
        from: SocketAddr,
        local: SocketAddr,
        bytes: &[u8],
    ) {
        let Ok(receive) = Receive::new(protocol, from, local, bytes) else {
            self.stats.datagrams_refused += 1;
            return;
        };
        let Some(participant) = self.get_mut(to.participant) else {
            self.stats.datagrams_refused += 1;
            return;
        };
        match participant.transport(to.side).receive(now, receive, bytes) {
            Ok(Heard::Refused) => self.stats.datagrams_refused += 1,
            Ok(Heard::Known) => self.heard(now, to),
            Ok(Heard::Check { in_use, forgotten }) => {
                let bind = RouteChange::Bind { protocol, address: from, transport: to, in_use };
                self.outputs.push_back(Output::Route(bind));
                if let Some((protocol, address)) = forgotten {
                    self.outputs.push_back(Output::Route(RouteChange::Unbind(protocol, address, to)));
                }
                self.heard(now, to);
            }
            Err(error) => {
                tracing::debug!(transport = %to, %error, "transport refused a datagram");
                self.stats.datagrams_refused += 1;
                self.pump(now, to);
            }
        }
    }

    /// Next thing to do; `None` when there is nothing left for now.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Datagrams to send, in order. Take them after the outputs.
    pub fn take_datagrams(&mut self) -> std::vec::Drain<'_, Transmit> {
        self.datagrams.drain(..)
    }

    // ---- inside -------------------------------------------------------------------------------

    pub(crate) fn get(&self, key: ParticipantKey) -> Option<&Participant> {
        self.participants.get(key.0 as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, key: ParticipantKey) -> Option<&mut Participant> {
        self.participants.get_mut(key.0 as usize)?.as_deref_mut()
    }

    pub(crate) fn keys(&self) -> Vec<ParticipantKey> {
        self.participants.iter().flatten().map(|p| p.key).collect()
    }

    pub(crate) fn on_event(&mut self, now: Instant, from: TransportId, event: Event) {
        let key = from.participant;
        match event {
            Event::RtpPacket(packet) if from.side == Side::Publisher => self.forward(now, key, packet),
            Event::Connected => self.on_connected(now, from, true),
            Event::IceConnectionStateChange(state) => self.on_connected(now, from, !state.is_disconnected()),
            Event::Closed => self.on_connected(now, from, false),
            Event::ChannelOpen(id, label) if from.side == Side::Publisher => self.on_channel(key, id, &label),
            Event::ChannelData(data) if from.side == Side::Publisher => self.on_data(key, data),
            Event::ChannelOpen(..) | Event::ChannelBufferedAmountLow(_) if from.side == Side::Subscriber => {
                self.flush_data(key);
            }
            Event::KeyframeRequest(request) if from.side == Side::Subscriber => {
                self.on_key_frame_request(now, key, request.mid);
            }
            Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. }) if from.side == Side::Subscriber => {
                self.on_averaged_estimate(now, key, estimate.as_u64());
            }
            Event::PeerStats(stats) if from.side == Side::Subscriber => self.on_figures(now, key, &stats),
            _ => {}
        }
    }

    /// Sends a message to one participant, if its signalling connection is there.
    pub(crate) fn send(&mut self, to: ParticipantKey, message: Message) {
        if let Some(connection) = self.get(to).and_then(|p| p.connection) {
            self.outputs.push_back(Output::Signal(connection, message));
        }
    }

    /// Sends to everybody but `except` what `message` makes for them.
    pub(crate) fn broadcast(
        &mut self,
        except: Option<ParticipantKey>,
        message: impl Fn(&Participant) -> Option<Message>,
    ) {
        for participant in self.participants.iter().flatten() {
            if Some(participant.key) == except {
                continue;
            }
            if let Some((connection, message)) = participant.connection.zip(message(participant)) {
                self.outputs.push_back(Output::Signal(connection, message));
            }
        }
    }

    /// A participant's information changed: tells everybody (the participant too), or soon, with what changes meanwhile.
    pub(crate) fn announce(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.get_mut(key) else { return };
        participant.version += 1;
        if participant.changes.change(now) {
            self.tell_info(key);
        }
    }

    /// Tells of a participant's changes, and carries them out, that came too soon after others.
    pub(crate) fn tell_late_changes(&mut self, now: Instant, key: ParticipantKey) {
        let Some(participant) = self.get_mut(key) else { return };
        let (changed, permits) = (participant.changes.due(now), participant.permissions.due(now));
        if changed {
            self.tell_info(key);
        }
        if permits {
            self.settle_permissions(now, key);
        }
    }

    fn tell_info(&mut self, key: ParticipantKey) {
        let Some(participant) = self.get(key) else { return };
        let info = participant.info();
        let hidden = participant.admission.hidden;
        self.broadcast(None, |p| {
            let update = proto::ParticipantUpdate { participants: vec![info.clone()] };
            (!hidden || p.key == key).then_some(Message::Update(update))
        });
    }

    pub(crate) fn event(&mut self, event: RoomEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Ends the room: everybody is sent away, nobody is let in any more.
    pub fn close(&mut self, now: Instant, reason: LeaveReason) {
        self.closed = true;
        for key in self.keys() {
            self.leave(now, key, reason);
        }
    }
}

/// Codecs the server forwards.
fn enabled_codecs() -> Vec<proto::Codec> {
    ["audio/opus", "video/h264", "video/vp8"].map(codec).to_vec()
}

/// Codecs that clients are to publish in: those that everybody can show. LiveKit's browser library, which would take VP8 by itself,
/// takes these; pictures that come in VP8 all the same are forwarded.
pub(crate) fn publish_codecs() -> Vec<proto::Codec> {
    ["audio/opus", "video/h264"].map(codec).to_vec()
}

fn codec(mime: &str) -> proto::Codec {
    proto::Codec { mime: mime.to_owned(), fmtp_line: String::new() }
}
