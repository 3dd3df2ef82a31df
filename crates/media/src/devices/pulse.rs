//! PulseAudio (and PipeWire in its place): the way to it, and its telling that sinks, sources or the defaults changed.

use std::{
    io::{self, BufReader, Cursor, Read as _},
    os::{
        fd::{AsRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::Duration,
};

use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, CommandReply, CommandTag, MAX_MEMBLOCKQ_LENGTH, MAX_VERSION, Prop, Props,
    ProtocolError, SetClientNameReply, SubscriptionEvent, SubscriptionEventFacility, SubscriptionEventType,
    SubscriptionMask, TagStructReader, read_ack_message, read_command_message, read_descriptor, read_reply_message,
    write_command_message,
};
use socket2::{Domain, SockAddr, Socket, Type};

/// A server on this machine answers at once; one that hangs must not hang us.
const PATIENCE: Duration = Duration::from_secs(2);

/// No conversation with the sound server came about.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SoundServerError {
    /// The session has none.
    #[error("no PulseAudio or PipeWire runs in this session")]
    Absent,
    /// It does not answer.
    #[error("the sound server does not answer: {0}")]
    Unreachable(#[from] io::Error),
    /// It answers with something else.
    #[error("the sound server does not let us in: {0}")]
    Refused(#[from] ProtocolError),
}

impl SoundServerError {
    /// Whether there is none at all, as opposed to one that does not speak with us.
    pub(crate) fn is_absence(&self) -> bool {
        match self {
            Self::Absent => true,
            Self::Unreachable(error) => {
                matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
            }
            Self::Refused(_) => false,
        }
    }
}

/// A connection to the sound server that knows us.
pub(crate) struct Server {
    /// Reads what the server says; written to directly.
    pub(crate) socket: BufReader<UnixStream>,
    /// Version of the protocol both sides speak.
    pub(crate) version: u16,
    /// What the last message carried.
    payload: Vec<u8>,
}

/// What the server says where there are streams.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it goes no further than who asked for it")]
pub(crate) enum Message {
    /// Recorded sound on a channel of ours: [`Server::samples`].
    Sound {
        /// The channel.
        channel: u32,
    },
    /// What we asked for: [`Server::answer`].
    Answer {
        /// The request's number.
        number: u32,
    },
    /// We do not get what we asked for.
    Refusal {
        /// The request's number.
        number: u32,
    },
    /// Something that it tells unasked.
    News(Command),
    /// What we do not understand, and so did not ask for.
    Else,
}

impl Server {
    /// The first number that no request of the greeting had.
    pub(crate) const FIRST_FREE: u32 = 2;

    /// Connects to the server of this session.
    ///
    /// # Errors
    /// When there is none, or it does not speak with us.
    pub(crate) fn open() -> Result<Self, SoundServerError> {
        let path = pulseaudio::socket_path_from_env().ok_or(SoundServerError::Absent)?;
        let socket = connect(&path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut socket = BufReader::new(socket);
        let auth = AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie: cookie() };
        write_command_message(socket.get_mut(), 0, &Command::Auth(auth), MAX_VERSION)?;
        let (_, server) = read_reply_message::<AuthReply>(&mut socket, MAX_VERSION)?;
        let version = server.version.min(MAX_VERSION);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"Beckon");
        // By which our own sound is left out where the computer's is shared.
        props.set_bytes(Prop::ApplicationProcessId.to_c_str(), format!("{}\0", std::process::id()));
        write_command_message(socket.get_mut(), 1, &Command::SetClientName(props), version)?;
        read_reply_message::<SetClientNameReply>(&mut socket, version)?;
        Ok(Self { socket, version, payload: Vec::new() })
    }

    /// Asks for something, under a number of ours, before the server has anything else to say.
    ///
    /// # Errors
    /// What the server says instead, or nothing in time.
    pub(crate) fn request<R: CommandReply>(&mut self, number: u32, command: &Command) -> Result<R, SoundServerError> {
        write_command_message(self.socket.get_mut(), number, command, self.version)?;
        Ok(read_reply_message::<R>(&mut self.socket, self.version)?.1)
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// When the server is gone or says what it cannot mean.
    pub(crate) fn message(&mut self) -> Result<Message, ProtocolError> {
        let head = read_descriptor(&mut self.socket)?;
        let length = head.length as usize;
        if length > MAX_MEMBLOCKQ_LENGTH {
            return Err(ProtocolError::Invalid(format!("a message of {length} bytes")));
        }
        self.payload.resize(length, 0);
        self.socket.read_exact(&mut self.payload)?;
        if head.channel != u32::MAX {
            return Ok(Message::Sound { channel: head.channel });
        }
        let (tag, number) = {
            let mut start = Cursor::new(self.payload.as_slice());
            let mut head = TagStructReader::new(&mut start, self.version);
            (head.read_u32()?, head.read_u32()?)
        };
        if tag == CommandTag::Reply as u32 {
            return Ok(Message::Answer { number });
        }
        if tag == CommandTag::Error as u32 {
            return Ok(Message::Refusal { number });
        }
        let news = Command::read_tag_prefixed(&mut Cursor::new(self.payload.as_slice()), self.version);
        Ok(news.map_or(Message::Else, |(_, command)| Message::News(command)))
    }

    /// The samples that came with the last message.
    pub(crate) fn samples(&self) -> impl Iterator<Item = f32> {
        self.payload.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
    }

    /// The answer that the last message was.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn answer<R: CommandReply>(&self) -> Result<R, ProtocolError> {
        let mut rest = Cursor::new(self.payload.as_slice());
        let mut reader = TagStructReader::new(&mut rest, self.version);
        // Its tag and its number.
        reader.read_u32()?;
        reader.read_u32()?;
        reader.read()
    }

    /// Whether the server says something within this time, rounded up to a millisecond.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn is_readable_within(&self, patience: Duration) -> Result<bool, io::Error> {
        let mut waited = libc::pollfd { fd: self.socket.get_ref().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let ms = libc::c_int::try_from(patience.as_micros().div_ceil(1000)).unwrap_or(libc::c_int::MAX);
        // SAFETY: one valid, writable pollfd.
        match unsafe { libc::poll(&mut waited, 1, ms) } {
            n if n >= 0 => Ok(n > 0),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => Ok(false),
                error => Err(error),
            },
        }
    }
}

