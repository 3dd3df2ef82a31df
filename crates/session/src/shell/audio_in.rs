//! The others' sound: a jitter buffer each, added up whenever the loudspeaker wants more.

use std::sync::Arc;
use std::time::Duration;

use beckon_media::audio_io::{MixInput, Mixer, Render};
use beckon_media::jitter::{AudioPacket, JitterBuffer};
use beckon_media::playout::{Playout, RtpMap};
use beckon_media::testcard::BeepDetector;
use beckon_media::{AudioFrame, MediaTime};
use beckon_rtc::{MediaReceiver, RecvError, RemoteAudioPacket, RemoteTrack, TrackSid};
use bytes::Bytes;
use parking_lot::Mutex;

use super::meters::{Meters, ReceivedMeter};
use super::video_in::sender_clock;
use crate::measure::ClapPairs;

/// Pictures may be this much ahead of their sound: nobody sees it, and holding them would only add delay.
const LEAD: Duration = Duration::from_millis(20);
/// How often lip sync looks whether sound must wait for slow pictures, in 10 ms frames.
const SYNC_EVERY: u64 = 100;

/// One audio track being heard.
struct AudioIn {
    sid: TrackSid,
    packets: MediaReceiver<RemoteAudioPacket>,
    jitter: JitterBuffer,
    times: RtpMap,
    playout: Arc<Mutex<Playout>>,
    meter: Arc<ReceivedMeter>,
    claps: Arc<Mutex<ClapPairs>>,
    beeps: BeepDetector,
    frames: u64,
    waits: Duration,
    ended: bool,
}

/// Everybody who is heard.
pub(crate) struct AudioRoom {
    tracks: Mutex<Vec<AudioIn>>,
    meters: Arc<Meters>,
    measure: bool,
}

impl AudioRoom {
    pub(crate) fn new(meters: Arc<Meters>, measure: bool) -> Arc<Self> {
        Arc::new(Self { tracks: Mutex::default(), meters, measure })
    }

    /// A track is heard from now on, until it ends.
    pub(crate) fn add(
        &self,
        track: &RemoteTrack,
        playout: Arc<Mutex<Playout>>,
        meter: Arc<ReceivedMeter>,
        claps: Arc<Mutex<ClapPairs>>,
    ) -> Result<(), beckon_media::codec::CodecError> {
        let Some(packets) = track.audio() else { return Ok(()) };
        let audio = AudioIn {
            sid: track.sid(),
            packets,
            jitter: JitterBuffer::new(1)?,
            times: RtpMap::new(beckon_media::frame::SAMPLE_RATE),
            playout,
            meter,
            claps,
            beeps: BeepDetector::new(),
            frames: 0,
            waits: Duration::ZERO,
            ended: false,
        };
        let mut tracks = self.tracks.lock();
        tracks.retain(|t| t.sid != audio.sid);
        tracks.push(audio);
        Ok(())
    }

    /// A track is not heard any more.
    pub(crate) fn remove(&self, sid: &TrackSid) {
        self.tracks.lock().retain(|t| t.sid != *sid || !t.rest());
    }

    /// Nobody is heard any more.
    pub(crate) fn clear(&self) {
        self.tracks.lock().retain(|t| !t.rest());
    }

    /// What fills a loudspeaker. Runs on the sound system's thread: takes no lock that is held for long.
    pub(crate) fn render(self: &Arc<Self>) -> Render {
        let room = self.clone();
        let mut mixer = Mixer::new();
        let mut levels = Vec::new();
        Box::new(move |out, heard| {
            let now = MediaTime::now();
            let mut tracks = room.tracks.lock();
            let frames: Vec<AudioFrame> = tracks.iter_mut().map(|t| t.pull(now, heard, room.measure)).collect();
            tracks.retain(|t| !t.ended);
            drop(tracks);
            let inputs: Vec<_> = frames.iter().map(|frame| MixInput { frame, gain: 1.0 }).collect();
            mixer.mix(&inputs, out, &mut levels);
            if room.measure {
                room.meters.mix.lock().add(out);
            }
        })
    }
}

impl AudioIn {
    fn pull(&mut self, now: MediaTime, heard: MediaTime, measure: bool) -> AudioFrame {
        loop {
            match self.packets.try_recv() {
                Ok(packet) => self.insert(packet),
                Err(RecvError::TimedOut) => break,
                Err(RecvError::Ended) => {
                    self.rest();
                    self.ended = true;
                    break;
                }
            }
        }
        let frame = self.jitter.pull(now);
        self.frames += 1;
        let Some(position) = self.jitter.position() else {
            self.meter.with(|m| m.freezes.rest());
            return frame;
        };
        if let Some(captured) = self.times.capture_of(position.rtp_time) {
            let mut playout = self.playout.lock();
            playout.sound_heard(captured, sender_clock(heard) - LEAD);
            if self.frames.is_multiple_of(SYNC_EVERY) {
                let early = playout.sound_too_early(sender_clock(now));
                drop(playout);
                self.wait_for_pictures(early);
            }
        }
        let beep = if measure { self.beeps.listen(&frame, heard) } else { None };
        let stats = self.jitter.stats();
        self.meter.with(|m| {
            m.decoded(now);
            m.freezes.moved(now);
            m.out.concealed = stats.concealed / 480;
            m.out.jitter_buffer_ms = Some((stats.delay.as_secs_f64() * 10_000.0).round() / 10.0);
            if measure {
                m.loudness.add(&frame.samples);
                m.pitch.add(&frame);
            }
        });
        if let Some(beep) = beep {
            self.claps.lock().beep(beep);
        }
        frame
    }

    fn insert(&mut self, packet: RemoteAudioPacket) {
        if let Some(ns) = packet.sender_unix_ns {
            self.times.anchor(packet.rtp_time, MediaTime(ns));
        }
        self.jitter.insert(AudioPacket {
            payload: Bytes::from_owner(packet.payload),
            sequence: packet.seq,
            rtp_time: packet.rtp_time,
            received: MediaTime(packet.received_ns),
        });
    }

    /// Sound waits for slow pictures, and stops waiting bit by bit when they have caught up.
    fn wait_for_pictures(&mut self, early: Duration) {
        let waits = if early.is_zero() { self.waits.mul_f64(0.95) } else { self.jitter.stats().delay + early };
        if waits != self.waits {
            self.waits = waits;
            self.jitter.set_minimum_delay(waits);
        }
    }

    /// Tells the meter that the track is over.
    fn rest(&self) -> bool {
        self.meter.with(|m| {
            m.out.live = false;
            m.freezes.rest();
        });
        true
    }
}
