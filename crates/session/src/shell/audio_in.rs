//! The others' sound: a jitter buffer each, added up whenever the loudspeaker wants more.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use beckon_media::audio_io::{MixInput, Mixer, Render};
use beckon_media::codec::OPUS_LOOKAHEAD;
use beckon_media::jitter::{AudioPacket, JitterBuffer};
use beckon_media::playout::{Playout, RtpMap, SoundWait};
use beckon_media::testcard::BeepDetector;
use beckon_media::voice::FarEnd;
use beckon_media::{AudioFrame, MediaTime};
use beckon_rtc::{MediaReceiver, RecvError, RemoteAudioPacket, RemoteTrack, TrackSid};
use bytes::Bytes;
use parking_lot::Mutex;

use super::meters::{Meters, ReceivedMeter};
use super::video_in::sender_clock;
use crate::measure::ClapPairs;
use crate::rate::{Direction, Strain};
use crate::sound::VOLUME_MAX;
use crate::tryout::Notes;

/// How often lip sync looks whether sound must wait for slow pictures, in 10 ms frames.
const SYNC_EVERY: u64 = SoundWait::INTERVAL.as_millis() as u64 / 10;

/// One audio track being heard.
struct AudioIn {
    sid: TrackSid,
    /// Whose it is.
    identity: String,
    /// How loud it is now; follows the wish without a click.
    gain: f32,
    packets: MediaReceiver<RemoteAudioPacket>,
    jitter: JitterBuffer,
    times: RtpMap,
    playout: Arc<Mutex<Playout>>,
    meter: Arc<ReceivedMeter>,
    claps: Arc<Mutex<ClapPairs>>,
    beeps: BeepDetector,
    frames: u64,
    waits: SoundWait,
    ended: bool,
}

/// Everybody who is heard.
pub(crate) struct AudioRoom {
    tracks: Mutex<Vec<AudioIn>>,
    /// How loud single people are to be: 1 is as they are.
    gains: Mutex<HashMap<String, f32>>,
    /// What the loudspeaker is given, for the echo canceller.
    far_end: FarEnd,
    /// Played with the others' voices, so that the echo canceller knows them too.
    notes: Notes,
    strain: Arc<Mutex<Strain>>,
    meters: Arc<Meters>,
    measure: bool,
}

impl AudioRoom {
    pub(crate) fn new(
        meters: Arc<Meters>,
        measure: bool,
        far_end: FarEnd,
        notes: Notes,
        strain: Arc<Mutex<Strain>>,
        volumes: &BTreeMap<String, u16>,
    ) -> Arc<Self> {
        let gains = volumes.iter().map(|(user, percent)| (user.clone(), gain(*percent))).collect();
        Arc::new(Self { tracks: Mutex::default(), gains: Mutex::new(gains), far_end, notes, strain, meters, measure })
    }

    /// Makes somebody as loud as that, percent.
    pub(crate) fn set_volume(&self, user_id: &str, percent: u16) {
        self.gains.lock().insert(user_id.to_owned(), gain(percent));
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
            gain: self.gain_of(track.identity().as_str()),
            identity: track.identity().to_string(),
            packets,
            jitter: JitterBuffer::new(if track.info().stereo { 2 } else { 1 })?,
            times: RtpMap::new(beckon_media::frame::SAMPLE_RATE),
            playout,
            meter,
            claps,
            beeps: BeepDetector::new(),
            frames: 0,
            waits: SoundWait::default(),
            ended: false,
        };
        let mut tracks = self.tracks.lock();
        tracks.retain(|t| t.sid != audio.sid);
        tracks.push(audio);
        Ok(())
    }

    fn gain_of(&self, user_id: &str) -> f32 {
        self.gains.lock().get(user_id).copied().unwrap_or(1.0)
    }

    /// A track is not heard any more.
    pub(crate) fn remove(&self, sid: &TrackSid) {
        self.tracks.lock().retain(|t| t.sid != *sid || !t.rest());
    }

    /// Who sends a track muted or unmuted it.
    pub(crate) fn set_muted(&self, sid: &TrackSid, muted: bool) {
        self.tracks.lock().iter_mut().filter(|t| t.sid == *sid).for_each(|t| t.jitter.set_paused(muted));
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
            room.strain.lock().sound(now, Direction::In);
            let heard = heard + Mixer::DELAY;
            let mut tracks = room.tracks.lock();
            let frames: Vec<(AudioFrame, f32)> = tracks
                .iter_mut()
                .map(|t| (t.pull(now, heard, room.measure), t.follow(room.gain_of(&t.identity))))
                .collect();
            tracks.retain(|t| !t.ended);
            drop(tracks);
            let notes = room.notes.pull(heard);
            let voices = frames.iter().map(|(frame, gain)| MixInput { frame, gain: *gain });
            let inputs: Vec<_> = voices.chain(notes.iter().map(|frame| MixInput { frame, gain: 1.0 })).collect();
            mixer.mix(&inputs, out, &mut levels);
            room.far_end.push(out, heard);
            if room.measure {
                room.meters.mix.lock().add(out);
            }
        })
    }
}

