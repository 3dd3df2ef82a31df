//! Somebody's pictures: decoded on a thread of their own, shown in step with the sound.

use std::sync::Arc;
use std::time::Duration;

use beckon_media::barcode::BarCode;
use beckon_media::clock::{media_time_of_unix, unix_time_of};
use beckon_media::codec::{VideoCodec, VideoDecoder};
use beckon_media::layout::TileId;
use beckon_media::playout::Playout;
use beckon_media::testcard::FlashDetector;
use beckon_media::urgency::Urgency;
use beckon_media::{MediaTime, VideoFrame};
use beckon_rtc::{MediaReceiver, RecvError, RemoteTrack, RemoteVideoFrame};
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use super::Message;
use super::meters::{Meters, ReceivedMeter};
use crate::core::Input;
use crate::measure::ClapPairs;
use crate::rate::{Relief, Strain};
use crate::tiles::Fanout;

/// A key frame that does not come is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// The track's end wakes the thread; nothing else has to.
const LONG: Duration = Duration::from_secs(3600);
/// A sender's clock further off than this says nothing about when a picture was taken on ours.
const CLOCK_IN_STEP_NS: u64 = 10_000_000_000;
/// With more pictures waiting than this the decoder is behind, and holding pictures would not help.
const BEHIND: usize = 4;

/// What one video track needs.
pub(crate) struct VideoIn {
    pub(crate) track: RemoteTrack,
    pub(crate) tile: TileId,
    pub(crate) fanout: Arc<Fanout>,
    pub(crate) playout: Arc<Mutex<Playout>>,
    pub(crate) meter: Arc<ReceivedMeter>,
    pub(crate) claps: Arc<Mutex<ClapPairs>>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) strain: Arc<Mutex<Strain>>,
    pub(crate) relief: Arc<Mutex<Relief>>,
    /// Read bar codes and flashes.
    pub(crate) measure: bool,
    /// Told of the first picture, of the first after each pause, and of pictures that are too much for this machine.
    pub(crate) messages: UnboundedSender<Message>,
}

/// State of the decoding thread.
struct Running {
    decoder: Option<VideoDecoder>,
    needs_key: bool,
    asked: Option<MediaTime>,
    flashes: FlashDetector,
    last_shown: Option<MediaTime>,
    complained: bool,
}

impl VideoIn {
    /// Decodes until the track ends.
    pub(crate) fn run(self) {
        let Some(pictures) = self.track.video() else { return };
        Urgency::Pictures.claim();
        let mut running = Running {
            decoder: None,
            needs_key: true,
            asked: None,
            flashes: FlashDetector::new(),
            last_shown: None,
            complained: false,
        };
        loop {
            match pictures.recv_timeout(LONG) {
                Ok(frame) => self.frame(&mut running, &frame, &pictures),
                Err(RecvError::TimedOut) => {}
                Err(RecvError::Ended) => break,
            }
        }
        self.fanout.clear();
        self.meter.with(|m| {
            m.out.live = false;
            m.freezes.rest();
        });
    }

