//! One connection to the server with one stream on it.

use std::{
    io::Write as _,
    os::unix::net::UnixStream,
    time::{Duration, SystemTime},
};

use pulseaudio::protocol::{
    ChannelMap, Command, CreatePlaybackStreamReply, CreateRecordStreamReply, DESCRIPTOR_SIZE, Descriptor,
    DescriptorFlags, LatencyParams, PlaybackLatency, PlaybackStreamParams, Prop, Props, ProtocolError, RecordLatency,
    RecordStreamParams, SampleFormat, SampleSpec, encode_command_message, encode_descriptor,
    stream::{BufferAttr, StreamFlags},
};

use super::anchor::Anchor;
use crate::{
    audio_io::{
        clock::span,
        device::{Direction, Format},
    },
    clock::MediaTime,
    devices::pulse::{Message, Server, SoundServerError},
    frame::SAMPLE_RATE,
};

/// The stream's name for people who look at the server's own mixer.
const NAME: &std::ffi::CStr = c"Call";
/// The request that makes the stream.
const CREATE: u32 = Server::FIRST_FREE;
/// Questions about its buffers all have this number: there is one at a time.
const LATENCY: u32 = CREATE + 1;
const SAMPLE: usize = size_of::<f32>();

/// What a stream is to be like.
#[derive(Clone)]
pub(super) struct Of {
    /// The server's number of the sink or source.
    pub(super) index: u32,
    /// Its name for people.
    pub(super) label: String,
    /// One or two.
    pub(super) channels: u8,
    /// Frames in a period.
    pub(super) frames: u32,
}

impl Of {
    /// The server converts to it.
    pub(super) fn format(&self) -> Format {
        Format { rate: SAMPLE_RATE, channels: self.channels.into() }
    }

    fn frame(&self) -> usize {
        usize::from(self.channels) * SAMPLE
    }

    /// A period in bytes.
    fn period(&self) -> u32 {
        self.frames * self.frame() as u32
    }

    fn sample_spec(&self) -> SampleSpec {
        SampleSpec { format: SampleFormat::Float32Le, channels: self.channels, sample_rate: SAMPLE_RATE }
    }

    fn channel_map(&self) -> ChannelMap {
        if self.channels == 1 { ChannelMap::mono() } else { ChannelMap::stereo() }
    }

    fn playback(&self) -> PlaybackStreamParams {
        PlaybackStreamParams {
            sample_spec: self.sample_spec(),
            channel_map: self.channel_map(),
            sink_index: Some(self.index),
            // Two periods wait at most; each time one has been played, one is asked for.
            buffer_attr: BufferAttr {
                max_length: self.period() * 2,
                target_length: self.period() * 2,
                minimum_request_length: self.period(),
                ..BufferAttr::default()
            },
            flags: flags(),
            props: props(),
            ..PlaybackStreamParams::default()
        }
    }

    fn record(&self) -> RecordStreamParams {
        RecordStreamParams {
            sample_spec: self.sample_spec(),
            channel_map: self.channel_map(),
            source_index: Some(self.index),
            buffer_attr: BufferAttr { fragment_size: self.period(), ..BufferAttr::default() },
            flags: flags(),
            props: props(),
            ..RecordStreamParams::default()
        }
    }
}

/// The way from or to the device is to be as short as the buffers say.
fn flags() -> StreamFlags {
    StreamFlags { adjust_latency: true, ..StreamFlags::default() }
}

fn props() -> Props {
    let mut props = Props::new();
    props.set(Prop::MediaName, NAME);
    props
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It takes so many bytes more.
    Wants(usize),
    /// Sound was recorded: [`Wire::recorded`] has it.
    Sound,
    /// The stream is over.
    Over,
    /// Nothing to act on.
    Else,
}

/// The connection.
pub(super) struct Wire {
    server: Server,
    direction: Direction,
    channel: u32,
    channels: u8,
    /// Frames that were written or came.
    passed: u64,
    /// How many these were when the server was asked last.
    passed_when_asked: u64,
    anchor: Anchor,
    outbox: Vec<u8>,
    samples: Vec<f32>,
}

impl Wire {
    /// Makes a stream that plays; the server takes the second as many bytes at once.
    pub(super) fn to_speaker(of: &Of) -> Result<(Self, usize), SoundServerError> {
        let mut server = Server::open()?;
        let made: CreatePlaybackStreamReply = server.request(CREATE, &Command::CreatePlaybackStream(of.playback()))?;
        Ok((Self::new(server, Direction::Output, made.channel, of)?, made.requested_bytes as usize))
    }

    /// Makes a stream that records.
    pub(super) fn from_microphone(of: &Of) -> Result<Self, SoundServerError> {
        let mut server = Server::open()?;
        let made: CreateRecordStreamReply = server.request(CREATE, &Command::CreateRecordStream(of.record()))?;
        Self::new(server, Direction::Input, made.channel, of)
    }

    fn new(server: Server, direction: Direction, channel: u32, of: &Of) -> Result<Self, SoundServerError> {
        // The device says when there is something: whether it still does is watched from outside.
        server.socket.get_ref().set_read_timeout(None)?;
        Ok(Self {
            server,
            direction,
            channel,
            channels: of.channels,
            passed: 0,
            passed_when_asked: 0,
            anchor: Anchor::default(),
            outbox: Vec::new(),
            samples: Vec::new(),
        })
    }

