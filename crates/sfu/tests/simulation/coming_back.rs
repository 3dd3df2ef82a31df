//! Who lost the signalling connection, and came back: what was said meanwhile, and what was said into a dead connection.

use std::time::{Duration, SystemTime};

use beckon_sfu::{Admission, JoinError, JoinRequest, LeaveReason, RoomEvent};
use livekit_protocol as proto;
use proto::participant_info::State;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use str0m::media::MediaKind;

use crate::support::{Client, World, delta_frame, key_frame, numbers, sound, two};

/// The connection is gone, and the server knows.
fn lose(w: &mut World, client: usize) {
    let lost = w.clients[client].connection;
    w.room.signal_closed(w.now, lost);
}

/// The same session goes on, on another connection.
fn resume(w: &mut World, client: usize) {
    let Client { sid, name, .. } = &w.clients[client];
    let request = JoinRequest { resume: Some(sid.clone()), ..JoinRequest::new(Admission::new(name.clone())) };
    let joined = w.room.join(w.now, SystemTime::UNIX_EPOCH, request).unwrap();
    assert!(joined.resumed);
    w.clients[client].connection = joined.connection;
    w.exchange();
}

#[test]
fn a_publisher_whose_connection_was_lost_is_told_of_its_first_subscriber_when_it_is_back() {
    let mut w = World::new();
    let ann = w.join("ann");
    let (sid, _) = w.publish(ann, MediaKind::Audio, &[]);
    lose(&mut w, ann);
    w.join("bob");
    resume(&mut w, ann);
    let told = w.clients[ann].heard(|m| match m {
        Response::TrackSubscribed(told) => Some(told.track_sid.clone()),
        _ => None,
    });
    assert_eq!(told, [sid]);
}

#[test]
fn a_lost_connection_can_be_resumed_and_media_goes_on() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Video, &[]);
    w.send_packet(ann, mid, None, &key_frame(0));
    w.run(Duration::from_millis(50));
    let before = numbers(&w, bob).len();
    lose(&mut w, bob);
    w.run(Duration::from_secs(3));
    resume(&mut w, bob);
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
    lose(&mut w, ann);
    w.run(Duration::from_secs(14));
    let info = w.clients[bob].knows("ann").unwrap();
    assert_eq!(info.state(), State::Disconnected);
    assert!(w.events.iter().any(|e| matches!(e, RoomEvent::ParticipantLeft { reason: LeaveReason::SignalLost, .. })));
}

#[test]
fn who_left_meanwhile_is_gone_for_who_comes_back() {
    let mut w = World::new();
    let [_ann, bob, carol, dave] = ["ann", "bob", "carol", "dave"].map(|name| w.join(name));
    lose(&mut w, bob);
    w.run(Duration::from_secs(1));
    w.say(carol, Request::Leave(proto::LeaveRequest::default()));
    w.say(dave, Request::Leave(proto::LeaveRequest::default()));
    w.run(Duration::from_secs(1));
    w.join("dave");
    assert_ne!(w.clients[bob].knows("carol").unwrap().state(), State::Disconnected);
    resume(&mut w, bob);
    assert_eq!(w.clients[bob].knows("carol").unwrap().state(), State::Disconnected);
    assert_ne!(w.clients[bob].knows("dave").unwrap().state(), State::Disconnected, "he is back");
    assert_ne!(w.clients[bob].knows("ann").unwrap().state(), State::Disconnected);
}

#[test]
fn who_left_while_the_connection_was_dead_and_nobody_knew_is_gone_too() {
    let mut w = World::new();
    let (bob, carol) = (w.join("bob"), w.join("carol"));
    w.say(bob, Request::PingReq(proto::Ping::default()));
    w.run(Duration::from_secs(2));
    let heard = w.clients[bob].heard.len();
    w.say(carol, Request::Leave(proto::LeaveRequest::default()));
    w.run(Duration::from_secs(5));
    // It never arrived.
    w.clients[bob].heard.truncate(heard);
    lose(&mut w, bob);
    resume(&mut w, bob);
    assert_eq!(w.clients[bob].knows("carol").unwrap().state(), State::Disconnected);
}

