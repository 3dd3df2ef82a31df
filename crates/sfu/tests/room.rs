//! Whole scenarios on the core: real transports (str0m on both sides), no sockets, time by hand.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use beckon_sfu::{Admission, JoinError, JoinRequest, LeaveReason, RoomEvent};
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use str0m::media::MediaKind;
use support::{Packet, World, delta_frame, key_frame, sound};

/// Two clients, the first with a track; both connected.
fn two(kind: MediaKind, rids: &[&str]) -> (World, usize, usize, String, str0m::media::Mid) {
    let mut w = World::new();
    let (ann, bob) = (w.join("ann"), w.join("bob"));
    let (sid, mid) = w.publish(ann, kind, rids);
    w.run_until("all connected", |w| w.clients[ann].publisher.connected && w.clients[bob].subscriber.connected);
    (w, ann, bob, sid, mid)
}

fn numbers(w: &World, client: usize) -> Vec<u64> {
    w.clients[client].subscriber.packets.iter().map(|p| *p.seq_no).collect()
}

#[test]
fn those_who_come_learn_of_those_who_are_there_and_the_other_way_round() {
    let mut w = World::new();
    let ann = w.join("ann");
    let bob = w.join("bob");
    assert!(w.clients[bob].knows("ann").is_some());
    assert!(w.clients[ann].knows("bob").is_some());
    assert!(matches!(w.clients[ann].heard[0], Response::Join(_)), "the join response comes first");
    w.run_until("active", |w| {
        let active = |e: &&RoomEvent| matches!(e, RoomEvent::ParticipantActive { .. });
        w.events.iter().filter(active).count() == 2
    });
}

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
fn an_older_session_of_the_same_identity_is_put_offline() {
    let mut w = World::new();
    let old = w.join("ann");
    let new = w.join("ann");
    let reasons = w.clients[old].heard(|m| match m {
        Response::Leave(l) => Some(l.reason()),
        _ => None,
    });
    assert_eq!(reasons, [proto::DisconnectReason::DuplicateIdentity]);
    assert!(w.clients[old].closed && !w.clients[new].closed);
    assert_eq!(w.room.participants().len(), 1);
    assert!(
        w.events.iter().any(|e| matches!(e, RoomEvent::ParticipantLeft { reason: LeaveReason::DuplicateIdentity, .. }))
    );
}

#[test]
fn a_full_room_says_so_but_lets_the_same_identity_back_in() {
    let mut w = World::with_limit(2);
    w.join("ann");
    w.join("bob");
    let carol = w.try_join(JoinRequest::new(Admission::new("carol")));
    assert_eq!(carol.unwrap_err(), JoinError::RoomFull(2));
    assert!(w.try_join(JoinRequest::new(Admission::new("bob"))).is_ok());
}

#[test]
fn a_lost_connection_can_be_resumed_and_media_goes_on() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.run(Duration::from_millis(50));
    let before = numbers(&w, bob).len();
    let lost = w.clients[bob].connection;
    w.room.signal_closed(w.now, lost);
    w.run(Duration::from_secs(3));
    let sid = w.clients[bob].sid.clone();
    let request = JoinRequest { resume: Some(sid), ..JoinRequest::new(Admission::new("bob")) };
    let joined = w.room.join(w.now, std::time::SystemTime::UNIX_EPOCH, request).unwrap();
    assert!(joined.resumed);
    w.clients[bob].connection = joined.connection;
    w.exchange();
    assert!(w.clients[bob].heard.iter().any(|m| matches!(m, Response::Reconnect(_))));
    w.run(Duration::from_millis(500));
    w.send_packet(ann, mid, None, &delta_frame(3_000));
    w.run(Duration::from_millis(50));
    assert!(numbers(&w, bob).len() > before);
    assert!(w.events.iter().all(|e| !matches!(e, RoomEvent::ParticipantLeft { .. })));
}

#[test]
fn a_session_that_is_not_known_cannot_be_resumed() {
    let mut w = World::new();
    w.join("ann");
    let request = JoinRequest { resume: Some("PA_other".into()), ..JoinRequest::new(Admission::new("ann")) };
    assert_eq!(w.try_join(request).unwrap_err(), JoinError::UnknownSession);
}

