//! The channel's rules, with a clock moved by hand.
#![allow(clippy::unwrap_used)]

mod handshake;
mod world;

use std::time::Duration;

use beckon_bridge::core::{
    BURST, ConnectionId, Effect, EndReason, GRACE, Input, LaunchId, PING_EVERY, Road, SILENCE, STANDBY, STRIKES,
};
use beckon_protocol::{
    Code,
    channel::{
        self, Call, Event,
        app::{Chat, Closed, Members, RoomPhase},
    },
    launch::DEFAULT_PORTS,
    rpc::RpcError,
};
use serde_json::json;

use world::{PAGE, PORT, World, code, room, state};

#[test]
fn a_launch_listens_and_meets_at_the_relay() {
    let mut world = World::new();
    let key = world.launch(1, true);
    assert_eq!(world.done[0], Effect::Listen { launch: LaunchId(1), ports: DEFAULT_PORTS.to_vec() });
    let Effect::OpenRelay { url, .. } = &world.done[1] else { panic!("no relay") };
    let expected = format!("wss://meet.example.com:8443/relay?side=app&id={}", beckon_protocol::relay::id(&key));
    assert_eq!(url.as_str(), expected);
    assert!(!url.as_str().contains(key.expose()), "the relay's address must not give the key away");
}

#[test]
fn calls_wait_for_consent() {
    let (mut world, _) = World::connected(false);
    assert!(world.call(1, "room.open", room(false)).is_empty());
    world.input(Input::Consent { launch: LaunchId(1), allowed: true });
    let call = world.handed_over();
    world.input(Input::Reply { call, outcome: Ok(json!({"roomID": "r"})) });
    assert_eq!(world.answer(), Ok(json!({"roomID": "r"})));
}

#[test]
fn a_no_refuses_what_waits_and_ends_the_launch() {
    let (mut world, _) = World::connected(false);
    world.call(1, "room.open", room(false));
    world.input(Input::Consent { launch: LaunchId(1), allowed: false });
    assert_eq!(world.sent()[0]["params"], json!({"state": "denied", "app": ""}));
    assert_eq!(world.answer(), code(Code::ConsentDenied));
    assert_eq!(world.closed_with(), Some(channel::CLOSE_DENIED));
    assert_eq!(world.ended(), Some(EndReason::Denied));
}

#[test]
fn a_page_that_gives_up_waiting_takes_the_question_back() {
    let (mut world, _) = World::connected(false);
    world.input(Input::Lost { connection: ConnectionId(1), finished: true });
    assert_eq!(world.ended(), Some(EndReason::PageGone));
}

#[test]
fn calls_of_an_allowed_page_reach_the_app_and_wrong_ones_are_answered() {
    let (mut world, _) = World::connected(true);
    world.call(1, "chat.send", json!({"message": "hi"}));
    assert_eq!(world.answer(), code(Code::NoRoom));
    world.call(1, "room.burn", json!({}));
    assert_eq!(world.answer(), code(Code::UnknownMethod));
    world.call(1, "room.open", json!({}));
    assert_eq!(world.answer(), code(Code::MissingParameter));
    world.call(1, "prove", json!({"proof": ""}));
    assert_eq!(world.answer(), code(Code::BadMessage));
    world.call(1, "room.open", room(false));
    assert!(matches!(&world.done[0], Effect::Call { call: Call::RoomOpen(_), .. }));
    world.call(1, "room.open", room(false));
    assert_eq!(world.answer(), code(Code::AlreadyOpen));
    world.call(1, "chat.send", json!({"message": "hi"}));
    assert!(matches!(&world.done[0], Effect::Call { call: Call::ChatSend(_), .. }));
}

#[test]
fn a_room_that_could_not_be_opened_may_be_opened_again() {
    let (mut world, _) = World::connected(true);
    world.call(1, "room.open", room(false));
    let call = world.handed_over();
    world.input(Input::Reply { call, outcome: Err(RpcError::of(Code::SigExpired)) });
    assert_eq!(world.answer(), code(Code::SigExpired));
    world.call(1, "room.open", room(false));
    world.handed_over();
}

