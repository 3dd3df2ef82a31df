//! The audience of a live room, and a second room of the same program.

use beckon_rtc::Permissions;

use super::*;

fn live(action: &str) -> SessionRequest {
    let open = serde_json::from_value(serde_json::json!({
        "userdata": { "userID": "ann", "userName": "Ann", "sdkAppID": 1, "userSig": "sig" },
        "roomdata": { "serverDomain": "http://127.0.0.1:8080", "roomAction": action, "roomID": "r1", "type": "LiveRoom" },
    }))
    .unwrap();
    SessionRequest::from_open(open).unwrap()
}

fn opens(effects: &[Effect]) -> Vec<Device> {
    effects
        .iter()
        .filter_map(|e| match e {
            Effect::Open { device: Device::Speaker, .. } => None,
            Effect::Open { device, .. } => Some(*device),
            _ => None,
        })
        .collect()
}

fn me(publish: bool) -> ParticipantInfo {
    ParticipantInfo { permissions: Permissions { publish, ..Permissions::default() }, ..person("ann") }
}

/// Enters the live room in this role; what was done on the way.
fn enter(role: Role) -> (Room1, Vec<Effect>) {
    let (core, mut all) = Core::start(&live("enterRoom"));
    let mut room = Room1 { core, now: 0 };
    assert!(opens(&all).is_empty(), "nobody knows yet whether it is wanted");
    let attempt = room.attempt();
    all.extend(room.feed(Input::LoggedIn { attempt, outcome: Ok(()) }));
    let outcome = Ok(Box::new(Entrance { role, ..*entrance("bob") }));
    all.extend(room.feed(Input::Entered { attempt, outcome }));
    let joined = Joined { local: me(role != Role::Audience), others: vec![person("bob")], ..Default::default() };
    all.extend(room.feed(Input::Joined { attempt, outcome: Ok(Box::new(joined)) }));
    (room, all)
}

#[test]
fn the_audience_opens_no_device_and_asks_for_no_track() {
    let (mut room, effects) = enter(Role::Audience);
    assert!(opens(&effects).is_empty());
    assert!(!effects.iter().any(|e| matches!(e, Effect::Publish { .. })));
    let view = room.core.view();
    assert!(!view.may_publish && !view.camera.on && !view.microphone.on && view.notices.is_empty());
    assert_eq!(view.local().unwrap().role, Role::Audience);
    let share = crate::request::ScreenShare {
        choice: beckon_media::screen::ScreenChoice::Window(7),
        label: "Letter".into(),
        width: 640,
        height: 480,
        motion: false,
        sound: false,
    };
    for command in [
        Command::SetCamera(true),
        Command::SetMicrophone(true),
        Command::HoldToTalk(true),
        Command::ChooseCamera(crate::request::CameraChoice::Default),
        Command::StartScreen(share),
    ] {
        let effects = room.feed(Input::Command(command.clone()));
        assert!(opens(&effects).is_empty(), "{command:?}");
        assert!(!effects.iter().any(|e| matches!(e, Effect::OpenScreen { .. })));
    }
    assert_eq!(room.core.view().screen.ended, Some(Code::Forbidden));
}

#[test]
fn who_speaks_in_a_live_room_has_their_devices_as_soon_as_that_is_known() {
    let (room, effects) = enter(Role::Member);
    assert_eq!(opens(&effects), [Device::Camera, Device::Microphone]);
    let connects = effects.iter().position(|e| matches!(e, Effect::Connect { .. }));
    let camera = effects.iter().position(|e| matches!(e, Effect::Open { device: Device::Camera, .. }));
    assert!(camera < connects, "they warm up on the way in");
    assert!(room.core.view().may_publish && room.core.view().camera.on);
    let (_, effects) = Core::start(&live("createRoom"));
    assert_eq!(opens(&effects), [Device::Camera, Device::Microphone], "the anchor sends in any case");
}

