//! What forwarding costs inside the core: one publisher of 720p pictures and sound, many subscribers, no sockets.
//!
//! `cargo run -p beckon-sfu --example forward_cost [SUBSCRIBERS] [SECONDS]` prints packets forwarded per second of time
//! spent in the room (encryption included, system calls not).
#![allow(clippy::unwrap_used)]

#[path = "../tests/simulation/support/mod.rs"]
mod support;

use std::time::Duration;

use str0m::media::MediaKind;
use support::Link;
use support::{Packet, World, key_frame, sound};

fn main() {
    let mut args = std::env::args().skip(1).map(|a| a.parse::<u32>().unwrap());
    let (subscribers, seconds) = (args.next().unwrap_or(20), args.next().unwrap_or(10));
    let mut w = World::new();
    let ann = w.join("ann");
    let (_, video) = w.publish(ann, MediaKind::Video, &[]);
    let (_, audio) = w.publish(ann, MediaKind::Audio, &[]);
    for i in 0..subscribers {
        w.join(&format!("subscriber-{i}"));
    }
    w.run_until("connected", |w| w.clients.iter().all(|c| c.subscriber.connected));
    w.send_packet(ann, video, None, &key_frame(0));
    w.run(Duration::from_secs(2));
    // From here on packets take a step to arrive: a round trip that takes no time keeps the estimate's timers busy.
    for c in &mut w.clients {
        c.subscriber.link = Some(Link::new(50_000_000));
    }
    w.run(Duration::from_secs(2));
    let before = w.room.stats().packets_forwarded;
    w.busy = Duration::ZERO;
    // 30 pictures a second of 6 packets each, 50 packets of sound, in steps of 5 ms.
    for step in 0..seconds * 200 {
        if step % 7 == 0 {
            for part in 0..6 {
                let payload = vec![0x61; if part == 5 { 300 } else { 1_150 }];
                let packet =
                    Packet { pt: 108, seq: None, timestamp: step * 450, payload, marker: part == 5, level: None };
                w.write_packet(ann, video, None, &packet);
            }
        }
        if step % 4 == 0 {
            w.write_packet(ann, audio, None, &sound(step * 240, -30));
        }
        w.run(support::STEP);
        for c in &mut w.clients {
            c.subscriber.packets.clear();
        }
    }
    let forwarded = w.room.stats().packets_forwarded - before;
    let busy = w.busy.as_secs_f64();
    println!(
        "{subscribers} subscribers: {forwarded} packets in {busy:.3} s in the room: {:.0} per second, {:.2} µs each",
        forwarded as f64 / busy,
        busy * 1e6 / forwarded as f64
    );
}
