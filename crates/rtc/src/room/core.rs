//! The room's state machine: signalling messages, media events, commands and time in, effects out. It neither waits
//! nor sends; the driver does.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use tokio::sync::mpsc;

use super::command::{Command, LocalKey};
use super::convert;
use super::handle::{RoomInfo, RoomShared};
use super::locals::Local;
use super::reconnect::{Loss, Next};
use super::roster::Roster;
use crate::data::ChatReader;
use crate::engine::RemoteSinkKey;
use crate::error::ConnectError;
use crate::event::{DisconnectReason, RoomEvent};
use crate::ids::{Identity, TrackSid};
use crate::options::{ReconnectPolicy, Secret};
use crate::publication::TrackKind;
use crate::signal::{Beat, Keepalive, Opening};
use crate::track::{LocalShared, OutFrame, RemoteShared, RemoteSink, RemoteTrack};
use crate::transport::Lane;

/// How long media may take to connect after joining.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(12);
/// A media connection that ends is often followed by the message that says why: wait for it.
const FAREWELL: Duration = Duration::from_millis(700);

/// What the driver is to do.
pub(super) enum Effect {
    Emit(RoomEvent),
    Send(Request),
    /// Send what we know of the session; the driver adds the last descriptions.
    Sync(proto::SyncState),
    /// Open signalling after a wait; answered by [`Core::opened`] or [`Core::not_opened`].
    Open { opening: Opening, wait: Duration },
    /// Close signalling, and stop opening it.
    Hang,
    /// Forget the peer connections and make new ones.
    ResetMedia,
    /// Restart ICE on our peer connection.
    RestartIce,
    AddTrack { shared: Arc<LocalShared>, cid: String },
    RemoveTrack(LocalKey),
    MuteChanged,
    Offer(proto::SessionDescription),
    Answer(proto::SessionDescription),
    Candidate { lane: Lane, init: String },
    Attach { key: RemoteSinkKey, sink: RemoteSink, shared: Arc<RemoteShared> },
    RequestKey(TrackSid),
    Packet { reliable: bool, packet: proto::DataPacket },
    Token(Secret),
    /// Over: send what is queued, then end.
    Finish,
}

#[derive(Debug, PartialEq)]
pub(super) enum Phase {
    Live,
    /// Signalling is being opened.
    Opening(Opening),
    /// Signalling is open; its first message is due.
    Greeting { opening: Opening, until: Instant },
    /// The session goes on; media is to come back.
    Recovering { until: Instant },
    Closed,
}

/// Our own channels, for the tracks we hand out. They do not keep the room open: when the application has let go of
/// every handle, the room is left.
#[derive(Clone)]
pub(super) struct Lines {
    pub(super) commands: mpsc::WeakUnboundedSender<Command>,
    pub(super) media: mpsc::Sender<OutFrame>,
}

/// A track of somebody else whose media comes in.
struct Subscribed {
    identity: Identity,
    shared: Arc<RemoteShared>,
}

pub(super) struct Core {
    pub(super) phase: Phase,
    policy: ReconnectPolicy,
    jitter: fn() -> f64,
    pub(super) lines: Lines,
    pub(super) shared: Arc<RoomShared>,
    pub(super) effects: VecDeque<Effect>,
    keepalive: Keepalive,
    intervals: (i32, i32),
    pub(super) roster: Roster,
    info: RoomInfo,
    pub(super) locals: BTreeMap<LocalKey, Local>,
    pub(super) next_local: u32,
    /// Others' tracks coming in.
    subscribed: HashMap<TrackSid, Subscribed>,
    /// Media sections whose track the server has not described yet.
    unexplained: HashMap<TrackSid, (TrackKind, RemoteSinkKey)>,
    /// Tracks taken out of, or into, the default of subscribing.
    pub(super) exceptions: HashSet<TrackSid>,
    pub(super) disabled: HashSet<TrackSid>,
    auto_subscribe: bool,
    pub(super) chat: ChatReader,
    loss: Option<Loss>,
    must_rejoin: bool,
    farewell: Option<(Instant, String)>,
    media_due: Option<Instant>,
    /// Publisher, subscriber.
    media_up: (bool, bool),
    announced_up: bool,
}

