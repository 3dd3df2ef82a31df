//! The state machine by itself; the clock is moved by hand.
#![allow(clippy::unwrap_used)]

use beckon_media::layout::TileId;
use beckon_protocol::room::{Role, Template};
use beckon_protocol::service::{Entrance, Room};
use beckon_rtc::{DisconnectReason, ParticipantInfo, TrackInfo, TrackKind, TrackSource};

use super::*;
use crate::sound::SoundSettings;

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

#[test]
fn devices_warm_up_while_the_server_is_asked() {
    let (_, effects) = Room1::new("createRoom");
    let opened = effects.iter().filter(|e| matches!(e, Effect::Open { .. })).count();
    assert_eq!(opened, 3);
    assert!(effects.contains(&Effect::LogIn { attempt: 1 }));
}

#[test]
fn a_room_comes_up_and_publishes_what_runs() {
    let (mut room, _) = Room1::new("createRoom");
    room.open_devices();
    let effects = room.get_in("ann");
    assert!(effects.contains(&Effect::Enter { attempt: 1, create: true, room_id: "r1".into() }));
    assert!(effects.contains(&Effect::Publish { device: Device::Camera, synthetic: false }));
    assert!(effects.contains(&Effect::Publish { device: Device::Microphone, synthetic: false }));
    let view = room.core.view();
    assert_eq!(view.phase, RoomPhase::Connected);
    assert_eq!(view.members.iter().map(|m| m.user_id.as_str()).collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!((view.members[0].role, view.members[0].is_local), (Role::Creator, true));
    assert_eq!(view.room_title, "Title");
}

#[test]
fn a_refused_log_in_ends_the_session_with_its_code() {
    let (mut room, _) = Room1::new("enterRoom");
    let outcome = Err(SessionError::of(Code::SigExpired));
    let effects = room.feed(Input::LoggedIn { attempt: 1, outcome });
    assert_eq!(closed(&effects), Some(Code::SigExpired));
    assert_eq!(effects.last(), Some(&Effect::Finish));
    assert!(room.core.deadline().is_none());
}

#[test]
fn a_failed_first_connection_leaves_the_room_made_for_it() {
    let (mut room, _) = Room1::new("createRoom");
    room.feed(Input::LoggedIn { attempt: 1, outcome: Ok(()) });
    room.feed(Input::Entered { attempt: 1, outcome: Ok(entrance("ann")) });
    let outcome = Err(SessionError::of(Code::ServerUnreachable));
    let effects = room.feed(Input::Joined { attempt: 1, outcome });
    assert!(effects.contains(&Effect::Leave { service: true }));
    assert_eq!(closed(&room.feed(Input::Left)), Some(Code::ServerUnreachable));
}

#[test]
fn the_creator_leaving_ends_the_room_for_the_others() {
    let mut room = Room1::inside();
    let effects = room.room(RoomEvent::Disconnected { reason: DisconnectReason::RoomDeleted });
    assert_eq!(closed(&effects), Some(Code::RoomDestroyed));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Leave { .. })));
}

#[test]
fn joining_elsewhere_ends_this_one_without_a_word_to_the_service() {
    let mut room = Room1::inside();
    let effects = room.room(RoomEvent::Disconnected { reason: DisconnectReason::DuplicateIdentity });
    assert_eq!(closed(&effects), Some(Code::JoinedElsewhere));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Leave { .. })));
}

#[test]
fn a_lost_server_is_entered_anew_with_a_new_token_and_tracks_are_published_again() {
    let mut room = Room1::inside();
    room.now = 10_000;
    let lost = room.room(RoomEvent::Disconnected { reason: DisconnectReason::Unreachable("x".into()) });
    assert!(lost.contains(&Effect::DropRoom));
    assert_eq!(room.core.view().phase, RoomPhase::Reconnecting);
    for failure in 0..5 {
        let effects = room.tick(3_000);
        let attempt = 2 + failure;
        assert!(effects.contains(&Effect::Enter { attempt, create: false, room_id: "r1".into() }), "{effects:?}");
        let outcome = Err(SessionError::of(Code::ServerUnreachable));
        assert_eq!(closed(&room.feed(Input::Entered { attempt, outcome })), None);
    }
    room.tick(3_000);
    let back = room.get_in("bob");
    assert!(back.contains(&Effect::Publish { device: Device::Camera, synthetic: false }));
    assert_eq!(room.core.view().phase, RoomPhase::Connected);
}