/// The secret by which PulseAudio knows programs of the same person that its socket does not tell it of. It must have its length
/// though nobody looks at it: PipeWire makes no such file, and on a new desktop no other program may have made one either.
fn cookie() -> Vec<u8> {
    const LENGTH: usize = 256;
    let mut cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    cookie.resize(LENGTH, 0);
    cookie
}

/// Connects, or fails at once: a server that hangs lets nobody in once its queue is full, and a connection waits for it without end.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    socket.set_nonblocking(false)?;
    Ok(OwnedFd::from(socket).into())
}

/// A connection on which the server tells.
pub struct Subscription(Server);

impl Subscription {
    /// Connects to the server of this session, if there is one.
    pub fn open() -> Option<Self> {
        match Self::connect() {
            Ok(subscription) => Some(subscription),
            Err(SoundServerError::Absent) => None,
            Err(error) => {
                tracing::debug!(%error, "the sound server does not tell of changes");
                None
            }
        }
    }

    fn connect() -> Result<Self, SoundServerError> {
        let mut server = Server::open()?;
        let mask = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
        let subscribe = Command::Subscribe(mask);
        write_command_message(server.socket.get_mut(), Server::FIRST_FREE, &subscribe, server.version)?;
        read_ack_message(&mut server.socket)?;
        Ok(Self(server))
    }

    /// Becomes readable when the server has something to say.
    pub fn fd(&self) -> RawFd {
        self.0.socket.get_ref().as_raw_fd()
    }

    /// Takes what the server says. True if devices came or went, or another one is the default.
    ///
    /// # Errors
    /// When the server is gone or says what cannot be understood.
    pub fn devices_changed(&mut self) -> Result<bool, io::Error> {
        let mut changed = false;
        loop {
            match read_command_message(&mut self.0.socket, self.0.version) {
                Ok((_, Command::SubscribeEvent(event))) => changed |= concerns(event),
                Ok(_) => {}
                Err(ProtocolError::Io(error)) => return Err(error),
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
            // What has been read into the buffer already makes no socket readable.
            if self.0.socket.buffer().is_empty() {
                return Ok(changed);
            }
        }
    }
}

/// A sink that changes its volume or falls asleep is of no concern; the server changes when another default is set.
fn concerns(event: SubscriptionEvent) -> bool {
    match event.event_facility {
        SubscriptionEventFacility::Server => true,
        SubscriptionEventFacility::Sink | SubscriptionEventFacility::Source => {
            event.event_type != SubscriptionEventType::Changed
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_server_whose_queue_is_full_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("native");
        let server = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        server.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        server.listen(1).unwrap();
        let mut waiting = Vec::new();
        let full = (0..100).find_map(|_| connect(&path).map(|stream| waiting.push(stream)).err());
        assert_eq!(full.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
        assert!(!waiting.is_empty());
        drop(server);
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
