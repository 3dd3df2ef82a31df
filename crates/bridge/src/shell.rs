//! The thin shell: sockets, the clock and the app around the core.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use beckon_protocol::{
    channel::{Call, Event},
    launch::{Launch, Origin},
    rpc::RpcError,
};
use parking_lot::RwLock;
use rustls::ClientConfig;
use serde_json::Value;
use tokio::sync::{
    mpsc::{self, UnboundedReceiver, UnboundedSender},
    oneshot,
};
use tokio_util::sync::CancellationToken;

use crate::{
    core::{Admission, CallId, ConnectionId, Core, Effect, Input, LaunchId, Road},
    listener::{Door, Listeners},
    relay,
    request::{Reply, Request},
    wire::Outgoing,
};

/// How a bridge is set up.
#[derive(Debug, Clone)]
pub struct BridgeConfig {
    /// The app's version, told to pages that have consent.
    pub app_version: String,
}

impl BridgeConfig {
    /// The usual setup for this version of the app.
    pub fn new(app_version: impl Into<String>) -> Self {
        Self { app_version: app_version.into() }
    }
}

/// The app's handle on its page channels. Clones share one bridge; it ends with the last of them.
#[derive(Debug, Clone)]
pub struct Bridge {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    commands: UnboundedSender<Command>,
    next_launch: AtomicU64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Shutdown(None));
    }
}

impl Bridge {
    /// Starts a bridge. Nothing is listened on before the first launch.
    ///
    /// # Panics
    /// Outside a tokio runtime (with its network and timers enabled).
    pub fn start(config: BridgeConfig) -> (Self, UnboundedReceiver<Request>) {
        let (commands, inbox) = mpsc::unbounded_channel();
        let (requests, for_app) = mpsc::unbounded_channel();
        let hub = Hub::new(config, requests, commands.clone());
        tokio::spawn(hub.run(inbox));
        (Self { inner: Arc::new(Inner { commands, next_launch: AtomicU64::new(1) }) }, for_app)
    }

    /// Takes a launch. What comes of it arrives as [`Request`]s; a launch that cannot be served ends with
    /// [`Request::Ended`].
    pub fn launch(&self, launch: Launch) -> LaunchId {
        let id = self.next_launch();
        self.send(Command::Input(Input::Launched { id, launch }));
        id
    }

    /// Tells the page behind a launch URL that was not taken why ([`beckon_protocol::launch::Refused`]). Nobody is asked about
    /// it, and nothing comes of it but its [`Request::Ended`].
    pub fn refuse(&self, launch: Launch, error: RpcError) -> LaunchId {
        let id = self.next_launch();
        self.send(Command::Input(Input::Refused { id, launch, error }));
        id
    }

    fn next_launch(&self) -> LaunchId {
        LaunchId(self.inner.next_launch.fetch_add(1, Ordering::Relaxed))
    }

    /// Answers [`Request::Consent`]. A denied launch is over.
    pub fn answer_consent(&self, launch: LaunchId, allowed: bool) {
        self.send(Command::Input(Input::Consent { launch, allowed }));
    }

    /// Tells the page what happened in its room. Kept for a page that is being reloaded.
    pub fn notify(&self, launch: LaunchId, event: Event) {
        self.send(Command::Input(Input::Notify { launch, event }));
    }

    /// Ends a launch: its page's socket closes.
    pub fn end(&self, launch: LaunchId) {
        self.send(Command::Input(Input::End { launch }));
    }

    /// Ends all launches and waits until their pages have been told.
    pub async fn shutdown(&self) {
        let (done, wait) = oneshot::channel();
        self.send(Command::Shutdown(Some(done)));
        // An error means that the bridge is gone already.
        let _ = wait.await;
    }

    fn send(&self, command: Command) {
        // A bridge that was shut down takes nothing more.
        let _ = self.inner.commands.send(command);
    }
}

/// What the app tells the hub.
#[derive(Debug)]
pub(crate) enum Command {
    Input(Input),
    Reply { call: CallId, outcome: Result<Value, RpcError> },
    Shutdown(Option<oneshot::Sender<()>>),
}

/// What sockets tell the hub.
#[derive(Debug)]
pub(crate) enum SocketEvent {
    Opened { connection: ConnectionId, road: Road, origin: Origin, out: UnboundedSender<Outgoing> },
    Text { connection: ConnectionId, text: String },
    Heard { connection: ConnectionId },
    Lost { connection: ConnectionId, finished: bool },
}

/// Numbers for connections.
#[derive(Debug, Default)]
pub(crate) struct Ids(AtomicU64);

