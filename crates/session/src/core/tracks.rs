//! Our camera's and microphone's tracks in the room: asked for, there, or not taken and asked for again.

use std::time::Duration;

use beckon_media::MediaTime;
use beckon_protocol::Code;
use beckon_rtc::{RoomEvent, TrackSid, TrackSource};

use super::devices::DeviceState;
use super::input::{Device, Effect};
use super::{Core, Stage};
use crate::error::SessionError;
use crate::rate::Layer;

/// A track that was not taken is asked for again after this long, twice as long each time …
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// … and at most this long. The server answers such a wish within some ms, or not for the 10 s that the rtc layer waits.
const MAX_RETRY: Duration = Duration::from_secs(32);

/// When a track that is not in the room is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// As soon as its device runs in a room.
    Now,
    /// Not before that.
    At(MediaTime),
    /// Once the person turns the device off and on: the server does not allow it.
    OnWish,
}

/// The track of one device.
#[derive(Debug)]
pub(super) struct TrackState {
    device: Device,
    /// Asked for, or there.
    in_room: bool,
    /// Its name, once it is there.
    sid: Option<TrackSid>,
    /// What it was announced with; none where there is nothing to choose.
    layers: Vec<Layer>,
    /// It was asked for, and the room has not answered.
    asked: bool,
    /// What is asked for takes the place of one that is there.
    replaces: bool,
    /// What was said last in this room, which outlives a track that is gone.
    muted: bool,
    next: Next,
    failures: u32,
    /// Why the room did not take it; until it does, also while it is asked again.
    refused: Option<SessionError>,
    /// Why nothing of it can be coded.
    uncoded: Option<SessionError>,
}

impl TrackState {
    pub(super) fn new(device: Device) -> Self {
        Self {
            device,
            in_room: false,
            sid: None,
            layers: Vec::new(),
            asked: false,
            replaces: false,
            muted: false,
            next: Next::Now,
            failures: 0,
            refused: None,
            uncoded: None,
        }
    }

    /// Another room, or none: nothing is known of it.
    pub(super) fn anew(&mut self) {
        *self = Self { uncoded: self.uncoded.take(), ..Self::new(self.device) };
    }

    /// The person turned its device on or off: what did not work is tried again at once.
    fn wished(&mut self) {
        if !self.in_room {
            let muted = self.muted;
            self.anew();
            self.muted = muted;
        }
    }

    /// Asks for it where its device runs and it is not there, or was announced with other layers than these: a track keeps what it was
    /// announced with, and servers choose by that what each viewer gets.
    fn ask(&mut self, device: &DeviceState, layers: &[Layer], out: &mut Vec<Effect>) {
        let missing = !self.asked && (!self.in_room || self.layers != layers);
        if device.is_running() && missing && self.next == Next::Now {
            self.replaces = self.in_room;
            (self.in_room, self.asked) = (true, true);
            // What was said of a track that is gone would be held against the one that takes its place.
            if std::mem::take(&mut self.muted) {
                out.push(Effect::SetMuted { device: self.device, muted: false });
            }
            self.layers = layers.to_vec();
            out.push(Effect::Publish { device: self.device, synthetic: device.is_synthetic() });
        }
    }

    /// It is muted exactly while its device does not run. One that is opened anew runs on for the others: they keep its last picture.
    fn sync_mute(&mut self, device: &DeviceState, out: &mut Vec<Effect>) {
        let muted = !device.is_running() && !device.reopens();
        if self.in_room && muted != self.muted {
            self.muted = muted;
            out.push(Effect::SetMuted { device: self.device, muted });
        }
    }

    fn taken(&mut self) {
        if std::mem::take(&mut self.asked) {
            self.in_room = true;
        }
        (self.failures, self.refused) = (0, None);
    }

    /// The room does not take it. True when that is news.
    fn refused(&mut self, now: MediaTime, error: SessionError) -> bool {
        let wait = FIRST_RETRY.saturating_mul(1 << self.failures.min(5)).min(MAX_RETRY);
        self.failures += 1;
        self.next = if error.code == Code::Forbidden { Next::OnWish } else { Next::At(now + wait) };
        self.asked = false;
        if self.in_room && self.replaces {
            // The one that is there goes on.
            self.layers.clear();
            return false;
        }
        (self.in_room, self.sid) = (false, None);
        self.refused.replace(error).is_none()
    }

