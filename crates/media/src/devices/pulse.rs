//! PulseAudio (and PipeWire in its place) telling that sinks, sources or the defaults changed.

use std::{
    io::{self, BufReader},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    time::Duration,
};

use pulseaudio::protocol::{
    AuthParams, AuthReply, Command, MAX_VERSION, Prop, Props, ProtocolError, SetClientNameReply, SubscriptionEvent,
    SubscriptionEventFacility, SubscriptionEventType, SubscriptionMask, read_ack_message, read_command_message,
    read_reply_message, write_command_message,
};

/// A server on this machine answers at once; one that hangs must not hang us.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection on which the server tells.
pub struct Subscription {
    socket: BufReader<UnixStream>,
    version: u16,
}

impl Subscription {
    /// Connects to the server of this session, if there is one.
    pub fn open() -> Option<Self> {
        let path = pulseaudio::socket_path_from_env()?;
        match Self::connect(UnixStream::connect(path).ok()?) {
            Ok(subscription) => Some(subscription),
            Err(error) => {
                tracing::debug!(%error, "the sound server does not tell of changes");
                None
            }
        }
    }

    fn connect(socket: UnixStream) -> Result<Self, ProtocolError> {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut socket = BufReader::new(socket);
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let auth = AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
        write_command_message(socket.get_mut(), 0, &Command::Auth(auth), MAX_VERSION)?;
        let (_, server) = read_reply_message::<AuthReply>(&mut socket, MAX_VERSION)?;
        let version = server.version.min(MAX_VERSION);
        let mut props = Props::new();
        props.set(Prop::ApplicationName, c"Beckon");
        write_command_message(socket.get_mut(), 1, &Command::SetClientName(props), version)?;
        read_reply_message::<SetClientNameReply>(&mut socket, version)?;
        let mask = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
        write_command_message(socket.get_mut(), 2, &Command::Subscribe(mask), version)?;
        read_ack_message(&mut socket)?;
        Ok(Self { socket, version })
    }

    /// Becomes readable when the server has something to say.
    pub fn fd(&self) -> RawFd {
        self.socket.get_ref().as_raw_fd()
    }

    /// Takes what the server says. True if devices came or went, or another one is the default.
    ///
    /// # Errors
    /// When the server is gone or says what cannot be understood.
    pub fn devices_changed(&mut self) -> Result<bool, io::Error> {
        let mut changed = false;
        loop {
            match read_command_message(&mut self.socket, self.version) {
                Ok((_, Command::SubscribeEvent(event))) => changed |= concerns(event),
                Ok(_) => {}
                Err(ProtocolError::Io(error)) => return Err(error),
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
            // What has been read into the buffer already makes no socket readable.
            if self.socket.buffer().is_empty() {
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
