//! Our screen: from its source to the room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use beckon_media::codec::{CodecError, Content, EncoderConfig, ScreenEncoder};
use beckon_media::latest::RecvError;
use beckon_media::urgency::Urgency;
use beckon_media::{LatestReceiver, MediaTime, VideoFrame};
use beckon_rtc::{EncodedVideo, LocalTrack, TrackSid};
use parking_lot::Mutex;

use super::meters::SentMeter;
use crate::rate::{Pacer, Target};
use crate::screen_rate::{Refresh, ScreenPolicy};
use crate::tiles::Fanout;

/// Everybody who asks for a key frame within this time gets the same one: a sharp screen's are large.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(500);
/// How long a still screen waits before looking whether somebody asks for a key frame.
const LOOK: Duration = Duration::from_millis(250);

/// Where one share's pictures go, whether or not we are in a room.
pub(crate) struct ScreenOut {
    track: Mutex<Option<LocalTrack>>,
    content: Content,
    policy: Mutex<ScreenPolicy>,
    own: Mutex<Option<Arc<Fanout>>>,
    key_wanted: AtomicBool,
    /// Somebody subscribes.
    wanted: AtomicBool,
    moving: AtomicBool,
    meter: Arc<SentMeter>,
}

impl ScreenOut {
    pub(crate) fn new(motion: bool, meter: Arc<SentMeter>) -> Arc<Self> {
        Arc::new(Self {
            track: Mutex::new(None),
            content: if motion { Content::Film } else { Content::Screen },
            policy: Mutex::new(ScreenPolicy::new(motion)),
            own: Mutex::new(None),
            key_wanted: AtomicBool::new(false),
            wanted: AtomicBool::new(true),
            moving: AtomicBool::new(false),
            meter,
        })
    }

    /// The track in the present room, or none.
    pub(crate) fn set_track(&self, track: Option<LocalTrack>) {
        self.wanted.store(true, Ordering::Relaxed);
        self.key_frame();
        if let Some(track) = &track {
            self.meter.with(|m| m.track.sid = track.sid().to_string());
        }
        *self.track.lock() = track;
    }

    pub(crate) fn track(&self) -> Option<LocalTrack> {
        self.track.lock().clone()
    }

    pub(crate) fn is(&self, sid: &TrackSid) -> bool {
        self.track.lock().as_ref().is_some_and(|t| t.sid() == *sid)
    }

    /// Our own window may show it too.
    pub(crate) fn set_own(&self, tile: Arc<Fanout>) {
        *self.own.lock() = Some(tile);
    }

