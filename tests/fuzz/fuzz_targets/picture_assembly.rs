//! What makes pictures of a sender's packets: a sequence of packets, late, twice, far away or broken, while time goes on.
#![no_main]

// The receiver's own file: it is no part of its crate's interface, and needs nothing else of it.
#[allow(dead_code)]
#[path = "../../../crates/rtc/src/engine/assembly.rs"]
mod assembly;

use std::time::{Duration, Instant};

use assembly::{Packet, PictureBuffer};
use libfuzzer_sys::fuzz_target;
use str0m::media::{Frequency, MediaTime};

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = PictureBuffer::default();
    let (mut now, mut seq, mut picture, mut begun) = (Instant::now(), 1u64 << 32, 0u64, false);
    let mut rest = bytes;
    while let [step, how, length, tail @ ..] = rest {
        let (payload, after) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = after;
        // A step of 1 is the usual one; some go back, some far ahead.
        seq = match step {
            0..=200 => seq + u64::from(*step % 4),
            201..=240 => seq.saturating_sub(u64::from(*step - 200)),
            _ => seq + u64::from(*step) * 50,
        };
        picture += u64::from(how >> 6);
        now += Duration::from_millis(u64::from(how >> 2 & 0xF) * 20);
        buffer.push(Packet {
            seq,
            time: MediaTime::new(picture * 3000, Frequency::NINETY_KHZ),
            marker: how & 1 != 0,
            payload: payload.into(),
            received: now,
            report: None,
        });
        if how & 2 == 0 {
            while let Some(picture) = buffer.pop(now) {
                assert!(picture.contiguous || picture.key, "only a key frame needs nothing before it");
                assert!(begun || picture.key, "decoding begins with a key frame");
                assert!(picture.data.is_empty() || picture.data.starts_with(&[0, 0, 0, 1]), "no Annex B");
                begun = true;
            }
            let due = buffer.due(None);
            assert!(!buffer.wants_key(now, None) || due.is_some_and(|due| due <= now), "asked for before it was due");
        }
    }
});