#[test]
fn who_does_not_come_back_is_gone() {
    let mut w = World::new();
    let (ann, bob) = (w.join("ann"), w.join("bob"));
    w.run_until("connected", |w| w.clients[bob].subscriber.connected);
    let lost = w.clients[ann].connection;
    w.room.signal_closed(w.now, lost);
    w.run(Duration::from_secs(14));
    let info = w.clients[bob].knows("ann").unwrap();
    assert_eq!(info.state(), proto::participant_info::State::Disconnected);
    assert!(w.events.iter().any(|e| matches!(e, RoomEvent::ParticipantLeft { reason: LeaveReason::SignalLost, .. })));
}

#[test]
fn an_empty_room_becomes_idle_after_its_time() {
    let mut w = World::new();
    let ann = w.join("ann");
    w.say(ann, Request::Leave(proto::LeaveRequest::default()));
    w.run(Duration::from_secs(19));
    assert!(!w.events.contains(&RoomEvent::Idle));
    w.run(Duration::from_secs(3));
    assert!(w.events.contains(&RoomEvent::Idle));
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
#[allow(deprecated)]
fn sound_of_two_channels_is_said_to_be_so_to_who_sends_and_to_who_hears_it() {
    let (mut w, ann, bob, _, _) = two(MediaKind::Audio, &[]);
    let said = |w: &World, client: usize| {
        let count = |sdp: &str| sdp.matches(";stereo=1;sprop-stereo=1\r\n").count();
        let counts = w.clients[client].heard(|m| match m {
            Response::Answer(d) | Response::Offer(d) => Some(count(&d.sdp)),
            _ => None,
        });
        counts.last().copied()
    };
    assert_eq!((said(&w, ann), said(&w, bob)), (Some(0), Some(0)), "a microphone has one");
    w.publish_as(ann, MediaKind::Audio, &[], |add| add.stereo = true);
    w.run(Duration::from_millis(100));
    assert_eq!((said(&w, ann), said(&w, bob)), (Some(1), Some(1)));
    w.publish_as(ann, MediaKind::Audio, &[], |add| add.push_audio_features(proto::AudioTrackFeature::TfStereo));
    w.run(Duration::from_millis(100));
    assert_eq!((said(&w, ann), said(&w, bob)), (Some(2), Some(2)), "by its newer name");
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
fn all_hear_how_connections_are_and_newcomers_at_once() {
    let (mut w, ann, bob, ..) = two(MediaKind::Audio, &[]);
    let told = |w: &World, who: usize, of: usize| {
        let sid = w.clients[of].sid.clone();
        let updates = w.clients[who].heard(|m| match m {
            Response::ConnectionQuality(update) => Some(update.updates.clone()),
            _ => None,
        });
        updates.concat().into_iter().rfind(|info| info.participant_sid == sid).map(|info| info.quality())
    };
    assert_eq!(told(&w, ann, bob), None, "nothing is known yet");
    w.run(Duration::from_secs(6));
    for (who, of) in [(ann, bob), (bob, ann), (bob, bob)] {
        assert_eq!(told(&w, who, of), Some(proto::ConnectionQuality::Excellent));
    }
    let carl = w.join("carl");
    assert_eq!(told(&w, carl, ann), Some(proto::ConnectionQuality::Excellent));
    assert_eq!(told(&w, carl, carl), None);
}

#[test]
fn a_speaker_is_told_to_all() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Audio, &[]);
    for i in 0..40 {
        w.send_packet(ann, mid, None, &sound(i * 960, -15));
        w.run(Duration::from_millis(20));
    }
    let ann_sid = w.clients[ann].sid.clone();
    let told = w.clients[bob].heard(|m| match m {
        Response::SpeakersChanged(s) => Some(s.speakers.clone()),
        _ => None,
    });
    assert!(told.iter().flatten().any(|s| s.sid == ann_sid && s.active && s.level > 0.05));
}

