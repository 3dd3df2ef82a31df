//! Packets on their way from a publisher to its subscribers: key frames, repairs, layers, and who gets what.

use std::time::Duration;

use beckon_sfu::{Admission, JoinRequest};
use livekit_protocol as proto;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use str0m::media::{MediaKind, Mid};

use crate::support::{Packet, World, delta_frame, key_frame, numbers, sound, two};

#[test]
fn pictures_start_at_a_key_frame_and_are_asked_for_once() {
    let (mut w, ann, bob, sid, mid) = two(MediaKind::Video, &[]);
    assert_eq!(w.clients[bob].knows("ann").unwrap().tracks[0].sid, sid);
    w.send_packet(ann, mid, None, &delta_frame(3_000));
    w.run(Duration::from_millis(50));
    assert!(w.clients[bob].subscriber.packets.is_empty(), "nothing before a key frame");
    assert_eq!(w.clients[ann].publisher.key_frame_requests, 1);
    for i in 2..5 {
        w.send_packet(ann, mid, None, &delta_frame(i * 3_000));
    }
    w.run(Duration::from_millis(100));
    assert_eq!(w.clients[ann].publisher.key_frame_requests, 1, "asked once, not per packet");
    w.send_packet(ann, mid, None, &key_frame(18_000));
    w.send_packet(ann, mid, None, &delta_frame(21_000));
    w.run(Duration::from_millis(50));
    let got = &w.clients[bob].subscriber.packets;
    assert_eq!(got.len(), 2);
    assert_eq!(*got[1].seq_no, *got[0].seq_no + 1);
    assert_eq!(got[1].header.timestamp.wrapping_sub(got[0].header.timestamp), 3_000);
    assert_eq!(&got[0].payload[..3], &[0x78, 0, 4]);
}

#[test]
fn a_key_frame_that_does_not_come_is_asked_for_again() {
    let (mut w, ann, _bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &delta_frame(3_000));
    w.run(Duration::from_millis(1_700));
    let asked = w.clients[ann].publisher.key_frame_requests;
    assert!((3..=4).contains(&asked), "every half second, got {asked}");
}

#[test]
fn requests_of_many_subscribers_become_one() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    let others: Vec<_> = (0..4).map(|i| w.join(&format!("guest{i}"))).collect();
    w.run_until("guests connected", |w| others.iter().all(|&g| w.clients[g].subscriber.connected));
    w.send_packet(ann, mid, None, &key_frame(3_000));
    w.run(Duration::from_millis(1_000));
    w.send_packet(ann, mid, None, &key_frame(93_000));
    w.run(Duration::from_millis(1_000));
    let before = w.clients[ann].publisher.key_frame_requests;
    for client in others.into_iter().chain([bob]) {
        let ssrc = w.clients[client].subscriber.packets.last().unwrap().header.ssrc;
        w.ask_key_frame(client, ssrc);
    }
    w.run(Duration::from_millis(300));
    assert_eq!(w.clients[ann].publisher.key_frame_requests, before + 1);
}

#[test]
fn what_is_lost_on_the_way_to_a_subscriber_is_repaired_from_the_cache() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.run(Duration::from_millis(20));
    // Every fifth media datagram is lost; repairs (on another stream) are media datagrams too.
    let mut count = 0;
    w.clients[bob].subscriber.lose = Box::new(move |bytes| {
        let media = bytes.first().is_some_and(|b| (128..192).contains(b)) && bytes[1] & 0x7f == 108;
        count += u32::from(media);
        media && count % 5 == 0
    });
    for i in 1..=60 {
        w.send_packet(ann, mid, None, &delta_frame(i * 3_000));
        w.run(Duration::from_millis(30));
    }
    w.run(Duration::from_millis(500));
    let mut got = numbers(&w, bob);
    got.sort_unstable();
    got.dedup();
    let (first, last) = (got[0], got[got.len() - 1]);
    assert!(last - first >= 59, "the stream went on");
    let missing = (first..=last).filter(|n| got.binary_search(n).is_err()).count();
    assert!(missing <= 2, "{missing} of 60 not repaired");
}

