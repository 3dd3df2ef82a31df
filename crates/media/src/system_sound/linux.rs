//! PulseAudio (and PipeWire in its place): one recording stream for each stream that another program plays.
//!
//! The server lets a client listen to a single playing stream, before it is added to the others, wherever it is played; it
//! tells which process each belongs to. So ours are left out by our own process number, and nothing is routed anew.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::time::Duration;

use pulseaudio::protocol::{
    ChannelMap, Command, CreateRecordStreamReply, Prop, Props, ProtocolError, RecordStreamParams, SampleFormat,
    SampleSpec, SinkInputInfo, SinkInputInfoList, SubscriptionEventFacility, SubscriptionEventType, SubscriptionMask,
    stream::{BufferAttr, StreamFlags},
    write_command_message,
};

use super::blend::Blend;
use super::listening::{self, Listener as _};
use crate::devices::pulse::{Message, Server, SoundServerError};
use crate::frame::{SAMPLE_RATE, SAMPLES_PER_CHANNEL};
use crate::source::{AudioSink, RunningSource, SourceError};

/// The name a stream has for people who look at the server's own mixer.
const NAME: &std::ffi::CStr = c"Beckon shares the computer's sound";

/// The server makes stereo of all that plays otherwise.
const CHANNELS: u8 = 2;

/// Whether a sound server answers.
pub(super) fn available() -> bool {
    Server::open().is_ok()
}

/// Listens on a thread of its own.
pub(super) fn start(mut out: AudioSink) -> Result<RunningSource, SourceError> {
    let first = Listener::open().map_err(|error| SourceError::NotSupported {
        what: "sharing the computer's sound".to_owned(),
        reason: error.to_string(),
    })?;
    RunningSource::spawn("system-sound", move |control| {
        listening::run(control, first, &mut out);
        Ok(())
    })
}

/// What the server was asked and has not answered.
enum Asked {
    /// Which streams play.
    Streams,
    /// To let us listen to this one.
    Listening(u32),
    /// Something whose answer changes nothing.
    Else,
}

/// A connection on which streams are listened to.
struct Listener {
    server: Server,
    asked: HashMap<u32, Asked>,
    next: u32,
    /// Playing streams that are, or are about to be, listened to; or to which the server did not let us listen.
    taken: HashSet<u32>,
    /// From a channel of ours to the playing stream it brings.
    channels: HashMap<u32, u32>,
}

impl listening::Listener for Listener {
    type Error = SoundServerError;

    fn open() -> Result<Self, SoundServerError> {
        let server = Server::open()?;
        let mut listener = Self {
            server,
            asked: HashMap::new(),
            next: Server::FIRST_FREE,
            taken: HashSet::new(),
            channels: HashMap::new(),
        };
        listener.ask(Asked::Else, &Command::Subscribe(SubscriptionMask::SINK_INPUT))?;
        listener.ask(Asked::Streams, &Command::GetSinkInputInfoList)?;
        Ok(listener)
    }

    fn listen(&mut self, patience: Duration, blend: &mut Blend) -> Result<(), SoundServerError> {
        if self.server.is_readable_within(patience)? {
            self.message(blend)?;
            // What has been read into the buffer already makes no socket readable.
            while !self.server.socket.buffer().is_empty() {
                self.message(blend)?;
            }
        }
        Ok(())
    }
}

