//! The room's state machine: signalling messages, media events, commands and time in, effects out. It neither waits
//! nor sends; the driver does.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use beckon_protocol::Secret;
use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use tokio::sync::mpsc;

use super::command::{Command, LocalKey};
use super::convert;
use super::handle::{RoomInfo, RoomShared};
use super::locals::Local;
use super::reconnect::Loss;
use super::roster::Roster;
use super::way_back::MEDIA_TIMEOUT;
use super::wishes::Wishes;
use crate::data::ChatReader;
use crate::engine::RemoteSinkKey;
use crate::event::RoomEvent;
use crate::ids::{Identity, TrackSid};
use crate::options::ReconnectPolicy;
use crate::publication::TrackKind;
use crate::signal::{Keepalive, Opening};
use crate::track::{LocalShared, OutFrame, RemoteShared, RemoteSink};
use crate::transport::Lane;

/// What the driver is to do.
pub(super) enum Effect {
    Emit(RoomEvent),
    Send(Request),
    /// Send what we know of the session; the driver adds the last descriptions.
    Sync(proto::SyncState),
    /// Open signalling after a wait; answered by [`Core::opened`] or [`Core::not_opened`].
    Open {
        opening: Opening,
        wait: Duration,
    },
    /// Close signalling, and stop opening it.
    Hang,
    /// Take the last figures of the peer connections, before anything goes.
    Figures,
    /// Forget the peer connections and make new ones.
    ResetMedia,
    /// Restart ICE on our peer connection.
    RestartIce,
    AddTrack {
        shared: Arc<LocalShared>,
        cid: String,
    },
    RemoveTrack(LocalKey),
    WishChanged,
    /// So much more is about to be sent, bit/s.
    Expect(u64),
    Offer(proto::SessionDescription),
    Answer(proto::SessionDescription),
    Candidate {
        lane: Lane,
        init: String,
    },
    Attach {
        key: RemoteSinkKey,
        sink: RemoteSink,
        shared: Arc<RemoteShared>,
    },
    RequestKey(TrackSid),
    Packet {
        reliable: bool,
        packet: proto::DataPacket,
        /// The ID of the text whose last packet this is.
        ends: Option<String>,
    },
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
    Greeting {
        opening: Opening,
        until: Instant,
    },
    /// The session goes on; media is to come back.
    Recovering {
        until: Instant,
    },
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
pub(super) struct Subscribed {
    pub(super) identity: Identity,
    pub(super) shared: Arc<RemoteShared>,
}

pub(super) struct Core {
    pub(super) phase: Phase,
    pub(super) policy: ReconnectPolicy,
    pub(super) jitter: fn() -> f64,
    pub(super) lines: Lines,
    pub(super) shared: Arc<RoomShared>,
    pub(super) effects: VecDeque<Effect>,
    pub(super) keepalive: Keepalive,
    pub(super) intervals: (i32, i32),
    pub(super) roster: Roster,
    info: RoomInfo,
    pub(super) locals: BTreeMap<LocalKey, Local>,
    pub(super) next_local: u32,
    /// What is about to be sent beside our tracks, bit/s.
    pub(super) expected: u64,
    /// Others' tracks coming in.
    pub(super) subscribed: HashMap<TrackSid, Subscribed>,
    /// Media sections whose track the server has not described yet.
    pub(super) unexplained: HashMap<TrackSid, (TrackKind, RemoteSinkKey)>,
    pub(super) wishes: Wishes,
    /// Tracks come in without being asked for.
    pub(super) auto_subscribe: bool,
    pub(super) chat: ChatReader,
    pub(super) loss: Option<Loss>,
    pub(super) must_rejoin: bool,
    /// Until when reliable data waits for those who were there before.
    pub(super) data_waits: Option<Instant>,
    pub(super) farewell: Option<(Instant, String)>,
    pub(super) media_due: Option<Instant>,
    /// Publisher, subscriber.
    pub(super) media_up: (bool, bool),
    pub(super) announced_up: bool,
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
            expected: 0,
            subscribed: HashMap::new(),
            unexplained: HashMap::new(),
            wishes: Wishes::default(),
            auto_subscribe,
            chat: ChatReader::default(),
            loss: None,
            must_rejoin: false,
            data_waits: None,
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

    /// Whether messages sent now reach the session.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Recovering { .. })
    }

    pub(super) fn joined(&mut self, now: Instant, join: proto::JoinResponse) {
        self.intervals = (join.ping_interval, join.ping_timeout);
        self.keepalive = Keepalive::new(now, self.intervals.0, self.intervals.1);
        self.info = join.room.as_ref().map(convert::room).unwrap_or_default();
        self.media_due = Some(now + MEDIA_TIMEOUT);
        self.media_up = (false, true);
        self.farewell = None;
        self.effects.push_back(Effect::ResetMedia);
        self.effects.push_back(Effect::Expect(self.expected));
        self.drop_remote();
        let events = self.roster.join(&join.participant.unwrap_or_default(), &join.other_participants);
        self.relay(events);
        self.republish(now);
        self.resend_wishes();
        self.sync_view();
    }

    /// Passes roster events on, minding what hangs on them.
    fn relay(&mut self, events: Vec<RoomEvent>) {
        for event in events {
            match &event {
                RoomEvent::TrackUnpublished { track, .. } => {
                    self.wishes.forget(&track.sid);
                    self.unsubscribe(&track.sid);
                }
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
                // Old servers word a session they no longer know as an end.
                Response::Leave(leave) if resume && leave.reason() == proto::DisconnectReason::StateMismatch => {
                    self.lose(now, "the server no longer knows the session".into(), true);
                }
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
                if update.participants.iter().any(|p| self.roster.local().sid == p.sid.as_str()) {
                    self.wishes.heard(self.roster.local());
                }
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
}

pub(super) fn unix_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
        .unwrap_or_default()
}

#[cfg(test)]
#[path = "core_tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