#[test]
fn who_left_while_one_was_too_slow_to_be_told_is_gone_too() {
    let mut w = World::new();
    let (bob, carol) = (w.join("bob"), w.join("carol"));
    w.run(Duration::from_secs(2));
    let heard = w.clients[bob].heard.len();
    w.room.signal_missed(w.clients[bob].connection);
    w.say(carol, Request::Leave(proto::LeaveRequest::default()));
    w.run(Duration::from_secs(2));
    // He takes what he was told before, and is heard all the time.
    w.say(bob, Request::PingReq(proto::Ping::default()));
    w.run(Duration::from_secs(2));
    w.clients[bob].heard.truncate(heard);
    lose(&mut w, bob);
    resume(&mut w, bob);
    assert_eq!(w.clients[bob].knows("carol").unwrap().state(), State::Disconnected);
}

#[test]
fn a_publisher_who_comes_back_is_told_again_what_is_needed() {
    let mut w = World::new();
    let (ann, bob) = (w.join("ann"), w.join("bob"));
    let (sid, mid) = w.publish(ann, MediaKind::Video, &["q", "h", "f"]);
    w.run_until("connected", |w| w.clients[ann].publisher.connected && w.clients[bob].subscriber.connected);
    let show = |w: &mut World, disabled| {
        let settings = proto::UpdateTrackSettings {
            track_sids: vec![sid.clone()],
            disabled,
            width: 1280,
            height: 720,
            ..Default::default()
        };
        w.say(bob, Request::TrackSetting(settings));
    };
    let asked = |w: &World| {
        let told = w.clients[ann].heard(|m| match m {
            Response::SubscribedQualityUpdate(u) => Some(u.subscribed_codecs[0].qualities.iter().any(|q| q.enabled)),
            _ => None,
        });
        told.last().copied()
    };
    let send = |w: &mut World, n: u32| {
        for rid in ["q", "h", "f"] {
            w.send_packet(ann, mid, Some(rid), &if n == 0 { key_frame(0) } else { delta_frame(n * 3_000) });
        }
        w.run(Duration::from_millis(33));
    };
    show(&mut w, false);
    for n in 0..30 {
        send(&mut w, n);
    }
    show(&mut w, true);
    w.run(Duration::from_secs(6));
    assert_eq!(asked(&w), Some(false), "nobody looks");
    lose(&mut w, ann);
    show(&mut w, false);
    w.run(Duration::from_secs(3));
    assert_eq!(asked(&w), Some(false), "there is nobody to tell");
    resume(&mut w, ann);
    assert_eq!(asked(&w), Some(true));
}

#[test]
fn an_offer_without_an_answer_is_followed_by_a_restart_of_ice() {
    let mut w = World::new();
    let (ann, bob) = (w.join("ann"), w.join("bob"));
    w.run_until("connected", |w| w.clients[bob].subscriber.connected);
    let offers = |w: &World| {
        w.clients[bob].heard(|m| match m {
            Response::Offer(offer) => Some((offer.id, ufrag(&offer.sdp))),
            _ => None,
        })
    };
    let before = offers(&w).last().cloned().unwrap();
    w.clients[bob].mute = true;
    w.publish(ann, MediaKind::Audio, &[]);
    let unanswered = offers(&w).last().cloned().unwrap();
    assert_eq!((unanswered.0, &unanswered.1), (before.0 + 1, &before.1));
    lose(&mut w, bob);
    w.clients[bob].mute = false;
    resume(&mut w, bob);
    w.run(Duration::from_millis(100));
    let after = offers(&w);
    assert!(after.iter().filter(|offer| **offer == unanswered).count() == 2, "the same again: {after:?}");
    let last = after.last().unwrap();
    assert!(last.0 > unanswered.0 && last.1 != before.1, "and then a way is looked for anew: {after:?}");
}

/// The sections of a description in which something is sent: `a=mid` and `a=msid` of each.
fn sent_in(sdp: &str) -> Vec<(String, String)> {
    let sections = sdp.split("\r\nm=").filter(|section| section.contains("a=sendonly"));
    let of = |section: &str, name: &str| {
        section.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned).unwrap_or_default()
    };
    sections.map(|section| (of(section, "a=mid:"), of(section, "a=msid:"))).collect()
}