impl Listener {
    fn ask(&mut self, what: Asked, command: &Command) -> Result<(), ProtocolError> {
        write_command_message(self.server.socket.get_mut(), self.next, command, self.server.version)?;
        self.server.socket.get_mut().flush()?;
        self.asked.insert(self.next, what);
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    fn message(&mut self, blend: &mut Blend) -> Result<(), ProtocolError> {
        match self.server.message()? {
            Message::Sound { channel } => {
                if let Some(stream) = self.channels.get(&channel) {
                    let mut samples = self.server.samples();
                    blend.push(*stream, std::iter::from_fn(|| Some([samples.next()?, samples.next()?])));
                }
            }
            Message::Answer { number } => match self.asked.remove(&number) {
                Some(Asked::Streams) => {
                    let streams: SinkInputInfoList = self.server.answer()?;
                    self.take(&streams, blend)?;
                }
                Some(Asked::Listening(stream)) => {
                    let made: CreateRecordStreamReply = self.server.answer()?;
                    self.channels.insert(made.channel, stream);
                }
                _ => {}
            },
            Message::Refusal { number } => {
                // It was over before we could listen, or the server lets nobody listen to it.
                if let Some(Asked::Listening(stream)) = self.asked.remove(&number) {
                    tracing::debug!(stream, "the sound server lets us not listen");
                }
            }
            Message::News(Command::SubscribeEvent(event))
                if event.event_facility == SubscriptionEventFacility::SinkInput
                    && event.event_type != SubscriptionEventType::Changed =>
            {
                self.ask(Asked::Streams, &Command::GetSinkInputInfoList)?;
            }
            // As when it is moved to another loudspeaker: it is listened to anew there.
            Message::News(Command::RecordStreamKilled(channel)) => {
                if let Some(stream) = self.channels.remove(&channel) {
                    self.taken.remove(&stream);
                    blend.end(stream);
                }
                self.ask(Asked::Streams, &Command::GetSinkInputInfoList)?;
            }
            Message::News(_) | Message::Else => {}
        }
        Ok(())
    }

    /// These play now.
    fn take(&mut self, streams: &[SinkInputInfo], blend: &mut Blend) -> Result<(), ProtocolError> {
        let there: HashSet<u32> = streams.iter().map(|s| s.index).collect();
        self.taken.retain(|stream| there.contains(stream));
        let over: Vec<(u32, u32)> =
            self.channels.iter().map(|(c, s)| (*c, *s)).filter(|(_, stream)| !there.contains(stream)).collect();
        for (channel, stream) in over {
            self.channels.remove(&channel);
            blend.end(stream);
            // PulseAudio has ended it by now, and refuses.
            self.ask(Asked::Else, &Command::DeleteRecordStream(channel))?;
        }
        for stream in streams.iter().filter(|s| is_anothers(s, std::process::id())) {
            if self.taken.insert(stream.index) {
                self.ask(Asked::Listening(stream.index), &Command::CreateRecordStream(listening_to(stream.index)))?;
            }
        }
        Ok(())
    }
}

/// Whether a program plays it, and not ours.
///
/// What no client plays comes from the server's own parts (a device that is made of another one, an echo canceller, an
/// equaliser), and what lies in a group of linked nodes from PipeWire's: both only pass on what is played into them, our own
/// sound among it, and what other programs play into them is listened to there already.
fn is_anothers(stream: &SinkInputInfo, our_process: u32) -> bool {
    let text = |value: &[u8]| String::from_utf8_lossy(value).trim_end_matches('\0').to_owned();
    let process = stream.props.get(Prop::ApplicationProcessId).map(text);
    stream.client_index.is_some()
        && stream.props.get_bytes(c"node.link-group").is_none()
        && process.as_deref() != Some(our_process.to_string().as_str())
}

fn listening_to(stream: u32) -> RecordStreamParams {
    let mut props = Props::new();
    props.set(Prop::MediaName, NAME);
    RecordStreamParams {
        sample_spec: SampleSpec { format: SampleFormat::Float32Le, channels: CHANNELS, sample_rate: SAMPLE_RATE },
        channel_map: ChannelMap::stereo(),
        buffer_attr: BufferAttr {
            max_length: u32::MAX,
            fragment_size: (SAMPLES_PER_CHANNEL * usize::from(CHANNELS) * size_of::<f32>()) as u32,
            ..BufferAttr::default()
        },
        // Else PipeWire would let it listen to the default microphone once the stream is over.
        flags: StreamFlags { adjust_latency: true, no_move: true, ..StreamFlags::default() },
        direct_on_input_index: Some(stream),
        props,
        ..RecordStreamParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(client: Option<u32>, props: &[(&std::ffi::CStr, &[u8])]) -> SinkInputInfo {
        let mut stream = SinkInputInfo { client_index: client, ..SinkInputInfo::default() };
        for (name, value) in props {
            stream.props.set_bytes(name, value);
        }
        stream
    }

    #[test]
    fn programs_are_listened_to_and_neither_we_nor_what_only_passes_sound_on() {
        let process = c"application.process.id";
        assert!(is_anothers(&stream(Some(3), &[(process, b"4712\0")]), 4711));
        assert!(is_anothers(&stream(Some(3), &[]), 4711), "who does not say who it is is not us");
        assert!(!is_anothers(&stream(Some(3), &[(process, b"4711\0")]), 4711));
        assert!(!is_anothers(&stream(Some(3), &[(process, b"4711")]), 4711));
        assert!(!is_anothers(&stream(None, &[]), 4711), "a part of the server");
        assert!(!is_anothers(&stream(Some(3), &[(c"node.link-group", b"filter-chain-1\0")]), 4711));
    }
}
