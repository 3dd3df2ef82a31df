//! Our pictures: from the camera to the own tile and, encoded, to the room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use beckon_media::codec::{CodecError, EncoderConfig, VideoEncoder};
use beckon_media::latest::RecvError;
use beckon_media::urgency::Urgency;
use beckon_media::{LatestReceiver, MediaTime, VideoFrame};
use beckon_protocol::Code;
use beckon_rtc::{EncodedVideo, LocalTrack, TrackSid};
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use super::Message;
use super::meters::SentMeter;
use super::video_layers::{EncoderLine, LayerEncoder, LayerWish, fit, is_all_lost, wishes};
use crate::beauty::{BeautyStep, BeautyWish};
use crate::core::{Device, Input};
use crate::error::SessionError;
use crate::rate::{RatePolicy, Strain, Target, Work, announced};
use crate::request::VideoSettings;
use crate::tiles::Fanout;

/// Everybody who asks for a key frame within this time gets the same one.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(250);
/// How long to wait for a picture before looking again whether anything else is to be done: there is nothing else.
const LONG: Duration = Duration::from_secs(3600);

/// Where the camera's pictures go, whichever camera it is and whether or not we are in a room.
pub(crate) struct VideoOut {
    /// Locked before `policy` where both are.
    line: Mutex<Line>,
    policy: Mutex<RatePolicy>,
    full: Mutex<VideoSettings>,
    own: Mutex<Option<Arc<Fanout>>>,
    beauty: BeautyWish,
    /// Somebody subscribes.
    wanted: AtomicBool,
    /// What else suffers when this machine has too much to do.
    strain: Arc<Mutex<Strain>>,
    /// The person was told that it has.
    told_busy: AtomicBool,
    messages: UnboundedSender<Message>,
    pub(crate) meter: Arc<SentMeter>,
}

/// The way into the room.
struct Line {
    track: Option<LocalTrack>,
    /// For each layer of the track, smallest first.
    layers: Arc<[LayerWish]>,
    next: Option<Next>,
}

/// A track that takes the place of the one there is, as soon as pictures can be sent in it.
struct Next {
    track: LocalTrack,
    /// Which qualities of it anybody watches.
    wanted: [bool; 3],
}

impl VideoOut {
    pub(crate) fn new(
        full: VideoSettings,
        beauty: BeautyWish,
        meter: Arc<SentMeter>,
        strain: Arc<Mutex<Strain>>,
        messages: UnboundedSender<Message>,
    ) -> Arc<Self> {
        let layers = wishes(full, announced(full).len());
        Arc::new(Self {
            line: Mutex::new(Line { track: None, layers, next: None }),
            policy: Mutex::new(RatePolicy::new(full)),
            full: Mutex::new(full),
            own: Mutex::new(None),
            beauty,
            wanted: AtomicBool::new(true),
            strain,
            told_busy: AtomicBool::new(false),
            messages,
            meter,
        })
    }

    /// A track of ours is in the room. While pictures go out in another one they do so until they can in this; then
    /// [`Message::Replaced`] tells of the other. Gives the tracks that are of no use any more.
    pub(crate) fn published(&self, track: LocalTrack) -> Vec<LocalTrack> {
        let mut line = self.line.lock();
        let next = Next { track, wanted: [true; 3] };
        if line.track.as_ref().is_some_and(LocalTrack::is_connected) {
            return line.next.replace(next).map(|next| next.track).into_iter().collect();
        }
        let missed = line.next.take().map(|next| next.track);
        self.take(&mut line, next).into_iter().chain(missed).collect()
    }

    /// Pictures go out in this track from now on. Gives the one before.
    fn take(&self, line: &mut Line, next: Next) -> Option<LocalTrack> {
        let Next { track, wanted } = next;
        let (full, now) = (*self.full.lock(), MediaTime::now());
        line.layers = wishes(full, track.layers());
        {
            let mut policy = self.policy.lock();
            policy.set_layers(now, full, track.layers());
            policy.want(now, wanted);
        }
        self.wanted.store(wanted.contains(&true), Ordering::Relaxed);
        self.meter.with(|m| m.track.sid = track.sid().to_string());
        line.track.replace(track)
    }

    /// The room is left or lost.
    pub(crate) fn leave_room(&self) {
        let mut line = self.line.lock();
        (line.track, line.next) = (None, None);
    }

    /// The same room was joined anew: nobody has said yet which layers are watched.
    pub(crate) fn anew(&self) {
        self.set_wanted([true; 3]);
        self.key_frame(None);
    }

    /// Our tracks in the room: the one in which pictures go out, and the one that takes its place.
    pub(crate) fn tracks(&self) -> Vec<LocalTrack> {
        let line = self.line.lock();
        line.track.iter().chain(line.next.as_ref().map(|next| &next.track)).cloned().collect()
    }

