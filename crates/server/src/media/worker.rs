//! A thread that runs rooms.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use beckon_sfu::{ConnectionId, LeaveReason, Output, Room, RoomConfig, RoomEvent, TransportConfig};
use parking_lot::RwLock;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc};

use super::backlog::Backlog;
use super::command::{RoomCommand, SignalOut, ToWorker};
use super::engine::Registry;
use super::event::EngineEvent;
use super::outlet::{Outlet, Sockets};
use super::route::{RoomNumber, Route, RouteTable};

/// Most inputs taken before the rooms are driven and their datagrams sent.
const MAX_INPUTS: usize = 64;
/// A worker without rooms looks around this often.
const IDLE: Duration = Duration::from_secs(10);

/// What a worker shares with the rest of the engine.
pub(super) struct Shared {
    pub sockets: Arc<Sockets>,
    pub routes: Arc<RwLock<RouteTable>>,
    pub events: broadcast::Sender<EngineEvent>,
    pub registry: Arc<Registry>,
    pub transport: Arc<TransportConfig>,
}

struct Place {
    name: String,
    room: Room,
    links: HashMap<ConnectionId, mpsc::Sender<SignalOut>>,
    /// When it is to be driven, as it stands in the queue.
    due: Instant,
    /// Participants that the registry was told of.
    counted: u64,
}

pub(super) struct Worker {
    index: usize,
    shared: Arc<Shared>,
    backlog: Arc<Backlog>,
    outlet: Outlet,
    rooms: HashMap<RoomNumber, Place>,
    queue: BTreeSet<(Instant, RoomNumber)>,
    touched: Vec<RoomNumber>,
}

impl Worker {
    /// `backlog`: where those who hand datagrams over count what waits.
    pub(super) fn new(index: usize, shared: Arc<Shared>, backlog: Arc<Backlog>) -> Self {
        Self {
            index,
            outlet: Outlet::new(shared.sockets.clone()),
            shared,
            backlog,
            rooms: HashMap::new(),
            queue: BTreeSet::new(),
            touched: Vec::new(),
        }
    }

