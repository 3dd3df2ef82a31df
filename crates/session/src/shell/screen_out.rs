//! Our screen: from its source to the room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use beckon_media::codec::{CodecError, Content, EncoderConfig, ScreenEncoder};
use beckon_media::latest::RecvError;
use beckon_media::urgency::Urgency;
use beckon_media::{LatestReceiver, MediaTime, VideoFrame};
use beckon_protocol::Code;
use beckon_rtc::{EncodedVideo, LocalTrack, TrackSid};
use parking_lot::Mutex;

use super::meters::SentMeter;
use super::screen::Reporter;
use crate::core::ScreenNews;
use crate::error::SessionError;
use crate::rate::{Pacer, Strain, Target, Work};
use crate::screen_rate::{LARGE, RIDS, Refresh, SMALL, ScreenPolicy};
use crate::tiles::Fanout;

/// Everybody who asks for a key frame within this time gets the same one: a sharp screen's are large.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(500);
/// How long a still screen waits before looking whether somebody asks for a key frame.
const LOOK: Duration = Duration::from_millis(250);
/// Sources give at most 30 pictures a second.
const SOURCE_INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// Where one share's pictures go, whether or not we are in a room.
pub(crate) struct ScreenOut {
    track: Mutex<Option<LocalTrack>>,
    content: Content,
    policy: Mutex<ScreenPolicy>,
    own: Mutex<Option<Arc<Fanout>>>,
    /// For each layer.
    key_wanted: [AtomicBool; 2],
    /// Somebody watches the large layer.
    wanted: AtomicBool,
    moving: AtomicBool,
    /// What else suffers when this machine has too much to do.
    strain: Arc<Mutex<Strain>>,
    meter: Arc<SentMeter>,
    reporter: Reporter,
}

impl ScreenOut {
    pub(crate) fn new(
        motion: bool,
        meter: Arc<SentMeter>,
        strain: Arc<Mutex<Strain>>,
        reporter: Reporter,
    ) -> Arc<Self> {
        Arc::new(Self {
            track: Mutex::new(None),
            content: if motion { Content::Film } else { Content::Screen },
            policy: Mutex::new(ScreenPolicy::new(motion)),
            own: Mutex::new(None),
            key_wanted: Default::default(),
            wanted: AtomicBool::new(true),
            moving: AtomicBool::new(false),
            strain,
            meter,
            reporter,
        })
    }

