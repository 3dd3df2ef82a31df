//! Descriptions and packets made to break the server: whoever sends such a description is refused, and the room goes on for the others.

use std::time::Duration;

use livekit_protocol as proto;
use proto::request_response::Reason;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use str0m::media::MediaKind;

use crate::support::{World, delta_frame, key_frame, sound, two};

fn description(sdp: String, id: u32) -> proto::SessionDescription {
    proto::SessionDescription { sdp, id, ..Default::default() }
}

/// An offer as a client would make it, with these lines in one video section that sends and receives.
fn offer(attributes: &str) -> String {
    let section = attributes.replace('\n', "\r\n");
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\n\
         a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 {}\r\na=setup:actpass\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtcp-mux\r\n{section}",
        ["AB"; 32].join(":")
    )
}

/// Mallory sends a hostile offer while ann's pictures go to bob. Gives what mallory is told.
fn refused(sdp: String) -> String {
    let mut w = World::new();
    let (ann, bob, mallory) = (w.join("ann"), w.join("bob"), w.join("mallory"));
    let (_, mid) = w.publish(ann, MediaKind::Video, &[]);
    w.run_until("bob's connection", |w| w.clients[bob].subscriber.connected);
    w.say(mallory, Request::Offer(description(sdp, 1)));
    w.run(Duration::from_millis(100));
    let told = w.clients[mallory].heard(|m| match m {
        Response::RequestResponse(r) => Some((r.reason(), r.message.clone())),
        _ => None,
    });
    let left = w.clients[mallory].heard(|m| matches!(m, Response::Leave(_)).then_some(()));
    assert_eq!((told.len(), left.len()), (1, 1), "{told:?}");
    assert_eq!(told[0].0, Reason::InvalidRequest);
    assert!(w.clients[mallory].closed);

    let before = w.clients[bob].subscriber.packets.len();
    w.send_packet(ann, mid, None, &key_frame(3_000));
    w.send_packet(ann, mid, None, &delta_frame(6_000));
    w.run(Duration::from_millis(100));
    assert!(w.clients[bob].subscriber.packets.len() >= before + 2, "the others' pictures go on");
    let carl = w.join("carl");
    w.run(Duration::from_millis(100));
    assert!(!w.clients[ann].closed && !w.clients[bob].closed && !w.clients[carl].closed);
    told[0].1.clone()
}

#[test]
fn a_payload_type_for_two_codecs() {
    let said = refused(offer("a=rtpmap:96 VP8/90000\na=rtpmap:96 H264/90000\na=fmtp:96 packetization-mode=1\n"));
    assert!(said.contains("payload type 96 stands for vp8/90000 and for h264/90000"), "{said}");
}

#[test]
fn one_repair_payload_type_for_two_codecs() {
    let said = refused(offer(
        "a=rtpmap:96 VP8/90000\na=rtpmap:98 H264/90000\n\
         a=fmtp:98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\n\
         a=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\na=fmtp:97 apt=98\n",
    ));
    assert!(said.contains("payload type 97 stands for repairs of 96 and for repairs of 98"), "{said}");
}

#[test]
fn a_payload_type_that_is_none() {
    let said = refused(offer("a=rtpmap:200 VP8/90000\n"));
    assert!(said.contains("\"200\" is no payload type"), "{said}");
}

#[test]
fn more_sections_than_a_session_can_use() {
    let section = "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\n";
    let said = refused(offer(&section.repeat(600)));
    assert!(said.contains("media sections"), "{said}");
}

#[test]
fn more_candidates_than_anyone_has() {
    let said = refused(offer(&"a=candidate:1 1 udp 1 10.0.0.9 9 typ host\n".repeat(3_000)));
    assert!(said.contains("candidates"), "{said}");
}

#[test]
fn more_bytes_than_a_description_needs() {
    let said = refused(offer(&"a=x\n".repeat(300_000)));
    assert!(said.contains("bytes"), "{said}");
}

#[test]
fn an_answer_with_a_payload_type_for_two_codecs() {
    let mut w = World::new();
    let (ann, bob) = (w.join("ann"), w.join("bob"));
    let mallory = w.join("mallory");
    w.clients[mallory].mute = true;
    // Now an offer of the server's waits for mallory's answer.
    w.publish(ann, MediaKind::Video, &[]);
    let sdp = offer("a=rtpmap:96 VP8/90000\na=rtpmap:96 H264/90000\n");
    w.say(mallory, Request::Answer(description(sdp, 0)));
    assert!(w.clients[mallory].closed && !w.clients[ann].closed && !w.clients[bob].closed);
}

#[test]
fn candidates_without_end_are_not_kept() {
    let mut w = World::new();
    let (ann, mallory) = (w.join("ann"), w.join("mallory"));
    for port in 1..=5_000u16 {
        let init = format!("{{\"candidate\":\"candidate:1 1 udp 1 10.0.0.9 {port} typ host\"}}");
        w.say(mallory, Request::Trickle(proto::TrickleRequest { candidate_init: init, ..Default::default() }));
    }
    assert!(!w.clients[mallory].closed && !w.clients[ann].closed);
}