#[test]
fn an_answer_to_an_earlier_attempt_changes_nothing() {
    let mut room = Room1::inside();
    room.room(RoomEvent::Disconnected { reason: DisconnectReason::SignalClose });
    room.tick(3_000);
    let stale = room.feed(Input::Entered { attempt: 1, outcome: Ok(entrance("bob")) });
    assert!(stale.is_empty(), "{stale:?}");
}

#[test]
fn a_token_that_has_run_out_means_logging_in_anew() {
    let mut room = Room1::inside();
    room.room(RoomEvent::Disconnected { reason: DisconnectReason::Refused("401".into()) });
    room.tick(3_000);
    room.feed(Input::Entered { attempt: 2, outcome: Err(SessionError::of(Code::TokenInvalid)) });
    assert!(room.tick(3_000).contains(&Effect::LogIn { attempt: 3 }));
}

#[test]
fn a_member_waits_a_while_for_a_room_the_server_has_forgotten_and_its_creator_makes_it_anew() {
    let mut room = Room1::inside();
    room.room(RoomEvent::Disconnected { reason: DisconnectReason::StateMismatch });
    let mut end = None;
    for _ in 0..30 {
        room.tick(3_000);
        let outcome = Err(SessionError::of(Code::RoomNotFound));
        let effects = room.feed(Input::Entered { attempt: room.attempt(), outcome });
        if effects.iter().any(|e| matches!(e, Effect::Leave { .. })) {
            end = closed(&room.feed(Input::Left));
        }
        end = end.or(closed(&effects));
        if end.is_some() {
            break;
        }
    }
    assert_eq!(end, Some(Code::RoomDestroyed));
    assert!((14_000..25_000).contains(&room.now), "{}", room.now);

    let (mut creator, _) = Room1::new("createRoom");
    creator.get_in("ann");
    creator.room(RoomEvent::Disconnected { reason: DisconnectReason::StateMismatch });
    creator.tick(3_000);
    creator.feed(Input::Entered { attempt: 2, outcome: Err(SessionError::of(Code::RoomNotFound)) });
    assert!(creator.tick(3_000).contains(&Effect::Enter { attempt: 3, create: true, room_id: "r1".into() }));
}

#[test]
fn a_server_away_for_ten_minutes_is_given_up() {
    let mut room = Room1::inside();
    room.room(RoomEvent::Disconnected { reason: DisconnectReason::SignalClose });
    let end = loop {
        room.tick(3_000);
        let outcome = Err(SessionError::of(Code::ServerUnreachable));
        room.feed(Input::Entered { attempt: room.attempt(), outcome });
        if let Some(code) = closed(&room.feed(Input::Left)) {
            break code;
        }
    };
    assert_eq!(end, Code::ServerUnreachable);
    assert!((600_000..610_000).contains(&room.now), "{}", room.now);
}

#[test]
fn leaving_takes_no_longer_than_four_seconds_whatever_the_server_does() {
    let mut room = Room1::inside();
    let effects = room.feed(Input::Command(Command::Leave(LeaveReason::User)));
    assert!(effects.contains(&Effect::Leave { service: true }));
    assert!(effects.contains(&Effect::Close(Device::Camera)));
    assert_eq!(closed(&effects), None);
    let end = room.tick(4_000);
    assert_eq!(closed(&end), Some(Code::LeftByUser));
}

#[test]
fn a_page_that_closes_its_room_is_told_success() {
    let mut room = Room1::inside();
    room.feed(Input::Command(Command::Leave(LeaveReason::Page)));
    assert_eq!(closed(&room.feed(Input::Left)), Some(Code::Ok));
}

