//! The two peer connections of a room, without sockets and clocks: packets, descriptions and time go in, packets,
//! descriptions and events come out.

mod assembly;
mod estimate;
mod peer;
mod publisher;
mod recheck;
mod repairs;
mod sdp;
mod sequence;
mod silence;
mod subscriber;
mod times;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use str0m::net::DatagramSend;

pub(crate) use publisher::Publisher;
pub(crate) use subscriber::{RemoteSinkKey, Subscriber};
pub(crate) use times::Anchor;

use crate::ids::TrackSid;
use crate::publication::TrackKind;
use crate::room::LocalKey;
use crate::stats::RoomStats;
use crate::transport::Lane;

/// What the engine wants done or known.
pub(crate) enum EngineOut {
    /// A packet to send.
    Transmit { lane: Lane, tcp: bool, source: SocketAddr, destination: SocketAddr, data: DatagramSend },
    /// A way to `remote` is needed: answer with [`Engine::add_local`].
    Route { lane: Lane, remote: SocketAddr, tcp: bool },
    /// A candidate of ours to tell the server.
    LocalCandidate { lane: Lane, candidate: String },
    /// Nothing comes on the road from `source` to `remote`, for longer than usual: if the system would not take it any more, tell
    /// with [`Engine::road_gone`].
    Silent { lane: Lane, source: SocketAddr, remote: SocketAddr },
    /// Packets flow, or stopped flowing.
    Link { lane: Lane, connected: bool },
    /// A peer connection broke for good.
    Broken { lane: Lane, why: String },
    /// Media of this track comes in from now on.
    TrackAdded { sid: TrackSid, kind: TrackKind, sink: RemoteSinkKey },
    /// Media of this track comes in no more.
    TrackRemoved { sid: TrackSid },
    /// The server would not take this track's media.
    TrackRejected { track: LocalKey },
    /// A data channel message.
    Data { reliable: bool, bytes: Vec<u8> },
    /// A data channel to the server is open.
    ChannelOpen { reliable: bool },
    /// A receiver needs a key frame.
    KeyRequest { track: LocalKey, layer: Option<usize> },
    /// The bandwidth estimate for sending changed.
    Estimate { bps: u64 },
}

/// A packet that came in.
#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    /// Over a stream, not as a datagram.
    pub(crate) tcp: bool,
    pub(crate) source: SocketAddr,
    /// Where it came in on our side.
    pub(crate) destination: SocketAddr,
    pub(crate) data: &'a [u8],
}

/// Where outputs gather.
pub(crate) type Outputs = VecDeque<EngineOut>;

/// What both peer connections are made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineConfig {
    pub(crate) force_tcp: bool,
    pub(crate) start_bitrate_bps: u64,
    pub(crate) anchor: Anchor,
}

/// Both peer connections.
pub(crate) struct Engine {
    pub(crate) publisher: Publisher,
    pub(crate) subscriber: Subscriber,
}

impl Engine {
    pub(crate) fn new(now: Instant, config: EngineConfig) -> Self {
        Self { publisher: Publisher::new(now, config), subscriber: Subscriber::new(now, config) }
    }

    /// When [`timeout`](Self::timeout) wants to be called at the latest.
    pub(crate) fn due(&self) -> Instant {
        self.publisher.due().min(self.subscriber.due())
    }

    pub(crate) fn timeout(&mut self, now: Instant, out: &mut Outputs) {
        if now >= self.publisher.due() {
            self.publisher.timeout(now, out);
        }
        if now >= self.subscriber.due() {
            self.subscriber.timeout(now, out);
        }
    }

    /// A packet came in. Garbage is ignored.
    pub(crate) fn receive(&mut self, now: Instant, lane: Lane, packet: Incoming<'_>, out: &mut Outputs) {
        match lane {
            Lane::Publisher => self.publisher.receive(now, packet, out),
            Lane::Subscriber => self.subscriber.receive(now, packet, out),
        }
    }

    /// The answer to [`EngineOut::Route`]: packets can leave from `local`.
    pub(crate) fn add_local(&mut self, now: Instant, lane: Lane, tcp: bool, local: SocketAddr, out: &mut Outputs) {
        match lane {
            Lane::Publisher => self.publisher.add_local(now, tcp, local, out),
            Lane::Subscriber => self.subscriber.add_local(now, tcp, local, out),
        }
    }

    /// The answer to [`EngineOut::Silent`]: our address is another one now, nothing will come.
    pub(crate) fn road_gone(&mut self, lane: Lane, out: &mut Outputs) {
        match lane {
            Lane::Publisher => self.publisher.road_gone(out),
            Lane::Subscriber => self.subscriber.road_gone(out),
        }
    }

    /// A candidate of the server's came (the JSON of a trickle message).
    pub(crate) fn add_remote(&mut self, now: Instant, lane: Lane, candidate_init: &str, out: &mut Outputs) {
        match lane {
            Lane::Publisher => self.publisher.add_remote(now, candidate_init, out),
            Lane::Subscriber => self.subscriber.add_remote(now, candidate_init, out),
        }
    }

    /// Whether packets flow, or need not: publisher, subscriber.
    pub(crate) fn connected(&self) -> (bool, bool) {
        (self.publisher.connected(), self.subscriber.connected())
    }

    /// Brings the figures up to now, which else are some 150 ms old, for a last [`snapshot`](Self::snapshot): nothing leaves after that.
    pub(crate) fn last_figures(&mut self, now: Instant) {
        self.publisher.last_figures(now);
        self.subscriber.last_figures(now);
    }

    /// Writes the engine's figures into `stats`.
    pub(crate) fn snapshot(&self, stats: &mut RoomStats) {
        self.publisher.snapshot(stats);
        self.subscriber.snapshot(stats);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod hostile_tests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod sim_tests;
