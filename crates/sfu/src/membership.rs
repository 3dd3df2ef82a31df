//! Coming, going, and coming back.

use std::time::{Duration, Instant, SystemTime};

use livekit_protocol as proto;
use proto::leave_request::Action;
use proto::participant_info::State;
use proto::signal_response::Message;

use crate::admission::{JoinError, JoinRequest};
use crate::event::{LeaveReason, RoomEvent};
use crate::ids::{ConnectionId, ParticipantKey, Side, TransportId, participant_sid};
use crate::pace::Pace;
use crate::participant::Participant;
use crate::publisher::Publisher;
use crate::room::{Output, Room, publish_codecs};
use crate::route::RouteChange;
use crate::subscriber::Subscriber;
use crate::transport::Transport;

/// How often clients say that they are alive, in seconds.
const PING_INTERVAL: i32 = 5;
/// After how much silence a client takes the server for lost, in seconds.
const PING_TIMEOUT: i32 = 15;
/// After how much silence a signalling connection is taken for lost.
const SIGNAL_SILENCE: Duration = Duration::from_secs(20);
/// How long a participant whose signalling is lost is kept for it to come back.
const SIGNAL_GRACE: Duration = Duration::from_secs(12);
/// How long a participant whose signalling and media are both lost is kept.
const ALL_LOST_GRACE: Duration = Duration::from_secs(8);
/// How long media may take to come up, or to come back.
const MEDIA_GRACE: Duration = Duration::from_secs(40);

/// Version of the LiveKit signalling protocol this server speaks.
const PROTOCOL_VERSION: i32 = 16;
/// LiveKit server release whose behaviour clients may expect.
const COMPATIBLE_VERSION: &str = "1.9.0";

/// Somebody was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The signalling connection's number in this room; outputs name it.
    pub connection: ConnectionId,
    /// Sid of the participant (`PA_…`).
    pub sid: String,
    /// A session that was there before goes on.
    pub resumed: bool,
}

impl Room {
    /// Whether a join would be let in, without joining.
    ///
    /// # Errors
    /// [`JoinError`]: the room is closed, all its places are taken by others, or the session to resume is not here.
    pub fn may_join(&self, request: &JoinRequest) -> Result<(), JoinError> {
        if self.closed {
            return Err(JoinError::RoomClosed);
        }
        if let Some(sid) = &request.resume {
            return self.to_resume(sid, request).map(|_| ()).ok_or(JoinError::UnknownSession);
        }
        let max = self.config.max_participants;
        let takes_place = !self.by_identity.contains_key(&request.admission.identity);
        if max > 0 && takes_place && self.by_identity.len() >= max as usize {
            return Err(JoinError::RoomFull(max));
        }
        Ok(())
    }

    fn to_resume(&self, sid: &str, request: &JoinRequest) -> Option<ParticipantKey> {
        let key = *self.by_identity.get(&request.admission.identity)?;
        self.get(key).filter(|p| p.sid == sid).map(|p| p.key)
    }