impl Core {
    pub(super) fn new(
        now: Instant,
        policy: ReconnectPolicy,
        auto_subscribe: bool,
        jitter: fn() -> f64,
        lines: Lines,
        shared: Arc<RoomShared>,
        join: proto::JoinResponse,
    ) -> Self {
        let mut core = Self {
            phase: Phase::Live,
            policy,
            jitter,
            lines,
            shared,
            effects: VecDeque::new(),
            keepalive: Keepalive::new(now, 0, 0),
            intervals: (0, 0),
            roster: Roster::default(),
            info: RoomInfo::default(),
            locals: BTreeMap::new(),
            next_local: 0,
            subscribed: HashMap::new(),
            unexplained: HashMap::new(),
            exceptions: HashSet::new(),
            disabled: HashSet::new(),
            auto_subscribe,
            chat: ChatReader::default(),
            loss: None,
            must_rejoin: false,
            farewell: None,
            media_due: None,
            media_up: (false, true),
            announced_up: false,
        };
        core.emit(RoomEvent::Connected);
        core.joined(now, join);
        core
    }

    pub(super) fn emit(&mut self, event: RoomEvent) {
        self.effects.push_back(Effect::Emit(event));
    }

    pub(super) fn send(&mut self, message: Request) {
        self.effects.push_back(Effect::Send(message));
    }

    /// Whether tracks come in without being asked for.
    pub(super) fn subscribes_by_default(&self) -> bool {
        self.auto_subscribe
    }

