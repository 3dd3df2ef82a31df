//! Starting and stopping the engine, and the handle through which the rest of the server uses it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread::JoinHandle;

use beckon_sfu::{JoinError, JoinRequest, LeaveReason, TransportConfig};
use livekit_protocol as proto;
use mio::{Poll, Waker};
use parking_lot::{Mutex, RwLock};
use socket2::{Domain, Protocol as SocketProtocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::backlog::Backlog;
use super::command::{RoomCommand, SIGNAL_QUEUE, SignalLink, ToWorker};
use super::config::{ApiKeys, EngineConfig, RoomSpec};
use super::error::{EngineError, EnterError};
use super::event::{EngineEvent, EngineStats};
use super::io::{Inlet, WAKE, Way};
use super::loss::{Lost, run_rooms};
use super::outlet::{Sockets, Traffic};
use super::port::Port;
use super::route::{RoomNumber, RouteTable};
use super::worker::{Shared, Worker};

/// Socket buffers asked for, in bytes; the system may give less.
const SOCKET_BUFFER: usize = 8 << 20;
/// Events that a listener may be behind before it loses some.
const EVENT_QUEUE: usize = 4_096;
/// How often entering is tried when a room ends just then.
const ENTER_ATTEMPTS: usize = 3;

/// Where rooms are.
#[derive(Debug, Default)]
pub(super) struct Registry {
    rooms: Mutex<HashMap<String, Entry>>,
    participants: Mutex<HashMap<RoomNumber, u64>>,
    next: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: RoomNumber,
    worker: usize,
}

impl Registry {
    pub(super) fn remove(&self, name: &str, number: RoomNumber) {
        let mut rooms = self.rooms.lock();
        if rooms.get(name).is_some_and(|e| e.number == number) {
            rooms.remove(name);
        }
        self.participants.lock().remove(&number);
    }

    pub(super) fn count(&self, number: RoomNumber, participants: u64) {
        self.participants.lock().insert(number, participants);
    }
}

/// The media engine.
pub struct Engine;

/// A running engine. Clones are the same engine.
#[derive(Clone)]
pub struct EngineHandle(Arc<Running>);

struct Running {
    keys: ApiKeys,
    auto_create: bool,
    room_defaults: RoomSpec,
    workers: Vec<std_mpsc::Sender<ToWorker>>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    stop_reading: Arc<AtomicBool>,
    waker: Waker,
    lost: Lost,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the ports and starts the threads.
    ///
    /// # Errors
    /// [`EngineError::Bind`] when a port is taken, [`EngineError::Thread`] when the system gives no thread.
    pub async fn start(config: EngineConfig) -> Result<EngineHandle, EngineError> {
        let bind_error = |proto, addr| move |source| EngineError::Bind { proto, addr, source };
        let udp_wanted = SocketAddr::new(config.bind, config.udp_port);
        let udp = open_udp(udp_wanted).and_then(Port::over).map_err(bind_error("UDP", udp_wanted))?;
        let udp_addr = udp.socket().local_addr().map_err(bind_error("UDP", udp_wanted))?;
        let tcp = match config.tcp_port {
            Some(port) => {
                let wanted = SocketAddr::new(config.bind, port);
                Some(open_tcp(wanted).map_err(bind_error("TCP", wanted))?)
            }
            None => None,
        };
        let tcp_addr = tcp.as_ref().and_then(|t| t.local_addr().ok());
        let announce = announced(&config);
        let at_port = |port: u16| announce.iter().map(|&ip| SocketAddr::new(ip, port)).collect::<Vec<_>>();
        let udp_announced = at_port(config.announce_udp_port.unwrap_or(udp_addr.port()));
        let tcp_announced = tcp_addr.map(|addr| at_port(addr.port())).unwrap_or_default();
        let batch = udp.batch();
        tracing::info!(udp = ?udp_announced, tcp = ?tcp_announced, batch, "media ports are open");

        let own = announce.iter().copied().filter(|ip| UdpSocket::bind((*ip, 0)).is_ok()).collect();
        let sockets = Arc::new(Sockets { udp, tcp: RwLock::default(), own, traffic: Traffic::default() });
        let routes = Arc::new(RwLock::new(RouteTable::default()));
        let shared = Arc::new(Shared {
            sockets: sockets.clone(),
            routes: routes.clone(),
            events: broadcast::channel(EVENT_QUEUE).0,
            registry: Arc::default(),
            transport: Arc::new(TransportConfig {
                udp: udp_announced.clone(),
                tcp: tcp_announced.clone(),
                // One for all: making one for each transport would be most of the work of a join.
                certificate: beckon_sfu::new_certificate(),
            }),
        });
        let count = config.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from));
        let mut workers = Vec::new();
        let mut ways = Vec::new();
        let mut threads = Vec::new();
        let lost = Lost::new(None);
        for index in 0..count.max(1) {
            let (sender, inputs) = std_mpsc::channel();
            let backlog = Arc::new(Backlog::default());
            let worker = Worker::new(index, shared.clone(), backlog.clone());
            let (name, tell) = (format!("rooms-{index}"), lost.clone());
            threads.push(thread(name.clone(), move || run_rooms(&name, &tell, || worker.run(&inputs)))?);
            ways.push(Way { worker: sender.clone(), backlog });
            workers.push(sender);
        }
        let (stop, stopped) = watch::channel(false);
        let inlet = Arc::new(Inlet { sockets, routes, workers: ways, udp_announced, tcp_announced });
        if let Some(listener) = tcp {
            tokio::spawn(inlet.clone().serve_tcp(listener, stopped));
        }
        let poll = Poll::new().map_err(bind_error("UDP", udp_wanted))?;
        let waker = Waker::new(poll.registry(), WAKE).map_err(bind_error("UDP", udp_wanted))?;
        let stop_reading = Arc::new(AtomicBool::new(false));
        let (told, tell) = (stop_reading.clone(), lost.clone());
        threads.push(thread("media-udp".into(), move || inlet.serve_udp(poll, &told, &tell))?);
        Ok(EngineHandle(Arc::new(Running {
            keys: config.keys,
            auto_create: config.auto_create,
            room_defaults: config.room_defaults,
            workers,
            shared,
            stop,
            stop_reading,
            waker,
            lost,
            threads: Mutex::new(threads),
        })))
    }
}