    /// Lets a participant in (or back in). The first messages for it are among the outputs.
    ///
    /// # Errors
    /// As [`Room::may_join`]; the room is as it was then.
    pub fn join(&mut self, now: Instant, wall: SystemTime, request: JoinRequest) -> Result<Joined, JoinError> {
        self.may_join(&request)?;
        if let Some(sid) = &request.resume {
            let key = self.to_resume(sid, &request).ok_or(JoinError::UnknownSession)?;
            return Ok(self.resume(now, key));
        }
        if let Some(&older) = self.by_identity.get(&request.admission.identity) {
            self.leave(now, older, LeaveReason::DuplicateIdentity);
        }
        let key = ParticipantKey(self.participants.len() as u32);
        let identity = request.admission.identity.clone();
        let transport = |side| Transport::new(now, side, &self.config.transport);
        let participant = Participant {
            key,
            sid: participant_sid(),
            auto_subscribe: request.auto_subscribe,
            state: State::Joined,
            version: 1,
            changes: Pace::default(),
            joined_at: wall,
            connection: None,
            signal_lost: None,
            last_signal: now,
            missed_since: None,
            media_lost: request.admission.can_subscribe.then_some(now),
            publisher: Publisher::new(transport(Side::Publisher)),
            subscriber: Subscriber::new(transport(Side::Subscriber)),
            allowed: None,
            permissions: Pace::default(),
            verdict: None,
            admission: request.admission,
            client: request.client,
        };
        let (sid, info, hidden) = (participant.sid.clone(), participant.info(), participant.admission.hidden);
        self.participants.push(Some(Box::new(participant)));
        self.by_identity.insert(identity, key);
        (self.empty_since, self.ever_joined, self.idle_told) = (None, true, false);
        for side in [Side::Publisher, Side::Subscriber] {
            let id = TransportId { participant: key, side };
            let ufrags = self.get_mut(key).map(|p| p.transport(side).ufrags.clone()).unwrap_or_default();
            for ufrag in ufrags {
                self.outputs.push_back(Output::Route(RouteChange::AddUfrag(ufrag, id)));
            }
            self.mark_dirty(id);
        }
        let connection = self.connect(now, key);
        let others = self.others(key);
        self.send(key, Message::Join(self.join_response(key, others)));
        if !hidden {
            let update = proto::ParticipantUpdate { participants: vec![info.clone()] };
            self.broadcast(Some(key), |_| Some(Message::Update(update.clone())));
        }
        self.event(RoomEvent::ParticipantJoined(info));
        self.subscribe_to_all(now, key);
        let can_subscribe = self.get(key).is_some_and(|p| p.admission.can_subscribe);
        if can_subscribe {
            self.negotiate(key);
        }
        self.send_active_speakers(key);
        self.send_connection_qualities(key);
        self.drive(now);
        Ok(Joined { connection, sid, resumed: false })
    }

    fn resume(&mut self, now: Instant, key: ParticipantKey) -> Joined {
        // What was sent after that may have gone into a dead connection, or into one that was too slow for it.
        let last_heard = self.get(key).map_or(now, |p| p.missed_since.unwrap_or(p.last_signal));
        let connection = self.connect(now, key);
        let (sid, last) = self.get(key).map(|p| (p.sid.clone(), p.publisher.last_reliable)).unwrap_or_default();
        let response = proto::ReconnectResponse {
            client_configuration: Some(client_configuration()),
            server_info: Some(server_info()),
            last_message_seq: last,
            ..Default::default()
        };
        self.send(key, Message::Reconnect(response));
        // Clients take nobody for gone whom an update does not name. One who came back meanwhile is among the others.
        let gone = self.departed.since(last_heard).filter(|p| !self.by_identity.contains_key(&p.identity)).cloned();
        let participants = gone.chain(self.others(key)).chain(self.get(key).map(Participant::info)).collect();
        self.send(key, Message::Update(proto::ParticipantUpdate { participants }));
        self.send(key, Message::RoomUpdate(proto::RoomUpdate { room: Some(self.info()) }));
        self.send_connection_qualities(key);
        self.send_all_speakers(key);
        self.send_stream_states(key);
        self.tell_of_subscribers(key);
        self.repeat_subscribed_quality(now, key);
        // What waits for an answer that got lost: the client takes the same offer again. Its way to us changed, and ICE has to find the
        // new one: with the offer after that, or at once.
        if let Some(p) = self.get_mut(key).filter(|p| p.admission.can_subscribe) {
            p.subscriber.restart_ice();
            match p.subscriber.unanswered().cloned() {
                Some(offer) => self.send(key, Message::Offer(offer)),
                None => self.negotiate(key),
            }
        }
        self.drive(now);
        Joined { connection, sid, resumed: true }
    }

    fn connect(&mut self, now: Instant, key: ParticipantKey) -> ConnectionId {
        let connection = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.by_connection.insert(connection, key);
        let old = self.get_mut(key).and_then(|p| {
            (p.signal_lost, p.last_signal, p.missed_since) = (None, now, None);
            p.connection.replace(connection)
        });
        if let Some(old) = old {
            self.by_connection.remove(&old);
            self.outputs.push_back(Output::CloseSignal(old));
        }
        connection
    }

    /// The other participants that a participant may see.
    fn others(&self, key: ParticipantKey) -> Vec<proto::ParticipantInfo> {
        let visible = self.participants.iter().flatten().filter(|p| p.key != key && !p.admission.hidden);
        visible.map(|p| p.info()).collect()
    }

