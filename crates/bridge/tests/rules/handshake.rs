//! Who gets in, and how.

use beckon_bridge::core::{ConnectionId, Effect, EndReason, HELLO_WITHIN, Input, KEY_LIFE, LaunchId, Road};
use beckon_protocol::{
    Code, Secret,
    channel::{
        self,
        proof::{self, Handshake, Nonce, Place, Side},
    },
    launch::{Launch, LaunchKey, Origin},
    rpc::RpcError,
};
use serde_json::{Value, json};

use crate::world::{PAGE, PORT, World, code, room};

#[test]
fn hello_with_the_key_asks_for_consent_and_hides_the_app() {
    let mut world = World::new();
    let key = world.launch(1, false);
    world.open(1, Road::Loopback(PORT), PAGE);
    world.hello(1, &key);
    let welcome = world.answer().unwrap();
    assert_eq!(welcome["state"], "awaitingConsent");
    assert_eq!(welcome["app"], "");
    assert!(world.asked());
    world.input(Input::Consent { launch: LaunchId(1), allowed: true });
    let told = world.sent();
    assert_eq!(told[0]["method"], "launch.state");
    assert_eq!(told[0]["params"], json!({"state": "ready", "app": "9.9"}));
}

#[test]
fn a_key_is_taken_once() {
    let mut world = World::new();
    let key = world.launch(1, false);
    for connection in [1, 2] {
        world.open(connection, Road::Loopback(PORT), PAGE);
        world.hello(connection, &key);
    }
    assert_eq!(world.answer(), code(Code::WrongKey));
    assert_eq!(world.closed_with(), Some(channel::CLOSE_WRONG_KEY));
}

#[test]
fn two_sockets_that_know_the_key_are_one_too_many() {
    let mut world = World::new();
    let key = world.launch(1, false);
    for connection in [1, 2] {
        world.open(connection, Road::Loopback(PORT), PAGE);
    }
    let first = world.knock(1, &key).unwrap();
    let second = world.knock(2, &key).unwrap();
    world.prove(1, &first.proof(&key, Side::Page));
    assert!(world.answer().is_ok());
    world.prove(2, &second.proof(&key, Side::Page));
    assert_eq!(world.answer(), code(Code::WrongKey));
    assert_eq!(world.closed_with(), Some(channel::CLOSE_WRONG_KEY));
}

#[test]
fn a_wrong_proof_opens_nothing_and_leaves_the_key_to_its_page() {
    let mut world = World::new();
    let key = world.launch(1, false);
    let wrong: [fn(&Handshake, &LaunchKey) -> Secret; 4] = [
        |_, _| Secret::new(""),
        // The app's own proof, sent back.
        |handshake, key| handshake.proof(key, Side::App),
        // Another key.
        |handshake, _| handshake.proof(&LaunchKey::random(), Side::Page),
        // A proof that a page gave to whoever listened on another port.
        |handshake, key| Handshake { place: Place::Loopback(PORT + 1), ..handshake.clone() }.proof(key, Side::Page),
    ];
    for (connection, wrong) in (1..).zip(wrong) {
        world.open(connection, Road::Loopback(PORT), PAGE);
        let handshake = world.knock(connection, &key).unwrap();
        world.prove(connection, &wrong(&handshake, &key));
        assert_eq!(world.answer(), code(Code::WrongKey));
        assert_eq!(world.closed_with(), Some(channel::CLOSE_WRONG_KEY));
        assert!(!world.asked());
    }
    world.open(9, Road::Loopback(PORT), PAGE);
    world.hello(9, &key);
    assert!(world.answer().is_ok());
}

#[test]
fn neither_key_crosses_the_channel() {
    let mut world = World::new();
    let key = world.launch(1, false);
    world.open(1, Road::Loopback(PORT), PAGE);
    let handshake = world.knock(1, &key).unwrap();
    let mut said = format!("{:?}", world.done);
    world.prove(1, &handshake.proof(&key, Side::Page));
    said.push_str(&format!("{:?}", world.done));
    assert!(!said.contains(key.expose()) && !said.contains(handshake.resume_key(&key).expose()), "{said}");
}

#[test]
fn the_page_behind_a_refused_address_hears_why_and_no_more() {
    let mut world = World::new();
    let (key, origin) = (LaunchKey::random(), Origin::parse(PAGE).unwrap());
    let launch = || Launch { key: key.clone(), ports: vec![PORT], origin: origin.clone(), relay: None };
    let error = || RpcError::of(Code::LaunchVersion);
    world.input(Input::Refused { id: LaunchId(1), launch: launch(), error: error() });
    assert!(world.done.iter().any(|effect| matches!(effect, Effect::Listen { .. })));
    // Neither strangers nor other pages hear it.
    world.open(1, Road::Loopback(PORT), PAGE);
    world.call(1, "room.open", room(false));
    assert_eq!(world.answer(), code(Code::WrongKey));
    world.open(2, Road::Loopback(PORT), "https://evil.example");
    assert_eq!(world.knock(2, &key), Err(i64::from(Code::WrongKey.value())));

    world.open(3, Road::Loopback(PORT), PAGE);
    world.hello(3, &key);
    let welcome = world.answer().unwrap();
    assert_eq!((&welcome["state"], &welcome["app"]), (&json!("denied"), &json!("")));
    assert!(!world.asked());
    world.input(Input::Consent { launch: LaunchId(1), allowed: true });
    assert!(world.done.is_empty(), "nobody was asked, so nobody's word counts");
    world.call(3, "room.open", room(false));
    assert_eq!(world.answer(), code(Code::LaunchVersion));
    assert_eq!(world.ended(), Some(EndReason::Refused));
    assert_eq!(world.closed_with(), Some(channel::CLOSE_DENIED));
    assert!(!world.done.iter().any(|effect| matches!(effect, Effect::Call { .. })));
    assert!(world.core.is_idle());

    // Its key is spent, for whatever comes with it.
    world.input(Input::Launched { id: LaunchId(2), launch: launch() });
    assert_eq!(world.ended(), Some(EndReason::Replayed));
    world.input(Input::Refused { id: LaunchId(3), launch: launch(), error: error() });
    assert_eq!(world.ended(), Some(EndReason::Replayed));
}

