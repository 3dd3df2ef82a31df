//! Collects the session's figures from the threads that make them.

use std::collections::HashMap;
use std::sync::Arc;

use beckon_media::MediaTime;
use beckon_protocol::channel::app::{Chat, RoomPhase};
use beckon_rtc::{RemoteTrack, Room, RoomStats, TrackKind, TrackSource};
use parking_lot::Mutex;

use crate::measure::{ClapPairs, Freezes, Loudness, Pitch, Values};
use crate::report::{ReceivedTrack, SentTrack, SessionReport};
use crate::tryout::LevelMeter;
use crate::view::RoomView;

/// Texts kept for the report.
const CHAT_KEPT: usize = 1000;

/// What one of our tracks does.
pub(crate) struct SentMeter {
    state: Mutex<SentState>,
}

#[derive(Default)]
pub(crate) struct SentState {
    pub(crate) track: SentTrack,
    /// When sending began, and the newest frame sent.
    span: Option<(MediaTime, MediaTime)>,
}

impl SentState {
    /// A picture or packet was encoded. `taken`: whether the network took it; `None` where there was no track to send it in.
    pub(crate) fn encoded(&mut self, now: MediaTime, taken: Option<bool>) {
        self.track.encoded += 1;
        match taken {
            Some(true) => {
                self.track.frames_sent += 1;
                stretch(&mut self.span, now);
            }
            Some(false) => self.track.frames_dropped += 1,
            None => {}
        }
    }
}

impl SentMeter {
    pub(crate) fn new(kind: &str) -> Arc<Self> {
        let track = SentTrack { kind: kind.to_owned(), ..SentTrack::default() };
        Arc::new(Self { state: Mutex::new(SentState { track, span: None }) })
    }

    pub(crate) fn with(&self, change: impl FnOnce(&mut SentState)) {
        change(&mut self.state.lock());
    }

    fn report(&self, stats: &RoomStats) -> Option<SentTrack> {
        let state = self.state.lock();
        let mut track = state.track.clone();
        if track.label.is_empty() && track.sid.is_empty() {
            return None;
        }
        for s in stats.local.iter().filter(|s| s.sid == *track.sid.as_str()) {
            track.packets_sent += s.packets;
            track.packets_repaired += s.packets_repaired;
            track.bytes_sent += s.bytes;
            track.loss = s.loss.map(f64::from).or(track.loss);
            track.rtt_ms = s.rtt_ms.map(f64::from).or(track.rtt_ms);
        }
        track.bitrate_bps = rate(track.bytes_sent * 8, state.span);
        Some(track)
    }
}

/// What one of others' tracks does.
pub(crate) struct ReceivedMeter {
    track: RemoteTrack,
    state: Mutex<ReceivedState>,
}

pub(crate) struct ReceivedState {
    pub(crate) out: ReceivedTrack,
    subscribed: MediaTime,
    /// When the first and the newest picture or sound came.
    span: Option<(MediaTime, MediaTime)>,
    pub(crate) decode_delay: Values,
    pub(crate) shown_delay: Values,
    last_code: Option<u32>,
    pub(crate) freezes: Freezes,
    pub(crate) loudness: Loudness,
    pub(crate) pitch: Pitch,
}

impl ReceivedState {
    /// Something of the track was decoded.
    pub(crate) fn decoded(&mut self, now: MediaTime) {
        self.out.frames_decoded += 1;
        stretch(&mut self.span, now);
        if self.out.first_after_ms.is_none() {
            self.out.first_after_ms = Some(now.saturating_since(self.subscribed).as_millis() as u64);
        }
    }

    /// A bar code was read off a picture.
    pub(crate) fn code(&mut self, number: u32) {
        self.out.codes_read += 1;
        if let Some(last) = self.last_code.replace(number) {
            let step = number.wrapping_sub(last) & 0xFF_FFFF;
            // A step back or a leap is a card that began anew, not loss.
            if (2..3000).contains(&step) {
                self.out.codes_missed += u64::from(step - 1);
            }
        }
    }
}

impl ReceivedMeter {
    fn new(track: RemoteTrack) -> Arc<Self> {
        let info = track.info();
        let source = match info.source {
            TrackSource::Camera => "camera",
            TrackSource::Microphone => "microphone",
            TrackSource::ScreenShare => "screen",
            TrackSource::ScreenShareAudio => "screenAudio",
            TrackSource::Unknown => "unknown",
        };
        let out = ReceivedTrack {
            user_id: track.identity().to_string(),
            kind: if track.kind() == TrackKind::Video { "video" } else { "audio" }.to_owned(),
            source: source.to_owned(),
            sid: track.sid().to_string(),
            live: true,
            muted: info.muted,
            ..ReceivedTrack::default()
        };
        let state = ReceivedState {
            out,
            subscribed: MediaTime::now(),
            span: None,
            decode_delay: Values::default(),
            shown_delay: Values::default(),
            last_code: None,
            freezes: Freezes::default(),
            loudness: Loudness::default(),
            pitch: Pitch::default(),
        };
        Arc::new(Self { track, state: Mutex::new(state) })
    }