#[test]
fn turning_the_camera_off_closes_it_and_mutes_its_track() {
    let mut room = Room1::inside();
    let effects = room.feed(Input::Command(Command::SetCamera(false)));
    assert!(effects.contains(&Effect::Close(Device::Camera)));
    assert!(effects.contains(&Effect::SetMuted { device: Device::Camera, muted: true }));
    assert!(!room.core.view().camera.on);
    let effects = room.feed(Input::Command(Command::SetCamera(true)));
    assert!(effects.contains(&Effect::Open { device: Device::Camera, generation: 1 }));
    let news = DeviceNews::Opened { label: "cam".into(), synthetic: false, stands_in: false };
    let effects = room.feed(Input::Device { device: Device::Camera, generation: 1, news });
    assert!(effects.contains(&Effect::SetMuted { device: Device::Camera, muted: false }));
}

#[test]
fn a_lost_camera_is_told_once_and_taken_up_again_when_it_is_back() {
    let mut room = Room1::inside();
    let lost = || DeviceNews::Failed(SessionError::of(Code::CameraLost));
    let effects = room.feed(Input::Device { device: Device::Camera, generation: 0, news: lost() });
    assert_eq!(notices(&effects), [Code::CameraLost]);
    assert!(effects.contains(&Effect::SetMuted { device: Device::Camera, muted: true }));
    assert_eq!(room.core.view().notices[0].code, Code::CameraLost);
    let mut generation = 1;
    for _ in 0..4 {
        // Media that does not come up is told of, too, but is not what this is about.
        while !room.tick(8_000).contains(&Effect::Open { device: Device::Camera, generation }) {}
        let effects = room.feed(Input::Device { device: Device::Camera, generation, news: lost() });
        assert!(notices(&effects).is_empty());
        generation += 1;
    }
    while !room.tick(8_000).contains(&Effect::Open { device: Device::Camera, generation }) {}
    let news = DeviceNews::Opened { label: "cam".into(), synthetic: false, stands_in: false };
    let effects = room.feed(Input::Device { device: Device::Camera, generation, news });
    assert_eq!(notices(&effects), [Code::Ok]);
    assert!(room.core.view().notices.iter().all(|n| n.code != Code::CameraLost));
}

#[test]
fn a_microphone_that_comes_back_by_itself_is_not_opened_again() {
    let mut room = Room1::inside();
    let news = DeviceNews::Lost(SessionError::of(Code::MicrophoneLost));
    let effects = room.feed(Input::Device { device: Device::Microphone, generation: 0, news });
    assert!(effects.contains(&Effect::SetMuted { device: Device::Microphone, muted: true }));
    let news = DeviceNews::Opened { label: "mic".into(), synthetic: false, stands_in: false };
    let effects = room.feed(Input::Device { device: Device::Microphone, generation: 0, news });
    assert!(effects.contains(&Effect::SetMuted { device: Device::Microphone, muted: false }));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Open { .. })));
}

#[test]
fn texts_wait_for_the_room_to_come_back() {
    let mut room = Room1::inside();
    room.room(RoomEvent::Disconnected { reason: DisconnectReason::SignalClose });
    let say = |text: &str| Input::Command(Command::SendChat { text: text.into(), time_ms: 1 });
    let effects = room.feed(say("hello"));
    assert!(!effects.iter().any(|e| matches!(e, Effect::SendChat(_))));
    room.tick(3_000);
    assert!(room.get_in("bob").contains(&Effect::SendChat("hello".into())));
}

