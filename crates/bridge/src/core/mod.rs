//! The rules of the channel, without sockets and without a clock: inputs and the time go in, effects come out.

mod admission;
mod calls;
mod connection;
mod entry;
mod hello;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use beckon_protocol::{
    channel::{self, Call, Event, app::LaunchState},
    launch::{Launch, Origin},
    relay,
    rpc::RpcError,
};
use serde_json::Value;
use url::Url;

pub use admission::{Admission, Refusal};
use connection::Connection;
use entry::Entry;
use hello::Challenged;

/// How long an unused launch key holds.
pub const KEY_LIFE: Duration = Duration::from_secs(120);
/// How long a page may be away (a reload) before the app is told that it has gone.
pub const GRACE: Duration = Duration::from_secs(15);
/// How long a page may come back for its next room after its last one has ended, without a launch.
pub const STANDBY: Duration = Duration::from_secs(60);
/// How long a new connection may take to say `hello` and `prove`.
pub const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How often a connection is pinged.
pub const PING_EVERY: Duration = Duration::from_secs(10);
/// After this long without a sign of life a connection counts as lost.
pub const SILENCE: Duration = Duration::from_secs(25);
/// Largest message a page may send, bytes. (The app's own may have [`beckon_protocol::rpc::MESSAGE_MAX`].)
pub const PAGE_MESSAGE_MAX: usize = 256 * 1024;
/// Messages a page may send at once.
pub const BURST: u32 = 100;
/// Messages a page may send per second in the long run.
pub const RATE: u32 = 30;
/// Messages that are no JSON-RPC, too large or too many, before the connection is closed.
pub const STRIKES: u32 = 8;
/// Calls that wait for consent, at most.
pub const WAITING_MAX: usize = 16;
/// Events kept for a page that is away, at most.
pub const HELD_MAX: usize = 256;
/// Launches that may be alive at once.
pub const LAUNCHES_MAX: usize = 64;
/// Spent keys remembered, so that a launch URL cannot be replayed.
const SPENT_MAX: usize = 4096;

/// One launch, from its URL to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaunchId(pub u64);

/// One connection, from its handshake to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// One call that the app has to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// Why a launch is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// No page proved within [`KEY_LIFE`] that it knows the key.
    Unclaimed,
    /// The launch URL was used before.
    Replayed,
    /// Too many launches are alive.
    TooMany,
    /// None of the ports was free, and there is no relay.
    NoRoad,
    /// The person or a policy said no.
    Denied,
    /// Its launch URL was not taken, and the page has heard so.
    Refused,
    /// The page went away and no room is open for it.
    PageGone,
    /// The app ended it.
    ByApp,
}

/// The way a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// A socket on this port of 127.0.0.1.
    Loopback(u16),
    /// The relay that this launch named.
    Relay(LaunchId),
}

/// What happens to the core.
#[derive(Debug)]
pub enum Input {
    /// The app was started, or handed a launch URL while it ran.
    Launched {
        /// The launch's identity, never used before.
        id: LaunchId,
        /// The launch.
        launch: Launch,
    },
    /// The app was handed a launch URL that it does not take: its page is told why, once it has proved itself, and nothing
    /// else comes of it.
    Refused {
        /// The launch's identity, never used before.
        id: LaunchId,
        /// Where the page waits.
        launch: Launch,
        /// What it is told, whatever it calls.
        error: RpcError,
    },
    /// None of the launch's ports could be bound.
    NoListener {
        /// The launch.
        launch: LaunchId,
    },
    /// A page's handshake was accepted (see [`Admission`]), or the relay announced a page.
    Opened {
        /// The connection's identity, never used before.
        connection: ConnectionId,
        /// How it came.
        road: Road,
        /// The origin the browser (or the relay) names.
        origin: Origin,
    },
    /// A text message arrived.
    Text {
        /// From where.
        connection: ConnectionId,
        /// The message.
        text: String,
    },
    /// A sign of life without content (a pong).
    Heard {
        /// From where.
        connection: ConnectionId,
    },
    /// A connection is gone.
    Lost {
        /// Which.
        connection: ConnectionId,
        /// The page closed it in an orderly way (status 1000): it does not mean to come back.
        finished: bool,
    },
    /// The person or a policy answered.
    Consent {
        /// The launch.
        launch: LaunchId,
        /// Yes or no.
        allowed: bool,
    },
    /// The app answered a call.
    Reply {
        /// Which.
        call: CallId,
        /// What it came to.
        outcome: Result<Value, RpcError>,
    },
    /// Something happened in the room that the page shall know.
    Notify {
        /// The launch.
        launch: LaunchId,
        /// What.
        event: Event,
    },
    /// The app ends a launch.
    End {
        /// The launch.
        launch: LaunchId,
    },
    /// Nothing but the time went on.
    Tick,
}

