//! The way in: log-in, the room service, the media room. Taken once more after each loss.

use std::time::Duration;

use beckon_media::MediaTime;
use beckon_protocol::{room::Role, service::Entrance};

use super::{Core, Effect, Joined, Stage};
use crate::request::Entry;

/// Media that does not come up within this time after joining is worth a notice.
pub(super) const MEDIA_TIMEOUT: Duration = Duration::from_secs(8);

/// How long texts wait after a return for those who have not come back yet.
const CHAT_WAITS: Duration = Duration::from_secs(5);

impl Core {
    pub(super) fn begin_attempt(&mut self) {
        self.attempt += 1;
        match &self.entry {
            Entry::Direct { url, token } => {
                self.stage = Stage::Connecting;
                let (url, token) = (url.to_string(), token.clone());
                self.out.push(Effect::Connect { attempt: self.attempt, url, token });
            }
            Entry::Service(_) if self.logged_in => self.enter(),
            Entry::Service(_) => {
                self.stage = Stage::LoggingIn;
                self.out.push(Effect::LogIn { attempt: self.attempt });
            }
        }
    }

    pub(super) fn enter(&mut self) {
        self.stage = Stage::Entering;
        // A room of ours that was made before is entered again, not made again.
        let create = self.creates && !self.entered;
        let room_id = self.view.room_id.clone();
        self.out.push(Effect::Enter { attempt: self.attempt, create, room_id });
    }

    pub(super) fn entered(&mut self, entrance: Entrance) {
        self.entered = true;
        let Entrance { room, url, token, role, guest_link } = entrance;
        self.members.set_creator(room.creator);
        self.own.role = Some(role);
        // Before the way into the room: devices that waited for this warm up meanwhile.
        self.permit(role != Role::Audience);
        self.view.room_id = room.room_id;
        for (shown, told) in [(&mut self.view.room_name, room.room_name), (&mut self.view.room_title, room.room_title)]
        {
            if !told.is_empty() {
                *shown = told;
            }
        }
        (self.view.style, self.view.template, self.view.guest_link) = (room.style, room.template, guest_link);
        self.stage = Stage::Connecting;
        self.out.push(Effect::Connect { attempt: self.attempt, url, token });
    }

    pub(super) fn joined(&mut self, now: MediaTime, joined: Joined) {
        self.stage = Stage::Running;
        self.view.joined = true;
        (self.lost_since, self.failures, self.room_is_reconnecting) = (None, 0, false);
        (self.media_due, self.media_up) = (Some(now + MEDIA_TIMEOUT), false);
        if self.view.room_id.is_empty() {
            self.view.room_id.clone_from(&joined.room.name);
        }
        self.permit(joined.local.permissions.publish);
        self.members.reset(joined.local, joined.others);
        self.camera_track.anew();
        self.microphone_track.anew();
        self.sizes.forget_asked();
        self.publish();
        self.screen.unpublished();
        self.publish_screen();
        self.chat_due = self.members.is_anybody_missing().then(|| now + CHAT_WAITS);
        self.send_waiting_chat();
    }
}
