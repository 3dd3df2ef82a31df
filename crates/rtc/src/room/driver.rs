//! The driver: one thread for each room that moves bytes between sockets, the engine and the state machine.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use beckon_protocol::Secret;
use futures_util::FutureExt;
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::command::Command;
use super::convert;
use super::core::{Core, Effect, Lines};
use super::handle::{Room, RoomEvents, RoomShared};
use super::outbox::Outbox;
use crate::engine::{Anchor, Engine, EngineConfig, EngineOut, Incoming, Outputs};
use crate::error::ConnectError;
use crate::event::{DisconnectReason, RoomEvent};
use crate::options::ConnectOptions;
use crate::signal::{self, Address, Opening, SignalEvent, SignalLink};
use crate::track::OutFrame;
use crate::transport::{Datagram, Lane, Net};

/// Frames on their way from the encoders; more means that this thread does not get to run.
const MEDIA_BACKLOG: usize = 64;
/// Datagrams read before other work gets its turn.
const READ_BATCH: usize = 64;
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// Joins a room and leaves a thread driving it.
pub(super) async fn start(options: ConnectOptions) -> Result<(Room, RoomEvents), ConnectError> {
    let address = Address::new(&options.url, options.auto_subscribe)?;
    let (ready, joined) = oneshot::channel();
    let thread = std::thread::Builder::new().name("beckon-room".into()).spawn(move || {
        (options.on_thread)();
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(e) => {
                let _ = ready.send(Err(ConnectError::Local(e.to_string())));
                return;
            }
        };
        runtime.block_on(live(address, options, ready));
    });
    thread.map_err(|e| ConnectError::Local(format!("no thread: {e}")))?;
    joined.await.unwrap_or_else(|_| Err(ConnectError::Local("the room's thread ended".into())))
}

type Ready = oneshot::Sender<Result<(Room, RoomEvents), ConnectError>>;

async fn live(address: Address, options: ConnectOptions, mut ready: Ready) {
    let joining = join(&address, &options);
    let joined = tokio::select! {
        // Nobody waits any more.
        () = ready.closed() => return,
        joined = tokio::time::timeout(options.connect_timeout, joining) => joined,
    };
    let (link, join) = match joined {
        Ok(Ok(joined)) => joined,
        Ok(Err(e)) => return drop(ready.send(Err(e))),
        Err(_) => {
            let timed_out = ConnectError::TimedOut { host: address.host(), after: options.connect_timeout };
            return drop(ready.send(Err(timed_out)));
        }
    };
    let (commands_tx, commands) = mpsc::unbounded_channel();
    let (media_tx, media) = mpsc::channel(MEDIA_BACKLOG);
    let (events, events_rx) = mpsc::unbounded_channel();
    let shared = Arc::new(RoomShared::default());
    let lines = Lines { commands: commands_tx.downgrade(), media: media_tx };
    let now = Instant::now();
    let core = Core::new(
        now,
        options.reconnect.clone(),
        options.auto_subscribe,
        rand::random::<f64>,
        lines,
        shared.clone(),
        join,
    );
    if ready.send(Ok((Room::new(shared.clone(), commands_tx), RoomEvents::new(events_rx)))).is_err() {
        return link.finish().await;
    }
    let mut driver = Driver {
        anchor: Anchor::new(now, (options.clock)()),
        token: options.token.clone(),
        net: Net::new(options.proxy.clone()),
        address,
        options,
        core,
        engine: None,
        link: Some(link),
        opening: None,
        out: Outputs::new(),
        events: events.clone(),
        outbox: Outbox::default(),
        finished: false,
    };
    let run = AssertUnwindSafe(driver.run(commands, media)).catch_unwind();
    if run.await.is_err() {
        shared.view.write().closed = true;
        let _ = events.send(RoomEvent::Disconnected { reason: DisconnectReason::Internal });
    }
    if let Some(link) = driver.link.take() {
        link.finish().await;
    }
}

/// Opens signalling and waits for the server's greeting.
async fn join(address: &Address, options: &ConnectOptions) -> Result<(SignalLink, proto::JoinResponse), ConnectError> {
    let mut link = signal::open(address, &Opening::Join, &options.token, options.proxy.as_ref()).await?;
    loop {
        match link.events.recv().await {
            Some(SignalEvent::Message(message)) => match *message {
                Response::Join(join) => return Ok((link, join)),
                Response::Leave(leave) => return Err(ConnectError::Left(convert::reason(leave.reason))),
                _ => {}
            },
            Some(SignalEvent::Closed(why)) => return Err(ConnectError::Protocol { host: address.host(), why }),
            None => {
                return Err(ConnectError::Protocol { host: address.host(), why: "no join answer came".into() });
            }
        }
    }
}