/// What the shell must do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Send a text message.
    Send {
        /// Where to.
        connection: ConnectionId,
        /// The message.
        text: String,
    },
    /// Send a ping.
    Ping {
        /// Where to.
        connection: ConnectionId,
    },
    /// Close a connection; one of a relay leaves the relay with it. The core has forgotten it already.
    Close {
        /// Which.
        connection: ConnectionId,
        /// WebSocket status.
        status: u16,
        /// In words.
        reason: &'static str,
    },
    /// Listen on the first free of these ports of 127.0.0.1, or go on where one of them is listened on already.
    Listen {
        /// For which launch.
        launch: LaunchId,
        /// In the order to try.
        ports: Vec<u16>,
    },
    /// The launch needs its listener no more.
    Unlisten {
        /// The launch.
        launch: LaunchId,
    },
    /// Connect to the relay and stay there until [`Effect::CloseRelay`]; nothing to do where that is under way.
    OpenRelay {
        /// For which launch.
        launch: LaunchId,
        /// The relay's address, complete.
        url: Url,
    },
    /// Leave the relay.
    CloseRelay {
        /// The launch.
        launch: LaunchId,
    },
    /// Ask the person (or look up what they said before).
    AskConsent {
        /// The launch.
        launch: LaunchId,
        /// Whose page it is.
        origin: Origin,
        /// The relay's host, when the page came that way.
        relay: Option<String>,
    },
    /// Hand a call to the app.
    Call {
        /// For [`Input::Reply`].
        id: CallId,
        /// The launch.
        launch: LaunchId,
        /// Whose page it is.
        origin: Origin,
        /// What it wants.
        call: Call,
    },
    /// Tell the app that the page went away.
    PageGone {
        /// The launch.
        launch: LaunchId,
        /// The room shall close with it.
        close_room: bool,
    },
    /// Tell the app that a launch is over.
    Ended {
        /// The launch.
        launch: LaunchId,
        /// Why.
        reason: EndReason,
    },
}

/// A call the app has not answered yet.
#[derive(Debug)]
struct Pending {
    launch: LaunchId,
    connection: ConnectionId,
    id: beckon_protocol::rpc::Id,
    opens_room: bool,
}

/// All launches and connections of one app.
#[derive(Debug)]
pub struct Core {
    app_version: String,
    launches: BTreeMap<LaunchId, Entry>,
    connections: HashMap<ConnectionId, Connection>,
    calls: HashMap<CallId, Pending>,
    next_call: u64,
    /// Meeting points of spent keys: a hash, so that the keys themselves need not be kept.
    spent: VecDeque<String>,
    effects: Vec<Effect>,
}

impl Core {
    /// A core that tells allowed pages this app version.
    pub fn new(app_version: impl Into<String>) -> Self {
        Self {
            app_version: app_version.into(),
            launches: BTreeMap::new(),
            connections: HashMap::new(),
            calls: HashMap::new(),
            next_call: 0,
            spent: VecDeque::new(),
            effects: Vec::new(),
        }
    }