impl EngineHandle {
    /// Keys that sign access tokens.
    pub fn keys(&self) -> &ApiKeys {
        &self.0.keys
    }

    /// What happens in the rooms from now on. A listener that falls behind is told so
    /// ([`broadcast::error::RecvError::Lagged`]).
    pub fn events(&self) -> broadcast::Receiver<EngineEvent> {
        self.0.shared.events.subscribe()
    }

    /// Counters.
    pub fn stats(&self) -> EngineStats {
        let traffic = &self.0.shared.sockets.traffic;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EngineStats {
            rooms: self.0.shared.registry.rooms.lock().len() as u64,
            participants: self.0.shared.registry.participants.lock().values().sum(),
            packets_in: read(&traffic.packets_in),
            bytes_in: read(&traffic.bytes_in),
            packets_out: read(&traffic.packets_out),
            bytes_out: read(&traffic.bytes_out),
            packets_dropped: read(&traffic.dropped),
            send_failures: read(&traffic.send_failures),
        }
    }

    /// Why rooms cannot go on, where that is so though nobody stopped the engine: [`EngineError::Lost`], [`EngineError::Failed`].
    pub fn failure(&self) -> Option<EngineError> {
        self.0.lost.borrow().clone().map(EngineError::from)
    }

    /// Returns once there is a [`EngineHandle::failure`].
    pub async fn failed(&self) -> EngineError {
        let mut news = self.0.lost.subscribe();
        loop {
            if let Some(error) = self.failure() {
                return error;
            }
            // There is always one who could tell: this handle holds the sender.
            let _ = news.changed().await;
        }
    }