    /// Pictures go out in this track.
    pub(crate) fn is(&self, sid: &TrackSid) -> bool {
        self.line.lock().track.as_ref().is_some_and(|t| t.sid() == *sid)
    }

    /// The most that it has use for now, bit/s; `None` while it is not sent.
    pub(crate) fn most_bps(&self) -> Option<u64> {
        let sends = self.line.lock().track.as_ref().is_some_and(|track| !track.is_muted());
        (sends && self.wanted.load(Ordering::Relaxed)).then(|| self.policy.lock().most_bps())
    }

    pub(crate) fn set_own(&self, tile: Arc<Fanout>) {
        *self.own.lock() = Some(tile);
    }

    /// A key frame is wanted in the layer of this name, or in all.
    pub(crate) fn key_frame(&self, rid: Option<&str>) {
        for layer in self.line.lock().layers.iter().filter(|l| rid.is_none_or(|rid| rid == l.rid)) {
            layer.key.store(true, Ordering::Relaxed);
        }
    }

    /// Which qualities (low, medium, high) of a track anybody watches, if it is ours.
    pub(crate) fn layers_wanted(&self, sid: &TrackSid, qualities: [bool; 3]) {
        if self.is(sid) {
            return self.set_wanted(qualities);
        }
        if let Some(next) = self.line.lock().next.as_mut().filter(|next| next.track.sid() == *sid) {
            next.wanted = qualities;
        }
    }