    /// It is out of the room, by the server's will or with the connection: whether it is taken again is seen by asking.
    fn gone(&mut self, now: MediaTime) {
        (self.in_room, self.sid, self.next) = (false, None, Next::At(now + FIRST_RETRY));
    }

    fn timeout(&mut self, now: MediaTime) {
        if self.deadline().is_some_and(|due| due <= now) {
            self.next = Next::Now;
        }
    }

    fn deadline(&self) -> Option<MediaTime> {
        match self.next {
            Next::At(due) => Some(due),
            Next::Now | Next::OnWish => None,
        }
    }

    /// Why nobody gets what the device takes.
    pub(super) fn problem(&self) -> Option<&SessionError> {
        self.refused.as_ref().or(self.uncoded.as_ref())
    }

    /// Others get it, as far as is known: nothing speaks against it before we are in the room, nor while the server is asked.
    pub(super) fn is_sent(&self) -> bool {
        self.problem().is_none()
    }
}

impl Core {
    /// Asks for every track that is due.
    pub(super) fn publish(&mut self) {
        if self.stage == Stage::Running {
            self.microphone_track.ask(&self.microphone, &[], &mut self.out);
            self.camera_track.ask(&self.camera, &self.layers, &mut self.out);
        }
    }

    /// Published tracks are muted exactly while their devices do not run, and are not just opened anew.
    pub(super) fn sync_mute(&mut self) {
        self.camera_track.sync_mute(&self.camera, &mut self.out);
        self.microphone_track.sync_mute(&self.microphone, &mut self.out);
    }

    /// The person turned the device on or off, or chose another.
    pub(super) fn wished(&mut self, device: Device) {
        if let Some(track) = self.track(device) {
            track.wished();
        }
    }

    pub(super) fn track_taken(&mut self, device: Device) {
        if let Some(track) = self.track(device) {
            track.taken();
        }
    }

    pub(super) fn track_refused(&mut self, now: MediaTime, device: Device, error: SessionError) {
        let wanted = self.device(device).is_on();
        let Some(track) = self.track(device) else { return };
        // With the connection it goes, and comes back with it.
        if error.code == Code::ConnectionLost {
            return track.gone(now);
        }
        tracing::warn!(%error, ?device, "the room does not take our track");
        if track.refused(now, error.clone()) && wanted {
            self.notice(error.code, &error.message);
        }
    }

    /// Nothing of the device's can be coded, or it can again.
    pub(super) fn track_coded(&mut self, device: Device, failed: Option<SessionError>) {
        let wanted = self.device(device).is_on();
        let Some(track) = self.track(device) else { return };
        let before = std::mem::replace(&mut track.uncoded, failed.clone());
        if let (None, Some(error), true) = (before, failed, wanted) {
            self.notice(error.code, &error.message);
        }
    }

    /// What the room tells of our own tracks.
    pub(super) fn own_track_event(&mut self, now: MediaTime, event: &RoomEvent) {
        match event {
            RoomEvent::LocalTrackPublished(info) => match info.source {
                TrackSource::Camera => self.camera_track.sid = Some(info.sid.clone()),
                TrackSource::Microphone => self.microphone_track.sid = Some(info.sid.clone()),
                _ => {}
            },
            RoomEvent::LocalTrackUnpublished { sid } => {
                for track in [&mut self.camera_track, &mut self.microphone_track] {
                    if track.sid.as_ref() == Some(sid) {
                        track.gone(now);
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) fn tracks_due(&self) -> Option<MediaTime> {
        let due = [self.camera_track.deadline(), self.microphone_track.deadline()];
        due.into_iter().flatten().min().filter(|_| self.stage == Stage::Running)
    }

    pub(super) fn tracks_timeout(&mut self, now: MediaTime) {
        self.camera_track.timeout(now);
        self.microphone_track.timeout(now);
    }

    fn track(&mut self, device: Device) -> Option<&mut TrackState> {
        match device {
            Device::Camera => Some(&mut self.camera_track),
            Device::Microphone => Some(&mut self.microphone_track),
            Device::Speaker => None,
        }
    }
}