    fn join_response(&self, key: ParticipantKey, others: Vec<proto::ParticipantInfo>) -> proto::JoinResponse {
        let participant = self.get(key);
        proto::JoinResponse {
            room: Some(self.info()),
            participant: participant.map(Participant::info),
            other_participants: others,
            server_version: COMPATIBLE_VERSION.to_owned(),
            subscriber_primary: participant.is_some_and(|p| p.admission.can_subscribe),
            client_configuration: Some(client_configuration()),
            ping_timeout: PING_TIMEOUT,
            ping_interval: PING_INTERVAL,
            server_info: Some(server_info()),
            enabled_publish_codecs: publish_codecs(),
            ..Default::default()
        }
    }

    /// A signalling connection is gone without a goodbye.
    pub fn signal_closed(&mut self, now: Instant, connection: ConnectionId) {
        let Some(key) = self.by_connection.remove(&connection) else { return };
        if let Some(p) = self.get_mut(key).filter(|p| p.connection == Some(connection)) {
            p.connection = None;
            p.signal_lost = Some(now);
        }
    }

    /// A client could not be told something, as too much that it was told before still waits for it. Its connection ends once it has
    /// taken that, and when it comes back it is told what it missed; that it is heard meanwhile says nothing.
    pub fn signal_missed(&mut self, connection: ConnectionId) {
        let Some(&key) = self.by_connection.get(&connection) else { return };
        if let Some(p) = self.get_mut(key) {
            p.missed_since.get_or_insert(p.last_signal);
        }
    }

    /// Sends a participant away by its identity. Whether there was one.
    pub fn remove(&mut self, now: Instant, identity: &str) -> bool {
        let Some(&key) = self.by_identity.get(identity) else { return false };
        self.leave(now, key, LeaveReason::Removed);
        true
    }

    /// A participant's place is cleared, everybody is told.
    pub(crate) fn leave(&mut self, now: Instant, key: ParticipantKey, reason: LeaveReason) {
        let Some(participant) = self.participants.get_mut(key.0 as usize).and_then(Option::take) else { return };
        let mut participant = *participant;
        if let Some(connection) = participant.connection.take() {
            self.by_connection.remove(&connection);
            if reason != LeaveReason::ClientLeft {
                let leave = leave_request(reason);
                self.outputs.push_back(Output::Signal(connection, Message::Leave(leave)));
            }
            self.outputs.push_back(Output::CloseSignal(connection));
        }
        if self.by_identity.get(participant.identity()) == Some(&key) {
            self.by_identity.remove(participant.identity());
        }
        self.speakers.remove(key);
        for side in [Side::Publisher, Side::Subscriber] {
            self.close_transport(now, &mut participant, side);
        }
        // What it subscribed to: its places in the publishers' lists.
        for track in participant.subscriber.tracks.iter().flatten() {
            let up = self.get_mut(track.publisher).and_then(|p| p.publisher.by_number(track.track_number));
            if let Some(up) = up {
                up.subscribers.retain(|(k, _)| *k != key);
            }
        }
        // What it published: its places in the subscribers' lists.
        for track in &participant.publisher.tracks {
            self.take_away(track);
        }
        participant.state = State::Disconnected;
        participant.version += 1;
        let info = proto::ParticipantInfo {
            tracks: Vec::new(),
            disconnect_reason: reason.to_proto() as i32,
            ..participant.info()
        };
        if !participant.admission.hidden {
            self.departed.left(now, info.clone());
            let update = proto::ParticipantUpdate { participants: vec![info] };
            self.broadcast(None, |_| Some(Message::Update(update.clone())));
        }
        tracing::debug!(identity = participant.identity(), %reason, "participant left");
        let identity = participant.admission.identity;
        self.event(RoomEvent::ParticipantLeft { sid: participant.sid, identity, reason });
        if self.by_identity.is_empty() {
            self.empty_since = Some(now);
        }
    }

    fn close_transport(&mut self, now: Instant, participant: &mut Participant, side: Side) {
        let id = TransportId { participant: participant.key, side };
        let transport = participant.transport(side);
        if transport.connected && transport.rtc.close().is_ok() {
            // Goodbye in RTCP and DTLS, so that the client need not wait for a timeout.
            let _ = transport.advance(now);
            loop {
                match transport.poll() {
                    Ok(str0m::Output::Transmit(datagram)) => self.datagrams.push(datagram),
                    Ok(str0m::Output::Event(_)) => {}
                    Ok(str0m::Output::Timeout(_)) | Err(_) => break,
                }
            }
        }
        for ufrag in transport.ufrags.drain(..) {
            self.outputs.push_back(Output::Route(RouteChange::RemoveUfrag(ufrag)));
        }
        for (protocol, address) in transport.addresses.drain(..) {
            self.outputs.push_back(Output::Route(RouteChange::Unbind(protocol, address, id)));
        }
    }