    /// Takes one input at a point in time; returns what is to be done, in order. Times must not go back.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        match input {
            Input::Launched { id, launch } => self.launched(id, Entry::new(launch, now)),
            Input::Refused { id, launch, error } => self.launched(id, Entry::refused(launch, error, now)),
            Input::NoListener { launch } => self.no_listener(launch),
            Input::Opened { connection, road, origin } => self.opened(connection, road, origin, now),
            Input::Text { connection, text } => self.text(connection, &text, now),
            Input::Heard { connection } => {
                if let Some(connection) = self.connections.get_mut(&connection) {
                    connection.heard = now;
                }
            }
            Input::Lost { connection, finished } => self.lost(connection, finished, now),
            Input::Consent { launch, allowed } => self.consent(launch, allowed),
            Input::Reply { call, outcome } => self.reply(call, outcome),
            Input::Notify { launch, event } => self.notify(launch, event),
            Input::End { launch } => self.end(launch, EndReason::ByApp),
            Input::Tick => self.tick(now),
        }
        std::mem::take(&mut self.effects)
    }

    /// When the core wants an [`Input::Tick`] at the latest; none while nothing is going on.
    pub fn deadline(&self) -> Option<Instant> {
        let launches = self.launches.values().filter_map(Entry::deadline);
        launches.chain(self.connections.values().map(Connection::deadline)).min()
    }

    /// Who may connect now.
    pub fn admission(&self) -> Admission {
        Admission::new(self.launches.values().map(|entry| entry.launch.origin.clone()))
    }

    /// True while nothing is going on.
    pub fn is_idle(&self) -> bool {
        self.launches.is_empty() && self.connections.is_empty()
    }

    fn launched(&mut self, id: LaunchId, entry: Entry) {
        let spent = relay::id(&entry.launch.key);
        if self.spent.contains(&spent) {
            self.effects.push(Effect::Ended { launch: id, reason: EndReason::Replayed });
            return;
        }
        if self.launches.len() >= LAUNCHES_MAX {
            self.effects.push(Effect::Ended { launch: id, reason: EndReason::TooMany });
            return;
        }
        if self.spent.len() >= SPENT_MAX {
            self.spent.pop_front();
        }
        self.spent.push_back(spent);
        self.effects.push(Effect::Listen { launch: id, ports: entry.launch.ports.clone() });
        self.launches.insert(id, entry);
        self.open_relay(id);
    }

    fn no_listener(&mut self, launch: LaunchId) {
        if self.launches.get(&launch).is_some_and(|entry| entry.launch.relay.is_none() && entry.connection.is_none()) {
            self.end(launch, EndReason::NoRoad);
        }
    }

    fn consent(&mut self, launch: LaunchId, allowed: bool) {
        let Some(entry) = self.launches.get_mut(&launch) else { return };
        if entry.state != LaunchState::AwaitingConsent {
            return;
        }
        let waiting = std::mem::take(&mut entry.waiting);
        entry.state = if allowed { LaunchState::Ready } else { LaunchState::Denied };
        let changed = channel::app::LaunchChanged {
            state: entry.state,
            app: if allowed { self.app_version.clone() } else { String::new() },
        };
        if let Some(connection) = entry.connection {
            let text = Event::LaunchState(changed).to_message().to_text();
            self.effects.push(Effect::Send { connection, text });
            for (id, call) in waiting {
                if allowed {
                    self.call(launch, connection, id, call);
                } else {
                    self.refuse(connection, Some(id), RpcError::of(beckon_protocol::Code::ConsentDenied));
                }
            }
        }
        if !allowed {
            self.end(launch, EndReason::Denied);
        }
    }

    fn notify(&mut self, launch: LaunchId, event: Event) {
        let Some(entry) = self.launches.get_mut(&launch) else { return };
        entry.remember(&event);
        match entry.connection {
            Some(connection) => {
                let text = event.to_message().to_text();
                self.effects.push(Effect::Send { connection, text });
            }
            None => entry.hold(event),
        }
        if entry.is_over() {
            self.end(launch, EndReason::PageGone);
        }
    }

    fn tick(&mut self, now: Instant) {
        self.watch_connections(now);
        let ids: Vec<LaunchId> = self.launches.keys().copied().collect();
        for id in ids {
            let Some(entry) = self.launches.get_mut(&id) else { continue };
            if entry.key.is_some() && now >= entry.born + KEY_LIFE {
                self.end(id, EndReason::Unclaimed);
            } else if entry.away.is_some_and(|since| now >= since + entry.grace()) && !entry.gone {
                entry.gone = true;
                if entry.has_room() {
                    let close_room = entry.close_with_page;
                    self.effects.push(Effect::PageGone { launch: id, close_room });
                } else {
                    self.end(id, EndReason::PageGone);
                }
            }
        }
    }

    /// Forgets a launch and everything that hangs on it.
    fn end(&mut self, launch: LaunchId, reason: EndReason) {
        let Some(entry) = self.launches.remove(&launch) else { return };
        self.calls.retain(|_, pending| pending.launch != launch);
        if let Some(connection) = entry.connection {
            let (status, words) = match reason {
                EndReason::Denied => (channel::CLOSE_DENIED, "not allowed"),
                EndReason::Refused => (channel::CLOSE_DENIED, "the launch was refused"),
                _ => (1000, "over"),
            };
            self.close(connection, status, words);
        }
        if entry.relay_open {
            self.effects.push(Effect::CloseRelay { launch });
        }
        self.effects.push(Effect::Unlisten { launch });
        self.effects.push(Effect::Ended { launch, reason });
    }

    fn open_relay(&mut self, launch: LaunchId) {
        let Some(entry) = self.launches.get_mut(&launch) else { return };
        let Some(url) = entry.relay_url() else { return };
        entry.relay_open = true;
        self.effects.push(Effect::OpenRelay { launch, url });
    }

    fn close_relay(&mut self, launch: LaunchId) {
        let Some(entry) = self.launches.get_mut(&launch) else { return };
        if std::mem::take(&mut entry.relay_open) {
            self.effects.push(Effect::CloseRelay { launch });
        }
    }
}
