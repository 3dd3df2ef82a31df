//! Our pictures: from the camera to the own tile and, encoded, to the room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use beckon_media::codec::{EncoderConfig, VideoEncoder};
use beckon_media::latest::RecvError;
use beckon_media::{LatestReceiver, MediaTime, VideoFrame};
use beckon_rtc::{EncodedVideo, LocalTrack, TrackSid};
use parking_lot::Mutex;

use super::meters::SentMeter;
use crate::rate::{Pacer, RatePolicy, Target};
use crate::request::VideoSettings;
use crate::tiles::Fanout;

/// Everybody who asks for a key frame within this time gets the same one.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(250);
/// How long to wait for a picture before looking again whether anything else is to be done: there is nothing else.
const LONG: Duration = Duration::from_secs(3600);

/// Where the camera's pictures go, whichever camera it is and whether or not we are in a room.
pub(crate) struct VideoOut {
    track: Mutex<Option<LocalTrack>>,
    policy: Mutex<RatePolicy>,
    own: Mutex<Option<Arc<Fanout>>>,
    key_wanted: AtomicBool,
    /// Somebody subscribes.
    wanted: AtomicBool,
    pub(crate) meter: Arc<SentMeter>,
}

impl VideoOut {
    pub(crate) fn new(full: VideoSettings, meter: Arc<SentMeter>) -> Arc<Self> {
        Arc::new(Self {
            track: Mutex::new(None),
            policy: Mutex::new(RatePolicy::new(full)),
            own: Mutex::new(None),
            key_wanted: AtomicBool::new(false),
            wanted: AtomicBool::new(true),
            meter,
        })
    }

    /// The track in the present room, or none.
    pub(crate) fn set_track(&self, track: Option<LocalTrack>) {
        self.wanted.store(true, Ordering::Relaxed);
        self.key_wanted.store(true, Ordering::Relaxed);
        let sid = track.as_ref().map(|t| t.sid().to_string());
        *self.track.lock() = track;
        self.meter.with(|m| {
            if let Some(sid) = sid {
                m.track.sid = sid;
            }
        });
    }

    pub(crate) fn track(&self) -> Option<LocalTrack> {
        self.track.lock().clone()
    }

    pub(crate) fn is(&self, sid: &TrackSid) -> bool {
        self.track.lock().as_ref().is_some_and(|t| t.sid() == *sid)
    }

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

    pub(crate) fn set_full(&self, full: VideoSettings) {
        self.policy.lock().set_full(full);
    }

    pub(crate) fn estimate(&self, total_bps: u64) {
        let mut policy = self.policy.lock();
        policy.estimate(MediaTime::now(), total_bps);
        let steps = policy.steps_taken();
        drop(policy);
        self.meter.with(|m| m.track.steps = steps);
    }

    /// Takes pictures until the camera is closed. Runs on a thread of its own.
    pub(crate) fn run(&self, pictures: &LatestReceiver<VideoFrame>) {
        let mut encoder = Encoder::default();
        loop {
            match pictures.recv_timeout(LONG) {
                Ok(picture) => self.picture(&mut encoder, &picture, pictures.sent()),
                Err(RecvError::Empty) => {}
                Err(RecvError::Closed) => break,
            }
        }
        // Nobody is shown a camera that is off.
        if let Some(own) = self.own.lock().as_ref() {
            own.clear();
        }
    }

    fn picture(&self, encoder: &mut Encoder, picture: &VideoFrame, captured: u64) {
        let own = self.own.lock().clone();
        if let Some(own) = own {
            own.send(picture);
        }
        let before = std::mem::replace(&mut encoder.captured, captured);
        let news = captured.saturating_sub(before);
        self.meter.with(|m| {
            m.track.captured += news;
            m.track.skipped += news.saturating_sub(1);
        });
        let Some(track) = self.track() else { return };
        if !track.is_connected() || track.is_muted() || !self.wanted.load(Ordering::Relaxed) {
            // What comes after the pause must be decodable.
            self.key_frame();
            return;
        }
        let target = self.policy.lock().target();
        if !encoder.pacer.take(picture.capture, target.fps) {
            self.meter.with(|m| m.track.skipped += 1);
            return;
        }
        if let Err(error) = self.encode(encoder, picture, target, &track) {
            if !std::mem::replace(&mut encoder.complained, true) {
                tracing::error!(%error, "cannot encode our pictures");
            }
            encoder.inner = None;
        }
    }

    fn encode(
        &self,
        encoder: &mut Encoder,
        picture: &VideoFrame,
        target: Target,
        track: &LocalTrack,
    ) -> Result<(), beckon_media::codec::CodecError> {
        let (width, height) = fit((picture.width(), picture.height()), (target.width, target.height));
        let bitrate = u32::try_from(target.bitrate_bps).unwrap_or(u32::MAX);
        let inner = match &mut encoder.inner {
            Some(inner) => {
                let config = inner.config();
                if (config.width, config.height, config.fps) != (width, height, target.fps) {
                    inner.set_size(width, height, target.fps)?;
                }
                if inner.config().bitrate_bps != bitrate {
                    inner.set_bitrate(bitrate);
                }
                inner
            }
            none => {
                let config = EncoderConfig { fps: target.fps, ..EncoderConfig::new(width, height, bitrate) };
                let new = VideoEncoder::new(config)?;
                tracing::info!(encoder = new.name(), width, height, fps = target.fps, "encoding");
                none.insert(new)
            }
        };
        let now = MediaTime::now();
        let due = encoder.last_key.is_none_or(|last| now.saturating_since(last) >= KEY_FRAME_PAUSE);
        let force_key = due && self.key_wanted.swap(false, Ordering::Relaxed);
        let encoded = inner.encode(picture, force_key)?;
        let name = inner.name();
        for out in encoded {
            if out.key {
                encoder.last_key = Some(now);
            }
            let key = out.key;
            let frame = EncodedVideo { data: out.data, key, capture_ns: out.capture.0, layer: 0 };
            let sent = track.write_video(frame).is_ok();
            self.meter.with(|m| {
                let t = &mut m.track;
                if t.encoder != name {
                    t.encoder = name.to_owned();
                }
                (t.width, t.height) = (width, height);
                t.encoded += 1;
                t.key_frames += u64::from(key);
                if sent {
                    t.frames_sent += 1;
                    let first = m.span.map_or(now, |(first, _)| first);
                    m.span = Some((first, now));
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
    inner: Option<VideoEncoder>,
    pacer: Pacer,
    last_key: Option<MediaTime>,
    captured: u64,
    complained: bool,
}

/// The picture's own proportions within the target, never larger than the picture.
pub(crate) fn fit((width, height): (u32, u32), (most_width, most_height): (u32, u32)) -> (u32, u32) {
    let scale = (f64::from(most_width) / f64::from(width)).min(f64::from(most_height) / f64::from(height)).min(1.0);
    let scaled = |side: u32| (((f64::from(side) * scale / 2.0).round() as u32) * 2).max(2);
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_picture_keeps_its_proportions_and_is_never_blown_up() {
        assert_eq!(fit((640, 480), (1280, 720)), (640, 480));
        assert_eq!(fit((1920, 1080), (1280, 720)), (1280, 720));
        assert_eq!(fit((640, 480), (640, 360)), (480, 360));
        assert_eq!(fit((2, 2), (1280, 720)), (2, 2));
    }
}
