//! The media port: a sequence of length-prefixed datagrams to the transports of a room.
#![no_main]

use beckon_fuzz::{SERVER, Scene};
use beckon_sfu::Protocol;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut scene = Scene::new();
    let mut rest = bytes;
    let mut number = 0usize;
    while let [length, port, tail @ ..] = rest {
        let (datagram, after) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = after;
        let from = ([127, 0, 0, 1], 40_000 + u16::from(*port)).into();
        let protocol = if number % 5 == 4 { Protocol::Tcp } else { Protocol::Udp };
        if let Some(to) = scene.transports.get(number % scene.transports.len().max(1)).copied() {
            scene.room.datagram(scene.now, to, protocol, from, SERVER, datagram);
        }
        number += 1;
        scene.settle();
    }
});