    fn set_wanted(&self, qualities: [bool; 3]) {
        tracing::debug!(low = qualities[0], medium = qualities[1], high = qualities[2], "somebody watches");
        self.policy.lock().want(MediaTime::now(), qualities);
        let wanted = qualities.contains(&true);
        if wanted && !self.wanted.swap(wanted, Ordering::Relaxed) {
            self.key_frame(None);
        }
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// Other settings hold from now on; the track keeps the layers it has.
    pub(crate) fn set_full(&self, full: VideoSettings) {
        *self.full.lock() = full;
        self.policy.lock().set_full(full);
    }

    /// Pictures may take so much, bit/s.
    pub(crate) fn estimate(&self, bps: u64) {
        self.policy.lock().estimate(MediaTime::now(), bps);
    }

    fn encoder(&self) -> Encoder {
        let beauty = BeautyStep::new(self.beauty.clone());
        Encoder { beauty, captured: 0, told_failed: false, line: EncoderLine::new(self.line.lock().layers.clone()) }
    }

    /// Takes pictures until the camera is closed. Runs on a thread of its own.
    pub(crate) fn run(&self, pictures: &LatestReceiver<VideoFrame>) {
        Urgency::Pictures.claim();
        let mut encoder = self.encoder();
        loop {
            match pictures.recv_timeout(LONG) {
                Ok(picture) => self.picture(&mut encoder, picture, pictures.sent()),
                Err(RecvError::Empty) => {}
                Err(RecvError::Closed) => break,
            }
        }
        self.tell_busy(false);
        self.tell_coded(&mut encoder, None);
        // Nobody is shown a camera that is off.
        if let Some(own) = self.own.lock().as_ref() {
            own.clear();
        }
    }

    /// `captured`: how many pictures the camera has given so far.
    fn picture(&self, encoder: &mut Encoder, picture: VideoFrame, captured: u64) {
        // The filter's time counts with the encoders': they share the time between two pictures.
        let begun = MediaTime::now();
        let picture = encoder.beauty.take(picture);
        let own = self.own.lock().clone();
        if let Some(own) = own {
            own.send(&picture);
        }
        let news = captured.saturating_sub(std::mem::replace(&mut encoder.captured, captured));
        let missed = news.saturating_sub(1);
        self.meter.with(|m| {
            m.track.captured += news;
            m.track.skipped += missed;
        });
        let Some(track) = self.line(encoder) else { return };
        if !track.is_connected() || track.is_muted() || !self.wanted.load(Ordering::Relaxed) {
            // What comes after the pause must be decodable.
            self.key_frame(None);
            self.tell_busy(false);
            return;
        }
        if track.is_held_up() {
            self.meter.with(|m| m.track.skipped += 1);
            return;
        }
        let targets = encoder.line.targets(&self.policy.lock());
        let largest = targets.iter().rposition(Option::is_some);
        let encoded = self.encode_layers(encoder, &picture, &targets, largest, &track);
        if let Some(target) = largest.and_then(|n| targets[n]).filter(|_| encoded) {
            self.worked(&encoder.line, begun, target, missed);
        }
    }

    /// Encodes a picture in every layer in which one is due, and sends it. Whether it was in any.
    fn encode_layers(
        &self,
        encoder: &mut Encoder,
        picture: &VideoFrame,
        targets: &[Option<Target>],
        largest: Option<usize>,
        track: &LocalTrack,
    ) -> bool {
        let line = &mut encoder.line;
        // No pause holds this key frame back: the one before began the layer, and came too soon for those who are to get it now.
        if let Some(anew) = line.hand_over.picture(largest, |n| self.policy.lock().wants(n)) {
            line.layers[anew].last_key = None;
            line.wishes[anew].key.store(true, Ordering::Relaxed);
        }
        let mut encoded = false;
        let mut failed = None;
        for (n, target) in targets.iter().enumerate() {
            let (layer, wish) = (&mut line.layers[n], &line.wishes[n]);
            let Some(target) = *target else {
                // It begins anew, with a key frame, when somebody watches it.
                layer.inner = None;
                continue;
            };
            let counts = largest == Some(n);
            if !layer.pacer.take(picture.capture, target.fps) {
                if counts {
                    self.meter.with(|m| m.track.skipped += 1);
                }
                continue;
            }
            encoded = true;
            match self.encode((layer, wish), n, picture, target, track, counts) {
                Ok(()) => layer.complained = false,
                Err(error) => {
                    if !std::mem::replace(&mut layer.complained, true) {
                        tracing::error!(%error, layer = wish.rid, "cannot encode our pictures");
                    }
                    layer.inner = None;
                    failed = Some(error);
                }
            }
        }
        if !is_all_lost(targets, &encoder.line.layers) {
            self.tell_coded(encoder, None);
        } else if let Some(error) = failed {
            self.tell_coded(encoder, Some(error));
        }
        encoded
    }

    /// A picture was encoded: what that took says at which size the next ones are.
    fn worked(&self, line: &EncoderLine, begun: MediaTime, target: Target, missed: u64) {
        let now = MediaTime::now();
        let (steps, load_step) = {
            let mut policy = self.policy.lock();
            let work = Work {
                spent: now.saturating_since(begun),
                interval: Duration::from_secs(1) / target.fps.max(1),
                missed,
                source: policy.camera_interval(),
            };
            policy.encoded(now, work, &mut self.strain.lock());
            (policy.steps_taken(), policy.load_step())
        };
        self.tell_busy(load_step > 0);
        let widths = line.layers.iter().filter_map(|l| l.inner.as_ref()).map(|e| e.config().width);
        self.meter.with(|m| {
            m.track.steps = steps;
            m.track.load_step = load_step as u64;
            m.track.layers_sent.clear();
            m.track.layers_sent.extend(widths);
        });
    }

    /// The track in which pictures go out: another one from now on where that can take its place. The encoders are those of its layers.
    fn line(&self, encoder: &mut Encoder) -> Option<LocalTrack> {
        let mut line = self.line.lock();
        if let Some(next) = line.next.take_if(|next| next.track.is_connected())
            && let Some(track) = self.take(&mut line, next)
        {
            tracing::debug!(layers = line.layers.len(), "our pictures go out in another track");
            // After the end nobody wants to know.
            let _ = self.messages.send(Message::Replaced { track });
        }
        if !Arc::ptr_eq(&encoder.line.wishes, &line.layers) {
            encoder.line = EncoderLine::new(line.layers.clone());
        }
        line.track.clone()
    }

    /// Tells the person once when pictures give way for want of computing time, and once when they do no more.
    fn tell_busy(&self, busy: bool) {
        if self.told_busy.swap(busy, Ordering::Relaxed) != busy {
            tracing::info!(busy, "this machine has too much to do, or has time again");
            // After the end nobody wants to know.
            let _ = self.messages.send(Message::Input(Input::Busy(busy)));
        }
    }

    /// Tells the person once when no picture can be coded, and once when it works again.
    fn tell_coded(&self, encoder: &mut Encoder, failed: Option<CodecError>) {
        if std::mem::replace(&mut encoder.told_failed, failed.is_some()) != failed.is_some() {
            let failed = failed.map(|error| SessionError::new(Code::CodecUnavailable, error.to_string()));
            // After the end nobody wants to know.
            let _ = self.messages.send(Message::Input(Input::Coded { device: Device::Camera, failed }));
        }
    }

    fn encode(
        &self,
        (layer, wish): (&mut LayerEncoder, &LayerWish),
        index: usize,
        picture: &VideoFrame,
        target: Target,
        track: &LocalTrack,
        counts: bool,
    ) -> Result<(), CodecError> {
        let (width, height) = fit((picture.width(), picture.height()), (target.width, target.height));
        let bitrate = u32::try_from(target.bitrate_bps).unwrap_or(u32::MAX);
        let inner = match &mut layer.inner {
            Some(inner) => {
                inner.reconfigure(width, height, target.fps, bitrate)?;
                inner
            }
            none => {
                let config = EncoderConfig { fps: target.fps, ..EncoderConfig::new(width, height, bitrate) };
                let new = VideoEncoder::new(config)?;
                tracing::info!(encoder = new.name(), layer = wish.rid, width, height, fps = target.fps, "encoding");
                none.insert(new)
            }
        };
        let now = MediaTime::now();
        let due = layer.last_key.is_none_or(|last| now.saturating_since(last) >= KEY_FRAME_PAUSE);
        let force_key = due && wish.key.swap(false, Ordering::Relaxed);
        let encoded = inner.encode(picture, force_key)?;
        let name = inner.name();
        for out in encoded {
            if out.key {
                layer.last_key = Some(now);
            }
            let key = out.key;
            let frame = EncodedVideo { data: out.data, key, capture_ns: out.capture.0, layer: index };
            let sent = track.write_video(frame).is_ok();
            self.meter.with(|m| {
                let t = &mut m.track;
                t.key_frames += u64::from(key);
                if !counts {
                    return;
                }
                if t.encoder != name {
                    t.encoder = name.to_owned();
                }
                (t.width, t.height) = (width, height);
                m.encoded(now, Some(sent));
            });
        }
        Ok(())
    }
}

/// What belongs to one camera that is open.
struct Encoder {
    beauty: BeautyStep,
    captured: u64,
    /// The person was told that no picture can be coded.
    told_failed: bool,
    line: EncoderLine,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use beckon_media::latest;
    use beckon_protocol::beauty::{BeautySettings, BeautyStyle};