struct Driver {
    anchor: Anchor,
    token: Secret,
    net: Net,
    address: Address,
    options: ConnectOptions,
    core: Core,
    engine: Option<Engine>,
    link: Option<SignalLink>,
    opening: Option<JoinHandle<Result<SignalLink, ConnectError>>>,
    out: Outputs,
    events: mpsc::UnboundedSender<RoomEvent>,
    outbox: Outbox,
    finished: bool,
}

/// What woke the driver.
enum Wake {
    Command(Option<Command>),
    Frames,
    Signal(Option<SignalEvent>),
    Opened(Result<SignalLink, ConnectError>),
    Packets(Option<Datagram>),
    Time,
}

impl Driver {
    async fn run(&mut self, mut commands: mpsc::UnboundedReceiver<Command>, mut media: mpsc::Receiver<OutFrame>) {
        let mut frames = Vec::new();
        let mut buffer = Net::buffer();
        let mut stats_due = Instant::now() + STATS_INTERVAL;
        loop {
            self.settle();
            if self.finished {
                return;
            }
            let due = [Some(stats_due), self.core.due(), self.engine.as_ref().map(Engine::due)];
            let due = due.into_iter().flatten().min().unwrap_or(stats_due);
            let wake = tokio::select! {
                command = commands.recv() => Wake::Command(command),
                _ = media.recv_many(&mut frames, MEDIA_BACKLOG) => Wake::Frames,
                event = next_signal(&mut self.link) => Wake::Signal(event),
                opened = finished(&mut self.opening) => Wake::Opened(opened),
                packet = self.net.ready() => Wake::Packets(packet),
                () = tokio::time::sleep_until(due.into()) => Wake::Time,
            };
            let now = Instant::now();
            match wake {
                Wake::Command(Some(command)) => self.core.command(now, command),
                // The application has let go of every handle.
                Wake::Command(None) => self.core.close(DisconnectReason::ClientInitiated),
                Wake::Frames => {
                    for frame in frames.drain(..) {
                        if let Some(engine) = &mut self.engine {
                            engine.publisher.write(now, frame, &mut self.out);
                        }
                    }
                }
                Wake::Signal(Some(SignalEvent::Message(message))) => self.core.message(now, *message),
                Wake::Signal(event) => {
                    self.link = None;
                    let why = match event {
                        Some(SignalEvent::Closed(why)) => why,
                        _ => "signalling ended".into(),
                    };
                    self.core.signal_lost(now, why);
                }
                Wake::Opened(Ok(link)) => {
                    self.link = Some(link);
                    self.core.opened(now);
                }
                Wake::Opened(Err(error)) => self.core.not_opened(now, error),
                Wake::Packets(packet) => self.read(packet, &mut buffer),
                Wake::Time => {}
            }
            if now >= stats_due {
                stats_due = now + STATS_INTERVAL;
                self.snapshot();
            }
            if self.core.due().is_some_and(|t| now >= t) {
                self.core.timeout(now);
            }
            if let Some(engine) = &mut self.engine
                && now >= engine.due()
            {
                engine.timeout(now, &mut self.out);
            }
        }
    }

    fn read(&mut self, packet: Option<Datagram>, buffer: &mut [u8; 2048]) {
        let Self { engine: Some(engine), net, out, .. } = self else { return };
        if let Some(p) = packet {
            let packet = Incoming { tcp: p.tcp, source: p.source, destination: p.destination, data: &p.data };
            engine.receive(Instant::now(), p.lane, packet, out);
            return;
        }
        for _ in 0..READ_BATCH {
            let Some((lane, source, destination, length)) = net.next_udp(buffer) else { return };
            let packet = Incoming { tcp: false, source, destination, data: &buffer[..length] };
            engine.receive(Instant::now(), lane, packet, out);
        }
    }

    fn snapshot(&mut self) {
        if let Some(engine) = &self.engine {
            engine.snapshot(&mut self.core.shared.stats.write());
        }
    }

    /// Does what is to be done until nothing is left.
    fn settle(&mut self) {
        loop {
            let now = Instant::now();
            if let Some(effect) = self.core.effects.pop_front() {
                self.perform(now, effect);
            } else if let Some(output) = self.out.pop_front() {
                self.output(now, output);
            } else if !self.offer(now) && !self.flush(now) {
                return self.confirm();
            }
        }
    }

