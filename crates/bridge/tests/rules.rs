//! The channel's rules, with a clock moved by hand.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use beckon_bridge::core::{
    BURST, CallId, ConnectionId, Core, Effect, EndReason, GRACE, HELLO_WITHIN, Input, KEY_LIFE, LaunchId, PING_EVERY,
    Road, SILENCE, STRIKES,
};
use beckon_protocol::{
    Code,
    channel::{
        self, Call, Event,
        app::{Chat, Closed, Members, RoomPhase, RoomState},
    },
    launch::{DEFAULT_PORTS, Launch, LaunchKey, Origin},
    rpc::RpcError,
};
use serde_json::{Value, json};
use url::Url;

const PAGE: &str = "https://crm.example.com";

/// A core, its clock and what it did last.
struct World {
    core: Core,
    now: Instant,
    done: Vec<Effect>,
    calls: i64,
}

impl World {
    fn new() -> Self {
        Self { core: Core::new("9.9"), now: Instant::now(), done: Vec::new(), calls: 0 }
    }

    fn input(&mut self, input: Input) -> &[Effect] {
        self.done = self.core.handle(input, self.now);
        &self.done
    }

    fn pass(&mut self, time: Duration) -> &[Effect] {
        self.now += time;
        self.input(Input::Tick)
    }

    fn launch(&mut self, id: u64, relay: bool) -> LaunchKey {
        let key = LaunchKey::random();
        let launch = Launch {
            key: key.clone(),
            ports: DEFAULT_PORTS.to_vec(),
            origin: Origin::parse(PAGE).unwrap(),
            relay: relay.then(|| Url::parse("wss://meet.example.com:8443/relay").unwrap()),
        };
        self.input(Input::Launched { id: LaunchId(id), launch });
        key
    }

    fn open(&mut self, connection: u64, road: Road, origin: &str) -> &[Effect] {
        let origin = Origin::parse(origin).unwrap();
        self.input(Input::Opened { connection: ConnectionId(connection), road, origin })
    }

    fn text(&mut self, connection: u64, text: impl Into<String>) -> &[Effect] {
        self.input(Input::Text { connection: ConnectionId(connection), text: text.into() })
    }

    fn call(&mut self, connection: u64, method: &str, params: Value) -> &[Effect] {
        self.calls += 1;
        let text = json!({"jsonrpc": "2.0", "id": self.calls, "method": method, "params": params}).to_string();
        self.text(connection, text)
    }

    fn hello(&mut self, connection: u64, key: &str) -> &[Effect] {
        self.call(connection, "hello", json!({"key": key, "version": 1, "shim": "test"}))
    }

    /// A page that has come through the door, on connection 1 of launch 1.
    fn connected(allowed: bool) -> (Self, String) {
        let mut world = Self::new();
        let key = world.launch(1, false);
        world.open(1, Road::Loopback, PAGE);
        world.hello(1, key.expose());
        let resume = world.answer().unwrap()["resumeKey"].as_str().unwrap().to_owned();
        if allowed {
            world.input(Input::Consent { launch: LaunchId(1), allowed: true });
        }
        (world, resume)
    }

    /// A page in a room.
    fn in_room(close_with_page: bool) -> (Self, String) {
        let (mut world, resume) = Self::connected(true);
        world.call(1, "room.open", room(close_with_page));
        let call = world.handed_over();
        world.input(Input::Reply { call, outcome: Ok(json!({"roomID": "r"})) });
        world.notify(Event::RoomState(state(RoomPhase::Connected)));
        (world, resume)
    }

    fn notify(&mut self, event: Event) -> &[Effect] {
        self.input(Input::Notify { launch: LaunchId(1), event })
    }

    /// Messages sent by the last input, parsed.
    fn sent(&self) -> Vec<Value> {
        self.done
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send { text, .. } => Some(serde_json::from_str(text).unwrap()),
                _ => None,
            })
            .collect()
    }

    /// The answer sent by the last input: its result, or its error's code.
    fn answer(&self) -> Result<Value, i64> {
        let sent = self.sent();
        let message = sent.iter().find(|m| m.get("method").is_none()).expect("an answer");
        message.get("result").cloned().ok_or_else(|| message["error"]["code"].as_i64().unwrap())
    }

    fn handed_over(&self) -> CallId {
        self.done.iter().find_map(|e| if let Effect::Call { id, .. } = e { Some(*id) } else { None }).expect("a call")
    }

    fn closed_with(&self) -> Option<u16> {
        self.done.iter().find_map(|e| if let Effect::Close { status, .. } = e { Some(*status) } else { None })
    }

    fn ended(&self) -> Option<EndReason> {
        self.done.iter().find_map(|e| if let Effect::Ended { reason, .. } = e { Some(*reason) } else { None })
    }

    fn asked(&self) -> bool {
        self.done.iter().any(|e| matches!(e, Effect::AskConsent { .. }))
    }
}

fn room(close_with_page: bool) -> Value {
    json!({
        "userdata": {"userID": "u", "sdkAppID": 1, "userSig": "s"},
        "roomdata": {"serverDomain": "https://meet.example.com", "roomAction": "createRoom"},
        "custom": {"closeWithPage": close_with_page}
    })
}

fn state(phase: RoomPhase) -> RoomState {
    RoomState { room_id: "r".into(), phase, camera: true, microphone: true, guest_link: String::new() }
}

