//! How to connect.

use std::time::Duration;

use beckon_protocol::Secret;
use url::Url;

/// A clock: nanoseconds on the machine's monotonic clock, the same one that stamps captured frames.
pub type Clock = fn() -> i64;

/// Everything [`Room::connect`](crate::Room::connect) needs.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The server: `ws:`, `wss:`, `http:` or `https:`; the signalling path is added to its path.
    pub url: Url,
    /// The access token (a LiveKit JWT).
    pub token: Secret,
    /// Subscribe to every track without being asked (default: yes).
    pub auto_subscribe: bool,
    /// Reach the server through a proxy; media then goes over TCP.
    pub proxy: Option<Proxy>,
    /// Send media over TCP only.
    pub force_tcp: bool,
    /// What to do when the connection is lost.
    pub reconnect: ReconnectPolicy,
    /// The clock of capture times passed to the tracks and of receive times coming from them.
    pub clock: Clock,
    /// The bandwidth to assume for sending until it has been measured, bit/s.
    pub start_bitrate_bps: u64,
    /// How long the first connection may take, from name lookup to the join answer.
    pub connect_timeout: Duration,
    /// Called first on the thread that carries the room's packets, sound among them: to give it its priority.
    pub on_thread: fn(),
}

impl ConnectOptions {
    /// Options with the defaults; `clock` must be the clock that stamps captured frames (ns, monotonic).
    pub fn new(url: Url, token: impl Into<Secret>, clock: Clock) -> Self {
        Self {
            url,
            token: token.into(),
            auto_subscribe: true,
            proxy: None,
            force_tcp: false,
            reconnect: ReconnectPolicy::default(),
            clock,
            start_bitrate_bps: 1_000_000,
            connect_timeout: Duration::from_secs(10),
            on_thread: || {},
        }
    }
}

/// A proxy between this machine and the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// SOCKS version 5 (RFC 1928): signalling and ICE-TCP go through `CONNECT`.
    Socks5 {
        /// The proxy's host name or address.
        host: String,
        /// The proxy's port.
        port: u16,
        /// User name and password (RFC 1929), where the proxy asks for them.
        auth: Option<(String, Secret)>,
    },
}

/// How a lost connection is won back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconnectPolicy {
    /// The wait before the second try; the first is made at once. Doubles with each try.
    pub first_delay: Duration,
    /// The longest wait between two tries.
    pub max_delay: Duration,
    /// How long one try may take.
    pub try_timeout: Duration,
    /// Give up after this long without a connection; `None` never gives up.
    pub give_up_after: Option<Duration>,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(2),
            try_timeout: Duration::from_secs(5),
            give_up_after: Some(Duration::from_secs(600)),
        }
    }
}