    fn frame(&self, running: &mut Running, frame: &RemoteVideoFrame, pictures: &MediaReceiver<RemoteVideoFrame>) {
        if frame.codec != beckon_rtc::VideoCodec::H264 {
            if !std::mem::replace(&mut running.complained, true) {
                tracing::warn!(user = %self.track.identity(), codec = ?frame.codec, "pictures in a codec we do not decode");
            }
            return self.meter.with(|m| m.out.decode_errors += 1);
        }
        if frame.key {
            running.needs_key = false;
        } else if running.needs_key {
            // A still picture is better than a broken one.
            self.ask_for_key(running);
            return self.meter.with(|m| m.out.frames_dropped += 1);
        }
        let begun = MediaTime::now();
        match self.decode(running, frame) {
            Ok(Some(picture)) => self.show(running, frame, picture, begun, pictures.len()),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(user = %self.track.identity(), %error, "picture not decoded");
                running.needs_key = true;
                self.ask_for_key(running);
                self.meter.with(|m| m.out.decode_errors += 1);
            }
        }
    }

    fn decode(
        &self,
        running: &mut Running,
        frame: &RemoteVideoFrame,
    ) -> Result<Option<VideoFrame>, beckon_media::codec::CodecError> {
        let received = MediaTime(frame.received_ns);
        let capture = frame
            .sender_unix_ns
            .map(|ns| media_time_of_unix(ns / 1000))
            .filter(|t| t.0.abs_diff(received.0) < CLOCK_IN_STEP_NS)
            .unwrap_or(received);
        let decoder = match &mut running.decoder {
            Some(decoder) => decoder,
            none => none.insert(VideoDecoder::new(VideoCodec::H264)?),
        };
        decoder.decode(&frame.data, capture)
    }

    fn show(
        &self,
        running: &mut Running,
        frame: &RemoteVideoFrame,
        mut picture: VideoFrame,
        begun: MediaTime,
        waiting: usize,
    ) {
        let decoded = MediaTime::now();
        self.bear(decoded, decoded.saturating_since(begun), waiting >= BEHIND);
        picture.synthetic = self.track.info().name == crate::core::SYNTHETIC;
        let code = if self.measure { BarCode::read(&picture) } else { None };
        self.meter.with(|m| {
            m.decoded(decoded);
            (m.out.width, m.out.height) = (picture.width(), picture.height());
            if let Some(code) = code {
                m.code(code.frame);
                m.decode_delay.add(delay_ms(&code, decoded));
            }
        });
        let due = self.playout.lock().picture_ready(frame.sender_unix_ns.map(MediaTime), sender_clock(decoded));
        let hold = due.saturating_since(sender_clock(decoded));
        if !hold.is_zero() && waiting < BEHIND {
            std::thread::sleep(hold);
        }
        // A camera may be off for a moment only: what was taken off the tile then is a beginning, too.
        let first = self.fanout.send(&picture);
        let shown = MediaTime::now();
        if first || running.last_shown.is_none_or(|last| shown.saturating_since(last) > Duration::from_secs(1)) {
            tracing::debug!(tile = ?self.tile, ?hold, "a first picture");
            self.tell(Input::FirstPicture(self.tile));
            self.meters.first_picture();
        }
        running.last_shown = Some(shown);
        self.meter.with(|m| {
            m.freezes.moved(shown);
            if let Some(code) = code {
                m.shown_delay.add(delay_ms(&code, shown));
            }
        });
        if self.measure
            && code.is_some()
            && let Some(flash) = running.flashes.look(&picture, shown)
        {
            self.claps.lock().flash(flash);
        }
    }

    /// A picture was decoded; the machine bears it or not.
    fn bear(&self, now: MediaTime, spent: Duration, behind: bool) {
        let mut strain = self.strain.lock();
        strain.decoded(now, behind);
        let divided_by = self.relief.lock().decoded(now, spent, &mut strain);
        drop(strain);
        if let Some(divided_by) = divided_by {
            tracing::info!(divided_by, "pictures of others are asked for in another size, for this machine's sake");
            self.tell(Input::Relief(divided_by));
        }
    }

    fn tell(&self, input: Input) {
        // After the end nobody wants to know.
        let _ = self.messages.send(Message::Input(input));
    }

    fn ask_for_key(&self, running: &mut Running) {
        let now = MediaTime::now();
        if running.asked.is_none_or(|at| now.saturating_since(at) >= ASK_AGAIN) {
            running.asked = Some(now);
            self.track.request_key_frame();
        }
    }
}

/// From capture to a time of ours in ms, by the bar code.
fn delay_ms(code: &BarCode, at: MediaTime) -> f64 {
    let captured_us = i64::try_from(code.time).unwrap_or(i64::MAX).saturating_mul(100);
    (unix_time_of(at) - captured_us) as f64 / 1e3
}

/// Our time on the scale of the sender's capture times: nanoseconds of UNIX time.
pub(crate) fn sender_clock(t: MediaTime) -> MediaTime {
    MediaTime(unix_time_of(t).saturating_mul(1000))
}