    /// The track in the present room, or none.
    pub(crate) fn set_track(&self, track: Option<LocalTrack>) {
        self.anew();
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

    /// A key frame is wanted in the layer of this name, or in both.
    pub(crate) fn key_frame(&self, rid: Option<&str>) {
        for (wanted, _) in self.key_wanted.iter().zip(RIDS).filter(|(_, name)| rid.is_none_or(|rid| rid == *name)) {
            wanted.store(true, Ordering::Relaxed);
        }
    }

    /// Another room, or the same one joined anew: nobody has said yet which layers are watched. The small one waits for somebody who does.
    pub(crate) fn anew(&self) {
        self.set_wanted([false, true, true]);
        self.key_frame(None);
    }

    /// Which qualities (low, medium, high) anybody watches.
    pub(crate) fn set_wanted(&self, [low, medium, high]: [bool; 3]) {
        self.policy.lock().want_small(low);
        let large = medium || high;
        if !self.wanted.swap(large, Ordering::Relaxed) && large {
            self.key_frame(Some(RIDS[LARGE]));
        }
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
                Ok(picture) => self.picture(&mut encoder, picture, pictures.sent()),
                Err(RecvError::Empty) => self.again(&mut encoder),
                Err(RecvError::Closed) => break,
            }
        }
        self.tell_busy(&mut encoder, false);
        self.tell_coded(&mut encoder, None);
        if let Some(own) = self.own.lock().as_ref() {
            own.clear();
        }
        self.meter.with(|m| m.track.muted = true);
    }

    /// `captured`: how many pictures the source has given so far.
    fn picture(&self, encoder: &mut Encoder, picture: VideoFrame, captured: u64) {
        let now = MediaTime::now();
        if let Some(own) = self.own.lock().as_ref() {
            own.send(&picture);
        }
        let news = captured.saturating_sub(std::mem::replace(&mut encoder.captured, captured));
        let missed = news.saturating_sub(1);
        encoder.layers.iter_mut().for_each(|layer| layer.refresh.changed(now));
        self.moving.store(true, Ordering::Relaxed);
        self.meter.with(|m| {
            m.track.captured += news;
            m.track.skipped += missed;
        });
        let capture = picture.capture;
        // What comes too soon is sent when its time has come, unless something newer has come until then.
        encoder.newest = Some(picture);
        let mut interval = None;
        for (n, target) in self.targets(encoder, now).into_iter().flatten() {
            if encoder.layers[n].pacer.take(capture, target.fps) {
                let sent = self.send(encoder, n, target, now);
                interval = interval.or((n == LARGE && sent).then(|| Duration::from_secs(1) / target.fps.max(1)));
            } else if n == LARGE {
                self.meter.with(|m| m.track.skipped += 1);
            }
        }
        if let Some(interval) = interval {
            self.worked(encoder, now, interval, missed);
        }
    }

    /// Nothing has changed: the rest of what was sent last follows, it becomes sharper, or a late viewer gets a key frame.
    fn again(&self, encoder: &mut Encoder) {
        let now = MediaTime::now();
        self.moving.store(encoder.layers[LARGE].refresh.is_moving(now), Ordering::Relaxed);
        let mut interval = None;
        for (n, target) in self.targets(encoder, now).into_iter().flatten() {
            let layer = &encoder.layers[n];
            let due = layer.due().is_some_and(|due| due <= now);
            let asked = self.key_wanted[n].load(Ordering::Relaxed) && layer.may_key(now);
            if due || asked {
                if let Some(newest) = &mut encoder.newest {
                    newest.capture = now;
                }
                // It comes as seldom as it is due.
                let since = layer.encoded.map_or(LOOK, |last| now.saturating_since(last));
                let sent = self.send(encoder, n, target, now);
                let shortest = Duration::from_secs(1) / target.fps.max(1);
                interval = interval.or((n == LARGE && sent).then(|| since.max(shortest)));
            }
        }
        if let Some(interval) = interval {
            self.worked(encoder, now, interval, 0);
        }
    }

    /// The large layer was encoded, and the small one with it where that was due; the next is due `interval` after it.
    fn worked(&self, encoder: &mut Encoder, begun: MediaTime, interval: Duration, missed: u64) {
        let now = MediaTime::now();
        let work = Work { spent: now.saturating_since(begun), interval, missed, source: SOURCE_INTERVAL };
        let (before, step) = {
            let mut policy = self.policy.lock();
            let before = policy.load_step();
            policy.encoded(now, work, &mut self.strain.lock());
            (before, policy.load_step())
        };
        if before != step {
            tracing::debug!(step, ?work, "the screen is sent at another step, for this machine's sake");
            self.meter.with(|m| {
                m.track.steps += 1;
                m.track.load_step = step as u64;
            });
        }
        self.tell_busy(encoder, step > 0);
    }

    /// Tells the person once when the screen gives way for want of computing time, and once when it does no more.
    fn tell_busy(&self, encoder: &mut Encoder, busy: bool) {
        if std::mem::replace(&mut encoder.told_busy, busy) != busy {
            tracing::info!(busy, "this machine has too much to do for our screen, or has time again");
            self.reporter.tell(ScreenNews::Busy(busy));
        }
    }

    /// Tells the person once when the screen cannot be coded, and once when it works again.
    fn tell_coded(&self, encoder: &mut Encoder, failed: Option<CodecError>) {
        if std::mem::replace(&mut encoder.told_failed, failed.is_some()) != failed.is_some() {
            let failed = failed.map(|error| SessionError::new(Code::ScreenCodecUnavailable, error.to_string()));
            self.reporter.tell(ScreenNews::Coded(failed));
        }
    }

    /// The layers to send now, the large one first: it is what most see. The small one is opened or closed as it is wanted.
    fn targets(&self, encoder: &mut Encoder, now: MediaTime) -> [Option<(usize, Target)>; 2] {
        let targets = encoder.newest.as_ref().map(|newest| {
            let (mut policy, size) = (self.policy.lock(), (newest.width(), newest.height()));
            (policy.target(now, size), policy.small_target(size))
        });
        let (large, small) = targets.unzip();
        let small = small.flatten();
        let layer = &mut encoder.layers[SMALL];
        match (small, layer.open) {
            (Some(_), false) => {
                // Also of a still screen somebody waits for the first picture.
                layer.refresh.changed(now);
                layer.open = true;
            }
            (None, true) => *layer = LayerEncoder::default(),
            _ => {}
        }
        [large.map(|target| (LARGE, target)), small.map(|target| (SMALL, target))]
    }

    /// Whether it was encoded.
    fn send(&self, encoder: &mut Encoder, n: usize, target: Target, now: MediaTime) -> bool {
        let Encoder { newest: Some(picture), layers, .. } = encoder else { return false };
        let layer = &mut layers[n];
        // Also when nobody takes it now: it is not tried again at once.
        layer.refresh.sent(now);
        let Some(track) = self.track() else { return false };
        if !track.is_connected() || (n == LARGE && !self.wanted.load(Ordering::Relaxed)) {
            // What comes after the pause must be decodable.
            self.key_frame(Some(RIDS[n]));
            return false;
        }
        layer.encoded = Some(now);
        let outcome = self.encode(layer, n, picture, target, &track, now);
        if let Err(error) = &outcome {
            if !std::mem::replace(&mut layer.complained, true) {
                tracing::error!(%error, layer = RIDS[n], "cannot encode our screen");
            }
            layer.inner = None;
        } else {
            layer.complained = false;
        }
        let coded = outcome.is_ok();
        // One layer that can be coded still brings pictures to everybody.
        match outcome {
            Err(error) if encoder.is_all_lost(self.wanted.load(Ordering::Relaxed)) => {
                self.tell_coded(encoder, Some(error));
            }
            Ok(()) => self.tell_coded(encoder, None),
            Err(_) => {}
        }
        coded
    }

    fn encode(
        &self,
        layer: &mut LayerEncoder,
        n: usize,
        picture: &VideoFrame,
        target: Target,
        track: &LocalTrack,
        now: MediaTime,
    ) -> Result<(), CodecError> {
        let may_key = layer.may_key(now);
        let bitrate = u32::try_from(target.bitrate_bps).unwrap_or(u32::MAX);
        let inner = match &mut layer.inner {
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
                let encoder = new.name();
                tracing::info!(encoder, layer = RIDS[n], target.width, target.height, "encoding our screen");
                none.insert(new)
            }
        };
        let force_key = may_key && self.key_wanted[n].swap(false, Ordering::Relaxed);
        let encoded = inner.encode(picture, force_key)?;
        let name = inner.name();
        if inner.next_part().is_some() {
            // It becomes sharp from when it is there as a whole.
            layer.refresh.changed(now);
        }
        for out in encoded {
            if out.key {
                layer.last_key = Some(now);
                // A key frame within the bitrate begins coarse.
                layer.refresh.changed(now);
            }
            let key = out.key;
            let frame = EncodedVideo { data: out.data, key, capture_ns: out.capture.0, layer: n };
            let sent = track.write_video(frame).is_ok();
            self.meter.with(|m| {
                let t = &mut m.track;
                t.key_frames += u64::from(key);
                if n != LARGE {
                    t.encoded_small += 1;
                    return;
                }
                if t.encoder != name {
                    t.encoder = name.to_owned();
                }
                (t.width, t.height) = (target.width, target.height);
                m.encoded(now, Some(sent));
            });
        }
        Ok(())
    }
}