    /// Sends an offer if one is due.
    fn offer(&mut self, now: Instant) -> bool {
        if !self.core.is_live() || self.link.is_none() {
            return false;
        }
        let Some(engine) = &mut self.engine else { return false };
        let Some((sdp, id)) = engine.publisher.offer(now, &mut self.out) else { return false };
        self.send(Request::Offer(description("offer", sdp, id)));
        true
    }

    /// Sends data that waited for its channel.
    fn flush(&mut self, now: Instant) -> bool {
        if self.core.holds_data(now) {
            return false;
        }
        let (Some(engine), Some(packet)) = (&mut self.engine, self.outbox.next()) else { return false };
        let sent = engine.publisher.send_data(now, true, packet, &mut self.out);
        if sent {
            self.outbox.handed_over();
        }
        sent
    }

    /// Tells of the texts that the server has.
    fn confirm(&mut self) {
        let Some(engine) = self.engine.as_mut().filter(|_| self.outbox.is_unsure()) else { return };
        if engine.publisher.unacknowledged() == Some(0) {
            for id in self.outbox.acknowledged() {
                // The application may have stopped listening.
                let _ = self.events.send(RoomEvent::ChatDelivered { id });
            }
        }
    }

    fn send(&self, message: Request) {
        if let Some(link) = &self.link {
            link.send(message);
        }
    }

    fn perform(&mut self, now: Instant, effect: Effect) {
        match effect {
            Effect::Emit(event) => {
                // The application may have stopped listening.
                let _ = self.events.send(event);
            }
            Effect::Send(message) => self.send(message),
            Effect::Token(token) => self.token = token,
            Effect::Open { opening, wait } => self.open(opening, wait),
            Effect::Hang => {
                self.link = None;
                if let Some(opening) = self.opening.take() {
                    opening.abort();
                }
            }
            Effect::Figures => {
                if let Some(engine) = &mut self.engine {
                    engine.last_figures(now);
                }
                self.snapshot();
            }
            Effect::ResetMedia => {
                self.net.clear();
                self.out.clear();
                self.outbox.channel_gone();
                let config = EngineConfig {
                    force_tcp: self.options.force_tcp || self.options.proxy.is_some(),
                    start_bitrate_bps: self.options.start_bitrate_bps,
                    anchor: self.anchor,
                };
                self.engine = Some(Engine::new(now, config));
            }
            Effect::Finish => {
                self.finished = true;
                self.net.clear();
                self.engine = None;
            }
            effect => self.perform_media(now, effect),
        }
    }