    use super::*;
    use crate::beauty::tests::{face, place};

    /// A camera's pictures on their way to our own tile.
    fn way(beauty: &BeautyWish) -> (latest::LatestSender<VideoFrame>, LatestReceiver<VideoFrame>) {
        let (messages, _) = tokio::sync::mpsc::unbounded_channel();
        let meter = SentMeter::new("video");
        let out = VideoOut::new(VideoSettings::default(), beauty.clone(), meter, Arc::default(), messages);
        let own = Arc::new(Fanout::default());
        out.set_own(own.clone());
        let (pictures, taken) = latest::channel();
        std::thread::spawn(move || out.run(&taken));
        (pictures, own.tap())
    }

    #[test]
    fn our_own_tile_shows_what_the_filter_makes_and_the_camera_itself_while_it_is_off() {
        const LONG: Duration = Duration::from_secs(30);
        let beauty = BeautyWish::default();
        let (pictures, shown) = way(&beauty);
        let (first, second) = (face(MediaTime(1)), face(MediaTime(2)));
        pictures.send(first.clone()).unwrap();
        assert_eq!(place(&shown.recv_timeout(LONG).unwrap()), place(&first));
        beauty.set(BeautySettings::new(BeautyStyle::Smooth, 9, 0, 0).unwrap());
        pictures.send(second.clone()).unwrap();
        let filtered = shown.recv_timeout(LONG).unwrap();
        assert_eq!(filtered.capture, second.capture);
        assert_ne!(filtered.y(), second.y());
    }

    #[test]
    fn pictures_that_come_while_one_is_worked_on_replace_each_other() {
        let (pictures, shown) = way(&BeautyWish::new(BeautySettings::new(BeautyStyle::Hazy, 9, 9, 9).unwrap()));
        // The tile holds the thread up, as a slow filter would.
        let (begun, begins) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel::<()>();
        let goes_on = Mutex::new(goes_on);
        shown.on_ready(move || {
            let _ = begun.send(());
            let _ = goes_on.lock().recv();
        });
        pictures.send(face(MediaTime(1))).unwrap();
        begins.recv().unwrap();
        for late in 2..=9 {
            pictures.send(face(MediaTime(late))).unwrap();
        }
        assert_eq!(shown.try_recv().unwrap().capture, MediaTime(1));
        go_on.send(()).unwrap();
        begins.recv().unwrap();
        assert_eq!(shown.try_recv().unwrap().capture, MediaTime(9));
    }

    #[test]
    fn no_picture_being_coded_is_told_once_and_so_is_its_end() {
        let (messages, mut told) = tokio::sync::mpsc::unbounded_channel();
        let meter = SentMeter::new("video");
        let out = VideoOut::new(VideoSettings::default(), BeautyWish::default(), meter, Arc::default(), messages);
        let mut encoder = out.encoder();
        let fails = || Some(CodecError::NoEncoder { width: 64, height: 64, tried: "nothing".to_owned() });
        for outcome in [None, fails(), fails(), None, None] {
            out.tell_coded(&mut encoder, outcome);
        }
        let news: Vec<_> = std::iter::from_fn(|| told.try_recv().ok())
            .map(|message| match message {
                Message::Input(Input::Coded { device: Device::Camera, failed }) => failed.map(|e| e.code),
                _ => panic!("something else"),
            })
            .collect();
        assert_eq!(news, [Some(Code::CodecUnavailable), None]);
    }
}