    /// Makes a room, or sets the limits and metadata of the one that is there.
    ///
    /// # Errors
    /// [`EngineError::Closed`].
    pub async fn ensure_room(&self, name: &str, spec: RoomSpec) -> Result<proto::Room, EngineError> {
        let existing = self.0.shared.registry.rooms.lock().get(name).copied();
        if let Some(entry) = existing
            && let Ok(room) = self.ask(name, entry, |reply| RoomCommand::Configure(spec.clone(), reply)).await
        {
            return Ok(room);
        }
        self.create(name, spec).await
    }

    async fn create(&self, name: &str, spec: RoomSpec) -> Result<proto::Room, EngineError> {
        let (reply, made) = oneshot::channel();
        let (entry, mine) = self.claim(name, spec, reply)?;
        if !mine {
            // Somebody else made it meanwhile.
            return self.ask(name, entry, RoomCommand::Info).await;
        }
        made.await.map_err(|_| {
            self.0.shared.registry.remove(name, entry.number);
            EngineError::Closed
        })
    }

    /// Gives a room its place, unless it has one. True when it was given now.
    fn claim(
        &self,
        name: &str,
        spec: RoomSpec,
        reply: oneshot::Sender<proto::Room>,
    ) -> Result<(Entry, bool), EngineError> {
        let registry = &self.0.shared.registry;
        let mut rooms = registry.rooms.lock();
        if let Some(&entry) = rooms.get(name) {
            return Ok((entry, false));
        }
        let number = RoomNumber(registry.next.fetch_add(1, Ordering::Relaxed));
        // Rooms go round; the next one meets the worker that got one longest ago.
        let entry = Entry { number, worker: number.0 as usize % self.0.workers.len() };
        let new = ToWorker::NewRoom { number, name: name.to_owned(), spec, reply };
        self.0.workers[entry.worker].send(new).map_err(|_| EngineError::Closed)?;
        rooms.insert(name.to_owned(), entry);
        Ok((entry, true))
    }

    /// Ends a room; everybody in it is told that it was deleted.
    ///
    /// # Errors
    /// [`EngineError::UnknownRoom`].
    pub async fn delete_room(&self, name: &str) -> Result<(), EngineError> {
        let entry = self.entry(name)?;
        self.ask(name, entry, |reply| RoomCommand::Close(LeaveReason::RoomDeleted, reply)).await
    }

    /// Sends a participant away.
    ///
    /// # Errors
    /// [`EngineError::UnknownRoom`], [`EngineError::UnknownParticipant`].
    pub async fn remove_participant(&self, room: &str, identity: &str) -> Result<(), EngineError> {
        let entry = self.entry(room)?;
        let removed = self.ask(room, entry, |reply| RoomCommand::Remove(identity.to_owned(), reply)).await?;
        removed
            .then_some(())
            .ok_or_else(|| EngineError::UnknownParticipant { room: room.to_owned(), identity: identity.to_owned() })
    }

    /// Who is in a room, hidden participants too.
    ///
    /// # Errors
    /// [`EngineError::UnknownRoom`].
    pub async fn participants(&self, room: &str) -> Result<Vec<proto::ParticipantInfo>, EngineError> {
        self.ask(room, self.entry(room)?, RoomCommand::Participants).await
    }

