//! Who comes, who goes, what they are told and what they say to each other: real transports (str0m on both sides), no sockets, time by hand.

use std::time::Duration;

use beckon_sfu::{Admission, Client, JoinError, JoinRequest, LeaveReason, RoomEvent, ServerData};
use livekit_protocol as proto;
use prost::Message as _;
use proto::signal_request::Message as Request;
use proto::signal_response::Message as Response;
use str0m::media::MediaKind;

use crate::support::{World, sound, two};

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
fn others_are_told_what_a_clients_program_can_do() {
    let mut w = World::new();
    let ann = w.join("ann");
    let capability = proto::client_info::Capability::CapCompressionDeflateRaw;
    let client = Client { protocol: 2, capabilities: vec![capability] };
    let bob = w.try_join(JoinRequest { client, ..JoinRequest::new(Admission::new("bob")) }).unwrap();
    let told = w.clients[ann].knows("bob").unwrap();
    assert_eq!((told.client_protocol, told.capabilities), (2, vec![capability as i32]));
    assert_eq!(w.clients[bob].knows("ann").unwrap().client_protocol, 0, "who says nothing speaks the oldest");
}

#[test]
fn clients_are_told_to_publish_in_what_everybody_can_show() {
    let mut w = World::new();
    let ann = w.join("ann");
    let Response::Join(join) = &w.clients[ann].heard[0] else { panic!("no join response") };
    let mimes = |codecs: &[proto::Codec]| codecs.iter().map(|c| c.mime.clone()).collect::<Vec<_>>();
    assert_eq!(mimes(&join.enabled_publish_codecs), ["audio/opus", "video/h264"]);
    // That is advice: others are forwarded too.
    assert!(mimes(&join.room.as_ref().unwrap().enabled_codecs).contains(&"video/vp8".to_owned()));
}

#[test]
fn a_publisher_is_told_once_that_somebody_gets_its_track() {
    let mut w = World::new();
    let ann = w.join("ann");
    let (sid, _) = w.publish(ann, MediaKind::Audio, &[]);
    let told = |w: &World| {
        w.clients[ann].heard(|m| match m {
            Response::TrackSubscribed(told) => Some(told.track_sid.clone()),
            _ => None,
        })
    };
    let ghost = w.try_join(JoinRequest::new(Admission { hidden: true, ..Admission::new("ghost") })).unwrap();
    w.run_until("the hidden one is connected", |w| w.clients[ghost].subscriber.connected);
    assert!(told(&w).is_empty(), "a hidden subscriber is not told of");
    w.join("bob");
    assert_eq!(told(&w), [sid.as_str()]);
    w.join("carol");
    assert_eq!(told(&w), [sid.as_str()], "once");
}

#[test]
fn everybody_is_told_how_many_are_here() {
    let mut w = World::new();
    let ann = w.join("ann");
    let counts = |w: &World| {
        w.clients[ann].heard(|m| match m {
            Response::RoomUpdate(update) => update.room.as_ref().map(|r| (r.num_participants, r.num_publishers)),
            _ => None,
        })
    };
    let bob = w.join("bob");
    w.publish(bob, MediaKind::Audio, &[]);
    w.run(Duration::from_secs(6));
    assert_eq!(counts(&w), [(2, 1)]);
    w.run(Duration::from_secs(6));
    assert_eq!(counts(&w).len(), 1, "nothing changed");
    w.say(bob, Request::Leave(proto::LeaveRequest::default()));
    w.run(Duration::from_secs(6));
    assert_eq!(counts(&w), [(2, 1), (1, 0)]);
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
fn a_message_too_large_for_some_holds_up_no_other() {
    let mut w = World::new();
    let (ann, bob) = (w.join("ann"), w.join("bob"));
    let channel = w.open_channel(ann, "_reliable");
    w.run_until("all connected", |w| w.clients.iter().all(|c| c.subscriber.channels.len() == 2));
    // More than may be said, more than bob takes, and one to come through.
    for payload in [vec![0; 100_000], b"hi".to_vec()] {
        let user = proto::UserPacket { payload, ..Default::default() };
        let value = Some(proto::data_packet::Value::User(user));
        let packet = proto::DataPacket { value, ..Default::default() };
        let now = w.now;
        let rtc = &mut w.clients[ann].publisher.rtc;
        assert!(rtc.channel(channel).unwrap().write(true, &packet.encode_to_vec()).unwrap());
        rtc.handle_input(str0m::Input::Timeout(now)).unwrap();
        let from_server =
            ServerData { payload: vec![0; 300_000], topic: None, destinations: Vec::new(), reliable: true };
        w.room.send_data(now, from_server);
        w.run(Duration::from_millis(500));
    }
    let got: Vec<_> = w.clients[bob].subscriber.data.iter().map(|(_, bytes)| bytes.len()).collect();
    assert!(got.len() == 1 && got[0] < 100, "{got:?}");
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
fn what_somebody_says_of_itself_is_limited_in_all() {
    use proto::request_response::Reason::{LimitExceeded, Ok};
    let mut w = World::new();
    let ann =
        w.try_join(JoinRequest::new(Admission { can_update_own_metadata: true, ..Admission::new("ann") })).unwrap();
    let mut say = |attributes: &[(&str, usize)]| {
        let attributes = attributes.iter().map(|(name, length)| ((*name).into(), "x".repeat(*length))).collect();
        let update = proto::UpdateParticipantMetadata { request_id: 1, attributes, ..Default::default() };
        w.say(ann, Request::UpdateMetadata(update));
        let answers = w.clients[ann].heard(|m| match m {
            Response::RequestResponse(r) => Some(r.reason()),
            _ => None,
        });
        *answers.last().unwrap()
    };
    assert_eq!(say(&[("a", 40_000)]), Ok);
    assert_eq!(say(&[("b", 40_000)]), LimitExceeded, "with what it said before");
    assert_eq!(say(&[("a", 10), ("b", 40_000)]), Ok);
    assert_eq!(say(&[("b", 0), ("c", 60_000)]), Ok);
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
