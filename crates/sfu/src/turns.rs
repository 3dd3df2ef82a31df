//! Whose turn it is: which transports have something to send or to do, when, and taking it out of them.
//!
//! Much of a media server's time goes into waking up and into system calls. So what can wait a little
//! waits for company: the packets of a picture for its end, timers for the next point of a grid.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use str0m::Output;

use crate::ids::TransportId;
use crate::room::{Room, TICK};
use crate::transport::{Kind, Patience, Transport};

/// Packets in the middle of a picture wait for its end, but no longer than this. Nobody can show a
/// picture before its end has come, and a picture sent in one go costs a fraction of what it costs
/// packet by packet. Nor does a burst become longer than what the publisher sent in this time.
const GATHER: Duration = Duration::from_millis(5);
/// Times a transport is asked for more before the others have their turn, and the time it then waits.
const MAX_ROUNDS: usize = 256;
const BREATH: Duration = Duration::from_millis(1);
/// A transport's pacer gives one packet each time it is told the time, and wants this to go by between two.
const ROUND: Duration = Duration::from_micros(1);
/// Timers that need not be exact come due on a grid of this width, so that those of a hundred
/// transports come due together.
const GRID: Duration = Duration::from_millis(5);
/// What can wait well does so for this long, and then for the next point of the grid: most often media comes before,
/// and it costs no waking of its own.
const COMPANY: Duration = Duration::from_millis(10);

/// Packets of a picture after which the pacer need not be looked after at once if they left without a pause: while
/// the network is probed, it makes them wait.
const UNPACED: u32 = 3;
/// The look at the pacer then comes this late, if nothing else comes before.
const IDLE_PACER: Duration = Duration::from_millis(10);

/// The room's list of turns.
pub(crate) struct Turns {
    /// The grid begins here.
    epoch: Instant,
    timers: BinaryHeap<Reverse<(Instant, TransportId)>>,
    /// Transports that were written to.
    dirty: Vec<TransportId>,
    /// Transports with the beginning of a picture to send, how many of them still wait, and until when.
    gathering: Vec<TransportId>,
    waiting: usize,
    gather_until: Option<Instant>,
}

impl Turns {
    pub fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            timers: BinaryHeap::new(),
            dirty: Vec::new(),
            gathering: Vec::new(),
            waiting: 0,
            gather_until: None,
        }
    }

    /// The first point of the grid that is not before `at`.
    fn on_grid(&self, at: Instant) -> Instant {
        let steps = at.saturating_duration_since(self.epoch).as_nanos().div_ceil(GRID.as_nanos());
        u32::try_from(steps).ok().and_then(|steps| self.epoch.checked_add(GRID * steps)).unwrap_or(at)
    }
}

impl Room {
    /// Lets time go on: wakes what is due and sends what was written.
    pub fn drive(&mut self, now: Instant) {
        while let Some((at, transport)) = self.next_timer()
            && at <= now
        {
            self.turns.timers.pop();
            let Some(state) = self.transport(transport) else { continue };
            state.scheduled = None;
            // With the beginning of a picture to send its turn comes soon, with the rest.
            if !state.gathering {
                self.mark_dirty(transport);
            }
        }
        if self.turns.gather_until.is_some_and(|at| at <= now) {
            let mut waited = std::mem::take(&mut self.turns.gathering);
            for transport in waited.drain(..) {
                if self.transport(transport).is_some_and(|state| std::mem::take(&mut state.gathering)) {
                    self.mark_dirty(transport);
                }
            }
            (self.turns.gathering, self.turns.waiting, self.turns.gather_until) = (waited, 0, None);
        }
        if now >= self.next_tick {
            self.next_tick = now + TICK;
            self.tick(now);
        }
        // Driving one may write to others (data, key-frame requests): until nothing is left.
        while let Some(transport) = self.turns.dirty.pop() {
            self.turn(now, transport);
        }
        // What is next now is right, whoever asks.
        self.next_timer();
    }

    /// The next timer. Entries stay where they are when their transport wants to be woken later, or was woken before:
    /// those are taken out here, so that nobody is woken for them.
    fn next_timer(&mut self) -> Option<(Instant, TransportId)> {
        loop {
            let &Reverse((at, transport)) = self.turns.timers.peek()?;
            let Some(state) = self.transport(transport).filter(|state| state.scheduled == Some(at)) else {
                self.turns.timers.pop();
                continue;
            };
            let wake_at = state.wake_at;
            if wake_at <= at {
                return Some((at, transport));
            }
            state.scheduled = None;
            self.turns.timers.pop();
            self.wake(transport, wake_at);
        }
    }

    /// When [`drive`](Self::drive) wants to be called next, if nothing comes before.
    pub fn next_deadline(&self) -> Instant {
        let timer = self.turns.timers.peek().map(|Reverse((at, _))| *at);
        [timer, self.turns.gather_until].into_iter().flatten().fold(self.next_tick, Instant::min)
    }

    /// The transport has something to send: drive it before the room's turn is over.
    pub(crate) fn mark_dirty(&mut self, transport: TransportId) {
        let Some(state) = self.transport(transport) else { return };
        if !std::mem::replace(&mut state.dirty, true) {
            self.turns.dirty.push(transport);
        }
    }