#[derive(Default)]
struct Encoder {
    newest: Option<VideoFrame>,
    /// The small one first.
    layers: [LayerEncoder; 2],
    /// How many pictures the source had given with the newest one.
    captured: u64,
    /// The person was told that this machine has too much to do.
    told_busy: bool,
    /// The person was told that nothing can be coded.
    told_failed: bool,
}

impl Encoder {
    /// Whether no layer that is wanted can be coded.
    fn is_all_lost(&self, large_wanted: bool) -> bool {
        let [small, large] = &self.layers;
        let mut wanted =
            [(large, large_wanted), (small, small.open)].into_iter().filter(|(_, wanted)| *wanted).peekable();
        wanted.peek().is_some() && wanted.all(|(layer, _)| layer.complained)
    }

    /// When a layer is due again.
    fn due(&self) -> Option<MediaTime> {
        let small = self.layers[SMALL].due().filter(|_| self.layers[SMALL].open);
        self.layers[LARGE].due().into_iter().chain(small).min()
    }
}

#[derive(Default)]
struct LayerEncoder {
    /// Of the small one: it is wanted.
    open: bool,
    inner: Option<ScreenEncoder>,
    pacer: Pacer,
    refresh: Refresh,
    /// When it was encoded last.
    encoded: Option<MediaTime>,
    last_key: Option<MediaTime>,
    complained: bool,
}