    pub(crate) fn key_frame(&self) {
        self.key_wanted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_wanted(&self, wanted: bool) {
        if wanted && !self.wanted.swap(wanted, Ordering::Relaxed) {
            self.key_frame();
        }
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// This much may be sent, bit/s.
    pub(crate) fn estimate(&self, bps: u64) {
        self.policy.lock().estimate(bps);
    }

    /// The most it may be sent with at its size of now, bit/s.
    pub(crate) fn full_bps(&self) -> u64 {
        self.policy.lock().full_bps_now()
    }

    /// Whether the screen has changed lately; a still one leaves its bandwidth to the camera.
    pub(crate) fn is_moving(&self) -> bool {
        self.moving.load(Ordering::Relaxed)
    }

    /// Takes pictures until the source is closed. Runs on a thread of its own.
    pub(crate) fn run(&self, pictures: &LatestReceiver<VideoFrame>) {
        Urgency::Pictures.claim();
        let mut encoder = Encoder::default();
        loop {
            let now = MediaTime::now();
            let due = encoder.due().map_or(LOOK, |due| due.saturating_since(now));
            match pictures.recv_timeout(due.min(LOOK)) {
                Ok(picture) => self.picture(&mut encoder, picture),
                Err(RecvError::Empty) => self.again(&mut encoder),
                Err(RecvError::Closed) => break,
            }
        }
        if let Some(own) = self.own.lock().as_ref() {
            own.clear();
        }
        self.meter.with(|m| m.track.muted = true);
    }

    fn picture(&self, encoder: &mut Encoder, picture: VideoFrame) {
        if let Some(own) = self.own.lock().as_ref() {
            own.send(&picture);
        }
        let now = MediaTime::now();
        encoder.refresh.changed(now);
        self.moving.store(true, Ordering::Relaxed);
        self.meter.with(|m| m.track.captured += 1);
        let target = self.policy.lock().target(now, (picture.width(), picture.height()));
        let on_time = encoder.pacer.take(picture.capture, target.fps);
        // What comes too soon is sent when its time has come, unless something newer has come until then.
        encoder.newest = Some(picture);
        if on_time {
            self.send(encoder, target, now);
        } else {
            self.meter.with(|m| m.track.skipped += 1);
        }
    }

    /// Nothing has changed: the rest of what was sent last follows, it becomes sharper, or a late viewer gets a key frame.
    fn again(&self, encoder: &mut Encoder) {
        let now = MediaTime::now();
        self.moving.store(encoder.refresh.is_moving(now), Ordering::Relaxed);
        let due = encoder.due().is_some_and(|due| due <= now);
        let asked = self.key_wanted.load(Ordering::Relaxed) && encoder.may_key(now);
        if !due && !asked {
            return;
        }
        let Some(newest) = &mut encoder.newest else { return };
        newest.capture = now;
        let target = self.policy.lock().target(now, (newest.width(), newest.height()));
        self.send(encoder, target, now);
    }

    fn send(&self, encoder: &mut Encoder, target: Target, now: MediaTime) {
        // Also when nobody takes it now: it is not tried again at once.
        encoder.refresh.sent(now);
        let Some(track) = self.track() else { return };
        if !track.is_connected() || !self.wanted.load(Ordering::Relaxed) {
            // What comes after the pause must be decodable.
            return self.key_frame();
        }
        if let Err(error) = self.encode(encoder, target, &track, now) {
            if !std::mem::replace(&mut encoder.complained, true) {
                tracing::error!(%error, "cannot encode our screen");
            }
            encoder.inner = None;
        }
    }

    fn encode(
        &self,
        encoder: &mut Encoder,
        target: Target,
        track: &LocalTrack,
        now: MediaTime,
    ) -> Result<(), CodecError> {
        let may_key = encoder.may_key(now);
        let Some(picture) = &encoder.newest else { return Ok(()) };
        let bitrate = u32::try_from(target.bitrate_bps).unwrap_or(u32::MAX);
        let inner = match &mut encoder.inner {
            Some(inner) => {
                if inner.config().bitrate_bps.abs_diff(bitrate) > bitrate / 20 {
                    inner.set_bitrate(bitrate);
                }
                // After it: the key frame of another size is made for the new bitrate.
                inner.set_size(target.width, target.height, target.fps)?;
                inner
            }
            none => {
                let config = EncoderConfig {
                    fps: target.fps,
                    content: self.content,
                    // A still screen needs none, and one that is not needed makes a sharp picture soft again.
                    keyframe_interval: Duration::from_secs(3600),
                    ..EncoderConfig::new(target.width, target.height, bitrate)
                };
                let new = ScreenEncoder::new(config)?;
                tracing::info!(encoder = new.name(), target.width, target.height, "encoding our screen");
                none.insert(new)
            }
        };
        let force_key = may_key && self.key_wanted.swap(false, Ordering::Relaxed);
        let encoded = inner.encode(picture, force_key)?;
        let name = inner.name();
        if inner.next_part().is_some() {
            // It becomes sharp from when it is there as a whole.
            encoder.refresh.changed(now);
        }
        for out in encoded {
            if out.key {
                encoder.last_key = Some(now);
                // A key frame within the bitrate begins coarse.
                encoder.refresh.changed(now);
            }
            let key = out.key;
            let frame = EncodedVideo { data: out.data, key, capture_ns: out.capture.0, layer: 0 };
            let sent = track.write_video(frame).is_ok();
            self.meter.with(|m| {
                let t = &mut m.track;
                if t.encoder != name {
                    t.encoder = name.to_owned();
                }
                (t.width, t.height) = (target.width, target.height);
                t.encoded += 1;
                t.key_frames += u64::from(key);
                if sent {
                    t.frames_sent += 1;
                    m.span = Some((m.span.map_or(now, |(first, _)| first), now));
                } else {
                    t.frames_dropped += 1;
                }
            });
        }
        Ok(())
    }
}

#[derive(Default)]
struct Encoder {
    inner: Option<ScreenEncoder>,
    newest: Option<VideoFrame>,
    pacer: Pacer,
    refresh: Refresh,
    last_key: Option<MediaTime>,
    complained: bool,
}

impl Encoder {
    /// When to encode the newest picture again: for its next part, or by the rule of still pictures.
    fn due(&self) -> Option<MediaTime> {
        let part = self.inner.as_ref().and_then(ScreenEncoder::next_part);
        self.refresh.due().into_iter().chain(part).min()
    }

    fn may_key(&self, now: MediaTime) -> bool {
        self.last_key.is_none_or(|last| now.saturating_since(last) >= KEY_FRAME_PAUSE)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use beckon_media::latest;

    use super::*;
    use crate::beauty::tests::{face, place};

    #[test]
    fn a_face_on_a_shared_screen_passes_as_it_is() {
        let out = ScreenOut::new(false, SentMeter::new("screen"));
        let own = Arc::new(Fanout::default());
        out.set_own(own.clone());
        let (pictures, taken) = latest::channel();
        std::thread::spawn(move || out.run(&taken));
        let face = face(MediaTime(1));
        let shown = own.tap();
        pictures.send(face.clone()).unwrap();
        assert_eq!(place(&shown.recv_timeout(Duration::from_secs(30)).unwrap()), place(&face));
    }
}