#[test]
fn what_is_lost_before_the_server_leaves_a_gap_that_its_late_repair_fills() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    let send = |w: &mut World, seq: u64, key: bool| {
        let packet = if key { key_frame(seq as u32 * 3_000) } else { delta_frame(seq as u32 * 3_000) };
        w.send_packet(ann, mid, None, &Packet { seq: Some(seq), ..packet });
    };
    send(&mut w, 10, true);
    send(&mut w, 11, false);
    send(&mut w, 13, false);
    send(&mut w, 12, false);
    w.run(Duration::from_millis(50));
    let got = numbers(&w, bob);
    assert_eq!(got.iter().map(|n| n - got[0]).collect::<Vec<_>>(), [0, 1, 3, 2]);
}

#[test]
fn the_rest_of_a_key_frame_follows_its_late_beginning() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    let send = |w: &mut World, seq: u64, key: bool| {
        let packet = if key { key_frame(seq as u32 * 3_000) } else { delta_frame(seq as u32 * 3_000) };
        w.send_packet(ann, mid, None, &Packet { seq: Some(seq), ..packet });
    };
    send(&mut w, 10, false);
    for late in [13, 12, 14] {
        send(&mut w, late, false);
    }
    assert!(w.clients[bob].subscriber.packets.is_empty(), "nothing begins with these");
    send(&mut w, 11, true);
    send(&mut w, 15, false);
    w.run(Duration::from_millis(50));
    let got = &w.clients[bob].subscriber.packets;
    assert_eq!(&got[0].payload[..3], &[0x78, 0, 4]);
    let (seqs, times): (Vec<_>, Vec<_>) = got
        .iter()
        .map(|p| (*p.seq_no - *got[0].seq_no, p.header.timestamp.wrapping_sub(got[0].header.timestamp) / 3_000))
        .unzip();
    assert_eq!(seqs, [0, 1, 2, 3, 4]);
    assert_eq!(times, [0, 1, 2, 3, 4]);
}

#[test]
fn the_layer_follows_what_the_subscriber_asks_for_at_key_frames() {
    let (mut w, ann, bob, sid, mid) = two(MediaKind::Video, &["q", "h", "f"]);
    let mut clock = 0;
    let mut frames = |w: &mut World, n: u32, key: bool| {
        for _ in 0..n {
            clock += 3_000;
            for (layer, rid) in ["q", "h", "f"].iter().enumerate() {
                let mut packet = if key { key_frame(clock) } else { delta_frame(clock) };
                packet.payload.push(layer as u8);
                w.send_packet(ann, mid, Some(rid), &packet);
            }
            w.run(Duration::from_millis(30));
        }
    };
    frames(&mut w, 2, true);
    frames(&mut w, 20, false);
    frames(&mut w, 1, true);
    frames(&mut w, 5, false);
    let layer = |w: &World| w.clients[bob].subscriber.packets.last().unwrap().payload.last().copied();
    assert_eq!(layer(&w), Some(2), "the best one by default");
    let settings = proto::UpdateTrackSettings {
        track_sids: vec![sid],
        quality: proto::VideoQuality::Low as i32,
        ..Default::default()
    };
    w.say(bob, Request::TrackSetting(settings));
    frames(&mut w, 3, false);
    assert_eq!(layer(&w), Some(2), "not before a key frame of the other layer");
    frames(&mut w, 1, true);
    frames(&mut w, 3, false);
    assert_eq!(layer(&w), Some(0));
    let got = numbers(&w, bob);
    assert!(got.windows(2).all(|n| n[1] == n[0] + 1), "no gap in numbers over the switch");
    let times: Vec<_> = w.clients[bob].subscriber.packets.iter().map(|p| p.header.timestamp).collect();
    assert!(times.windows(2).all(|t| t[1].wrapping_sub(t[0]) < 90_000), "time goes on over the switch");
}

/// Which layers the publisher was asked for, each time.
fn layers_asked_for(w: &World, publisher: usize) -> Vec<Vec<bool>> {
    w.clients[publisher].heard(|m| match m {
        Response::SubscribedQualityUpdate(u) => {
            Some(u.subscribed_codecs[0].qualities.iter().map(|q| q.enabled).collect::<Vec<_>>())
        }
        _ => None,
    })
}

#[test]
fn in_a_call_of_two_only_one_layer_is_asked_for() {
    let (mut w, ann, _, _, mid) = two(MediaKind::Video, &["q", "h", "f"]);
    for n in 0..100 {
        w.write_packet(ann, mid, Some("f"), &key_frame(n * 9_000));
        w.run(Duration::from_millis(100));
    }
    assert_eq!(layers_asked_for(&w, ann), [[false, false, true]]);
}

