//! Losses and the way out: try again, leave, be over.

use std::time::Duration;

use beckon_media::MediaTime;
use beckon_protocol::{Code, channel::app::Closed};

use super::retry::{self, Verdict};
use super::{Core, Effect, Stage};
use crate::error::SessionError;
use crate::event::SessionEvent;
use crate::view::EndView;

/// Leaving takes no longer than this, whatever the server does.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(4);

impl Core {
    /// An attempt to get in failed.
    pub(super) fn failed(&mut self, now: MediaTime, error: SessionError) {
        let Some(lost_since) = self.lost_since else {
            // The first entry: whoever asked is waiting for an answer and may try again themselves.
            return self.end(now, error);
        };
        let since = now.saturating_since(lost_since);
        let again = match retry::verdict(error.code) {
            Verdict::TryAgain => since < retry::GIVE_UP_AFTER,
            Verdict::Settling => since < retry::SETTLING,
            Verdict::LogInAnew => std::mem::take(&mut self.logged_in) || since < retry::SETTLING,
            Verdict::Final => false,
        };
        if again {
            // Our own room is made anew if the server has lost it.
            if error.code == Code::RoomNotFound && self.creates {
                self.entered = false;
            }
            self.wait(now);
        } else if error.code == Code::RoomNotFound {
            self.end(now, SessionError::of(Code::RoomDestroyed));
        } else {
            self.end(now, error);
        }
    }

    /// The media room is gone and the rtc layer has given up: come in anew.
    pub(super) fn lost(&mut self, now: MediaTime, error: SessionError) {
        tracing::warn!(%error, "room lost; entering anew");
        self.lost_since.get_or_insert(now);
        self.room_is_reconnecting = false;
        self.media_due = None;
        self.camera_track.anew();
        self.microphone_track.anew();
        self.chat_due = None;
        // What the dead room may not have delivered goes first in the next one.
        self.chat_unsure.append(&mut self.chat_waiting);
        std::mem::swap(&mut self.chat_unsure, &mut self.chat_waiting);
        self.out.push(Effect::DropRoom);
        self.wait(now);
    }

    fn wait(&mut self, now: MediaTime) {
        self.stage = Stage::Waiting { until: now + retry::backoff(self.failures) };
        self.failures += 1;
    }

    pub(super) fn leave(&mut self, now: MediaTime, end: SessionError) {
        self.close_devices();
        self.out.push(Effect::Leave { service: self.entered });
        self.media_due = None;
        self.stage = Stage::Leaving { until: now + LEAVE_TIMEOUT, end };
    }

    /// The room is over without our having left it.
    pub(super) fn end(&mut self, now: MediaTime, end: SessionError) {
        // The service forgets us by itself where the room is gone, and must keep whoever joined in our name.
        let gone = matches!(end.code, Code::RoomDestroyed | Code::JoinedElsewhere | Code::Removed);
        if self.entered && !gone {
            return self.leave(now, end);
        }
        self.close_devices();
        self.out.push(Effect::DropRoom);
        self.over(end);
    }

    pub(super) fn over(&mut self, end: SessionError) {
        self.stage = Stage::Over;
        self.view.end = Some(EndView { code: end.code, message: end.message.clone() });
        self.refresh();
        let room_id = self.view.room_id.clone();
        self.tell(SessionEvent::Closed(Closed { room_id, code: end.code, msg: end.message }));
        self.out.push(Effect::Finish);
    }
}
