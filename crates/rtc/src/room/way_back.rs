//! Losing the connection, and the way back: resume, ICE restart, joining anew.

use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::signal_request::Message as Request;

use super::convert;
use super::core::{Core, Effect, Phase, unix_ms};
use super::locals::Local;
use super::reconnect::{Loss, Next};
use crate::error::ConnectError;
use crate::event::{DisconnectReason, RoomEvent};
use crate::signal::{Beat, Keepalive, Opening};

/// How long media may take to connect after joining.
pub(super) const MEDIA_TIMEOUT: Duration = Duration::from_secs(12);
/// A media connection that ends is often followed by the message that says why: wait for it.
pub(super) const FAREWELL: Duration = Duration::from_millis(700);
/// Media that fell silent may just be late: how long it is still waited for. Nobody says farewell before that.
pub(super) const LATE: Duration = Duration::from_millis(200);

/// How long reliable data waits after joining anew for those who have not come back yet: a server that was restarted is
/// found again by one after the other, and whoever is back first would speak to an empty room.
const DATA_WAITS: Duration = Duration::from_secs(5);

impl Core {
    /// Whether reliable data waits for somebody who was there before.
    pub(super) fn holds_data(&self, now: Instant) -> bool {
        self.data_waits.is_some_and(|until| now < until) && self.roster.is_anybody_missing()
    }

    pub(super) fn rejoined(&mut self, now: Instant, join: proto::JoinResponse) {
        self.phase = Phase::Live;
        self.must_rejoin = false;
        self.joined(now, join);
        self.data_waits = Some(now + DATA_WAITS);
        self.loss = None;
        self.shared.stats.write().rejoins += 1;
        self.emit(RoomEvent::Reconnected { resumed: false });
    }

    pub(super) fn resumed(&mut self, now: Instant) {
        self.keepalive = Keepalive::new(now, self.intervals.0, self.intervals.1);
        let sync = proto::SyncState {
            subscription: Some(self.wishes.exceptions(self.auto_subscribe)),
            publish_tracks: self.locals.values().filter_map(Local::as_published).collect(),
            track_sids_disabled: self.wishes.disabled(),
            ..proto::SyncState::default()
        };
        self.effects.push_back(Effect::Sync(sync));
        self.effects.push_back(Effect::RestartIce);
        self.phase = Phase::Recovering { until: now + self.policy.try_timeout };
        self.resend_mutes();
        self.resend_wishes();
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

    pub(super) fn left(&mut self, now: Instant, leave: &proto::LeaveRequest) {
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
    pub(super) fn lose(&mut self, now: Instant, why: String, rejoin: bool) {
        if self.phase == Phase::Closed {
            return;
        }
        tracing::info!("connection lost: {why}");
        // A server that answers but does not know the session is there: joining anew need not wait.
        let at_once = rejoin && !self.must_rejoin;
        self.must_rejoin |= rejoin;
        self.farewell = None;
        self.media_due = None;
        self.effects.push_back(Effect::Hang);
        let loss = self.loss.get_or_insert_with(|| Loss::new(now));
        match loss.next(now, &self.policy, (self.jitter)()) {
            Next::GiveUp => self.close(DisconnectReason::Unreachable(why)),
            Next::Try { wait, number } => {
                let wait = if at_once { Duration::ZERO } else { wait };
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
        self.effects.push_back(Effect::Figures);
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
            self.farewell = Some((now + LATE, "media stopped flowing".into()));
        }
    }

    /// The server began to set up a peer connection: it must come up in time.
    pub(super) fn awaits_media(&mut self, now: Instant, up: (bool, bool)) {
        self.media_up = up;
        if up != (true, true) && self.phase == Phase::Live && self.media_due.is_none() {
            self.media_due = Some(now + MEDIA_TIMEOUT);
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
}