    /// Shutting it down ends every wait on this connection.
    pub(super) fn switch(&self) -> Result<UnixStream, SoundServerError> {
        Ok(self.server.socket.get_ref().try_clone()?)
    }

    /// Bytes in a frame.
    pub(super) fn frame(&self) -> usize {
        usize::from(self.channels) * SAMPLE
    }

    /// How long after `now` the next frame to be written will be heard; `None` while the server has not said it.
    pub(super) fn ahead(&self, now: MediaTime) -> Option<Duration> {
        self.anchor.time_of(self.passed).map(|heard| heard.saturating_since(now))
    }

    /// The samples that came last, and how old the first of them is at `now`.
    pub(super) fn recorded(&self, now: MediaTime) -> (&[f32], Duration) {
        let frames = self.samples.len() / usize::from(self.channels);
        let first = self.anchor.time_of(self.passed - frames as u64);
        // While nothing is known: it was sent when it was full.
        (&self.samples, first.map_or_else(|| span(frames, SAMPLE_RATE), |first| now.saturating_since(first)))
    }

    /// Writes frames of stereo, and a question about the buffers where it is time for one.
    pub(super) fn write(&mut self, stereo: &[f32], now: MediaTime) -> Result<(), SoundServerError> {
        let frames = stereo.len() / 2;
        let length = (frames * self.frame()) as u32;
        let head = Descriptor { length, channel: self.channel, offset: 0, flags: DescriptorFlags::empty() };
        let mut bytes = [0; DESCRIPTOR_SIZE];
        encode_descriptor(&mut bytes, &head);
        self.outbox.clear();
        self.outbox.extend_from_slice(&bytes);
        match self.channels {
            1 => self.outbox.extend(stereo.as_chunks::<2>().0.iter().flat_map(|[l, r]| ((l + r) * 0.5).to_le_bytes())),
            _ => self.outbox.extend(stereo.iter().flat_map(|sample| sample.to_le_bytes())),
        }
        self.passed += frames as u64;
        self.question(now)?;
        Ok(self.server.socket.get_mut().write_all(&self.outbox)?)
    }

    /// Asks about the buffers where it is time to.
    pub(super) fn ask(&mut self, now: MediaTime) -> Result<(), SoundServerError> {
        self.outbox.clear();
        self.question(now)?;
        Ok(self.server.socket.get_mut().write_all(&self.outbox)?)
    }

    fn question(&mut self, now: MediaTime) -> Result<(), SoundServerError> {
        if !self.anchor.wants_word(now) {
            return Ok(());
        }
        self.anchor.asked(now);
        self.passed_when_asked = self.passed;
        let about = LatencyParams { channel: self.channel, now: SystemTime::UNIX_EPOCH };
        let question = match self.direction {
            Direction::Input => Command::GetRecordLatency(about),
            Direction::Output => Command::GetPlaybackLatency(about),
        };
        let mut message = Vec::with_capacity(64);
        encode_command_message(&mut message, LATENCY, &question, self.server.version)?;
        self.outbox.append(&mut message);
        Ok(())
    }

    /// Waits for the next thing that the server says.
    pub(super) fn next(&mut self) -> Result<Said, SoundServerError> {
        Ok(match self.server.message()? {
            Message::Sound { channel } if channel == self.channel && self.direction == Direction::Input => {
                self.samples.clear();
                self.samples.extend(self.server.samples());
                let channels = usize::from(self.channels);
                self.samples.truncate(self.samples.len() / channels * channels);
                self.passed += (self.samples.len() / channels) as u64;
                Said::Sound
            }
            Message::Answer { number: LATENCY } => {
                self.told()?;
                Said::Else
            }
            Message::News(Command::Request(request)) => Said::Wants(request.length as usize),
            Message::News(Command::PlaybackStreamKilled(_) | Command::RecordStreamKilled(_)) => Said::Over,
            Message::News(
                Command::Underflow(_)
                | Command::Overflow(_)
                | Command::Started(_)
                | Command::PlaybackStreamMoved(_)
                | Command::RecordStreamMoved(_)
                | Command::PlaybackStreamSuspended(_)
                | Command::RecordStreamSuspended(_),
            ) => {
                self.anchor.forget();
                Said::Else
            }
            _ => Said::Else,
        })
    }

    /// Takes the word about the buffers.
    fn told(&mut self) -> Result<(), ProtocolError> {
        let now = MediaTime::now();
        match self.direction {
            Direction::Output => {
                // PipeWire (0.3.65) leaves out what its graph has in hand: one step of it, 5 ms as a rule. Nothing tells the step.
                let word: PlaybackLatency = self.server.answer()?;
                let latency =
                    Duration::from_micros(word.sink_usec) + self.lasting(word.write_offset - word.read_offset);
                self.anchor.told(self.passed_when_asked, latency, true, now);
            }
            Direction::Input => {
                // What was recorded before the answer came before it.
                let word: RecordLatency = self.server.answer()?;
                let latency =
                    Duration::from_micros(word.source_usec) + self.lasting(word.write_offset - word.read_offset);
                self.anchor.told(self.passed, latency, false, now);
            }
        }
        Ok(())
    }

    /// How long so many bytes last.
    fn lasting(&self, bytes: i64) -> Duration {
        span(usize::try_from(bytes).unwrap_or(0) / self.frame(), SAMPLE_RATE)
    }
}
