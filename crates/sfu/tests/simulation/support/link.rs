//! A way from the server with a limit: what does not fit waits in a queue, what does not fit there is lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use beckon_sfu::Transmit;

/// What a datagram takes on the wire besides its contents, in bytes: IPv4 and UDP.
const OVERHEAD: usize = 28;

/// A link of a bandwidth.
pub struct Link {
    /// Bits per second.
    pub rate: u64,
    /// How long the queue before it is.
    pub queue: Duration,
    /// Datagrams that found the queue full.
    pub lost: usize,
    /// Datagrams that passed or will.
    pub taken: usize,
    free_at: Option<Instant>,
    under_way: VecDeque<(Instant, Transmit)>,
}

impl Link {
    /// A link with a queue like an ordinary router's.
    pub fn new(rate: u64) -> Self {
        Self { rate, queue: Duration::from_millis(300), lost: 0, taken: 0, free_at: None, under_way: VecDeque::new() }
    }

    /// A datagram enters.
    pub fn send(&mut self, now: Instant, datagram: &Transmit) {
        let start = self.free_at.unwrap_or(now).max(now);
        if start.saturating_duration_since(now) > self.queue {
            self.lost += 1;
            return;
        }
        self.taken += 1;
        let bits = (datagram.contents.len() + OVERHEAD) as u64 * 8;
        let out = start + Duration::from_nanos(bits * 1_000_000_000 / self.rate);
        self.free_at = Some(out);
        let copy = Transmit {
            proto: datagram.proto,
            source: datagram.source,
            destination: datagram.destination,
            contents: datagram.contents.to_vec().into(),
        };
        self.under_way.push_back((out, copy));
    }

    /// What has come out by now.
    pub fn arrived(&mut self, now: Instant) -> Vec<Transmit> {
        let there = self.under_way.partition_point(|(at, _)| *at <= now);
        self.under_way.drain(..there).map(|(_, datagram)| datagram).collect()
    }
}