fn code(code: Code) -> Result<Value, i64> {
    Err(i64::from(code.value()))
}

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
fn hello_with_the_key_asks_for_consent_and_hides_the_app() {
    let mut world = World::new();
    let key = world.launch(1, false);
    world.open(1, Road::Loopback, PAGE);
    world.hello(1, key.expose());
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
        world.open(connection, Road::Loopback, PAGE);
        world.hello(connection, key.expose());
    }
    assert_eq!(world.answer(), code(Code::WrongKey));
    assert_eq!(world.closed_with(), Some(channel::CLOSE_WRONG_KEY));
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
    let other = LaunchKey::random();
    let first_messages = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"key": other.expose(), "version": 1}})
            .to_string(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"key": "", "version": 1}}).to_string(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"version": 1}}).to_string(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "room.open", "params": room(false)}).to_string(),
        json!({"jsonrpc": "2.0", "method": "hello"}).to_string(),
        "GET / HTTP/1.1".to_owned(),
        "{".repeat(2000),
    ];
    for message in first_messages {
        let mut world = World::new();
        world.launch(1, false);
        world.open(1, Road::Loopback, PAGE);
        world.text(1, message.clone());
        assert_eq!(world.closed_with(), Some(channel::CLOSE_WRONG_KEY), "{message}");
        assert!(!world.asked(), "{message}");
    }
}

#[test]
fn the_key_of_another_origins_launch_opens_nothing() {
    let mut world = World::new();
    let key = world.launch(1, false);
    world.open(1, Road::Loopback, "https://evil.example");
    world.hello(1, key.expose());
    assert_eq!(world.answer(), code(Code::WrongKey));
    // The rightful page still gets in.
    world.open(2, Road::Loopback, PAGE);
    world.hello(2, key.expose());
    assert!(world.answer().is_ok());
}

#[test]
fn a_socket_that_says_nothing_is_closed() {
    let mut world = World::new();
    world.launch(1, false);
    world.open(1, Road::Loopback, PAGE);
    world.pass(HELLO_WITHIN);
    assert_eq!(world.closed_with(), Some(channel::CLOSE_WRONG_KEY));
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
    world.call(1, "hello", json!({"key": "x", "version": 1}));
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
    assert_eq!(refused, Some(BURST - 1), "`hello` counts too");
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

    world.open(2, Road::Loopback, PAGE);
    world.hello(2, &resume);
    let welcome = world.answer().unwrap();
    assert_eq!(welcome["state"], "ready");
    assert_eq!(welcome["app"], "9.9");
    assert_eq!(welcome["room"], json!({"roomID": "r", "phase": "connected", "camera": true, "microphone": true}));
    assert_ne!(welcome["resumeKey"].as_str().unwrap(), resume);
    let methods: Vec<_> = world.sent().iter().filter_map(|m| m["method"].as_str().map(str::to_owned)).collect();
    assert_eq!(methods, ["members", "chat"]);
    assert!(!world.asked(), "consent is not asked twice");
    assert!(world.pass(GRACE).iter().all(|e| matches!(e, Effect::Ping { .. })));

    // The key that resumed is spent.
    world.open(3, Road::Loopback, PAGE);
    world.hello(3, &resume);
    assert_eq!(world.answer(), code(Code::WrongKey));
}

#[test]
fn a_page_that_connects_anew_replaces_its_older_socket() {
    let (mut world, resume) = World::in_room(false);
    world.open(2, Road::Loopback, PAGE);
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
            world.open(2, Road::Loopback, PAGE);
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
    world.open(2, Road::Loopback, PAGE);
    world.hello(2, &resume);
    assert!(world.answer().unwrap().get("room").is_none());
    assert_eq!(world.sent()[1]["params"], json!({"roomID": "r", "code": 3005, "msg": "over"}));
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
fn the_first_road_to_say_hello_wins() {
    let mut world = World::new();
    let key = world.launch(1, true);
    world.open(1, Road::Relay(LaunchId(1)), PAGE);
    world.open(2, Road::Loopback, PAGE);
    world.hello(2, key.expose());
    assert!(world.answer().is_ok());
    assert!(world.done.contains(&Effect::CloseRelay { launch: LaunchId(1) }));
    world.hello(1, key.expose());
    assert_eq!(world.answer(), code(Code::WrongKey));
}

#[test]
fn through_the_relay_the_person_is_told_whose_word_the_origin_is() {
    let mut world = World::new();
    let key = world.launch(1, true);
    world.open(1, Road::Relay(LaunchId(1)), PAGE);
    world.hello(1, key.expose());
    let origin = Origin::parse(PAGE).unwrap();
    let relay = Some("meet.example.com:8443".to_owned());
    assert!(world.done.contains(&Effect::AskConsent { launch: LaunchId(1), origin, relay }));
    // A reload comes back by the same relay.
    world.input(Input::Lost { connection: ConnectionId(1), finished: false });
    assert!(matches!(world.done[..], [Effect::OpenRelay { .. }]));
}

#[test]
fn a_relay_that_names_a_foreign_origin_is_left() {
    let mut world = World::new();
    let key = world.launch(1, true);
    world.open(1, Road::Relay(LaunchId(1)), "https://evil.example");
    assert_eq!(world.closed_with(), Some(channel::CLOSE_FOREIGN_ORIGIN));
    world.hello(1, key.expose());
    assert!(world.done.is_empty());
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