    /// Runs until told to stop, or until nobody is left who could say so. What fails in a room ends the room; what fails beside them
    /// ends the thread ([`run_rooms`](super::loss::run_rooms)).
    pub(super) fn run(mut self, inputs: &Receiver<ToWorker>) {
        loop {
            let wait = self.queue.first().map_or(IDLE, |(at, _)| at.saturating_duration_since(Instant::now()));
            let mut next = match inputs.recv_timeout(wait) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let now = Instant::now();
            let mut taken = 0;
            let mut stop = false;
            while let Some(input) = next {
                stop |= self.take(now, input);
                taken += 1;
                next = if taken < MAX_INPUTS && !stop { inputs.try_recv().ok() } else { None };
            }
            while let Some(&(at, number)) = self.queue.first() {
                if at > now {
                    break;
                }
                self.queue.pop_first();
                self.touched.push(number);
            }
            self.settle();
            if stop {
                break;
            }
        }
        for number in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.end(number, LeaveReason::ServerShutdown);
        }
    }

    /// Takes one input. True when it is the last.
    fn take(&mut self, now: Instant, input: ToWorker) -> bool {
        match input {
            ToWorker::Datagrams(datagrams) => {
                self.backlog.taken(datagrams.len());
                for d in datagrams {
                    self.with_room(d.route.room, |place| {
                        place.room.datagram(now, d.route.transport, d.protocol, d.from, d.local, &d.bytes);
                    });
                }
            }
            ToWorker::NewRoom { number, name, spec, reply } => {
                let config = RoomConfig {
                    name: name.clone(),
                    metadata: spec.metadata,
                    max_participants: spec.max_participants,
                    empty_timeout: spec.empty_timeout,
                    departure_timeout: spec.departure_timeout,
                    transport: self.shared.transport.clone(),
                };
                let room = Room::new(now, SystemTime::now(), config);
                let _ = reply.send(room.info());
                self.rooms.insert(number, Place { name, room, links: HashMap::new(), due: now, counted: 0 });
                self.touched.push(number);
            }
            ToWorker::Room(number, RoomCommand::Close(reason, reply)) => {
                self.end(number, reason);
                let _ = reply.send(());
            }
            ToWorker::Room(number, command) => {
                self.with_room(number, |place| place.command(now, command));
            }
            ToWorker::Stop => return true,
            #[cfg(test)]
            ToWorker::Fail => panic!("as a test has it"),
        }
        false
    }

    /// Lets something happen in a room. A room in which the program fails is ended, so that a
    /// defect met by one room's participants cannot take the others with it.
    fn with_room(&mut self, number: RoomNumber, act: impl FnOnce(&mut Place)) {
        let Some(place) = self.rooms.get_mut(&number) else { return };
        if catch_unwind(AssertUnwindSafe(|| act(place))).is_err() {
            tracing::error!(room = place.name, "room failed and is ended");
            self.end(number, LeaveReason::RoomDeleted);
        } else if self.touched.last() != Some(&number) {
            self.touched.push(number);
        }
    }

    /// Drives the rooms that something happened in, and carries out what they want.
    fn settle(&mut self) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for number in touched.drain(..) {
            let now = Instant::now();
            self.with_room(number, |place| place.room.drive(now));
            let idle = self.carry_out(number);
            if idle {
                self.end(number, LeaveReason::RoomDeleted);
                continue;
            }
            if let Some(place) = self.rooms.get_mut(&number) {
                self.queue.remove(&(place.due, number));
                place.due = place.room.next_deadline();
                self.queue.insert((place.due, number));
            }
        }
        self.touched = touched;
        self.touched.clear();
    }

    /// Carries out what a room wants. True when it is idle and may go.
    fn carry_out(&mut self, number: RoomNumber) -> bool {
        let Some(place) = self.rooms.get_mut(&number) else { return false };
        let mut idle = false;
        while let Some(output) = place.room.poll_output() {
            match output {
                Output::Signal(connection, message) => {
                    let Some(link) = place.links.get(&connection) else { continue };
                    let Err(failed) = link.try_send(SignalOut::Message(Box::new(message))) else { continue };
                    place.links.remove(&connection);
                    match failed {
                        // It is too slow, and notices that its channel closes.
                        TrySendError::Full(_) => place.room.signal_missed(connection),
                        // It is gone: it may never have learned that it was let in, and tells nobody.
                        TrySendError::Closed(_) => place.room.signal_closed(Instant::now(), connection),
                    }
                }
                Output::CloseSignal(connection) => {
                    if let Some(link) = place.links.remove(&connection) {
                        let _ = link.try_send(SignalOut::Close);
                    }
                }
                Output::Route(change) => {
                    let route = |transport| Route { worker: self.index, room: number, transport };
                    self.shared.routes.write().change(Instant::now(), change, route);
                }
                Output::Event(RoomEvent::Idle) => idle = true,
                Output::Event(event) => {
                    let room = place.name.clone();
                    let _ = self.shared.events.send(EngineEvent::InRoom { room, event });
                }
            }
        }
        self.outlet.send(place.room.take_datagrams());
        let participants = place.room.stats().participants;
        if std::mem::replace(&mut place.counted, participants) != participants {
            self.shared.registry.count(number, participants);
        }
        idle && participants == 0
    }

    /// Ends a room: everybody is sent away, it is forgotten.
    fn end(&mut self, number: RoomNumber, reason: LeaveReason) {
        let Some(place) = self.rooms.get_mut(&number) else { return };
        let now = Instant::now();
        let _ = catch_unwind(AssertUnwindSafe(|| place.room.close(now, reason)));
        self.carry_out(number);
        let Some(place) = self.rooms.remove(&number) else { return };
        self.queue.remove(&(place.due, number));
        self.shared.registry.remove(&place.name, number);
        self.shared.routes.write().retain(|route| route.room != number);
        self.tell(EngineEvent::RoomFinished { room: place.name, sid: place.room.sid().to_owned() });
    }

    fn tell(&self, event: EngineEvent) {
        // Nobody may be listening.
        let _ = self.shared.events.send(event);
    }
}

impl Place {
    fn command(&mut self, now: Instant, command: RoomCommand) {
        // Whoever asked may have gone away meanwhile: replies may find nobody.
        match command {
            RoomCommand::MayJoin(request, reply) => {
                let _ = reply.send(self.room.may_join(&request));
            }
            RoomCommand::Join(request, link, reply) => {
                let joined = self.room.join(now, SystemTime::now(), *request);
                if let Ok(joined) = &joined {
                    self.links.insert(joined.connection, link);
                }
                let connection = joined.as_ref().ok().map(|j| j.connection);
                if let (Err(_), Some(connection)) = (reply.send(joined), connection) {
                    self.room.signal_closed(now, connection);
                }
            }
            RoomCommand::Signal(connection, request) => {
                self.room.signal(now, SystemTime::now(), connection, *request);
            }
            RoomCommand::SignalClosed(connection) => {
                self.links.remove(&connection);
                self.room.signal_closed(now, connection);
            }
            RoomCommand::Configure(spec, reply) => {
                self.room.configure(spec.max_participants, spec.empty_timeout, spec.departure_timeout);
                self.room.set_metadata(spec.metadata);
                let _ = reply.send(self.room.info());
            }
            RoomCommand::Info(reply) => {
                let _ = reply.send(self.room.info());
            }
            RoomCommand::Participants(reply) => {
                let _ = reply.send(self.room.participants());
            }
            RoomCommand::Remove(identity, reply) => {
                let _ = reply.send(self.room.remove(now, &identity));
            }
            // Ending takes the room out of its worker's hands; the worker does it.
            RoomCommand::Close(_, reply) => drop(reply),
        }
    }
}