    pub(crate) fn with(&self, change: impl FnOnce(&mut ReceivedState)) {
        change(&mut self.state.lock());
    }

    fn report(&self) -> ReceivedTrack {
        let stats = self.track.stats();
        let state = self.state.lock();
        let mut out = state.out.clone();
        out.frames_received = stats.frames;
        out.packets_received = stats.packets;
        out.packets_lost = stats.packets_lost;
        out.packets_repaired = stats.packets_repaired;
        out.repairs_asked = stats.nacks;
        out.key_frames_asked = stats.key_frame_requests;
        out.frames_dropped += stats.frames_dropped;
        out.bytes_received = stats.bytes;
        out.rtt_ms = stats.rtt_ms.map(f64::from);
        out.bitrate_bps = rate(stats.bytes * 8, state.span);
        out.fps = if out.kind == "video" { rate(out.frames_decoded.saturating_sub(1), state.span) } else { 0.0 };
        out.freezes = state.freezes.count();
        out.freeze_ms = state.freezes.total_ms();
        out.longest_freeze_ms = state.freezes.longest_ms();
        out.decode_delay_ms = state.decode_delay.spread();
        out.shown_delay_ms = state.shown_delay.spread();
        out.level_dbfs = state.loudness.dbfs();
        out.tone_hz = state.pitch.hz();
        out
    }
}

/// It goes on until now, or begins.
fn stretch(span: &mut Option<(MediaTime, MediaTime)>, now: MediaTime) {
    *span = Some((span.map_or(now, |(first, _)| first), now));
}

/// Things a second over a span of time; 0 while there is none.
fn rate(count: u64, span: Option<(MediaTime, MediaTime)>) -> f64 {
    let seconds = span.map_or(0.0, |(first, last)| last.saturating_since(first).as_secs_f64());
    if seconds > 0.0 { (count as f64 / seconds * 10.0).round() / 10.0 } else { 0.0 }
}

#[derive(Default)]
struct State {
    phase: Option<RoomPhase>,
    joined_after_ms: Option<u64>,
    first_picture_after_ms: Option<u64>,
    out_since: Option<MediaTime>,
    longest_outage_ms: u64,
    user_id: String,
    room_id: String,
    end_code: Option<i32>,
    ended: Option<MediaTime>,
    members: Vec<String>,
    chat: Vec<String>,
    room: Option<Room>,
    /// The media room before, or that of the whole session after its end. Its last figures come when it closes.
    left: Option<Room>,
    /// Of media rooms that were given up.
    earlier_resumes: u32,
    earlier_rejoins: u32,
    received: Vec<Arc<ReceivedMeter>>,
    claps: HashMap<String, Arc<Mutex<ClapPairs>>>,
}