#[test]
fn a_layer_that_the_publisher_gives_up_is_replaced_by_the_next_lower_one_at_once() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &["q", "h", "f"]);
    let send = |w: &mut World, n: u32, rids: &[&str]| {
        for (layer, rid) in rids.iter().enumerate() {
            let mut packet = key_frame(n * 3_000);
            packet.payload.push(layer as u8);
            w.write_packet(ann, mid, Some(rid), &packet);
        }
        w.run(Duration::from_millis(33));
    };
    let layer = |w: &World| w.clients[bob].subscriber.packets.last().unwrap().payload.last().copied();
    (0..30).for_each(|n| send(&mut w, n, &["q", "h", "f"]));
    assert_eq!(layer(&w), Some(2));
    (30..75).for_each(|n| send(&mut w, n, &["q", "h"]));
    assert_eq!(layer(&w), Some(1));
    (75..165).for_each(|n| send(&mut w, n, &["q", "h", "f"]));
    assert_eq!(layer(&w), Some(2));
}

#[test]
fn the_publisher_hears_which_layers_are_of_use() {
    let (mut w, ann, bob, sid, _) = two(MediaKind::Video, &["q", "h", "f"]);
    let settings =
        proto::UpdateTrackSettings { track_sids: vec![sid.clone()], width: 320, height: 180, ..Default::default() };
    w.say(bob, Request::TrackSetting(settings));
    w.run(Duration::from_secs(7));
    let told = layers_asked_for(&w, ann);
    assert_eq!(told[0], [false, false, true], "the largest, until somebody says how it is shown");
    assert_eq!(told.last().unwrap(), &[true, false, false]);
}

#[test]
fn a_track_that_ends_frees_its_section_for_the_next_one() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.run(Duration::from_millis(50));
    w.unpublish(ann, mid);
    assert!(w.clients[bob].knows("ann").unwrap().tracks.is_empty());
    let (_, mid) = w.publish(ann, MediaKind::Video, &[]);
    w.run(Duration::from_millis(100));
    let before = w.clients[bob].subscriber.packets.len();
    w.send_packet(ann, mid, None, &key_frame(700_000));
    w.run(Duration::from_millis(50));
    let packets = &w.clients[bob].subscriber.packets;
    assert_eq!(packets.len(), before + 1);
    assert_eq!(*packets[before].seq_no, *packets[before - 1].seq_no + 1, "numbers go on in a section used again");
    let offers = w.clients[bob].heard(|m| match m {
        Response::Offer(o) => Some(o.sdp.matches("\r\nm=").count()),
        _ => None,
    });
    assert_eq!(offers.last(), Some(&2), "data and one section for pictures");
}