#[test]
fn permission_that_comes_later_offers_the_devices_and_turns_none_on() {
    let (mut room, _) = enter(Role::Audience);
    let effects = room.room(RoomEvent::ParticipantUpdated(me(true)));
    assert!(opens(&effects).is_empty(), "that is for the person to say");
    let view = room.core.view();
    assert!(view.may_publish && !view.camera.on);
    assert_eq!(view.local().unwrap().role, Role::Member);
    let effects = room.feed(Input::Command(Command::SetCamera(true)));
    assert_eq!(opens(&effects), [Device::Camera]);
    let generation = effects.iter().find_map(|e| match e {
        Effect::Open { generation, .. } => Some(*generation),
        _ => None,
    });
    let news = DeviceNews::Opened { label: "cam".into(), synthetic: false, stands_in: false };
    let effects = room.feed(Input::Device { device: Device::Camera, generation: generation.unwrap(), news });
    assert!(effects.contains(&Effect::Publish { device: Device::Camera, synthetic: false }));
    // Taken back, the camera closes.
    let effects = room.room(RoomEvent::ParticipantUpdated(me(false)));
    assert!(effects.contains(&Effect::Close(Device::Camera)));
    assert!(!room.core.view().may_publish && !room.core.view().camera.on);
    assert_eq!(room.core.view().local().unwrap().role, Role::Audience);
}

#[test]
fn a_token_that_does_not_let_us_send_closes_what_was_warmed_up() {
    let mut request = live("enterRoom");
    request.entry = Entry::Direct { url: "ws://127.0.0.1:1".parse().unwrap(), token: "jwt".into() };
    let (core, _) = Core::start(&request);
    let mut room = Room1 { core, now: 0 };
    room.open_devices();
    let attempt = room.attempt();
    let joined = Joined { local: me(false), ..Default::default() };
    let effects = room.feed(Input::Joined { attempt, outcome: Ok(Box::new(joined)) });
    assert!(effects.contains(&Effect::Close(Device::Camera)) && effects.contains(&Effect::Close(Device::Microphone)));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Publish { .. })));
}

#[test]
fn a_device_that_another_room_takes_is_off_here_and_says_why_until_it_is_turned_on() {
    for (device, code) in [(Device::Camera, Code::CameraElsewhere), (Device::Microphone, Code::MicrophoneElsewhere)] {
        let mut room = Room1::inside();
        let effects = room.feed(Input::Command(Command::GiveUp(device)));
        assert!(effects.contains(&Effect::Close(device)));
        assert!(effects.contains(&Effect::SetMuted { device, muted: true }));
        assert_eq!(notices(&effects), [code]);
        assert_eq!(room.core.view().notices[0].code, code);
        assert!(notices(&room.feed(Input::Command(Command::GiveUp(device)))).is_empty(), "it is off already");
        let on = match device {
            Device::Camera => Command::SetCamera(true),
            _ => Command::SetMicrophone(true),
        };
        let effects = room.feed(Input::Command(on));
        assert_eq!(opens(&effects), [device]);
        assert!(room.core.view().notices.is_empty());
    }
}

#[test]
fn a_device_that_was_off_anyway_is_given_up_without_a_word() {
    let mut room = Room1::inside();
    room.feed(Input::Command(Command::SetCamera(false)));
    room.feed(Input::Command(Command::GiveUp(Device::Camera)));
    assert!(room.core.view().notices.is_empty());
}

#[test]
fn a_muted_microphone_that_listens_for_the_hint_is_closed_when_another_room_takes_it() {
    let mut room = Room1::inside();
    let settings = crate::sound::SoundSettings { mute_hint: true, ..Default::default() };
    room.feed(Input::Command(Command::SetSound(settings)));
    room.feed(Input::Command(Command::SetMicrophone(false)));
    let effects = room.feed(Input::Command(Command::GiveUp(Device::Microphone)));
    assert!(effects.contains(&Effect::Close(Device::Microphone)));
    assert!(!room.core.view().talk.ready);
}

#[test]
fn a_second_room_begins_without_what_the_first_one_has() {
    let mut request = request("enterRoom");
    request.camera_elsewhere = true;
    let (core, effects) = Core::start(&request);
    assert_eq!(opens(&effects), [Device::Microphone]);
    assert!(!core.view().camera.on);
    assert_eq!(core.view().notices[0].code, Code::CameraElsewhere);
    // Who wanted none misses none.
    request.camera_on = false;
    let (core, _) = Core::start(&request);
    assert!(core.view().notices.is_empty());
}