/// A volume in percent as a factor.
fn gain(percent: u16) -> f32 {
    f32::from(percent.min(VOLUME_MAX)) / 100.0
}

impl AudioIn {
    /// A step nearer to the gain wished for, as far as is not heard as a click.
    fn follow(&mut self, wished: f32) -> f32 {
        let off = wished - self.gain;
        self.gain = if off.abs() < 0.01 { wished } else { self.gain + off * 0.3 };
        self.gain
    }

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
        // While nothing comes, quiet or cut off, sound sets no pace: pictures would wait for it more and more.
        if !self.jitter.stands_still()
            && let Some(captured) = self.times.capture_of(position.rtp_time)
        {
            let mut playout = self.playout.lock();
            playout.sound_heard(captured, sender_clock(heard) + OPUS_LOOKAHEAD);
            if self.frames.is_multiple_of(SYNC_EVERY) {
                let stats = self.jitter.stats();
                playout.sound_waits(stats.for_packets);
                let longer = playout.sound_should_wait_ns(sender_clock(now));
                drop(playout);
                if let Some(waits) = self.waits.look(longer, stats.delay) {
                    self.jitter.set_minimum_delay(waits);
                }
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

    /// Tells the meter that the track is over.
    fn rest(&self) -> bool {
        self.meter.with(|m| {
            m.out.live = false;
            m.freezes.rest();
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nobody(notes: Notes, volumes: &BTreeMap<String, u16>) -> Arc<AudioRoom> {
        AudioRoom::new(Arc::new(Meters::new()), false, FarEnd::new(), notes, Arc::default(), volumes)
    }

    #[test]
    fn a_person_is_as_loud_as_was_set_before_or_in_the_room_and_never_louder_than_may_be() {
        let room = nobody(Notes::default(), &BTreeMap::from([("quiet".to_owned(), 40)]));
        assert_eq!((room.gain_of("quiet"), room.gain_of("other")), (0.4, 1.0));
        room.set_volume("quiet", 150);
        room.set_volume("other", 0);
        room.set_volume("loud", u16::MAX);
        let most = f32::from(VOLUME_MAX) / 100.0;
        assert_eq!((room.gain_of("quiet"), room.gain_of("other"), room.gain_of("loud")), (1.5, 0.0, most));
    }

    #[test]
    fn notes_are_heard_with_the_others_voices_while_they_are_played() {
        let notes = Notes::default();
        let mut render = nobody(notes.clone(), &BTreeMap::new()).render();
        let mut loudest = || {
            let mut out = [0.0; Mixer::FRAME_LEN];
            (0..20).fold(0.0_f32, |loudest, _| {
                render(&mut out, MediaTime(0));
                out.iter().copied().fold(loudest, f32::max)
            })
        };
        assert_eq!(loudest(), 0.0);
        notes.begin();
        assert!(loudest() > 0.1);
        while notes.are_played() {
            loudest();
        }
        loudest();
        assert_eq!(loudest(), 0.0);
    }
}