#[test]
fn texts_that_a_dead_connection_swallowed_go_out_again() {
    let mut room = Room1::inside();
    let say = |text: &str| Input::Command(Command::SendChat { text: text.into(), time_ms: 1 });
    let sent = |effects: &[Effect]| -> Vec<String> {
        let texts = effects.iter().filter_map(|e| match e {
            Effect::SendChat(text) => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    };
    for text in ["arrived", "swallowed", "too"] {
        assert_eq!(sent(&room.feed(say(text))), [text]);
    }
    room.room(RoomEvent::ChatDelivered { id: "1".into() });
    room.room(RoomEvent::Disconnected { reason: DisconnectReason::SignalClose });
    room.feed(say("later"));
    room.tick(3_000);
    assert_eq!(sent(&room.get_in("bob")), ["swallowed", "too", "later"]);
    // Nothing goes a third time once it is there.
    for id in ["2", "3", "4"] {
        room.room(RoomEvent::ChatDelivered { id: id.into() });
    }
    room.room(RoomEvent::Disconnected { reason: DisconnectReason::SignalClose });
    room.tick(3_000);
    assert!(sent(&room.get_in("bob")).is_empty());
}

#[test]
fn who_writes_too_much_into_a_dead_connection_is_told() {
    let mut room = Room1::inside();
    let say = |n: usize| Input::Command(Command::SendChat { text: n.to_string(), time_ms: 1 });
    for n in 0..CHAT_WAITING {
        assert!(notices(&room.feed(say(n))).is_empty());
    }
    let effects = room.feed(say(CHAT_WAITING));
    assert_eq!(notices(&effects), [Code::ConnectionLost]);
    assert!(!effects.iter().any(|e| matches!(e, Effect::SendChat(_) | Effect::Tell(SessionEvent::Chat(_)))));
    room.room(RoomEvent::ChatDelivered { id: "1".into() });
    assert!(notices(&room.feed(say(0))).is_empty());
}

#[test]
fn a_tile_keeps_its_number_when_its_member_comes_back() {
    let mut room = Room1::inside();
    let tile = |room: &Room1| room.core.view().members.iter().find(|m| m.user_id == "bob").map(|m| m.tile);
    let before = tile(&room);
    room.room(RoomEvent::ParticipantLeft(person("bob")));
    assert_eq!(tile(&room), None);
    room.room(RoomEvent::ParticipantJoined(person("cyd")));
    room.room(RoomEvent::ParticipantJoined(person("bob")));
    assert_eq!(tile(&room), before);
}

#[test]
fn a_camera_is_connecting_until_its_first_picture() {
    let mut room = Room1::inside();
    let bob = |room: &Room1| room.core.view().members.iter().find(|m| m.user_id == "bob").cloned().unwrap();
    let track = camera_track("TR_1");
    room.room(RoomEvent::TrackPublished { identity: "bob".into(), track });
    assert!(bob(&room).camera && bob(&room).camera_connecting);
    room.feed(Input::FirstPicture(TileId(bob(&room).tile)));
    assert!(!bob(&room).camera_connecting);
    for source in [TrackSource::Microphone, TrackSource::ScreenShareAudio] {
        let track = TrackInfo { kind: TrackKind::Audio, source, ..camera_track("TR_2") };
        room.room(RoomEvent::TrackPublished { identity: "bob".into(), track: track.clone() });
        room.room(RoomEvent::TrackMuted { identity: "bob".into(), sid: "TR_2".into(), muted: true });
        room.room(RoomEvent::TrackUnpublished { identity: "bob".into(), track });
        assert!(!bob(&room).camera_connecting, "{source:?} is no camera");
    }
    room.room(RoomEvent::TrackMuted { identity: "bob".into(), sid: "TR_1".into(), muted: true });
    assert!(!bob(&room).camera);
}

#[test]
fn the_member_list_is_told_only_when_it_changes() {
    let mut room = Room1::inside();
    let lists =
        |effects: &[Effect]| effects.iter().filter(|e| matches!(e, Effect::Tell(SessionEvent::Members(_)))).count();
    let quality = RoomEvent::ConnectionQuality { identity: "bob".into(), quality: beckon_rtc::ConnectionQuality::Poor };
    assert_eq!(lists(&room.room(quality)), 0);
    assert_eq!(lists(&room.room(RoomEvent::ParticipantJoined(person("cyd")))), 1);
    assert_eq!(lists(&room.room(RoomEvent::ParticipantJoined(person("cyd")))), 0);
}

#[test]
fn a_chosen_camera_takes_its_place_back_from_the_one_that_stands_in() {
    let mut room = Room1::inside();
    let choose = Command::ChooseCamera(crate::request::CameraChoice::Device("usb".into()));
    let effects = room.feed(Input::Command(choose));
    assert!(effects.contains(&Effect::Open { device: Device::Camera, generation: 1 }));
    let news = DeviceNews::Opened { label: "Built in".into(), synthetic: false, stands_in: true };
    let effects = room.feed(Input::Device { device: Device::Camera, generation: 1, news });
    assert_eq!(notices(&effects), [Code::CameraReplaced]);
    assert_eq!(room.core.view().notices[0].code, Code::CameraReplaced);
    assert!(room.core.view().camera.stands_in);
    assert!(room.feed(Input::Plugged { cameras: vec!["builtin".into()] }).is_empty());
    let effects = room.feed(Input::Plugged { cameras: vec!["builtin".into(), "usb".into()] });
    assert!(effects.contains(&Effect::Open { device: Device::Camera, generation: 2 }), "{effects:?}");
    let news = DeviceNews::Opened { label: "USB".into(), synthetic: false, stands_in: false };
    room.feed(Input::Device { device: Device::Camera, generation: 2, news });
    assert!(room.core.view().notices.is_empty());
}

#[test]
fn a_camera_that_failed_is_tried_at_once_when_something_is_plugged_in() {
    let mut room = Room1::inside();
    let news = DeviceNews::Failed(SessionError::of(Code::CameraAbsent));
    room.feed(Input::Device { device: Device::Camera, generation: 0, news });
    let effects = room.feed(Input::Plugged { cameras: vec!["usb".into()] });
    assert!(effects.contains(&Effect::Open { device: Device::Camera, generation: 1 }), "{effects:?}");
}

#[test]
fn another_size_opens_the_camera_that_runs_anew_and_none_that_is_off() {
    let mut room = Room1::inside();
    let set = || Input::Command(Command::SetVideo(crate::request::VideoSettings::default()));
    assert!(room.feed(set()).contains(&Effect::Open { device: Device::Camera, generation: 1 }));
    room.feed(Input::Command(Command::SetCamera(false)));
    assert!(!room.feed(set()).iter().any(|e| matches!(e, Effect::Open { .. })));
}

fn push_to_talk() -> SoundSettings {
    SoundSettings { push_to_talk: true, ..SoundSettings::default() }
}

fn mute_hint() -> SoundSettings {
    SoundSettings { mute_hint: true, ..SoundSettings::default() }
}

#[test]
fn muting_closes_the_microphone_unless_the_person_wants_it_to_listen() {
    let mut room = Room1::inside();
    let effects = room.feed(Input::Command(Command::SetMicrophone(false)));
    assert!(effects.contains(&Effect::Close(Device::Microphone)));
    assert!(effects.contains(&Effect::SendSound(false)));
    assert!(!room.core.view().talk.ready);
    for settings in [push_to_talk(), mute_hint()] {
        let mut room = Room1::inside();
        room.feed(Input::Command(Command::SetSound(settings)));
        let effects = room.feed(Input::Command(Command::SetMicrophone(false)));
        assert!(!effects.contains(&Effect::Close(Device::Microphone)));
        assert!(effects.contains(&Effect::SendSound(false)), "but nothing leaves the machine");
        assert!(effects.contains(&Effect::SetMuted { device: Device::Microphone, muted: true }));
        let view = room.core.view();
        assert!(view.talk.ready && !view.microphone.on && !view.microphone.running);
        assert!(!view.local().unwrap().microphone);
        let effects = room.feed(Input::Command(Command::SetSound(SoundSettings::default())));
        assert!(effects.contains(&Effect::Close(Device::Microphone)), "the wish taken back, it closes");
        assert!(!room.core.view().talk.ready);
    }
}

#[test]
fn a_microphone_that_was_never_on_is_not_opened_for_the_hint() {
    let mut request = request("enterRoom");
    (request.microphone_on, request.sound) = (false, mute_hint());
    let (mut core, effects) = Core::start(&request);
    let opens =
        |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Open { device: Device::Microphone, .. }));
    assert!(!opens(&effects));
    assert!(!opens(&core.handle(at(0), Input::Command(Command::SetSound(push_to_talk())))));
}