#[test]
fn malformed_messages_are_answered_and_too_many_close_the_channel() {
    let (mut world, _) = World::connected(true);
    for _ in 1..STRIKES {
        world.text(1, "{not json");
        assert_eq!(world.answer(), code(Code::BadMessage));
        assert_eq!(world.closed_with(), None);
    }
    world.text(1, "x".repeat(300_000));
    assert_eq!(world.answer(), code(Code::MessageTooLarge));
    assert_eq!(world.closed_with(), Some(channel::CLOSE_BAD_MESSAGES));
}

#[test]
fn a_page_may_send_only_so_many_messages() {
    let (mut world, _) = World::connected(true);
    let mut refused = None;
    for sent in 0..=BURST {
        world.call(1, "window.focus", json!({}));
        if world.answer() == code(Code::TooManyMessages) {
            refused = Some(sent);
            break;
        }
    }
    assert_eq!(refused, Some(BURST - 2), "`hello` and `prove` count too");
    world.pass(Duration::from_secs(1));
    world.call(1, "window.focus", json!({}));
    assert_eq!(world.answer(), code(Code::NoRoom));
}

#[test]
fn a_reloaded_page_resumes_and_hears_what_it_missed() {
    let (mut world, resume) = World::in_room(true);
    let member = beckon_protocol::room::Member {
        user_id: "v".into(),
        user_name: "V".into(),
        user_avatar: String::new(),
        role: beckon_protocol::room::Role::Member,
    };
    world.input(Input::Lost { connection: ConnectionId(1), finished: false });
    world.notify(Event::Members(Members { room_id: "r".into(), members: vec![member] }));
    let chat = Chat {
        room_id: "r".into(),
        user_id: "v".into(),
        user_name: "V".into(),
        user_avatar: String::new(),
        message: "still there?".into(),
        time: 0,
    };
    assert!(world.notify(Event::Chat(chat)).is_empty());
    assert!(world.pass(GRACE - Duration::from_millis(1)).is_empty());

    world.open(2, Road::Loopback(PORT), PAGE);
    world.hello(2, &resume);
    let welcome = world.answer().unwrap();
    assert_eq!(welcome["state"], "ready");
    assert_eq!(welcome["app"], "9.9");
    let room = json!({
        "roomID": "r", "phase": "connected", "camera": true, "microphone": true, "speaker": true, "screen": false,
    });
    assert_eq!(welcome["room"], room);
    let methods: Vec<_> = world.sent().iter().filter_map(|m| m["method"].as_str().map(str::to_owned)).collect();
    assert_eq!(methods, ["members", "chat"]);
    assert!(!world.asked(), "consent is not asked twice");
    assert!(world.pass(GRACE).iter().all(|e| matches!(e, Effect::Ping { .. })));

    // The key that resumed is spent.
    world.open(3, Road::Loopback(PORT), PAGE);
    world.hello(3, &resume);
    assert_eq!(world.answer(), code(Code::WrongKey));
}

#[test]
fn a_page_that_connects_anew_replaces_its_older_socket() {
    let (mut world, resume) = World::in_room(false);
    world.open(2, Road::Loopback(PORT), PAGE);
    world.hello(2, &resume);
    assert_eq!(
        world.done[0],
        Effect::Close {
            connection: ConnectionId(1),
            status: channel::CLOSE_REPLACED,
            reason: "the page connected anew"
        }
    );
    assert!(world.input(Input::Lost { connection: ConnectionId(1), finished: false }).is_empty());
    world.notify(Event::RoomState(state(RoomPhase::Reconnecting)));
    assert!(matches!(world.done[0], Effect::Send { connection: ConnectionId(2), .. }));
}

