//! Datagrams from where they should not come from, or twice: strangers, replayed checks, addresses that change hands.

use std::time::Duration;

use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use str0m::media::MediaKind;

use crate::support::{World, delta_frame, key_frame, two};

#[test]
fn garbage_and_strangers_change_nothing() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    let refused = w.room.stats().datagrams_refused;
    let known = w.clients[ann].publisher.address;
    let stranger = "203.0.113.9:9".parse().unwrap();
    let mut state = 0x1234_5678u32;
    for length in 0..400usize {
        let bytes: Vec<u8> = (0..length % 150)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        w.inject(known, &bytes);
        w.inject(stranger, &bytes);
        // The same dressed as media, as control, as a handshake and as a check.
        for first in [0x80, 0x81, 20, 22, 0] {
            let mut dressed = bytes.clone();
            dressed.insert(0, first);
            w.inject(known, &dressed);
            w.inject(stranger, &dressed);
        }
    }
    assert!(w.room.stats().datagrams_refused > refused);
    let before = w.clients[bob].subscriber.packets.len();
    w.send_packet(ann, mid, None, &delta_frame(3_000));
    w.run(Duration::from_millis(50));
    assert_eq!(w.clients[bob].subscriber.packets.len(), before + 1, "media goes on");
}

#[test]
fn overheard_checks_from_many_addresses_do_not_push_the_client_out() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.run(Duration::from_millis(50));
    let of_ann = w.overhear_check(ann, true);
    let of_bob = w.overhear_check(bob, false);
    let before = w.clients[bob].subscriber.packets.len();
    let mut sent = 0;
    for round in 0..20u16 {
        for stranger in 0..20u16 {
            let address = std::net::SocketAddr::from(([203, 0, 113, 9], 1_000 + round * 20 + stranger));
            w.replay(address, &of_ann);
            w.replay(address, &of_bob);
        }
        // Media goes on, in both directions, at once and with nobody checking anew in between.
        sent += 1;
        w.send_packet(ann, mid, None, &delta_frame(3_000 * sent));
        w.run(Duration::from_millis(20));
        assert_eq!(w.clients[bob].subscriber.packets.len(), before + sent as usize, "after {round} rounds");
    }
    // Media itself, overheard and sent again from elsewhere, is nothing.
    let refused = w.room.stats().datagrams_refused;
    let unknown = "198.51.100.7:7".parse().unwrap();
    w.inject(unknown, &[0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3]);
    assert_eq!(w.room.stats().datagrams_refused, refused + 1);
}

#[test]
fn checks_that_a_forger_brings_first_hold_up_nobody() {
    let first_picture = |raced| {
        let mut w = World::new();
        w.raced = raced;
        let (ann, bob) = (w.join("ann"), w.join("bob"));
        let (_, mid) = w.publish(ann, MediaKind::Video, &[]);
        let begun = w.now;
        let mut at = 0;
        while w.clients[bob].subscriber.packets.is_empty() {
            assert!(w.now - begun < Duration::from_secs(20), "no picture with {raced} checks raced");
            w.send_packet(ann, mid, None, &key_frame(at));
            at += 900;
            w.run(Duration::from_millis(10));
        }
        w.now - begun
    };
    let usual = first_picture(0);
    for raced in [1, 2, 3, 4, 5, 10, 50, u32::MAX] {
        let late = first_picture(raced) - usual;
        assert!(late <= Duration::from_millis(1_500), "{raced} checks raced: {late:?} late");
    }
}

#[test]
fn a_check_from_another_clients_address_does_not_take_its_route() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.run(Duration::from_millis(50));
    let before = w.clients[bob].subscriber.packets.len();
    // Checks that the server has had, and such that somebody caught before they arrived.
    for round in 0..6u32 {
        let check = |w: &mut World, client, publisher| match round % 2 {
            0 => w.overhear_check(client, publisher),
            _ => w.catch_check(client, publisher),
        };
        let (of_bob, of_ann) = (check(&mut w, bob, false), check(&mut w, ann, true));
        let (anns, bobs) = (w.clients[ann].publisher.address, w.clients[bob].subscriber.address);
        w.replay(anns, &of_bob);
        w.replay(bobs, &of_ann);
        // At once, with nobody checking anew in between: what ann sends, and what bob asks for.
        w.send_packet(ann, mid, None, &key_frame(3_000 * (round + 1)));
        assert_eq!(w.clients[bob].subscriber.packets.len(), before + round as usize + 1, "round {round}");
        let ssrc = w.clients[bob].subscriber.packets[0].header.ssrc;
        let asked = w.clients[ann].publisher.key_frame_requests;
        w.run(Duration::from_secs(1));
        w.ask_key_frame(bob, ssrc);
        w.run(Duration::from_millis(50));
        assert_eq!(w.clients[ann].publisher.key_frame_requests, asked + 1, "round {round}");
    }
}

#[test]
fn an_address_goes_to_another_client_when_the_first_is_gone() {
    for leaves in [true, false] {
        let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
        w.send_packet(ann, mid, None, &key_frame(0));
        w.run(Duration::from_millis(50));
        // Bob's computer is gone, with or without a word; the NAT gives what was bob's to carl.
        w.reuse_addresses_of(bob);
        if leaves {
            w.say(bob, Request::Leave(proto::LeaveRequest::default()));
        }
        w.clients.remove(bob);
        let carl = w.join("carl");
        if !leaves {
            // As long as bob may still be there; then carl's handshake comes through.
            w.run(Duration::from_secs(8));
        }
        w.run_until("carl's connection", |w| w.clients[carl].subscriber.connected);
        w.run_until("carl's picture", |w| {
            !w.clients[carl].subscriber.packets.is_empty() || w.clients[ann].publisher.key_frame_requests > 0
        });
        w.send_packet(ann, mid, None, &key_frame(90_000));
        w.run(Duration::from_millis(50));
        assert!(!w.clients[carl].subscriber.packets.is_empty(), "bob left with a word: {leaves}");
    }
}

#[test]
fn an_overheard_check_does_not_lead_media_away_from_a_silent_client() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.run(Duration::from_millis(50));
    let of_bob = w.overhear_check(bob, false);
    let stranger = "203.0.113.9:9".parse().unwrap();
    // Bob's way up is cut for a while, and somebody speaks in bob's name from elsewhere, then goes on with anything.
    w.clients[bob].subscriber.cut = true;
    let mut to_stranger = 0;
    for n in 1..100u32 {
        w.replay(stranger, &of_bob);
        w.replay(stranger, &[0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3]);
        w.write_packet(ann, mid, None, &delta_frame(3_000 * n));
        to_stranger += w.turn_after(ann).iter().filter(|to| **to == stranger).count();
        w.run(Duration::from_millis(20));
    }
    assert_eq!(to_stranger, 0);
}

#[test]
fn datagrams_that_come_twice_count_once() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.run(Duration::from_millis(50));
    let before = w.clients[bob].subscriber.packets.len();
    w.write_packet(ann, mid, None, &delta_frame(3_000));
    let overheard = w.overhear(ann);
    assert!(!overheard.is_empty());
    let known = w.clients[ann].publisher.address;
    for _ in 0..50 {
        for bytes in &overheard {
            w.replay(known, bytes);
        }
    }
    w.run(Duration::from_millis(50));
    assert_eq!(w.clients[bob].subscriber.packets.len(), before + 1, "the packet itself, once");
    w.send_packet(ann, mid, None, &delta_frame(6_000));
    w.run(Duration::from_millis(50));
    assert_eq!(w.clients[bob].subscriber.packets.len(), before + 2, "and the next");
}