#[test]
fn the_held_key_lets_a_muted_person_talk_and_no_longer() {
    let mut room = Room1::inside();
    room.feed(Input::Command(Command::SetMicrophone(false)));
    assert!(room.feed(Input::Command(Command::HoldToTalk(true))).is_empty(), "not without the setting");
    let mut room = Room1::inside();
    room.feed(Input::Command(Command::SetSound(push_to_talk())));
    room.feed(Input::Command(Command::SetMicrophone(false)));
    let effects = room.feed(Input::Command(Command::HoldToTalk(true)));
    assert!(effects.contains(&Effect::SendSound(true)));
    assert!(effects.contains(&Effect::SetMuted { device: Device::Microphone, muted: false }));
    assert!(room.core.view().talk.held && room.core.view().microphone.running);
    assert!(room.feed(Input::Command(Command::HoldToTalk(true))).is_empty(), "a key that repeats changes nothing");
    let effects = room.feed(Input::Command(Command::HoldToTalk(false)));
    assert!(effects.contains(&Effect::SendSound(false)));
    // Whoever mutes with the key held is muted.
    room.feed(Input::Command(Command::HoldToTalk(true)));
    let effects = room.feed(Input::Command(Command::SetMicrophone(false)));
    assert!(effects.contains(&Effect::SendSound(false)));
    assert!(!room.core.view().talk.held);
    // With the microphone on the key changes nothing, neither down nor up.
    room.feed(Input::Command(Command::SetMicrophone(true)));
    room.feed(Input::Command(Command::HoldToTalk(true)));
    room.feed(Input::Command(Command::HoldToTalk(false)));
    assert!(room.core.view().microphone.running);
}