#[test]
fn a_section_has_no_other_track_before_it_was_agreed_that_it_has_none() {
    let (mut w, ann, bob, _, camera) = two(MediaKind::Video, &[]);
    w.clients[bob].mute = true;
    // An offer waits for bob's answer, while one picture goes and another one comes.
    w.publish(ann, MediaKind::Audio, &[]);
    w.unpublish(ann, camera);
    let (sid, camera) = w.publish(ann, MediaKind::Video, &[]);
    w.clients[bob].mute = false;
    lose(&mut w, bob);
    resume(&mut w, bob);
    w.run(Duration::from_millis(100));
    let offers = w.clients[bob].heard(|m| match m {
        Response::Offer(offer) => Some(sent_in(&offer.sdp)),
        _ => None,
    });
    assert!(offers.last().unwrap().iter().any(|(_, msid)| msid.contains(&sid)), "{offers:?}");
    for pair in offers.windows(2) {
        for (mid, msid) in &pair[1] {
            let before = pair[0].iter().find(|(earlier, _)| earlier == mid);
            assert!(before.is_none_or(|(_, before)| before == msid), "{pair:?}");
        }
    }
    // The one that was left has the next.
    w.unpublish(ann, camera);
    w.publish(ann, MediaKind::Video, &[]);
    let last = w.clients[bob].heard(|m| match m {
        Response::Offer(offer) => Some(offer.sdp.matches("\r\nm=").count()),
        _ => None,
    });
    assert_eq!(last.last(), Some(&4), "data, sound and two for pictures");
}

#[test]
fn who_comes_back_hears_who_speaks_and_who_does_not() {
    let (mut w, ann, bob, _, mid) = two(MediaKind::Audio, &[]);
    let speak = |w: &mut World, level| {
        for i in 0..60 {
            w.send_packet(ann, mid, None, &sound(i * 960, level));
            w.run(Duration::from_millis(20));
        }
    };
    let ann_sid = w.clients[ann].sid.clone();
    let active = |w: &World| {
        let told = w.clients[bob].heard(|m| match m {
            Response::SpeakersChanged(s) => s.speakers.iter().find(|s| s.sid == ann_sid).map(|s| s.active),
            _ => None,
        });
        told.last().copied()
    };
    speak(&mut w, -15);
    assert_eq!(active(&w), Some(true));
    lose(&mut w, bob);
    speak(&mut w, -90);
    assert_eq!(active(&w), Some(true), "nobody told him");
    resume(&mut w, bob);
    assert_eq!(active(&w), Some(false));
}

/// The first ICE user name fragment of a description.
fn ufrag(sdp: &str) -> String {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap().to_owned()
}

#[test]
fn an_offer_that_comes_twice_is_answered_twice_and_changes_nothing() {
    let mut w = World::new();
    let ann = w.join("ann");
    let (_, mid) = w.publish(ann, MediaKind::Audio, &[]);
    let bob = w.join("bob");
    w.run_until("connected", |w| w.clients[ann].publisher.connected && w.clients[bob].subscriber.connected);
    let offer = w.clients[ann].offered.clone().unwrap();
    lose(&mut w, ann);
    resume(&mut w, ann);
    w.clients[ann].mute = true;
    w.say(ann, Request::Offer(offer));
    w.clients[ann].mute = false;
    let answers = w.clients[ann].heard(|m| match m {
        Response::Answer(answer) => Some((answer.id, answer.sdp.lines().filter(|l| l.starts_with("a=mid")).count())),
        _ => None,
    });
    assert_eq!(answers, [answers[0], answers[0]]);
    let published = w.events.iter().filter(|e| matches!(e, RoomEvent::TrackPublished { .. })).count();
    assert_eq!(published, 1);
    assert!(!w.events.iter().any(|e| matches!(e, RoomEvent::TrackUnpublished { .. })));
    w.send_packet(ann, mid, None, &sound(0, -20));
    w.run(Duration::from_millis(20));
    assert_eq!(w.clients[bob].subscriber.packets.len(), 1);
}