#[test]
fn a_page_that_stays_away_closes_its_room_only_if_it_asked_for_that() {
    for close_room in [true, false] {
        let (mut world, resume) = World::in_room(close_room);
        world.input(Input::Lost { connection: ConnectionId(1), finished: true });
        world.pass(GRACE);
        assert_eq!(world.done, [Effect::PageGone { launch: LaunchId(1), close_room }]);
        assert!(world.pass(GRACE).is_empty(), "told once");
        if close_room {
            world.notify(Event::Closed(Closed { room_id: "r".into(), code: Code::Ok, msg: String::new() }));
            assert_eq!(world.ended(), Some(EndReason::PageGone));
        } else {
            // The page may find its room again as long as it is open.
            world.open(2, Road::Loopback(PORT), PAGE);
            world.hello(2, &resume);
            assert_eq!(world.answer().unwrap()["room"]["roomID"], "r");
        }
    }
}

#[test]
fn a_page_whose_room_ended_while_it_reloaded_is_told() {
    let (mut world, resume) = World::in_room(false);
    world.input(Input::Lost { connection: ConnectionId(1), finished: false });
    world.notify(Event::Closed(Closed { room_id: "r".into(), code: Code::RoomDestroyed, msg: "over".into() }));
    world.open(2, Road::Loopback(PORT), PAGE);
    world.hello(2, &resume);
    assert!(world.answer().unwrap().get("room").is_none());
    assert_eq!(world.sent()[1]["params"], json!({"roomID": "r", "code": 3005, "msg": "over"}));
}

#[test]
fn a_page_whose_room_is_over_opens_the_next_one_without_a_launch() {
    let over = Event::Closed(Closed { room_id: "r".into(), code: Code::Ok, msg: String::new() });
    let (mut world, resume) = World::in_room(false);
    // As rooms tell it.
    world.notify(Event::RoomState(state(RoomPhase::Ended)));
    world.notify(over.clone());
    assert!(world.input(Input::Lost { connection: ConnectionId(1), finished: false }).is_empty(), "no relay for that");
    assert!(world.pass(STANDBY - Duration::from_millis(1)).is_empty());
    world.open(2, Road::Loopback(PORT), PAGE);
    world.hello(2, &resume);
    let welcome = world.answer().unwrap();
    assert_eq!((&welcome["state"], welcome.get("room")), (&json!("ready"), None));
    assert!(!world.asked());
    world.call(2, "room.open", room(false));
    assert!(matches!(&world.done[0], Effect::Call { call: Call::RoomOpen(_), .. }));

    // Another origin that learned the key has no use for it, and neither has anybody later.
    let (mut world, resume) = World::in_room(false);
    world.notify(over);
    world.input(Input::Lost { connection: ConnectionId(1), finished: false });
    world.open(2, Road::Loopback(PORT), "https://evil.example");
    world.hello(2, &resume);
    assert_eq!(world.answer(), code(Code::WrongKey));
    world.pass(STANDBY);
    assert_eq!(world.ended(), Some(EndReason::PageGone));
}

#[test]
fn a_silent_page_counts_as_away() {
    let (mut world, _) = World::in_room(false);
    world.pass(PING_EVERY);
    assert_eq!(world.done, [Effect::Ping { connection: ConnectionId(1) }]);
    world.input(Input::Heard { connection: ConnectionId(1) });
    world.pass(SILENCE - Duration::from_millis(1));
    assert_eq!(world.closed_with(), None);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.closed_with(), Some(1001));
    world.pass(GRACE);
    assert_eq!(world.done, [Effect::PageGone { launch: LaunchId(1), close_room: false }]);
}

#[test]
fn a_launch_without_any_road_ends() {
    let mut world = World::new();
    world.launch(1, false);
    world.input(Input::NoListener { launch: LaunchId(1) });
    assert_eq!(world.ended(), Some(EndReason::NoRoad));
    world.launch(2, true);
    assert!(world.input(Input::NoListener { launch: LaunchId(2) }).is_empty(), "the relay is left");
}

#[test]
fn the_core_wants_to_be_woken_only_while_something_is_going_on() {
    let (mut world, _) = World::in_room(false);
    assert!(world.core.deadline().unwrap() <= world.now + PING_EVERY);
    world.input(Input::End { launch: LaunchId(1) });
    assert_eq!(world.closed_with(), Some(1000));
    assert_eq!(world.core.deadline(), None);
    assert!(world.core.is_idle());
}
