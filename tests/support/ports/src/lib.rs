//! Ports for the servers that tests and benches start and that must be told theirs before they run.
//!
//! Not those that the system gives away: such a port goes to whoever asks next, another test's listener or any program's connection, before
//! the server it was meant for listens. Then that one does not start, and the test talks to a stranger.
#![forbid(unsafe_code)]

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below what systems give to connections and to listeners without a wish (from 32768 on with Linux, from 49152 on elsewhere).
const FIRST: u16 = 22_000;
const COUNT: u32 = 10_000;
/// Processes that start one after the other begin so many ports apart.
const APART: u32 = 97;

static ASKED: AtomicU32 = AtomicU32::new(0);

/// A port of this machine on which nobody listens, by TCP nor by UDP; another one at each call.
///
/// # Errors
/// When there is none left.
pub fn free_port() -> Result<u16> {
    let begin = std::process::id().wrapping_mul(APART);
    (0..COUNT)
        .map(|_| begin.wrapping_add(ASKED.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .map(|place| FIRST + place as u16)
        .find(|port| is_free(*port))
        .ok_or_else(|| Error::new(ErrorKind::AddrInUse, format!("no port from {FIRST} on is free")))
}

fn is_free(port: u16) -> bool {
    let at = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_is_another_one_that_nobody_has_and_the_system_gives_to_nobody() {
        let mut ports: Vec<u16> = (0..100).map(|_| free_port().unwrap()).collect();
        assert!(ports.iter().all(|port| (FIRST..32_768).contains(port)), "{ports:?}");
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 100);
    }

    #[test]
    fn one_that_is_taken_is_not_given() {
        let port = free_port().unwrap();
        let _tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_free(port));
        let port = free_port().unwrap();
        let _udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert!(!is_free(port));
    }
}
