use std::collections::VecDeque;
use std::time::Duration;

use ffmpeg_next::format::Sample;
use ffmpeg_next::format::sample::Type;
use ffmpeg_next::software::resampling;
use ffmpeg_next::{ChannelLayout, decoder, frame};

use super::reader::Reader;
use super::{GRID_NS, MediaFile};
use crate::clock::MediaTime;
use crate::frame::{AudioFrame, SAMPLE_RATE, SAMPLES_PER_CHANNEL};
use crate::source::{AudioSink, AudioSource, RunningSource, SourceControl, SourceError, SourceInfo};
use crate::urgency::Urgency;

const PACKED: Sample = Sample::F32(Type::Packed);
/// Gaps in a file's sound up to this are times written carelessly, not silence.
const CARELESS_NS: i64 = 40_000_000;

/// The sound of a [`MediaFile`].
pub struct FileMicrophone {
    pub(super) file: MediaFile,
}

impl AudioSource for FileMicrophone {
    fn describe(&self) -> SourceInfo {
        self.file.describe()
    }

    fn start(self: Box<Self>, out: AudioSink) -> Result<RunningSource, SourceError> {
        let (begun, into) = self.file.round_at(MediaTime::now());
        let sound = Sound::open(&self.file, into)?;
        RunningSource::spawn("file-mic", move |control| {
            Urgency::Sound.claim();
            run(&self.file, begun, into, sound, out, control)
        })
    }
}

fn run(
    file: &MediaFile,
    mut begun: MediaTime,
    into: i64,
    mut sound: Sound,
    mut out: AudioSink,
    control: &SourceControl,
) -> Result<(), SourceError> {
    let mut place = into.div_euclid(GRID_NS) * GRID_NS;
    loop {
        while place < file.round_ns {
            let capture = MediaTime(begun.0 + place);
            // As from a microphone: handed out when its last sample is over.
            if !control.sleep_until(capture + Duration::from_millis(10)) {
                return Ok(());
            }
            out(AudioFrame::new(sound.take(file, place)?, sound.channels, capture));
            place += GRID_NS;
        }
        begun = MediaTime(begun.0 + file.round_ns);
        place = 0;
        if MediaTime::now().nanos_since(begun) > 1_000_000_000 {
            let (now_begun, into) = file.round_at(MediaTime::now());
            begun = now_begun;
            place = into.div_euclid(GRID_NS) * GRID_NS;
        }
        sound = Sound::open(file, place)?;
    }
}

/// One round's sound at 48 kHz.
struct Sound {
    reader: Reader<decoder::Audio>,
    resampler: Option<(Shape, resampling::Context)>,
    channels: u16,
    ready: VecDeque<f32>,
    /// Where in the file the first ready sample is.
    at: Option<i64>,
    ended: bool,
}

/// Format, layout's bits and rate of what is decoded.
type Shape = (Sample, u64, u32);

impl Sound {
    fn open(file: &MediaFile, from_ns: i64) -> Result<Self, SourceError> {
        let reader = Reader::<decoder::Audio>::open(file, from_ns)?;
        let mut sound = Self { reader, resampler: None, channels: 1, ready: VecDeque::new(), at: None, ended: false };
        // The first sound tells how many channels there are.
        sound.more(file)?;
        Ok(sound)
    }

    /// 10 ms from `place` on; silence where there is nothing.
    fn take(&mut self, file: &MediaFile, place: i64) -> Result<Vec<f32>, SourceError> {
        let channels = usize::from(self.channels);
        let whole = SAMPLES_PER_CHANNEL * channels;
        let mut taken = Vec::with_capacity(whole);
        while taken.len() < whole {
            let want = place + nanos(taken.len() / channels);
            match self.at {
                Some(at) if at + nanos(self.ready.len() / channels) <= want => {
                    self.ready.clear();
                    self.at = None;
                }
                Some(at) if at > want + CARELESS_NS / 2 => {
                    let gap = (samples(at - want) * channels).min(whole - taken.len()).max(channels);
                    taken.resize(taken.len() + gap, 0.0);
                }
                Some(at) => {
                    let skip = (samples((want - at - CARELESS_NS / 2).max(0)) * channels).min(self.ready.len());
                    self.ready.drain(..skip);
                    let count = (whole - taken.len()).min(self.ready.len());
                    taken.extend(self.ready.drain(..count));
                    self.at = (!self.ready.is_empty()).then(|| at + nanos((skip + count) / channels));
                }
                None if self.ended => taken.resize(whole, 0.0),
                None => self.more(file)?,
            }
        }
        Ok(taken)
    }

    /// Decodes the next piece.
    fn more(&mut self, file: &MediaFile) -> Result<(), SourceError> {
        let Some((mut decoded, at)) = self.reader.next() else {
            self.ended = true;
            return Ok(());
        };
        if decoded.samples() == 0 || decoded.rate() == 0 {
            return Ok(());
        }
        if decoded.channel_layout().is_empty() {
            decoded.set_channel_layout(ChannelLayout::default(i32::from(decoded.channels())));
        }
        let layout = decoded.channel_layout();
        let shape = (decoded.format(), layout.bits(), decoded.rate());
        let channels = if layout.channels() >= 2 { 2 } else { 1 };
        if self.resampler.is_none() {
            self.channels = channels;
        }
        let to = if self.channels == 2 { ChannelLayout::STEREO } else { ChannelLayout::MONO };
        if self.resampler.as_ref().is_none_or(|(s, _)| *s != shape) {
            let context = resampling::Context::get(shape.0, layout, shape.2, PACKED, to, SAMPLE_RATE)
                .map_err(|e| file.error(e))?;
            self.resampler = Some((shape, context));
        }
        let Some((_, resampler)) = &mut self.resampler else { return Ok(()) };
        let room = decoded.samples() as u64 * u64::from(SAMPLE_RATE) / u64::from(decoded.rate()) + 256;
        let mut converted = frame::Audio::new(PACKED, room as usize, to);
        resampler.run(&decoded, &mut converted).map_err(|e| file.error(e))?;
        let count = converted.samples() * usize::from(self.channels);
        let bytes = converted.data(0);
        let sound = bytes.chunks_exact(4).take(count).map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
        self.ready.extend(sound.map(|s| if s.is_finite() { s } else { 0.0 }));
        self.at = Some(at.unwrap_or(0));
        Ok(())
    }
}

fn nanos(samples: usize) -> i64 {
    samples as i64 * 1_000_000_000 / i64::from(SAMPLE_RATE)
}

fn samples(ns: i64) -> usize {
    usize::try_from(ns * i64::from(SAMPLE_RATE) / 1_000_000_000).unwrap_or(0)
}