    /// Whether messages sent now reach the session.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Recovering { .. })
    }

    fn joined(&mut self, now: Instant, join: proto::JoinResponse) {
        self.intervals = (join.ping_interval, join.ping_timeout);
        self.keepalive = Keepalive::new(now, self.intervals.0, self.intervals.1);
        self.info = join.room.as_ref().map(convert::room).unwrap_or_default();
        self.media_due = Some(now + MEDIA_TIMEOUT);
        self.media_up = (false, true);
        self.farewell = None;
        self.effects.push_back(Effect::ResetMedia);
        self.drop_remote();
        let events = self.roster.join(&join.participant.unwrap_or_default(), &join.other_participants);
        self.relay(events);
        self.republish(now);
        self.sync_view();
    }

    /// Passes roster events on, minding what hangs on them.
    fn relay(&mut self, events: Vec<RoomEvent>) {
        for event in events {
            match &event {
                RoomEvent::TrackUnpublished { track, .. } => self.unsubscribe(&track.sid.clone()),
                RoomEvent::ParticipantLeft(p) => self.chat.forget(&p.identity),
                RoomEvent::TrackMuted { sid, muted, .. } => {
                    if let Some(track) = self.subscribed.get(sid) {
                        track.shared.info.write().muted = *muted;
                    }
                }
                _ => {}
            }
            self.emit(event);
        }
        self.explain();
        self.sync_view();
    }

    /// Copies what handles read.
    pub(super) fn sync_view(&self) {
        let mut view = self.shared.view.write();
        view.room.clone_from(&self.info);
        view.local = Some(self.roster.local().clone());
        view.others = self.roster.others().cloned().collect();
        view.published = self.locals.values().filter_map(Local::sid).collect();
        view.closed = self.phase == Phase::Closed;
    }

    /// A signalling message came.
    pub(super) fn message(&mut self, now: Instant, message: Response) {
        self.keepalive.heard(now);
        if let Phase::Greeting { opening, .. } = &self.phase {
            let resume = matches!(opening, Opening::Resume(_));
            return match message {
                Response::Join(join) => self.rejoined(now, join),
                Response::Reconnect(_) => self.resumed(now),
                // Some servers go on without a greeting: anything but a refusal says the session lives.
                Response::Leave(leave) => self.left(now, &leave),
                other if resume => {
                    self.resumed(now);
                    self.live_message(now, other);
                }
                _ => {}
            };
        }
        if self.is_live() {
            self.live_message(now, message);
        }
    }

    fn live_message(&mut self, now: Instant, message: Response) {
        match message {
            Response::Answer(answer) => self.effects.push_back(Effect::Answer(answer)),
            Response::Offer(offer) => self.effects.push_back(Effect::Offer(offer)),
            Response::Trickle(trickle) => {
                let lane = match trickle.target() {
                    proto::SignalTarget::Publisher => Lane::Publisher,
                    proto::SignalTarget::Subscriber => Lane::Subscriber,
                };
                self.effects.push_back(Effect::Candidate { lane, init: trickle.candidate_init });
            }
            Response::Update(update) => {
                let events = self.roster.update(&update.participants);
                self.relay(events);
            }
            Response::TrackPublished(published) => self.track_published(published),
            Response::TrackUnpublished(unpublished) => self.forget_local(&unpublished.track_sid.into()),
            Response::Mute(mute) => self.muted_by_server(&mute.sid.as_str().into(), mute.muted),
            Response::RequestResponse(response) => self.request_refused(response),
            Response::Leave(leave) => self.left(now, &leave),
            Response::SpeakersChanged(changed) => {
                let event = self.roster.speakers(&changed.speakers);
                self.emit(event);
                self.sync_view();
            }
            Response::RoomUpdate(update) => {
                if let Some(room) = &update.room {
                    self.info = convert::room(room);
                    self.emit(RoomEvent::RoomUpdate(self.info.clone()));
                    self.sync_view();
                }
            }
            Response::ConnectionQuality(update) => {
                for u in &update.updates {
                    if let Some(event) = self.roster.quality(&u.participant_sid, convert::quality(u.quality())) {
                        self.emit(event);
                    }
                }
                self.sync_view();
            }
            Response::StreamStateUpdate(update) => {
                for s in update.stream_states {
                    let paused = s.state() == proto::StreamState::Paused;
                    self.emit(RoomEvent::TrackPaused { sid: s.track_sid.into(), paused });
                }
            }
            Response::SubscribedQualityUpdate(update) => self.layers_wanted(update),
            Response::RefreshToken(token) => {
                self.effects.push_back(Effect::Token(Secret::new(token)));
                self.emit(RoomEvent::TokenRefreshed);
            }
            Response::PongResp(pong) => {
                self.keepalive.pong(pong.last_ping_timestamp, unix_ms());
                let rtt = self.keepalive.rtt().unwrap_or_default();
                self.shared.stats.write().signal_rtt_ms = u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX);
            }
            // The old pong, and what does not concern this client.
            _ => {}
        }
    }

    fn rejoined(&mut self, now: Instant, join: proto::JoinResponse) {
        self.phase = Phase::Live;
        self.must_rejoin = false;
        self.joined(now, join);
        self.loss = None;
        self.shared.stats.write().rejoins += 1;
        self.emit(RoomEvent::Reconnected { resumed: false });
    }

    fn resumed(&mut self, now: Instant) {
        self.keepalive = Keepalive::new(now, self.intervals.0, self.intervals.1);
        let sync = proto::SyncState {
            subscription: Some(proto::UpdateSubscription {
                track_sids: self.exceptions.iter().map(ToString::to_string).collect(),
                subscribe: !self.auto_subscribe,
                ..proto::UpdateSubscription::default()
            }),
            publish_tracks: self.locals.values().filter_map(Local::as_published).collect(),
            track_sids_disabled: self.disabled.iter().map(ToString::to_string).collect(),
            ..proto::SyncState::default()
        };
        self.effects.push_back(Effect::Sync(sync));
        self.effects.push_back(Effect::RestartIce);
        self.phase = Phase::Recovering { until: now + self.policy.try_timeout };
        self.resend_pending(now);
        // Media that never stopped needs no waiting for; but ICE restarts, and the events of that are awaited only
        // if the connection was down.
        self.check_recovered();
    }

    fn check_recovered(&mut self) {
        if matches!(self.phase, Phase::Recovering { .. }) && self.media_up == (true, true) {
            self.phase = Phase::Live;
            self.loss = None;
            self.media_due = None;
            self.shared.stats.write().resumes += 1;
            self.emit(RoomEvent::Reconnected { resumed: true });
        }
    }

    fn left(&mut self, now: Instant, leave: &proto::LeaveRequest) {
        use proto::leave_request::Action;
        let reason = convert::reason(leave.reason);
        match convert::action(leave) {
            Action::Disconnect => self.close(reason),
            Action::Resume => self.lose(now, reason.to_string(), false),
            Action::Reconnect => self.lose(now, reason.to_string(), true),
        }
    }

    /// Signalling ended.
    pub(super) fn signal_lost(&mut self, now: Instant, why: String) {
        if matches!(self.phase, Phase::Live | Phase::Recovering { .. } | Phase::Greeting { .. }) {
            self.lose(now, why, false);
        }
    }

    /// Signalling is open.
    pub(super) fn opened(&mut self, now: Instant) {
        if let Phase::Opening(opening) = &self.phase {
            self.phase = Phase::Greeting { opening: opening.clone(), until: now + self.policy.try_timeout };
        }
    }

    /// Signalling could not be opened.
    pub(super) fn not_opened(&mut self, now: Instant, error: ConnectError) {
        let Phase::Opening(opening) = &self.phase else { return };
        match (opening, error) {
            (Opening::Join, ConnectError::Refused { message, .. }) => self.close(DisconnectReason::Refused(message)),
            (Opening::Join, error @ ConnectError::NotFound { .. }) => {
                self.close(DisconnectReason::Refused(error.to_string()));
            }
            // The session is not to be had: join anew.
            (
                Opening::Resume(_),
                error @ (ConnectError::Refused { .. } | ConnectError::NotFound { .. } | ConnectError::Http { .. }),
            ) => self.lose(now, error.to_string(), true),
            (_, error) => self.lose(now, error.to_string(), false),
        }
    }

    /// The connection is lost, or the way back to it: try (again).
    fn lose(&mut self, now: Instant, why: String, rejoin: bool) {
        if self.phase == Phase::Closed {
            return;
        }
        tracing::info!("connection lost: {why}");
        self.must_rejoin |= rejoin;
        self.farewell = None;
        self.media_due = None;
        self.effects.push_back(Effect::Hang);
        let loss = self.loss.get_or_insert_with(|| Loss::new(now));
        match loss.next(now, &self.policy, (self.jitter)()) {
            Next::GiveUp => self.close(DisconnectReason::Unreachable(why)),
            Next::Try { wait, number } => {
                let opening =
                    if self.must_rejoin { Opening::Join } else { Opening::Resume(self.roster.local().sid.clone()) };
                self.phase = Phase::Opening(opening.clone());
                self.emit(RoomEvent::Reconnecting { attempt: number });
                self.effects.push_back(Effect::Open { opening, wait });
            }
        }
    }

    /// Over.
    pub(super) fn close(&mut self, reason: DisconnectReason) {
        if self.phase == Phase::Closed {
            return;
        }
        if reason == DisconnectReason::ClientInitiated && self.is_live() {
            let mut leave = proto::LeaveRequest::default();
            leave.set_reason(proto::DisconnectReason::ClientInitiated);
            leave.set_action(proto::leave_request::Action::Disconnect);
            self.send(Request::Leave(leave));
        }
        self.drop_remote();
        self.drop_locals();
        self.phase = Phase::Closed;
        self.sync_view();
        self.emit(RoomEvent::Disconnected { reason });
        self.effects.push_back(Effect::Finish);
    }

    /// A peer connection came up or went down; `up`: whether publisher and subscriber lack nothing now.
    pub(super) fn link(&mut self, now: Instant, up: (bool, bool)) {
        self.media_up = up;
        let flows = up == (true, true);
        if flows {
            self.media_due = None;
        }
        if self.announced_up != flows {
            self.announced_up = flows;
            self.emit(RoomEvent::MediaConnected(flows));
        }
        if flows {
            self.check_recovered();
        } else if self.phase == Phase::Live && self.media_due.is_none() && self.farewell.is_none() {
            self.farewell = Some((now + FAREWELL, "media stopped flowing".into()));
        }
    }

    /// A peer connection broke for good.
    pub(super) fn broken(&mut self, now: Instant, why: String, up: (bool, bool)) {
        self.must_rejoin = true;
        self.link(now, up);
        match self.phase {
            Phase::Live => self.farewell = Some((now + FAREWELL, why)),
            Phase::Recovering { .. } => self.lose(now, why, true),
            // On the way back already; the next try joins anew.
            _ => {}
        }
    }

    /// When [`timeout`](Self::timeout) wants to be called at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        let publishing = self.locals.values().filter_map(Local::due).min();
        let phase = match &self.phase {
            Phase::Live => [Some(self.keepalive.due()), self.media_due, self.farewell.as_ref().map(|(t, _)| *t)]
                .into_iter()
                .flatten()
                .min(),
            Phase::Greeting { until, .. } => Some(*until),
            Phase::Recovering { until } => Some(self.keepalive.due().min(*until)),
            Phase::Opening(_) | Phase::Closed => None,
        };
        [publishing, phase].into_iter().flatten().min()
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        self.expire_publishing(now);
        if self.is_live() {
            match self.keepalive.poll(now) {
                Beat::Quiet => {}
                Beat::Ping => {
                    let timestamp = unix_ms();
                    let rtt = self.keepalive.rtt().map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
                    self.send(Request::PingReq(proto::Ping { timestamp, rtt }));
                    // Old servers know only this form.
                    self.send(Request::Ping(timestamp));
                }
                Beat::Dead => return self.lose(now, "the server fell silent".into(), false),
            }
        }
        match &self.phase {
            Phase::Live => {
                if let Some((_, why)) = self.farewell.take_if(|(t, _)| now >= *t) {
                    let rejoin = self.must_rejoin;
                    if rejoin || self.media_up != (true, true) {
                        self.lose(now, why, rejoin);
                    }
                } else if self.media_due.is_some_and(|t| now >= t) {
                    self.lose(now, "no media connection came up".into(), true);
                }
            }
            Phase::Greeting { until, .. } if now >= *until => {
                self.lose(now, "the server opened the connection but said nothing".into(), false);
            }
            Phase::Recovering { until } if now >= *until => {
                self.lose(now, "media did not come back".into(), true);
            }
            _ => {}
        }
    }

    /// A media section carries this track from now on.
    pub(super) fn track_added(&mut self, sid: TrackSid, kind: TrackKind, key: RemoteSinkKey) {
        self.unexplained.insert(sid, (kind, key));
        self.explain();
    }

    /// Makes tracks of media sections whose description has come.
    fn explain(&mut self) {
        let known: Vec<_> =
            self.unexplained.keys().filter_map(|sid| Some((sid.clone(), self.roster.track(sid)?))).collect();
        for (sid, (identity, mut info)) in known {
            let Some((kind, key)) = self.unexplained.remove(&sid) else { continue };
            info.kind = kind;
            let Some(commands) = self.lines.commands.upgrade() else { return };
            let (track, sink, shared) = RemoteTrack::new(identity.clone(), info, commands);
            self.subscribed.insert(sid, Subscribed { identity, shared: shared.clone() });
            self.effects.push_back(Effect::Attach { key, sink, shared });
            self.emit(RoomEvent::TrackSubscribed(track));
        }
    }

    /// A media section carries this track no more.
    pub(super) fn track_removed(&mut self, sid: &TrackSid) {
        self.unexplained.remove(sid);
        self.unsubscribe(sid);
    }

    fn unsubscribe(&mut self, sid: &TrackSid) {
        if let Some(track) = self.subscribed.remove(sid) {
            self.emit(RoomEvent::TrackUnsubscribed { identity: track.identity, sid: sid.clone() });
        }
    }

    fn drop_remote(&mut self) {
        self.unexplained.clear();
        let sids: Vec<_> = self.subscribed.keys().cloned().collect();
        for sid in sids {
            self.unsubscribe(&sid);
        }
    }
}

pub(super) fn unix_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
        .unwrap_or_default()
}
