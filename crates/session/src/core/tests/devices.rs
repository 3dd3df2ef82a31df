//! The person's own camera and microphone.

use super::*;
use crate::sound::SoundSettings;

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
fn the_default_camera_takes_its_place_back_too() {
    let (mut room, _) = Room1::new("enterRoom");
    let camera = |news| Input::Device { device: Device::Camera, generation: 0, news };
    room.feed(camera(DeviceNews::Means("usb".into())));
    let news = DeviceNews::Opened { label: "Built in".into(), synthetic: false, stands_in: true };
    assert_eq!(notices(&room.feed(camera(news))), [Code::CameraReplaced]);
    assert!(room.feed(Input::Plugged { cameras: vec!["builtin".into()] }).is_empty());
    let effects = room.feed(Input::Plugged { cameras: vec!["builtin".into(), "usb".into()] });
    assert!(effects.contains(&Effect::Open { device: Device::Camera, generation: 1 }), "{effects:?}");
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

#[test]
fn a_size_chosen_while_the_camera_opens_is_the_one_it_is_opened_with() {
    let mut room = Room1::inside();
    let set = || Input::Command(Command::SetVideo(crate::request::VideoSettings::default()));
    room.feed(set());
    let effects = room.feed(set());
    assert!(effects.contains(&Effect::Open { device: Device::Camera, generation: 2 }), "{effects:?}");
    assert!(!effects.iter().any(|e| matches!(e, Effect::SetMuted { .. })), "others keep its last picture");
}

#[test]
fn a_size_chosen_while_a_camera_that_failed_is_tried_again_is_the_one_it_is_opened_with() {
    let mut room = Room1::inside();
    let set = || Input::Command(Command::SetVideo(crate::request::VideoSettings::default()));
    let news = DeviceNews::Failed(SessionError::of(Code::CameraInUse));
    room.feed(Input::Device { device: Device::Camera, generation: 0, news });
    let effects = room.feed(set());
    assert!(!effects.iter().any(|e| matches!(e, Effect::Open { .. })), "it waits, and is opened with what is set then");
    while !room.tick(8_000).contains(&Effect::Open { device: Device::Camera, generation: 1 }) {}
    let effects = room.feed(set());
    assert!(effects.contains(&Effect::Close(Device::Camera)));
    assert!(effects.contains(&Effect::Open { device: Device::Camera, generation: 2 }), "{effects:?}");
    assert_eq!(room.core.view().camera.problem, Some(Code::CameraInUse), "until it runs");
    let news = DeviceNews::Opened { label: "cam".into(), synthetic: false, stands_in: false };
    room.feed(Input::Device { device: Device::Camera, generation: 1, news: news.clone() });
    assert!(!room.core.view().camera.running, "that was the one with the size before");
    room.feed(Input::Device { device: Device::Camera, generation: 2, news });
    assert!(room.core.view().camera.running);
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
fn another_microphone_listens_while_muted_where_the_one_before_did() {
    let choose = || Input::Command(Command::ChooseMicrophone(crate::request::MicrophoneChoice::Default));
    let opens =
        |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Open { device: Device::Microphone, .. }));
    let mut room = Room1::inside();
    room.feed(Input::Command(Command::SetSound(push_to_talk())));
    room.feed(Input::Command(Command::SetMicrophone(false)));
    let effects = room.feed(choose());
    assert!(opens(&effects), "{effects:?}");
    assert!(!effects.contains(&Effect::SendSound(true)));
    let news = DeviceNews::Opened { label: "another".into(), synthetic: false, stands_in: false };
    room.feed(Input::Device { device: Device::Microphone, generation: 1, news });
    assert!(room.core.view().talk.ready && !room.core.view().microphone.on);
    let mut room = Room1::inside();
    room.feed(Input::Command(Command::SetMicrophone(false)));
    assert!(!opens(&room.feed(choose())), "a closed one stays closed");
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
fn who_comes_back_muted_is_heard_with_the_key_held() {
    for settings in [push_to_talk(), mute_hint()] {
        let mut room = Room1::inside();
        room.feed(Input::Command(Command::SetSound(settings)));
        room.feed(Input::Command(Command::SetMicrophone(false)));
        room.room(RoomEvent::Disconnected { reason: beckon_rtc::DisconnectReason::SignalClose });
        room.tick(3_000);
        let publishes = |effects: &[Effect]| {
            effects.iter().any(|e| matches!(e, Effect::Publish { device: Device::Microphone, .. }))
        };
        assert!(!publishes(&room.get_in("bob")), "a muted microphone waits");
        let wish = if settings.push_to_talk { Command::HoldToTalk(true) } else { Command::SetMicrophone(true) };
        assert!(publishes(&room.feed(Input::Command(wish))));
    }
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
