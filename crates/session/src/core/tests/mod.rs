//! The state machine by itself; the clock is moved by hand.
#![allow(clippy::unwrap_used)]

mod audience;
mod devices;
mod joining;
mod members;
mod talk;
mod tracks;

use beckon_protocol::channel::app::RoomPhase;
use beckon_protocol::room::{Role, Template};
use beckon_protocol::service::{Entrance, Room};
use beckon_rtc::{ParticipantInfo, TrackInfo, TrackKind, TrackSource};

use super::*;

fn at(ms: i64) -> MediaTime {
    MediaTime::from_millis(ms)
}

fn request(action: &str) -> SessionRequest {
    let open = serde_json::from_value(serde_json::json!({
        "userdata": { "userID": "ann", "userName": "Ann", "sdkAppID": 1, "userSig": "sig" },
        "roomdata": { "serverDomain": "http://127.0.0.1:8080", "roomAction": action, "roomID": "r1" },
    }))
    .unwrap();
    SessionRequest::from_open(open).unwrap()
}

fn entrance(creator: &str) -> Box<Entrance> {
    let room = Room {
        room_id: "r1".into(),
        room_name: "Room".into(),
        room_title: "Title".into(),
        style: Default::default(),
        template: Template::OneToFour,
        creator: creator.into(),
        members: Vec::new(),
        created: 0,
    };
    let role = if creator == "ann" { Role::Creator } else { Role::Member };
    Box::new(Entrance { room, url: "ws://s".into(), token: "jwt".into(), role, guest_link: String::new() })
}

fn person(identity: &str) -> ParticipantInfo {
    ParticipantInfo {
        identity: identity.into(),
        sid: format!("PA_{identity}").into(),
        name: identity.to_uppercase(),
        ..Default::default()
    }
}

fn camera_track(sid: &str) -> TrackInfo {
    TrackInfo {
        sid: sid.into(),
        name: "camera".into(),
        kind: TrackKind::Video,
        source: TrackSource::Camera,
        muted: false,
        width: 640,
        height: 360,
        simulcast: false,
        mime: String::new(),
        stream: String::new(),
        stereo: false,
    }
}

struct Room1 {
    core: Core,
    now: i64,
}

impl Room1 {
    fn new(action: &str) -> (Self, Vec<Effect>) {
        let (core, effects) = Core::start(&request(action));
        (Self { core, now: 0 }, effects)
    }

    fn feed(&mut self, input: Input) -> Vec<Effect> {
        self.core.handle(at(self.now), input)
    }

    /// Moves the clock to the next deadline, which must come within `within_ms`.
    fn tick(&mut self, within_ms: i64) -> Vec<Effect> {
        let due = self.core.deadline().expect("something is due").as_millis();
        assert!(due - self.now <= within_ms, "due in {} ms", due - self.now);
        self.now = self.now.max(due);
        self.feed(Input::Timeout)
    }

    fn attempt(&self) -> u32 {
        self.core.attempt
    }

    fn room(&mut self, event: RoomEvent) -> Vec<Effect> {
        let attempt = self.attempt();
        self.feed(Input::Room { attempt, event })
    }

    /// Walks through log-in, entering and connecting.
    fn get_in(&mut self, creator: &str) -> Vec<Effect> {
        let attempt = self.attempt();
        let mut all = Vec::new();
        if self.core.stage == Stage::LoggingIn {
            all.extend(self.feed(Input::LoggedIn { attempt, outcome: Ok(()) }));
        }
        all.extend(self.feed(Input::Entered { attempt, outcome: Ok(entrance(creator)) }));
        let joined = Joined { local: person("ann"), others: vec![person("bob")], ..Default::default() };
        all.extend(self.feed(Input::Joined { attempt, outcome: Ok(Box::new(joined)) }));
        all
    }

    fn open_devices(&mut self) -> Vec<Effect> {
        let mut all = Vec::new();
        for device in [Device::Camera, Device::Microphone, Device::Speaker] {
            let news = DeviceNews::Opened { label: "x".into(), synthetic: false, stands_in: false };
            all.extend(self.feed(Input::Device { device, generation: 0, news }));
        }
        all
    }

    fn inside() -> Self {
        let (mut room, _) = Self::new("enterRoom");
        room.open_devices();
        room.get_in("bob");
        room
    }
}

fn closed(effects: &[Effect]) -> Option<Code> {
    effects.iter().find_map(|e| match e {
        Effect::Tell(SessionEvent::Closed(closed)) => Some(closed.code),
        _ => None,
    })
}

fn notices(effects: &[Effect]) -> Vec<Code> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Tell(SessionEvent::Notice(notice)) => Some(notice.code),
            _ => None,
        })
        .collect()
}