#[test]
fn talking_while_muted_is_told_until_one_is_heard() {
    let mut room = Room1::inside();
    room.feed(Input::TalksMuted(true));
    assert!(!room.core.view().talk.muted, "nobody asked for the hint");
    room.feed(Input::Command(Command::SetSound(mute_hint())));
    room.feed(Input::Command(Command::SetMicrophone(false)));
    room.feed(Input::TalksMuted(true));
    assert!(room.core.view().talk.muted);
    room.feed(Input::Command(Command::SetMicrophone(true)));
    assert!(!room.core.view().talk.muted);
}

#[test]
fn a_busy_machine_is_told_once_and_shown_while_it_lasts() {
    let mut room = Room1::inside();
    let shown = |room: &Room1| room.core.view().notices.iter().any(|n| n.code == Code::MachineBusy);
    assert_eq!(notices(&room.feed(Input::Busy(true))), [Code::MachineBusy]);
    assert!(shown(&room) && notices(&room.feed(Input::Busy(true))).is_empty());
    assert!(notices(&room.feed(Input::Busy(false))).is_empty() && !shown(&room));
}

#[test]
fn a_ready_microphone_that_breaks_is_left_alone_until_it_is_wanted() {
    let mut room = Room1::inside();
    room.feed(Input::Command(Command::SetSound(mute_hint())));
    room.feed(Input::Command(Command::SetMicrophone(false)));
    let news = DeviceNews::Failed(SessionError::of(Code::MicrophoneLost));
    let effects = room.feed(Input::Device { device: Device::Microphone, generation: 0, news });
    assert!(notices(&effects).is_empty());
    assert!(!room.core.view().talk.ready && room.core.deadline() == Some(at(8_000)), "only the media's own deadline");
    let effects = room.feed(Input::Command(Command::SetMicrophone(true)));
    assert!(effects.iter().any(|e| matches!(e, Effect::Open { device: Device::Microphone, .. })));
}

#[test]
fn a_volume_stays_with_the_person() {
    let mut request = request("enterRoom");
    request.volumes.insert("bob".into(), 40);
    let (core, _) = Core::start(&request);
    let mut room = Room1 { core, now: 0 };
    room.get_in("bob");
    let volume = |room: &Room1| room.core.view().members.iter().find(|m| m.user_id == "bob").unwrap().volume;
    assert_eq!(volume(&room), 40);
    room.feed(Input::Command(Command::SetVolume { user_id: "bob".into(), percent: 900 }));
    assert_eq!(volume(&room), 200);
    room.room(RoomEvent::ParticipantLeft(person("bob")));
    room.room(RoomEvent::ParticipantJoined(person("bob")));
    assert_eq!(volume(&room), 200);
}