#[test]
fn a_refused_address_whose_page_does_not_come_is_forgotten() {
    let mut world = World::new();
    let launch =
        Launch { key: LaunchKey::random(), ports: vec![PORT], origin: Origin::parse(PAGE).unwrap(), relay: None };
    world.input(Input::Refused { id: LaunchId(1), launch, error: RpcError::of(Code::LaunchInvalid) });
    world.pass(KEY_LIFE);
    assert_eq!(world.ended(), Some(EndReason::Unclaimed));
    assert!(world.core.is_idle());
}

#[test]
fn a_launch_url_cannot_be_replayed() {
    let mut world = World::new();
    let key = world.launch(1, false);
    world.pass(KEY_LIFE);
    assert_eq!(world.ended(), Some(EndReason::Unclaimed));
    let origin = Origin::parse(PAGE).unwrap();
    let launch = Launch { key, ports: vec![47610], origin, relay: None };
    world.input(Input::Launched { id: LaunchId(2), launch });
    assert_eq!(world.ended(), Some(EndReason::Replayed));
    assert!(world.core.is_idle());
}

#[test]
fn a_wrong_or_missing_key_or_anything_but_hello_first_is_turned_away() {
    let other = proof::key_id(&LaunchKey::random());
    let nonce = Nonce::random();
    let first = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
    };
    let first_messages = [
        first("hello", json!({"key": other, "nonce": nonce, "version": 1})),
        first("hello", json!({"key": "", "nonce": nonce, "version": 1})),
        first("hello", json!({"key": other, "nonce": "short", "version": 1})),
        first("hello", json!({"version": 1})),
        first("prove", json!({"proof": ""})),
        first("room.open", room(false)),
        json!({"jsonrpc": "2.0", "method": "hello"}).to_string(),
        "GET / HTTP/1.1".to_owned(),
        "{".repeat(2000),
    ];
    for message in first_messages {
        let mut world = World::new();
        world.launch(1, false);
        world.open(1, Road::Loopback(PORT), PAGE);
        world.text(1, message.clone());
        assert_eq!(world.closed_with(), Some(channel::CLOSE_WRONG_KEY), "{message}");
        assert!(!world.asked(), "{message}");
    }
}

#[test]
fn the_key_of_another_origins_launch_opens_nothing() {
    let mut world = World::new();
    let key = world.launch(1, false);
    world.open(1, Road::Loopback(PORT), "https://evil.example");
    world.hello(1, &key);
    assert_eq!(world.answer(), code(Code::WrongKey));
    // The rightful page still gets in.
    world.open(2, Road::Loopback(PORT), PAGE);
    world.hello(2, &key);
    assert!(world.answer().is_ok());
}

#[test]
fn a_socket_that_says_nothing_is_closed() {
    let mut world = World::new();
    world.launch(1, false);
    world.open(1, Road::Loopback(PORT), PAGE);
    world.pass(HELLO_WITHIN);
    assert_eq!(world.closed_with(), Some(channel::CLOSE_WRONG_KEY));
}

#[test]
fn the_first_road_to_say_hello_wins() {
    let mut world = World::new();
    let key = world.launch(1, true);
    world.open(1, Road::Relay(LaunchId(1)), PAGE);
    world.open(2, Road::Loopback(PORT), PAGE);
    world.hello(2, &key);
    assert!(world.answer().is_ok());
    assert!(world.done.contains(&Effect::CloseRelay { launch: LaunchId(1) }));
    world.hello(1, &key);
    assert_eq!(world.answer(), code(Code::WrongKey));
}

#[test]
fn a_relay_that_names_a_foreign_origin_is_left() {
    let mut world = World::new();
    let key = world.launch(1, true);
    world.open(1, Road::Relay(LaunchId(1)), "https://evil.example");
    assert_eq!(world.closed_with(), Some(channel::CLOSE_FOREIGN_ORIGIN));
    let hello = json!({"key": proof::key_id(&key), "nonce": Nonce::random(), "version": 1});
    world.call(1, "hello", hello);
    assert!(world.done.is_empty());
}

#[test]
fn through_the_relay_the_person_is_told_whose_word_the_origin_is() {
    let mut world = World::new();
    let key = world.launch(1, true);
    world.open(1, Road::Relay(LaunchId(1)), PAGE);
    world.hello(1, &key);
    let origin = Origin::parse(PAGE).unwrap();
    let relay = Some("meet.example.com:8443".to_owned());
    assert!(world.done.contains(&Effect::AskConsent { launch: LaunchId(1), origin, relay }));
    // A reload comes back by the same relay.
    world.input(Input::Lost { connection: ConnectionId(1), finished: false });
    assert!(matches!(world.done[..], [Effect::OpenRelay { .. }]));
}