    fn perform_media(&mut self, now: Instant, effect: Effect) {
        let Some(engine) = &mut self.engine else { return };
        let out = &mut self.out;
        match effect {
            Effect::AddTrack { shared, cid } => engine.publisher.add_track(now, shared, cid),
            Effect::RemoveTrack(key) => engine.publisher.remove_track(key),
            Effect::WishChanged => engine.publisher.wish_changed(),
            Effect::Expect(bps) => engine.publisher.expect(now, bps),
            Effect::RestartIce => engine.publisher.restart(),
            Effect::Candidate { lane, init } => engine.add_remote(now, lane, &init, out),
            Effect::Attach { key, sink, shared } => engine.subscriber.attach(key, sink, shared),
            Effect::RequestKey(sid) => engine.subscriber.request_key(now, &sid, out),
            Effect::Offer(offer) => match engine.subscriber.offer(now, &offer.sdp, &offer.mid_to_track_id, out) {
                Ok(answer) => {
                    let up = engine.connected();
                    self.core.awaits_media(now, up);
                    self.send(Request::Answer(description("answer", answer, offer.id)));
                }
                Err(e) => {
                    tracing::warn!("the server's offer cannot be answered: {e}");
                    let up = engine.connected();
                    self.core.broken(now, format!("an offer that cannot be answered: {e}"), up);
                }
            },
            Effect::Answer(answer) => {
                if let Err(e) = engine.publisher.answer(now, &answer.sdp, answer.id, out) {
                    tracing::warn!("the server's answer cannot be used: {e}");
                }
            }
            Effect::Sync(mut sync) => {
                if let Some((offer, answer)) = engine.subscriber.last_exchange() {
                    sync.offer = Some(description("offer", offer.to_owned(), 0));
                    sync.answer = Some(description("answer", answer.to_owned(), 0));
                }
                self.send(Request::SyncState(sync));
            }
            Effect::Packet { reliable, packet, ends } => {
                let bytes = packet.encode_to_vec();
                if !reliable {
                    // What cannot go at once is lost: that is what this channel is for.
                    engine.publisher.send_data(now, false, &bytes, out);
                } else if !self.outbox.push(bytes, ends) {
                    tracing::warn!("a data message was dropped: too many wait already");
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, opening: Opening, wait: Duration) {
        let (address, token, proxy) = (self.address.clone(), self.token.clone(), self.options.proxy.clone());
        let limit = self.options.reconnect.try_timeout;
        self.opening = Some(tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            match tokio::time::timeout(limit, signal::open(&address, &opening, &token, proxy.as_ref())).await {
                Ok(result) => result,
                Err(_) => Err(ConnectError::TimedOut { host: address.host(), after: limit }),
            }
        }));
    }

    fn output(&mut self, now: Instant, output: EngineOut) {
        match output {
            EngineOut::Transmit { lane, tcp, source, destination, data } => {
                self.net.send(lane, tcp, source, destination, &data);
            }
            EngineOut::Route { lane, remote, tcp } => self.route(now, lane, remote, tcp),
            EngineOut::LocalCandidate { lane, candidate } => {
                let init = serde_json::json!({ "candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0 });
                let mut trickle =
                    proto::TrickleRequest { candidate_init: init.to_string(), ..proto::TrickleRequest::default() };
                trickle.set_target(match lane {
                    Lane::Publisher => proto::SignalTarget::Publisher,
                    Lane::Subscriber => proto::SignalTarget::Subscriber,
                });
                self.send(Request::Trickle(trickle));
            }
            EngineOut::Silent { lane, source, remote } => {
                let moved = !Net::is_ours(source.ip()) && Net::route_to(remote).is_ok();
                if let Some(engine) = self.engine.as_mut().filter(|_| moved) {
                    tracing::debug!(?lane, %source, "our address is another one now");
                    engine.road_gone(lane, &mut self.out);
                }
            }
            EngineOut::Link { lane, connected } => {
                tracing::debug!(?lane, connected, "media connection");
                if let Some(engine) = &mut self.engine {
                    engine.publisher.settle(&mut self.out);
                    let up = engine.connected();
                    self.core.link(now, up);
                }
            }
            EngineOut::Broken { lane, why } => {
                tracing::debug!(?lane, "media connection broke: {why}");
                if let Some(engine) = &mut self.engine {
                    engine.publisher.settle(&mut self.out);
                    let up = engine.connected();
                    self.core.broken(now, why, up);
                }
            }
            EngineOut::TrackAdded { sid, kind, sink } => self.core.track_added(sid, kind, sink),
            EngineOut::TrackRemoved { sid } => self.core.track_removed(&sid),
            EngineOut::TrackRejected { track } => self.core.track_rejected(track),
            EngineOut::KeyRequest { track, layer } => self.core.key_requested(track, layer),
            EngineOut::Estimate { bps } => {
                let _ = self.events.send(RoomEvent::TargetBitrate { total_bps: bps });
            }
            EngineOut::ChannelOpen { reliable } => tracing::debug!(reliable, "data channel open"),
            EngineOut::Data { reliable, bytes } => match proto::DataPacket::decode(&bytes[..]) {
                Ok(packet) => self.core.data(reliable, packet),
                Err(e) => tracing::debug!("skipped a data message that cannot be read: {e}"),
            },
        }
    }

    /// Finds the way to `remote` and tells the engine from where packets can leave.
    fn route(&mut self, now: Instant, lane: Lane, remote: std::net::SocketAddr, tcp: bool) {
        let Some(engine) = &mut self.engine else { return };
        let leaves_from = self.net.leaves_from(remote, tcp);
        let found = leaves_from.and_then(|ip| Ok(if tcp { Some((ip, 0).into()) } else { self.net.bind(lane, ip)? }));
        match found {
            Ok(Some(local)) => engine.add_local(now, lane, tcp, local, &mut self.out),
            Ok(None) => {}
            Err(e) => tracing::debug!("no way to {remote}: {e}"),
        }
    }
}

fn description(kind: &str, sdp: String, id: u32) -> proto::SessionDescription {
    proto::SessionDescription { r#type: kind.into(), sdp, id, ..proto::SessionDescription::default() }
}

/// The next signalling event; never, while there is no connection.
async fn next_signal(link: &mut Option<SignalLink>) -> Option<SignalEvent> {
    match link {
        Some(link) => link.events.recv().await,
        None => std::future::pending().await,
    }
}

/// The result of opening signalling; never, while it is not being opened.
async fn finished(
    opening: &mut Option<JoinHandle<Result<SignalLink, ConnectError>>>,
) -> Result<SignalLink, ConnectError> {
    let result = match opening {
        Some(task) => task.await,
        None => std::future::pending().await,
    };
    *opening = None;
    result.unwrap_or_else(|e| Err(ConnectError::Local(e.to_string())))
}