impl Ids {
    pub fn connection(&self) -> ConnectionId {
        ConnectionId(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// News of sockets that may wait; a page that floods us waits in its own socket.
const EVENTS_MAX: usize = 256;
/// How long pages may take to hear that the app closes.
const GOODBYE: Duration = Duration::from_millis(500);

struct Hub {
    core: Core,
    door: Door,
    events: mpsc::Receiver<SocketEvent>,
    listeners: Listeners,
    relays: HashMap<LaunchId, (CancellationToken, tokio::task::JoinHandle<()>)>,
    sockets: HashMap<ConnectionId, UnboundedSender<Outgoing>>,
    requests: UnboundedSender<Request>,
    commands: UnboundedSender<Command>,
    /// Made at the first relay.
    tls: Option<Arc<ClientConfig>>,
}

impl Hub {
    fn new(config: BridgeConfig, requests: UnboundedSender<Request>, commands: UnboundedSender<Command>) -> Self {
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let admission = Arc::new(RwLock::new(Admission::default()));
        let door = Door { admission, events: sender, ids: Arc::default() };
        Self {
            core: Core::new(config.app_version),
            listeners: Listeners::new(door.clone()),
            door,
            events,
            relays: HashMap::new(),
            sockets: HashMap::new(),
            requests,
            commands,
            tls: None,
        }
    }

    async fn run(mut self, mut inbox: UnboundedReceiver<Command>) {
        loop {
            let deadline = self.core.deadline();
            let tick = async {
                match deadline {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let input = tokio::select! {
                command = inbox.recv() => match command {
                    Some(Command::Input(input)) => input,
                    Some(Command::Reply { call, outcome }) => Input::Reply { call, outcome },
                    Some(Command::Shutdown(done)) => {
                        self.goodbye().await;
                        if let Some(done) = done {
                            let _ = done.send(());
                        }
                        return;
                    }
                    None => return,
                },
                Some(event) = self.events.recv() => self.socket_input(event),
                () = tick => Input::Tick,
            };
            self.step(input);
        }
    }

    fn socket_input(&mut self, event: SocketEvent) -> Input {
        match event {
            SocketEvent::Opened { connection, road, origin, out } => {
                self.sockets.insert(connection, out);
                Input::Opened { connection, road, origin }
            }
            SocketEvent::Text { connection, text } => Input::Text { connection, text },
            SocketEvent::Heard { connection } => Input::Heard { connection },
            SocketEvent::Lost { connection, finished } => {
                self.sockets.remove(&connection);
                Input::Lost { connection, finished }
            }
        }
    }

    fn step(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for effect in self.core.handle(input, Instant::now()) {
                inputs.extend(self.perform(effect));
            }
        }
        *self.door.admission.write() = self.core.admission();
    }

    /// Does what the core wants; may bring news for it.
    fn perform(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Send { connection, text } => self.out(connection, Outgoing::Text(text)),
            Effect::Ping { connection } => self.out(connection, Outgoing::Ping),
            Effect::Close { connection, status, reason } => {
                self.out(connection, Outgoing::Close(status, reason));
                self.sockets.remove(&connection);
            }
            Effect::Listen { launch, ports } => {
                // Pages may knock as soon as the port is open.
                *self.door.admission.write() = self.core.admission();
                if !self.listeners.open(launch, &ports) {
                    return Some(Input::NoListener { launch });
                }
            }
            Effect::Unlisten { launch } => self.listeners.close(launch),
            Effect::OpenRelay { launch, url } => self.open_relay(launch, url),
            Effect::CloseRelay { launch } => {
                if let Some((token, _)) = self.relays.remove(&launch) {
                    token.cancel();
                }
            }
            Effect::AskConsent { launch, origin, relay } => self.ask(Request::Consent { launch, origin, relay }),
            Effect::Call { id, launch, origin, call } => self.call(id, launch, origin, call),
            Effect::PageGone { launch, close_room } => self.ask(Request::PageGone { launch, close_room }),
            Effect::Ended { launch, reason } => {
                self.relays.retain(|_, (_, task)| !task.is_finished());
                self.ask(Request::Ended { launch, reason });
            }
        }
        None
    }

    fn out(&self, connection: ConnectionId, message: Outgoing) {
        if let Some(out) = self.sockets.get(&connection) {
            // A socket that is just breaking says so itself.
            let _ = out.send(message);
        }
    }

    fn ask(&self, request: Request) {
        if self.requests.send(request).is_err() {
            tracing::warn!("nobody listens to the page channel's requests");
        }
    }

    fn call(&self, id: CallId, launch: LaunchId, origin: Origin, call: Call) {
        let commands = self.commands.clone();
        self.ask(match call {
            Call::RoomOpen(open) => Request::RoomOpen { launch, origin, open, reply: Reply::new(id, commands) },
            Call::RoomClose(close) => Request::RoomClose { launch, close, reply: Reply::new(id, commands) },
            Call::ChatSend(chat) => Request::ChatSend { launch, chat, reply: Reply::new(id, commands) },
            Call::MediaSet(set) => Request::MediaSet { launch, set, reply: Reply::new(id, commands) },
            Call::WindowFocus => Request::WindowFocus { launch, reply: Reply::new(id, commands) },
            // The core answers these itself.
            Call::Hello(_) | Call::Prove(_) => return,
        });
    }

    fn open_relay(&mut self, launch: LaunchId, url: url::Url) {
        if self.relays.get(&launch).is_some_and(|(_, task)| !task.is_finished()) {
            return;
        }
        if url.scheme() == "wss" && self.tls.is_none() {
            match relay::tls() {
                Ok(tls) => self.tls = Some(tls),
                Err(error) => {
                    tracing::warn!(%error, "no TLS, so no relay");
                    return;
                }
            }
        }
        let token = CancellationToken::new();
        let task = tokio::spawn(relay::stay(launch, url, self.tls.clone(), self.door.clone(), token.clone()));
        self.relays.insert(launch, (token, task));
    }

    /// Says goodbye to every page and waits a moment until that is out.
    async fn goodbye(&mut self) {
        let mut talking = self.sockets.len();
        for (_, out) in self.sockets.drain() {
            let _ = out.send(Outgoing::Close(1001, "the app is closing"));
        }
        let last_words = async {
            while talking > 0 {
                if let Some(SocketEvent::Lost { .. }) = self.events.recv().await {
                    talking -= 1;
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE, last_words).await;
        for (token, _) in self.relays.values() {
            token.cancel();
        }
    }
}