    /// A transport's connection came up or was lost.
    pub(crate) fn on_connected(&mut self, now: Instant, transport: TransportId, up: bool) {
        let Some(p) = self.get_mut(transport.participant) else { return };
        let state = p.transport(transport.side);
        state.connected = up && state.rtc.is_connected();
        state.was_up |= state.connected;
        if let Some((protocol, address)) = state.address_in_use() {
            let bind = RouteChange::Bind { protocol, address, transport, in_use: true };
            self.outputs.push_back(Output::Route(bind));
        }
        let Some(p) = self.get_mut(transport.participant) else { return };
        if p.primary_connected() {
            p.media_lost = None;
            if p.state != State::Active {
                p.state = State::Active;
                let (sid, identity) = (p.sid.clone(), p.identity().to_owned());
                self.event(RoomEvent::ParticipantActive { sid, identity });
                self.announce(now, transport.participant);
            }
        } else if !up && p.media_lost.is_none() {
            p.media_lost = Some(now);
        }
        if transport.side == Side::Subscriber && up {
            self.ask_for_key_frames(now, transport.participant);
        }
    }

    /// Sends away who is lost; tells when the room is idle.
    pub(crate) fn check_timeouts(&mut self, now: Instant) {
        let over = |since: Option<Instant>, limit| since.is_some_and(|at| now.saturating_duration_since(at) >= limit);
        for key in self.keys() {
            let Some(p) = self.get_mut(key) else { continue };
            if p.connection.is_some() && over(Some(p.last_signal), SIGNAL_SILENCE) {
                p.signal_lost = Some(now);
                if let Some(connection) = p.connection.take() {
                    self.by_connection.remove(&connection);
                    self.outputs.push_back(Output::CloseSignal(connection));
                }
                continue;
            }
            let all_lost = p.media_lost.is_some() && p.connection.is_none();
            if over(p.signal_lost, SIGNAL_GRACE) || all_lost && over(p.signal_lost, ALL_LOST_GRACE) {
                self.leave(now, key, LeaveReason::SignalLost);
            } else if over(p.media_lost, MEDIA_GRACE) {
                self.leave(now, key, LeaveReason::MediaLost);
            }
        }
        self.departed.forget(now, SIGNAL_SILENCE + SIGNAL_GRACE);
        let limit = if self.ever_joined { self.config.departure_timeout } else { self.config.empty_timeout };
        if !self.idle_told && over(self.empty_since, limit) {
            self.idle_told = true;
            self.event(RoomEvent::Idle);
        }
    }
}

fn leave_request(reason: LeaveReason) -> proto::LeaveRequest {
    // After these the client should try to come back by itself; after the others it was sent away.
    let again = matches!(
        reason,
        LeaveReason::MediaLost
            | LeaveReason::SignalLost
            | LeaveReason::StateMismatch
            | LeaveReason::JoinFailure
            | LeaveReason::ServerShutdown
    );
    proto::LeaveRequest {
        can_reconnect: again,
        reason: reason.to_proto() as i32,
        action: if again { Action::Reconnect } else { Action::Disconnect } as i32,
        regions: None,
    }
}

/// The message for a client that wants to resume a session the server does not know.
pub fn join_anew() -> Message {
    Message::Leave(leave_request(LeaveReason::StateMismatch))
}

fn client_configuration() -> proto::ClientConfiguration {
    proto::ClientConfiguration { resume_connection: proto::ClientConfigSetting::Enabled as i32, ..Default::default() }
}

fn server_info() -> proto::ServerInfo {
    proto::ServerInfo {
        edition: proto::server_info::Edition::Standard as i32,
        version: COMPATIBLE_VERSION.to_owned(),
        protocol: PROTOCOL_VERSION,
        node_id: "beckond".to_owned(),
        debug_info: concat!("beckond ", env!("CARGO_PKG_VERSION")).to_owned(),
        ..Default::default()
    }
}