/// All meters of a session.
pub(crate) struct Meters {
    started: MediaTime,
    pub(crate) video: Arc<SentMeter>,
    pub(crate) audio: Arc<SentMeter>,
    pub(crate) screen: Arc<SentMeter>,
    pub(crate) screen_sound: Arc<SentMeter>,
    pub(crate) mix: Mutex<Loudness>,
    /// How loud our microphone is.
    pub(crate) level: Arc<LevelMeter>,
    state: Mutex<State>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        Self {
            started: MediaTime::now(),
            video: SentMeter::new("video"),
            audio: SentMeter::new("audio"),
            screen: SentMeter::new("screen"),
            screen_sound: SentMeter::new("screenAudio"),
            mix: Mutex::default(),
            level: Arc::default(),
            state: Mutex::default(),
        }
    }

    /// The room looks like this now.
    pub(crate) fn show(&self, view: &RoomView) {
        let now = MediaTime::now();
        let mut state = self.state.lock();
        state.room_id.clone_from(&view.room_id);
        state.members = view.members.iter().map(|m| m.user_id.clone()).collect();
        if let Some(local) = view.local() {
            state.user_id.clone_from(&local.user_id);
        }
        if let Some(end) = &view.end {
            state.end_code = Some(end.code.value());
            state.ended.get_or_insert(now);
        }
        if view.joined && state.joined_after_ms.is_none() {
            state.joined_after_ms = Some(now.saturating_since(self.started).as_millis() as u64);
        }
        match view.phase {
            RoomPhase::Reconnecting if state.phase == Some(RoomPhase::Connected) => state.out_since = Some(now),
            RoomPhase::Connected => {
                if let Some(since) = state.out_since.take() {
                    let outage = now.saturating_since(since).as_millis() as u64;
                    state.longest_outage_ms = state.longest_outage_ms.max(outage);
                }
            }
            _ => {}
        }
        state.phase = Some(view.phase);
    }

    pub(crate) fn chat(&self, chat: &Chat) {
        let mut state = self.state.lock();
        if state.chat.len() < CHAT_KEPT {
            state.chat.push(format!("{}: {}", chat.user_id, chat.message));
        }
    }

    /// We are in this media room now, or in none.
    pub(crate) fn set_room(&self, room: Option<Room>) {
        let mut state = self.state.lock();
        if let Some(old) = std::mem::replace(&mut state.room, room) {
            let stats = old.stats();
            state.earlier_resumes += stats.resumes;
            state.earlier_rejoins += stats.rejoins + 1;
            state.left = Some(old);
        }
    }

    /// A track comes in from now on.
    pub(crate) fn receive(&self, track: RemoteTrack) -> (Arc<ReceivedMeter>, Arc<Mutex<ClapPairs>>) {
        let mut state = self.state.lock();
        let claps = state.claps.entry(track.identity().to_string()).or_default().clone();
        let meter = ReceivedMeter::new(track);
        state.received.push(meter.clone());
        (meter, claps)
    }

    /// The first picture of somebody else was decoded.
    pub(crate) fn first_picture(&self) {
        let after = MediaTime::now().saturating_since(self.started).as_millis() as u64;
        self.state.lock().first_picture_after_ms.get_or_insert(after);
    }

    pub(crate) fn report(&self) -> SessionReport {
        let state = self.state.lock();
        let stats = state.room.as_ref().or(state.left.as_ref()).map(Room::stats).unwrap_or_default();
        // The rejoin counted when a room is given up was ours, unless it was the end.
        let rejoins = state.earlier_rejoins - u32::from(state.end_code.is_some() && state.earlier_rejoins > 0);
        let (resumes, rejoins) = match &state.room {
            Some(_) => (state.earlier_resumes + stats.resumes, rejoins + stats.rejoins),
            None => (state.earlier_resumes, rejoins),
        };
        let link = if stats.subscriber.connected { &stats.subscriber } else { &stats.publisher };
        let until = state.ended.unwrap_or_else(MediaTime::now);
        let phase = match state.phase {
            Some(RoomPhase::Connected) => "connected",
            Some(RoomPhase::Reconnecting) => "reconnecting",
            Some(RoomPhase::Ended) => "ended",
            Some(RoomPhase::Connecting) | None => "connecting",
        };
        SessionReport {
            room_id: state.room_id.clone(),
            user_id: state.user_id.clone(),
            phase: phase.to_owned(),
            end_code: state.end_code,
            seconds: (until.saturating_since(self.started).as_secs_f64() * 100.0).round() / 100.0,
            joined_after_ms: state.joined_after_ms,
            first_picture_after_ms: state.first_picture_after_ms,
            transport: link.transport.clone(),
            rtt_ms: link.rtt_ms.map(f64::from),
            send_estimate_bps: stats.send_estimate_bps,
            resumes,
            rejoins,
            longest_outage_ms: state.longest_outage_ms,
            members: state.members.clone(),
            chat: state.chat.clone(),
            sent: [&self.video, &self.audio, &self.screen, &self.screen_sound]
                .into_iter()
                .filter_map(|m| m.report(&stats))
                .collect(),
            received: state
                .received
                .iter()
                .map(|meter| {
                    let mut track = meter.report();
                    if let Some(claps) = state.claps.get(&track.user_id) {
                        let claps = claps.lock();
                        track.av_offset_ms = claps.newest_ms();
                        track.av_whole_ms = claps.whole_ms();
                    }
                    track
                })
                .collect(),
            mix_level_dbfs: self.mix.lock().dbfs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_counted_by_what_became_of_it() {
        let mut state = SentState::default();
        let at = MediaTime::from_millis;
        for (ms, taken) in [(0, None), (100, Some(true)), (200, Some(false)), (300, Some(true)), (400, Some(false))] {
            state.encoded(at(ms), taken);
        }
        let track = &state.track;
        assert_eq!((track.encoded, track.frames_sent, track.frames_dropped), (5, 2, 2));
        assert_eq!(state.span, Some((at(100), at(300))), "what was not taken is not sent");
    }
}