#[test]
fn data_goes_to_those_it_is_for_with_its_true_sender() {
    let mut w = World::new();
    let (ann, bob, carol) = (w.join("ann"), w.join("bob"), w.join("carol"));
    let channel = w.open_channel(ann, "_reliable");
    w.run_until("all connected", |w| w.clients.iter().all(|c| c.subscriber.channels.len() == 2));
    let packet = proto::DataPacket {
        participant_identity: "carol".into(),
        destination_identities: vec!["bob".into()],
        value: Some(proto::data_packet::Value::User(proto::UserPacket {
            payload: b"hi".to_vec(),
            ..Default::default()
        })),
        ..Default::default()
    };
    let now = w.now;
    let rtc = &mut w.clients[ann].publisher.rtc;
    assert!(rtc.channel(channel).unwrap().write(true, &packet.encode_to_vec()).unwrap());
    rtc.handle_input(str0m::Input::Timeout(now)).unwrap();
    w.run_until("bob has it", |w| !w.clients[bob].subscriber.data.is_empty());
    let (label, bytes) = &w.clients[bob].subscriber.data[0];
    let got = proto::DataPacket::decode(bytes.as_slice()).unwrap();
    assert_eq!((label.as_str(), got.participant_identity.as_str()), ("_reliable", "ann"));
    assert_eq!(got.participant_sid, w.clients[ann].sid);
    assert!(w.clients[carol].subscriber.data.is_empty() && w.clients[ann].subscriber.data.is_empty());
}

#[test]
fn who_may_not_publish_is_told_so() {
    let mut w = World::new();
    let ann = w.try_join(JoinRequest::new(Admission { can_publish: false, ..Admission::new("ann") })).unwrap();
    w.say(ann, Request::AddTrack(proto::AddTrackRequest { cid: "c".into(), ..Default::default() }));
    let refused = w.clients[ann].heard(|m| match m {
        Response::RequestResponse(r) => Some(r.reason()),
        _ => None,
    });
    assert_eq!(refused, [proto::request_response::Reason::NotAllowed]);
}

#[test]
fn hidden_participants_are_not_seen() {
    let mut w = World::new();
    let ann = w.join("ann");
    w.try_join(JoinRequest::new(Admission { hidden: true, ..Admission::new("ghost") })).unwrap();
    assert!(w.clients[ann].knows("ghost").is_none());
    assert_eq!(w.room.info().num_participants, 1);
}

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

#[test]
fn odd_requests_are_survived() {
    let mut w = World::new();
    let ann = w.join("ann");
    let bob = w.join("bob");
    let sdp = |sdp: &str| proto::SessionDescription { sdp: sdp.into(), ..Default::default() };
    w.say(ann, Request::Answer(sdp("")));
    w.say(
        ann,
        Request::Trickle(proto::TrickleRequest { candidate_init: "{".into(), target: 99, ..Default::default() }),
    );
    w.say(ann, Request::Mute(proto::MuteTrackRequest { sid: "TR_none".into(), muted: true }));
    w.say(
        ann,
        Request::TrackSetting(proto::UpdateTrackSettings {
            track_sids: vec!["x".into()],
            quality: -5,
            ..Default::default()
        }),
    );
    w.say(
        ann,
        Request::Subscription(proto::UpdateSubscription {
            track_sids: vec!["x".into()],
            subscribe: true,
            ..Default::default()
        }),
    );
    w.say(ann, Request::SyncState(proto::SyncState::default()));
    w.say(ann, Request::Simulate(proto::SimulateScenario::default()));
    w.say(ann, Request::PingReq(proto::Ping { timestamp: -1, rtt: i64::MIN }));
    assert!(!w.clients[ann].closed);
    w.say(ann, Request::Offer(sdp("v=0 this is no session description")));
    assert!(w.clients[ann].closed, "an offer that cannot be read ends its session");
    assert!(!w.clients[bob].closed, "and no other");
}

#[test]
fn a_closed_room_sends_everybody_away_and_lets_nobody_in() {
    let mut w = World::new();
    let ann = w.join("ann");
    w.room.close(w.now, LeaveReason::RoomDeleted);
    w.exchange();
    let reasons = w.clients[ann].heard(|m| match m {
        Response::Leave(l) => Some(l.reason()),
        _ => None,
    });
    assert_eq!(reasons, [proto::DisconnectReason::RoomDeleted]);
    assert_eq!(w.try_join(JoinRequest::new(Admission::new("bob"))).unwrap_err(), JoinError::RoomClosed);
}