#[test]
fn texts_wait_a_moment_for_those_who_come_back_later() {
    let sent = |effects: &[Effect]| effects.contains(&Effect::SendChat("hello".into()));
    let say = || Input::Command(Command::SendChat { text: "hello".into(), time_ms: 1 });
    let back_alone = || {
        let mut room = Room1::inside();
        room.room(RoomEvent::Disconnected { reason: DisconnectReason::Unreachable("x".into()) });
        room.feed(say());
        room.tick(1_000);
        let attempt = room.attempt();
        room.feed(Input::LoggedIn { attempt, outcome: Ok(()) });
        room.feed(Input::Entered { attempt, outcome: Ok(entrance("bob")) });
        let joined = Joined { local: person("ann"), ..Default::default() };
        let effects = room.feed(Input::Joined { attempt, outcome: Ok(Box::new(joined)) });
        assert!(!sent(&effects), "nobody would hear it");
        room
    };
    let mut room = back_alone();
    assert!(sent(&room.room(RoomEvent::ParticipantJoined(person("bob")))));
    // Whoever does not come back is waited for no longer than that.
    let mut room = back_alone();
    assert!(sent(&room.tick(5_000)));
}

#[test]
fn pictures_of_others_are_asked_for_as_they_are_shown_and_smaller_where_that_is_too_much() {
    let mut room = Room1::inside();
    let asked = |effects: &[Effect]| -> Vec<(String, u32, u32)> {
        let mut all: Vec<_> = effects
            .iter()
            .filter_map(|e| match e {
                Effect::Prefer { track, width, height } => Some((track.to_string(), *width, *height)),
                _ => None,
            })
            .collect();
        all.sort();
        all
    };
    let bob_is = person("bob").identity;
    room.room(RoomEvent::ParticipantJoined(person("eve")));
    room.room(RoomEvent::TrackPublished { identity: bob_is.clone(), track: camera_track("TR_bob") });
    room.room(RoomEvent::TrackPublished { identity: person("eve").identity, track: camera_track("TR_eve") });
    let (bob, eve) = (room.core.tile("bob", false), room.core.tile("eve", false));
    let effects = room.feed(Input::Command(Command::TileSize { tile: bob, width: 641, height: 360 }));
    assert_eq!(asked(&effects), [("TR_bob".to_owned(), 641, 360)]);
    let effects = room.feed(Input::Command(Command::TileSize { tile: eve, width: 0, height: 0 }));
    assert_eq!(asked(&effects), [("TR_eve".to_owned(), 0, 0)], "not shown at all");

    let effects = room.feed(Input::Relief(2));
    assert_eq!(asked(&effects), [("TR_bob".to_owned(), 321, 180)]);
    assert_eq!(notices(&effects), [Code::MachineBusy]);
    assert!(notices(&room.feed(Input::Busy(true))).is_empty(), "one notice for both");
    let effects = room.feed(Input::Relief(1));
    assert_eq!(asked(&effects), [("TR_bob".to_owned(), 641, 360)]);
    assert!(room.core.view().notices.iter().any(|n| n.code == Code::MachineBusy), "ours are still smaller");

    // A camera that was taken away and put back is another track.
    room.room(RoomEvent::TrackUnpublished { identity: bob_is.clone(), track: camera_track("TR_bob") });
    let effects = room.room(RoomEvent::TrackPublished { identity: bob_is, track: camera_track("TR_bob2") });
    assert_eq!(asked(&effects), [("TR_bob2".to_owned(), 641, 360)]);
    // Whoever was gone for a moment may not have been heard.
    assert_eq!(asked(&room.room(RoomEvent::Reconnected { resumed: true })).len(), 2);
}

#[test]
fn a_shared_screen_is_asked_for_whole_however_small_it_is_shown() {
    let mut room = Room1::inside();
    let asked = |effects: &[Effect]| -> Vec<(u32, u32)> {
        let size = |e: &Effect| match e {
            Effect::Prefer { width, height, .. } => Some((*width, *height)),
            _ => None,
        };
        effects.iter().filter_map(size).collect()
    };
    let screen = TrackInfo { source: TrackSource::ScreenShare, width: 1920, height: 1080, ..camera_track("TR_screen") };
    room.room(RoomEvent::TrackPublished { identity: person("bob").identity, track: screen });
    let tile = room.core.tile("bob", true);
    let mut show = |width, height| asked(&room.feed(Input::Command(Command::TileSize { tile, width, height })));
    assert_eq!(show(320, 180), [(1920, 1080)]);
    assert!(show(640, 360).is_empty());
    assert_eq!(show(0, 0), [(0, 0)], "not shown at all");
    assert_eq!(show(320, 180), [(1920, 1080)]);
    assert!(asked(&room.feed(Input::Relief(2))).is_empty());
}