#[test]
fn a_second_meaning_in_a_later_offer() {
    let plain = |of_98| {
        let rest =
            "a=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\na=rtpmap:99 rtx/90000\na=fmtp:99 apt=98\n";
        offer(&format!("{rest}a=rtpmap:98 {of_98}/90000\n"))
    };
    let mut w = World::new();
    let (ann, mallory) = (w.join("ann"), w.join("mallory"));
    w.clients[mallory].mute = true;
    w.say(mallory, Request::Offer(description(plain("H264"), 1)));
    w.run(Duration::from_millis(100));
    let answers = w.clients[mallory].heard(|m| matches!(m, Response::Answer(_)).then_some(()));
    assert!(answers.len() == 1 && !w.clients[mallory].closed, "what it means once is taken");

    w.say(mallory, Request::Offer(description(plain("VP8"), 2)));
    w.run(Duration::from_millis(100));
    let told = w.clients[mallory].heard(|m| match m {
        Response::RequestResponse(r) => Some(r.message.clone()),
        _ => None,
    });
    assert!(
        told.iter().any(|said| said.contains("payload type 98 stands for h264/90000 and for vp8/90000")),
        "{told:?}"
    );
    assert!(w.clients[mallory].closed && !w.clients[ann].closed);
}

#[test]
fn figures_that_nobody_can_count_with() {
    let mut w = World::new();
    let (mallory, ann) = (w.join("mallory"), w.join("ann"));
    let (_, mid) = w.publish_as(mallory, MediaKind::Video, &["q", "h", "f"], |add| {
        for layer in &mut add.layers {
            (layer.width, layer.height) = (u32::MAX, u32::MAX);
        }
    });
    let scenario = Some(proto::simulate_scenario::Scenario::SubscriberBandwidth(i64::MAX));
    w.say(ann, Request::Simulate(proto::SimulateScenario { scenario }));
    w.run_until("connected", |w| w.clients[mallory].publisher.connected && w.clients[ann].subscriber.connected);
    for n in 0..60 {
        w.send_packet(mallory, mid, Some("q"), &key_frame(n * 3_000));
        w.run(Duration::from_millis(33));
    }
    assert!(!w.clients[ann].subscriber.packets.is_empty());
    assert!(!w.clients[mallory].closed && !w.clients[ann].closed);
}

#[test]
fn more_words_about_a_track_than_anybody_needs() {
    let mut w = World::new();
    let (mallory, ann) = (w.join("mallory"), w.join("ann"));
    let add = proto::AddTrackRequest { cid: "c".into(), name: "x".repeat(100_000), ..Default::default() };
    w.say(mallory, Request::AddTrack(add));
    let refused = w.clients[mallory].heard(|m| match m {
        Response::RequestResponse(r) => Some(r.reason()),
        _ => None,
    });
    assert_eq!(refused, [Reason::LimitExceeded]);
    let (track_sid, _) = w.publish(mallory, MediaKind::Audio, &[]);
    let features = vec![proto::AudioTrackFeature::TfStereo as i32; 100_000];
    w.say(mallory, Request::UpdateAudioTrack(proto::UpdateLocalAudioTrack { track_sid, features }));
    assert!(w.clients[ann].knows("mallory").unwrap().tracks[0].audio_features.is_empty());
}

#[test]
fn a_packet_from_before_the_first_of_all() {
    let (mut w, mallory, ann, _, mid) = two(MediaKind::Audio, &[]);
    // The count of turns goes below nothing with the second, at the receiver as at who encrypts it.
    for (seq, timestamp) in [(5, 960), (u64::MAX - 5, 1_920), (6, 2_880)] {
        w.send_packet(mallory, mid, None, &crate::support::Packet { seq: Some(seq), ..sound(timestamp, -30) });
    }
    assert_eq!(w.clients[ann].subscriber.packets.len(), 1, "only the first can be");
    let (_, camera) = w.publish(mallory, MediaKind::Video, &[]);
    for n in 0..20 {
        w.send_packet(mallory, camera, None, &key_frame(n * 3_000));
    }
    // Long enough for all connections to be judged.
    w.run(Duration::from_secs(6));
    assert!(!w.clients[mallory].closed && !w.clients[ann].closed);
}

/// Says something fifty times a second, for ten seconds, each time the other way round: yes at last. How often the other one is told,
/// and what at last.
fn told_of_a_flood<T>(
    say: impl Fn(&str, bool) -> Request,
    hear: impl Fn(&Response) -> Option<T>,
) -> (usize, Option<T>) {
    let (mut w, mallory, bob, sid, _) = two(MediaKind::Audio, &[]);
    let before = w.clients[bob].heard(&hear).len();
    for n in 1..=500 {
        w.say(mallory, say(&sid, n % 2 == 0));
        w.run(Duration::from_millis(20));
    }
    w.run(Duration::from_millis(700));
    let mut told = w.clients[bob].heard(&hear);
    w.run(Duration::from_secs(2));
    assert_eq!(w.clients[bob].heard(&hear).len(), told.len(), "there is nothing left to tell");
    assert!(!w.clients[bob].closed && !w.clients[mallory].closed);
    (told.len() - before, told.pop())
}

#[test]
fn a_flood_of_mutes_is_told_at_a_pace_and_its_end_always() {
    let (times, muted) = told_of_a_flood(
        |sid, muted| Request::Mute(proto::MuteTrackRequest { sid: sid.into(), muted }),
        |m| match m {
            Response::Update(update) => update.participants.first()?.tracks.first().map(|track| track.muted),
            _ => None,
        },
    );
    assert!((20..=35).contains(&times), "{times}");
    assert_eq!(muted, Some(true));
}

#[test]
fn so_is_a_flood_of_who_may_hear() {
    let (times, allowed) = told_of_a_flood(
        |_, all_participants| {
            let permission = proto::SubscriptionPermission { all_participants, ..Default::default() };
            Request::SubscriptionPermission(permission)
        },
        |m| match m {
            Response::SubscriptionPermissionUpdate(update) => Some(update.allowed),
            _ => None,
        },
    );
    assert!((5..=35).contains(&times), "{times}");
    assert_eq!(allowed, Some(true));
}
