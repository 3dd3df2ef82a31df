//! When what leaves leaves: packets of a picture together, but never late.

use std::time::Duration;

use str0m::media::{MediaKind, Mid};

use crate::support::{Packet, STEP, World, key_frame, sound};

/// A publisher of pictures and sound, and two who get them.
fn three() -> (World, usize, [usize; 2], Mid, Mid) {
    let mut w = World::new();
    let ann = w.join("ann");
    let (_, video) = w.publish(ann, MediaKind::Video, &[]);
    let (_, audio) = w.publish(ann, MediaKind::Audio, &[]);
    let others = [w.join("bob"), w.join("carol")];
    w.run_until("all connected", |w| {
        w.clients[ann].publisher.connected && others.iter().all(|&o| w.clients[o].subscriber.connected)
    });
    w.send_packet(ann, video, None, &key_frame(0));
    w.run(Duration::from_secs(1));
    for other in others {
        assert_eq!(std::mem::take(&mut w.clients[other].subscriber.packets).len(), 1, "the key frame");
    }
    (w, ann, others, video, audio)
}

fn write(w: &mut World, publisher: usize, mid: Mid, timestamp: u32, markers: &[bool]) {
    for &marker in markers {
        let packet = Packet { pt: 108, seq: None, timestamp, payload: vec![0x61; 1_000], marker, level: None };
        w.write_packet(publisher, mid, None, &packet);
    }
}

#[test]
fn a_picture_leaves_for_each_subscriber_in_one_go() {
    let (mut w, ann, others, video, _) = three();
    write(&mut w, ann, video, 90_000, &[false, false, false, false, false, true]);
    let mut to = w.turn_after(ann);
    assert!(to.len() >= 12, "all of it, for both, in this turn: {}", to.len());
    to.dedup();
    assert_eq!(to.len(), 2, "one destination after the other");
    for other in others {
        let got = &w.clients[other].subscriber.packets;
        assert_eq!(got.len(), 6);
        assert!(got.windows(2).all(|two| *two[1].seq_no == *two[0].seq_no + 1), "in order, without a gap");
    }
}

#[test]
fn the_beginning_of_a_picture_waits_for_its_end_but_not_for_long() {
    let (mut w, ann, others, video, _) = three();
    write(&mut w, ann, video, 90_000, &[false, false]);
    assert!(w.turn_after(ann).is_empty());
    assert!(w.room.next_deadline() <= w.now + Duration::from_millis(5));
    w.run(STEP);
    for other in others {
        assert_eq!(w.clients[other].subscriber.packets.len(), 2);
    }
}

#[test]
fn sound_does_not_wait() {
    let (mut w, ann, others, _, audio) = three();
    w.write_packet(ann, audio, None, &sound(960, -30));
    assert!(w.turn_after(ann).len() >= 2);
    for other in others {
        assert_eq!(w.clients[other].subscriber.packets.len(), 1);
    }
}