impl LayerEncoder {
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
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::beauty::tests::{face, place};
    use crate::core::Input;
    use crate::shell::Message;

    fn screen_out() -> (Arc<ScreenOut>, UnboundedReceiver<Message>) {
        let (messages, told) = unbounded_channel();
        let out = ScreenOut::new(false, SentMeter::new("screen"), Arc::default(), Reporter::new(7, messages));
        (out, told)
    }

    /// What was told of the share.
    fn news(told: &mut UnboundedReceiver<Message>) -> Vec<ScreenNews> {
        std::iter::from_fn(|| told.try_recv().ok())
            .map(|message| match message {
                Message::Input(Input::Screen { generation: 7, news }) => news,
                _ => panic!("something else"),
            })
            .collect()
    }

    #[test]
    fn a_screen_that_cannot_be_coded_is_told_once_and_so_is_its_end() {
        let (out, mut told) = screen_out();
        let mut encoder = Encoder::default();
        let fails = || Some(CodecError::NoEncoder { width: 64, height: 64, tried: "nothing".to_owned() });
        for outcome in [None, fails(), fails(), None, None] {
            out.tell_coded(&mut encoder, outcome);
        }
        let codes: Vec<_> = news(&mut told)
            .into_iter()
            .map(|news| match news {
                ScreenNews::Coded(failed) => failed.map(|e| e.code),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(codes, [Some(Code::ScreenCodecUnavailable), None]);
    }

    #[test]
    fn a_screen_is_lost_only_where_no_layer_that_is_wanted_can_be_coded() {
        let mut encoder = Encoder::default();
        assert!(!encoder.is_all_lost(true) && !encoder.is_all_lost(false));
        encoder.layers[LARGE].complained = true;
        assert!(encoder.is_all_lost(true));
        encoder.layers[SMALL].open = true;
        assert!(!encoder.is_all_lost(true), "the small one goes on");
        encoder.layers[SMALL].complained = true;
        assert!(encoder.is_all_lost(true) && encoder.is_all_lost(false));
    }

    #[test]
    fn a_machine_with_too_much_to_do_is_told_once_and_so_is_its_end() {
        let (out, mut told) = screen_out();
        let (mut encoder, begun) = (Encoder::default(), MediaTime::now());
        for _ in 0..3 {
            out.tell_busy(&mut encoder, true);
        }
        // One picture is nothing yet.
        out.worked(&mut encoder, begun, SOURCE_INTERVAL, 5);
        assert_eq!(news(&mut told), [ScreenNews::Busy(true), ScreenNews::Busy(false)]);
    }

    #[test]
    fn a_face_on_a_shared_screen_passes_as_it_is() {
        let (out, _told) = screen_out();
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
