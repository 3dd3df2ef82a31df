//! A core with its clock, and pages that talk to it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use beckon_bridge::core::{CallId, ConnectionId, Core, Effect, EndReason, Input, LaunchId, Road};
use beckon_protocol::{
    Code, Secret,
    channel::{
        Event,
        app::{RoomPhase, RoomState},
        page::Challenge,
        proof::{self, Handshake, Nonce, Place, Side},
    },
    launch::{DEFAULT_PORTS, Launch, LaunchKey, Origin},
};
use serde_json::{Value, json};
use url::Url;

pub const PAGE: &str = "https://crm.example.com";
pub const PORT: u16 = DEFAULT_PORTS[0];

/// A core, its clock and what it did last.
pub struct World {
    pub core: Core,
    pub now: Instant,
    pub done: Vec<Effect>,
    calls: i64,
    /// Where each connection came from.
    doors: HashMap<u64, (Road, Origin)>,
}

impl World {
    pub fn new() -> Self {
        Self { core: Core::new("9.9"), now: Instant::now(), done: Vec::new(), calls: 0, doors: HashMap::new() }
    }

    pub fn input(&mut self, input: Input) -> &[Effect] {
        self.done = self.core.handle(input, self.now);
        &self.done
    }

    pub fn pass(&mut self, time: Duration) -> &[Effect] {
        self.now += time;
        self.input(Input::Tick)
    }

    pub fn launch(&mut self, id: u64, relay: bool) -> LaunchKey {
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

    pub fn open(&mut self, connection: u64, road: Road, origin: &str) -> &[Effect] {
        let origin = Origin::parse(origin).unwrap();
        self.doors.insert(connection, (road, origin.clone()));
        self.input(Input::Opened { connection: ConnectionId(connection), road, origin })
    }

    pub fn text(&mut self, connection: u64, text: impl Into<String>) -> &[Effect] {
        self.input(Input::Text { connection: ConnectionId(connection), text: text.into() })
    }

    pub fn call(&mut self, connection: u64, method: &str, params: Value) -> &[Effect] {
        self.calls += 1;
        let text = json!({"jsonrpc": "2.0", "id": self.calls, "method": method, "params": params}).to_string();
        self.text(connection, text)
    }

    /// The first half of a handshake; what the page then knows of it, or the code it was refused with.
    pub fn knock(&mut self, connection: u64, key: &LaunchKey) -> Result<Handshake, i64> {
        let page = Nonce::random();
        let hello = json!({"key": proof::key_id(key), "nonce": page, "version": 1, "shim": "test"});
        self.call(connection, "hello", hello);
        let challenge: Challenge = serde_json::from_value(self.answer()?).unwrap();
        let (road, origin) = self.doors[&connection].clone();
        let place = match road {
            Road::Loopback(port) => Place::Loopback(port),
            Road::Relay(_) => Place::Relay,
        };
        let handshake = Handshake { place, origin, page, app: challenge.nonce };
        assert_eq!(handshake.proof(key, Side::App), challenge.proof, "the app proves itself first");
        Ok(handshake)
    }

    pub fn prove(&mut self, connection: u64, proof: &Secret) -> &[Effect] {
        self.call(connection, "prove", json!({"proof": proof.expose()}))
    }

    /// A whole handshake; the resume key that the page then has. What came of it is in [`Self::answer`].
    pub fn hello(&mut self, connection: u64, key: &LaunchKey) -> Option<LaunchKey> {
        let handshake = self.knock(connection, key).ok()?;
        self.prove(connection, &handshake.proof(key, Side::Page));
        Some(handshake.resume_key(key))
    }

    /// A page that has come through the door, on connection 1 of launch 1.
    pub fn connected(allowed: bool) -> (Self, LaunchKey) {
        let mut world = Self::new();
        let key = world.launch(1, false);
        world.open(1, Road::Loopback(PORT), PAGE);
        let resume = world.hello(1, &key).unwrap();
        if allowed {
            world.input(Input::Consent { launch: LaunchId(1), allowed: true });
        }
        (world, resume)
    }

    /// A page in a room.
    pub fn in_room(close_with_page: bool) -> (Self, LaunchKey) {
        let (mut world, resume) = Self::connected(true);
        world.call(1, "room.open", room(close_with_page));
        let call = world.handed_over();
        world.input(Input::Reply { call, outcome: Ok(json!({"roomID": "r"})) });
        world.notify(Event::RoomState(state(RoomPhase::Connected)));
        (world, resume)
    }

    pub fn notify(&mut self, event: Event) -> &[Effect] {
        self.input(Input::Notify { launch: LaunchId(1), event })
    }

    /// Messages sent by the last input, parsed.
    pub fn sent(&self) -> Vec<Value> {
        self.done
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send { text, .. } => Some(serde_json::from_str(text).unwrap()),
                _ => None,
            })
            .collect()
    }

    /// The answer sent by the last input: its result, or its error's code.
    pub fn answer(&self) -> Result<Value, i64> {
        let sent = self.sent();
        let message = sent.iter().find(|m| m.get("method").is_none()).expect("an answer");
        message.get("result").cloned().ok_or_else(|| message["error"]["code"].as_i64().unwrap())
    }

    pub fn handed_over(&self) -> CallId {
        self.done.iter().find_map(|e| if let Effect::Call { id, .. } = e { Some(*id) } else { None }).expect("a call")
    }

    pub fn closed_with(&self) -> Option<u16> {
        self.done.iter().find_map(|e| if let Effect::Close { status, .. } = e { Some(*status) } else { None })
    }

    pub fn ended(&self) -> Option<EndReason> {
        self.done.iter().find_map(|e| if let Effect::Ended { reason, .. } = e { Some(*reason) } else { None })
    }

    pub fn asked(&self) -> bool {
        self.done.iter().any(|e| matches!(e, Effect::AskConsent { .. }))
    }
}

pub fn room(close_with_page: bool) -> Value {
    json!({
        "userdata": {"userID": "u", "sdkAppID": 1, "userSig": "s"},
        "roomdata": {"serverDomain": "https://meet.example.com", "roomAction": "createRoom"},
        "custom": {"closeWithPage": close_with_page}
    })
}

pub fn state(phase: RoomPhase) -> RoomState {
    RoomState {
        room_id: "r".into(),
        phase,
        camera: true,
        microphone: true,
        speaker: true,
        screen: false,
        guest_link: String::new(),
    }
}

pub fn code(code: Code) -> Result<Value, i64> {
    Err(i64::from(code.value()))
}