    /// The transport has the beginning of a picture to send: drive it when the rest is there.
    pub(crate) fn gather(&mut self, now: Instant, transport: TransportId) {
        let Some(state) = self.transport(transport) else { return };
        if !state.dirty && !std::mem::replace(&mut state.gathering, true) {
            self.turns.gathering.push(transport);
            self.turns.waiting += 1;
            self.turns.gather_until.get_or_insert(now + GATHER);
        }
    }

    /// The transport took in a datagram. What it answers leaves at once, unless it has media to send
    /// that waits for its company, or the beginning of a picture: that has its turn soon.
    pub(crate) fn heard(&mut self, now: Instant, transport: TransportId) {
        match self.transport(transport) {
            Some(state) if state.gathering => {}
            Some(state) if state.queued > 0 => self.mark_dirty(transport),
            _ => self.pump(now, transport),
        }
    }

    /// Takes everything out of a transport, and sees to it that it is woken.
    pub(crate) fn pump(&mut self, now: Instant, transport: TransportId) {
        match self.poll(now, transport, false) {
            Polled::Idle(at) if at <= now + ROUND => self.mark_dirty(transport),
            Polled::Idle(at) => self.schedule(now, transport, at),
            Polled::More | Polled::Failed => {}
        }
    }

    /// Lets a transport's time go on and takes out all that it has, so that it can be sent together.
    fn turn(&mut self, now: Instant, transport: TransportId) {
        let Some(state) = self.transport(transport) else { return };
        state.dirty = false;
        if std::mem::take(&mut state.gathering) {
            self.turns.waiting = self.turns.waiting.saturating_sub(1);
            if self.turns.waiting == 0 {
                self.turns.gathering.clear();
                self.turns.gather_until = None;
            }
        }
        let mut at = now;
        let mut media = 0;
        for _ in 0..MAX_ROUNDS {
            let Some(state) = self.transport(transport) else { return };
            if state.queued == 0 && media >= UNPACED && !state.may_probe(now) {
                let at = self.turns.on_grid(now + IDLE_PACER);
                return self.wake(transport, at);
            }
            if let Err(error) = state.advance(at) {
                tracing::debug!(%transport, %error, "transport failed");
            }
            let next = match self.poll(at, transport, true) {
                Polled::More => {
                    at += ROUND;
                    media += 1;
                    continue;
                }
                Polled::Idle(next) => next,
                Polled::Failed => return,
            };
            let Some(state) = self.transport(transport) else { return };
            media = 0;
            if next > at + ROUND {
                state.queued = 0;
                return self.schedule(now, transport, next);
            }
            at = at.max(next);
        }
        // It has still more, or does not settle: the others first.
        self.wake(transport, now + BREATH);
    }

    /// Takes out what a transport has; `by_packet`: no more than up to a media packet.
    fn poll(&mut self, now: Instant, transport: TransportId, by_packet: bool) -> Polled {
        loop {
            let Some(state) = self.transport(transport) else { return Polled::Failed };
            match state.poll() {
                Ok(Output::Timeout(at)) => {
                    state.note_wait(now);
                    return Polled::Idle(at);
                }
                Ok(Output::Transmit(datagram)) => {
                    let kind = state.kind(&datagram.contents);
                    let media = kind == Kind::Media && state.queued > 0;
                    state.queued -= u32::from(media);
                    if kind == Kind::Extra {
                        state.last_probe = Some(now);
                    }
                    state.fall.sent(now, datagram.contents.len());
                    let copy = state.copy(now, &datagram);
                    self.datagrams.extend(copy);
                    self.datagrams.push(datagram);
                    // After the last one, too: the transport wants to look after its pacer then, and is asked
                    // for all the rest with that.
                    if by_packet && media {
                        return Polled::More;
                    }
                }
                Ok(Output::Event(event)) => self.on_event(now, transport, event),
                Err(error) => {
                    tracing::debug!(%transport, %error, "transport failed");
                    return Polled::Failed;
                }
            }
        }
    }

    /// The transport wants to be woken.
    fn schedule(&mut self, now: Instant, transport: TransportId, at: Instant) {
        let Some(state) = self.transport(transport) else { return };
        let at = match state.patience(now) {
            Patience::None => at,
            Patience::Little => self.turns.on_grid(at),
            Patience::Much => self.turns.on_grid(at + COMPANY),
        };
        self.wake(transport, at);
    }

    fn wake(&mut self, transport: TransportId, at: Instant) {
        let Some(state) = self.transport(transport) else { return };
        state.wake_at = at;
        if state.scheduled.is_none_or(|scheduled| at < scheduled) {
            state.scheduled = Some(at);
            self.turns.timers.push(Reverse((at, transport)));
        }
    }

    fn transport(&mut self, id: TransportId) -> Option<&mut Transport> {
        Some(self.get_mut(id.participant)?.transport(id.side))
    }
}

/// What polling a transport came to.
enum Polled {
    /// It gave a media packet: let a round of time go by and poll again.
    More,
    /// It has nothing more and wants to be woken then.
    Idle(Instant),
    /// It cannot go on, or is gone.
    Failed,
}
