//! One connection: its signs of life, its rate and its strikes.

use std::time::Instant;

use beckon_protocol::{
    Code, channel,
    launch::Origin,
    rpc::{Id, Message, RpcError},
};

use super::{
    BURST, Challenged, ConnectionId, Core, Effect, HELLO_WITHIN, LaunchId, PAGE_MESSAGE_MAX, PING_EVERY, RATE, Road,
    SILENCE, STRIKES,
};

/// A page's socket, as the core sees it.
#[derive(Debug)]
pub(super) struct Connection {
    pub road: Road,
    pub origin: Origin,
    /// `hello` was said: what the page has to prove.
    pub challenged: Option<Challenged>,
    /// The launch, once the page proved that it knows its key.
    pub launch: Option<LaunchId>,
    opened: Instant,
    pub heard: Instant,
    pinged: Instant,
    strikes: u32,
    /// Messages it may send now, in thousandths.
    allowance: u64,
    refilled: Instant,
}

impl Connection {
    fn new(road: Road, origin: Origin, now: Instant) -> Self {
        Self {
            road,
            origin,
            challenged: None,
            launch: None,
            opened: now,
            heard: now,
            pinged: now,
            strikes: 0,
            allowance: u64::from(BURST) * 1000,
            refilled: now,
        }
    }

    pub fn deadline(&self) -> Instant {
        if self.launch.is_none() {
            return self.opened + HELLO_WITHIN;
        }
        (self.pinged + PING_EVERY).min(self.heard + SILENCE)
    }

    /// Counts a message; false when it is one too many.
    fn admit(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled).as_millis();
        let refill = u64::try_from(elapsed).unwrap_or(u64::MAX).saturating_mul(u64::from(RATE));
        self.allowance = self.allowance.saturating_add(refill).min(u64::from(BURST) * 1000);
        self.refilled = now;
        let enough = self.allowance >= 1000;
        if enough {
            self.allowance -= 1000;
        }
        enough
    }
}

impl Core {
    pub(super) fn opened(&mut self, id: ConnectionId, road: Road, origin: Origin, now: Instant) {
        if let Road::Relay(launch) = road {
            let Some(entry) = self.launches.get_mut(&launch) else {
                self.effects.push(Effect::Close { connection: id, status: 1000, reason: "over" });
                return;
            };
            if entry.launch.origin != origin {
                entry.relay_barred = true;
                entry.relay_open = false;
                let (status, reason) = (channel::CLOSE_FOREIGN_ORIGIN, "foreign origin");
                self.effects.push(Effect::Close { connection: id, status, reason });
                return;
            }
        }
        self.connections.insert(id, Connection::new(road, origin, now));
    }

    pub(super) fn text(&mut self, id: ConnectionId, text: &str, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.heard = now;
        if !connection.admit(now) {
            self.strike(id, RpcError::of(Code::TooManyMessages), now);
            return;
        }
        if text.len() > PAGE_MESSAGE_MAX {
            let why = format!("the message has {} bytes; a page may send {PAGE_MESSAGE_MAX}", text.len());
            self.strike(id, RpcError::new(Code::MessageTooLarge, why), now);
            return;
        }
        let launch = connection.launch;
        match (Message::parse(text), launch) {
            (Ok(Message::Request { id: call, method, params }), None) => self.greet(id, call, &method, params),
            (Ok(Message::Request { id: call, method, params }), Some(launch)) => {
                self.request(launch, id, call, &method, params);
            }
            // A page has nothing to answer and nothing to tell; a newer one may have.
            (Ok(Message::Notification { .. } | Message::Response { .. }), Some(_)) => {}
            (Ok(_), None) => self.turn_away(id, None, RpcError::of(Code::WrongKey)),
            (Err(error), None) => self.turn_away(id, None, error),
            (Err(error), Some(_)) => self.strike(id, error, now),
        }
    }

    /// Answers a call with an error.
    pub(super) fn refuse(&mut self, connection: ConnectionId, id: Option<Id>, error: RpcError) {
        let text = Message::Response { id, outcome: Err(error) }.to_text();
        self.effects.push(Effect::Send { connection, text });
    }

    /// Answers what does not belong on the channel; closes it when that goes on.
    fn strike(&mut self, id: ConnectionId, error: RpcError, now: Instant) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.launch.is_none() {
            self.turn_away(id, None, error);
            return;
        }
        connection.strikes += 1;
        let out = connection.strikes >= STRIKES;
        self.refuse(id, None, error);
        if out {
            self.drop_connection(id, channel::CLOSE_BAD_MESSAGES, "too many bad messages", now);
        }
    }

    /// Closes a connection that did not prove to know a valid key.
    pub(super) fn turn_away(&mut self, id: ConnectionId, call: Option<Id>, error: RpcError) {
        self.refuse(id, call, error);
        if let Some(Connection { road: Road::Relay(launch), .. }) = self.connections.get(&id)
            && let Some(entry) = self.launches.get_mut(launch)
        {
            entry.relay_barred = true;
        }
        self.close(id, channel::CLOSE_WRONG_KEY, "no valid key");
    }

    /// Forgets a connection and closes its socket.
    pub(super) fn close(&mut self, id: ConnectionId, status: u16, reason: &'static str) {
        if let Some(connection) = self.connections.remove(&id) {
            // On a relay the page's socket is the app's own: closing it leaves the relay.
            if let Road::Relay(launch) = connection.road
                && let Some(entry) = self.launches.get_mut(&launch)
            {
                entry.relay_open = false;
            }
            self.effects.push(Effect::Close { connection: id, status, reason });
        }
    }

    /// Closes a connection from our side; for its launch the page is then away.
    fn drop_connection(&mut self, id: ConnectionId, status: u16, reason: &'static str, now: Instant) {
        let launch = self.connections.get(&id).and_then(|connection| connection.launch);
        self.close(id, status, reason);
        if let Some(launch) = launch {
            self.page_away(launch, id, now);
        }
    }

    pub(super) fn lost(&mut self, id: ConnectionId, finished: bool, now: Instant) {
        let Some(connection) = self.connections.remove(&id) else { return };
        let Some(launch) = connection.launch else { return };
        let rests = self.launches.get(&launch).is_some_and(|entry| !entry.has_room());
        if finished && rests {
            self.end(launch, super::EndReason::PageGone);
        } else {
            self.page_away(launch, id, now);
        }
    }

    fn page_away(&mut self, launch: LaunchId, connection: ConnectionId, since: Instant) {
        let Some(entry) = self.launches.get_mut(&launch) else { return };
        if entry.connection != Some(connection) {
            return;
        }
        entry.connection = None;
        entry.away = Some(since);
        // Nobody is left to hear the answers.
        entry.waiting.clear();
        entry.relay_open = false;
        // The relay is the page's other way back to its room. For the next one it is not worth a connection.
        if !entry.stands_by() {
            self.open_relay(launch);
        }
    }

    pub(super) fn watch_connections(&mut self, now: Instant) {
        let mut ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            if connection.launch.is_none() {
                if now >= connection.opened + HELLO_WITHIN {
                    self.close(id, channel::CLOSE_WRONG_KEY, "no hello");
                }
            } else if now >= connection.heard + SILENCE {
                self.drop_connection(id, 1001, "silent", now);
            } else if now >= connection.pinged + PING_EVERY {
                connection.pinged = now;
                self.effects.push(Effect::Ping { connection: id });
            }
        }
    }
}