    /// Whether a client would be let in, without letting it in.
    ///
    /// # Errors
    /// [`EnterError`].
    pub async fn may_enter(&self, room: &str, request: JoinRequest) -> Result<(), EnterError> {
        let entry = match self.entry(room) {
            Ok(entry) => entry,
            // It would be made.
            Err(_) if self.0.auto_create => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        Ok(self.ask(room, entry, |reply| RoomCommand::MayJoin(Box::new(request), reply)).await??)
    }

    /// Lets a client in. What it is to be told waits in the link.
    ///
    /// # Errors
    /// [`EnterError`].
    pub async fn enter(&self, room: &str, request: JoinRequest) -> Result<SignalLink, EnterError> {
        for _ in 0..ENTER_ATTEMPTS {
            let entry = match self.entry(room) {
                Ok(entry) => entry,
                Err(_) if request.resume.is_some() => return Err(JoinError::UnknownSession.into()),
                Err(_) if self.0.auto_create => {
                    self.create(room, self.0.room_defaults.clone()).await?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let (outgoing, incoming) = mpsc::channel(SIGNAL_QUEUE);
            let join = |reply| RoomCommand::Join(Box::new(request.clone()), outgoing, reply);
            match self.ask(room, entry, join).await {
                Ok(Ok(joined)) => {
                    return Ok(SignalLink {
                        worker: self.0.workers[entry.worker].clone(),
                        room: entry.number,
                        connection: joined.connection,
                        outgoing: incoming,
                        sid: joined.sid,
                    });
                }
                // It ended just now: the next attempt makes it anew.
                Ok(Err(JoinError::RoomClosed)) | Err(EngineError::UnknownRoom(_)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(error) => return Err(error.into()),
            }
        }
        Err(JoinError::RoomClosed.into())
    }

    /// Sends everybody away and stops. Waits until the threads are gone.
    pub async fn shutdown(&self) {
        self.0.stop();
        let threads = std::mem::take(&mut *self.0.threads.lock());
        let _ = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join()))).await;
    }

    fn entry(&self, name: &str) -> Result<Entry, EngineError> {
        let rooms = self.0.shared.registry.rooms.lock();
        rooms.get(name).copied().ok_or_else(|| EngineError::UnknownRoom(name.to_owned()))
    }

    /// Asks the room of this name, whose place is `entry`.
    async fn ask<T>(
        &self,
        room: &str,
        entry: Entry,
        command: impl FnOnce(oneshot::Sender<T>) -> RoomCommand,
    ) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        let message = ToWorker::Room(entry.number, command(reply));
        self.0.workers[entry.worker].send(message).map_err(|_| EngineError::Closed)?;
        // The reply is dropped unsent when the room is gone.
        answer.await.map_err(|_| EngineError::UnknownRoom(room.to_owned()))
    }
}

#[cfg(test)]
impl EngineHandle {
    /// As if the UDP port could be read no longer, for this reason.
    pub(crate) fn lose_udp(&self, reason: std::io::Error) {
        self.0.lost.send_replace(Some(super::loss::Loss::Udp(Arc::new(reason))));
    }

    /// Has the program fail in the first of the threads that run rooms, and in no room of it.
    pub(crate) fn fail_rooms(&self) {
        let _ = self.0.workers[0].send(ToWorker::Fail);
    }
}

impl Running {
    fn stop(&self) {
        for worker in &self.workers {
            let _ = worker.send(ToWorker::Stop);
        }
        self.stop.send_replace(true);
        self.stop_reading.store(true, Ordering::Relaxed);
        let _ = self.waker.wake();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn thread(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    let builder = std::thread::Builder::new().name(name.clone());
    builder.spawn(run).map_err(|source| EngineError::Thread { name, source })
}

fn open_udp(addr: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(SocketProtocol::UDP))?;
    // Bursts of many subscribers at once must fit; less than asked for is fine.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

fn open_tcp(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(SocketProtocol::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(256)?;
    TcpListener::from_std(socket.into())
}

/// Addresses to tell clients.
fn announced(config: &EngineConfig) -> Vec<IpAddr> {
    if !config.announce.is_empty() {
        return config.announce.clone();
    }
    if !config.bind.is_unspecified() {
        return vec![config.bind];
    }
    let mut addresses: Vec<IpAddr> = outgoing(config.bind.is_ipv6()).into_iter().collect();
    let loopback =
        if config.bind.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
    if !addresses.contains(&loopback) {
        addresses.push(loopback);
    }
    addresses
}

/// The address this machine reaches others from. Nothing is sent: connecting a datagram socket only
/// looks up the route.
fn outgoing(v6: bool) -> Option<IpAddr> {
    let (from, to) = if v6 { ("[::]:0", "[2001:db8::1]:9") } else { ("0.0.0.0:0", "192.0.2.1:9") };
    let socket = UdpSocket::bind(from).ok()?;
    socket.connect(to).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}