#[test]
fn muting_stops_pictures_until_the_next_key_frame_and_everybody_knows() {
    let (mut w, ann, bob, sid, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.say(ann, Request::Mute(proto::MuteTrackRequest { sid: sid.clone(), muted: true }));
    assert!(w.clients[bob].knows("ann").unwrap().tracks[0].muted);
    w.run(Duration::from_secs(1));
    w.say(ann, Request::Mute(proto::MuteTrackRequest { sid, muted: false }));
    w.run(Duration::from_millis(20));
    let before = w.clients[bob].subscriber.packets.len();
    w.send_packet(ann, mid, None, &delta_frame(90_000));
    assert_eq!(w.clients[bob].subscriber.packets.len(), before);
    assert!(w.clients[ann].publisher.key_frame_requests >= 1);
    w.send_packet(ann, mid, None, &key_frame(93_000));
    w.run(Duration::from_millis(20));
    assert_eq!(w.clients[bob].subscriber.packets.len(), before + 1);
}

#[test]
fn a_subscriber_gets_only_what_it_chose() {
    let mut w = World::new();
    let ann = w.join("ann");
    let request = JoinRequest { auto_subscribe: false, ..JoinRequest::new(Admission::new("bob")) };
    let bob = w.try_join(request).unwrap();
    let (sid, mid) = w.publish(ann, MediaKind::Audio, &[]);
    w.run_until("connected", |w| w.clients[ann].publisher.connected && w.clients[bob].subscriber.connected);
    w.send_packet(ann, mid, None, &sound(0, -20));
    w.run(Duration::from_millis(20));
    assert!(w.clients[bob].subscriber.packets.is_empty());
    let choose = |subscribe| {
        Request::Subscription(proto::UpdateSubscription {
            track_sids: vec![sid.clone()],
            subscribe,
            ..Default::default()
        })
    };
    w.say(bob, choose(true));
    w.run(Duration::from_millis(50));
    w.send_packet(ann, mid, None, &sound(960, -20));
    w.run(Duration::from_millis(20));
    assert_eq!(w.clients[bob].subscriber.packets.len(), 1);
    w.say(bob, choose(false));
    w.send_packet(ann, mid, None, &sound(1_920, -20));
    w.run(Duration::from_millis(20));
    assert_eq!(w.clients[bob].subscriber.packets.len(), 1);
}

#[test]
fn a_layer_that_the_publisher_gave_up_is_not_asked_for_again_and_again() {
    let (mut w, ann, _, _, mid) = two(MediaKind::Video, &["q", "h", "f"]);
    let send = |w: &mut World, n: u32, rids: &[&str]| {
        for rid in rids {
            w.write_packet(ann, mid, Some(rid), &key_frame(n * 3_000));
        }
        w.run(Duration::from_millis(33));
    };
    (0..60).for_each(|n| send(&mut w, n, &["q", "h", "f"]));
    w.clients[ann].publisher.wanted_key_frames.clear();
    let (requests, told) = (w.clients[ann].publisher.key_frame_requests, layers_asked_for(&w, ann).len());
    // A minute without the largest.
    (60..1_860).for_each(|n| send(&mut w, n, &["q", "h"]));
    let of_the_largest =
        w.clients[ann].publisher.wanted_key_frames.iter().flatten().filter(|rid| ***rid == *"f").count();
    assert_eq!(of_the_largest, 0, "it begins with a key frame by itself, and browsers answer with one of every layer");
    assert!(
        w.clients[ann].publisher.key_frame_requests - requests <= 2,
        "the smaller one begins with a key frame, once"
    );
    let told = layers_asked_for(&w, ann).len() - told;
    assert!(told <= 6, "told {told} times what is needed");
}

#[test]
fn a_key_frame_that_nobody_waits_for_any_more_is_not_asked_for() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &delta_frame(3_000));
    w.run(Duration::from_millis(50));
    assert_eq!(w.clients[ann].publisher.key_frame_requests, 1);
    w.say(bob, Request::Leave(proto::LeaveRequest::default()));
    w.run(Duration::from_secs(3));
    assert_eq!(w.clients[ann].publisher.key_frame_requests, 1);
}

/// A client whose handshake is held up, beside a publisher of this kind.
fn held_up(kind: MediaKind) -> (World, usize, usize, Mid) {
    let mut w = World::new();
    let ann = w.join("ann");
    let (_, mid) = w.publish(ann, kind, &[]);
    w.run_until("ann is connected", |w| w.clients[ann].publisher.connected);
    w.holds_handshakes = true;
    let bob = w.join("bob");
    (w, ann, bob, mid)
}

#[test]
fn sound_of_before_the_handshake_does_not_come_in_a_burst_after_it() {
    let (mut w, ann, bob, mid) = held_up(MediaKind::Audio);
    let mut at = 0;
    let mut speak = |w: &mut World| {
        at += 1;
        w.send_packet(ann, mid, None, &sound(at * 960, -20));
        w.run(Duration::from_millis(20));
    };
    (0..150).for_each(|_| speak(&mut w));
    w.clients[bob].subscriber.lose = Box::new(|_| false);
    while !w.clients[bob].subscriber.connected {
        speak(&mut w);
    }
    (0..5).for_each(|_| speak(&mut w));
    let got = &w.clients[bob].subscriber.packets;
    assert!((4..=8).contains(&got.len()), "{} packets of sound", got.len());
}

#[test]
fn pictures_of_before_a_long_handshake_do_not_come_in_a_burst_after_it() {
    let (mut w, ann, bob, mid) = held_up(MediaKind::Video);
    w.send_packet(ann, mid, None, &key_frame(0));
    let mut at = 0;
    let mut show = |w: &mut World| {
        at += 1;
        w.send_packet(ann, mid, None, &delta_frame(at * 3_000));
        w.run(Duration::from_millis(33));
    };
    (0..90).for_each(|_| show(&mut w));
    w.clients[bob].subscriber.lose = Box::new(|_| false);
    let asked = w.clients[ann].publisher.key_frame_requests;
    while !w.clients[bob].subscriber.connected {
        show(&mut w);
    }
    show(&mut w);
    assert!(w.clients[ann].publisher.key_frame_requests > asked, "its first picture is a new one");
    assert!(w.clients[bob].subscriber.packets.len() <= 16, "half a second of pictures at most");
}
