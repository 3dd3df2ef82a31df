//! Tracks of ours that the room does not take, that it takes away, and that cannot be coded.

use super::*;
use crate::request::VideoSettings;

const TIMED_OUT: Code = Code::MediaUnreachable;

fn refuse(room: &mut Room1, device: Device, code: Code) -> Vec<Effect> {
    room.feed(Input::PublishFailed { device, error: SessionError::of(code) })
}

fn asks(effects: &[Effect], device: Device) -> bool {
    effects.contains(&Effect::Publish { device, synthetic: false })
}

/// The last state that was told: camera, microphone.
fn told(effects: &[Effect]) -> Option<(bool, bool)> {
    effects.iter().rev().find_map(|e| match e {
        Effect::Tell(SessionEvent::State(state)) => Some((state.camera, state.microphone)),
        _ => None,
    })
}

/// Media is up: no deadline but that of the track.
fn inside() -> Room1 {
    let mut room = Room1::inside();
    room.room(RoomEvent::MediaConnected(true));
    room
}

#[test]
fn a_track_that_is_not_taken_is_not_shown_as_sent_and_is_asked_for_again_until_it_is() {
    let mut room = inside();
    let effects = refuse(&mut room, Device::Camera, TIMED_OUT);
    assert_eq!(notices(&effects), [TIMED_OUT]);
    assert_eq!(told(&effects), Some((false, true)), "the page hears that nobody sees it");
    let view = room.core.view();
    assert!(!view.local().unwrap().camera && view.camera.on && view.camera.running);
    assert_eq!((view.camera.problem, view.notices[0].code), (Some(TIMED_OUT), TIMED_OUT));
    for wait in [2_000, 4_000, 8_000, 16_000, 32_000, 32_000] {
        let before = room.now;
        assert!(asks(&room.tick(wait), Device::Camera));
        assert_eq!(room.now - before, wait);
        assert!(room.core.view().camera.problem.is_some(), "an attempt does not hide it");
        assert!(notices(&refuse(&mut room, Device::Camera, TIMED_OUT)).is_empty(), "told once");
    }
    assert!(asks(&room.tick(32_000), Device::Camera));
    let effects = room.feed(Input::Published(Device::Camera));
    assert_eq!(told(&effects), Some((true, true)));
    assert!(room.core.view().notices.is_empty() && room.core.view().camera.problem.is_none());
    assert_eq!(room.core.deadline(), None);
}

#[test]
fn the_person_turning_it_off_and_on_asks_at_once_also_where_it_was_not_allowed() {
    for code in [TIMED_OUT, Code::Forbidden] {
        let mut room = inside();
        refuse(&mut room, Device::Camera, code);
        assert_eq!(
            room.core.deadline().is_none(),
            code == Code::Forbidden,
            "what is not allowed is not asked for again"
        );
        let effects = room.feed(Input::Command(Command::SetCamera(false)));
        assert!(room.core.view().notices.is_empty() && !asks(&effects, Device::Camera));
        assert!(!effects.iter().any(|e| matches!(e, Effect::SetMuted { .. })), "there is nothing to mute");
        room.feed(Input::Command(Command::SetCamera(true)));
        let news = DeviceNews::Opened { label: "cam".into(), synthetic: false, stands_in: false };
        let effects = room.feed(Input::Device { device: Device::Camera, generation: 1, news });
        assert!(asks(&effects, Device::Camera), "{code:?}");
    }
}

#[test]
fn a_track_that_was_muted_and_went_is_not_muted_when_it_is_there_again() {
    let set = |room: &mut Room1, on| room.feed(Input::Command(Command::SetMicrophone(on)));
    let taken_away = |room: &mut Room1| room.room(RoomEvent::LocalTrackUnpublished { sid: "TR_own".into() });
    let refused = |room: &mut Room1| refuse(room, Device::Microphone, TIMED_OUT);
    for goes in [refused as fn(&mut Room1) -> Vec<Effect>, taken_away] {
        let mut room = inside();
        let track = TrackInfo { source: TrackSource::Microphone, kind: TrackKind::Audio, ..camera_track("TR_own") };
        room.room(RoomEvent::LocalTrackPublished(track));
        assert!(set(&mut room, false).contains(&Effect::SetMuted { device: Device::Microphone, muted: true }));
        goes(&mut room);
        set(&mut room, true);
        let news = DeviceNews::Opened { label: "mic".into(), synthetic: false, stands_in: false };
        let effects = room.feed(Input::Device { device: Device::Microphone, generation: 1, news });
        let of = |effect: Effect| effects.iter().position(|e| *e == effect);
        let unmuted = of(Effect::SetMuted { device: Device::Microphone, muted: false });
        let asked = of(Effect::Publish { device: Device::Microphone, synthetic: false });
        assert!(unmuted.is_some() && asked.is_some() && unmuted < asked, "{effects:?}");
    }
}

#[test]
fn a_wish_for_what_is_on_and_not_sent_asks_at_once() {
    let mut room = inside();
    refuse(&mut room, Device::Microphone, TIMED_OUT);
    assert!(asks(&room.feed(Input::Command(Command::SetMicrophone(true))), Device::Microphone));
    assert!(!asks(&room.feed(Input::Command(Command::SetMicrophone(true))), Device::Microphone), "and only once");
}

#[test]
fn a_track_that_the_server_takes_away_is_asked_for_again() {
    let mut room = inside();
    room.room(RoomEvent::LocalTrackPublished(camera_track("TR_own")));
    room.feed(Input::Published(Device::Camera));
    assert!(room.room(RoomEvent::LocalTrackUnpublished { sid: "TR_other".into() }).is_empty());
    let effects = room.room(RoomEvent::LocalTrackUnpublished { sid: "TR_own".into() });
    assert_eq!(told(&effects), None, "it goes with a connection too, which is told by itself");
    assert!(asks(&room.tick(2_000), Device::Camera));
    assert_eq!(told(&refuse(&mut room, Device::Camera, TIMED_OUT)), Some((false, true)));
}

#[test]
fn a_lost_room_makes_a_new_beginning() {
    let mut room = inside();
    refuse(&mut room, Device::Camera, Code::Forbidden);
    room.room(RoomEvent::Disconnected { reason: beckon_rtc::DisconnectReason::SignalClose });
    assert!(room.core.view().camera.problem.is_none());
    while room.core.stage != Stage::Entering {
        room.tick(3_000);
    }
    assert!(asks(&room.get_in("bob"), Device::Camera));
}

#[test]
fn both_wanting_for_the_same_thing_is_said_once_in_the_window() {
    let mut room = inside();
    refuse(&mut room, Device::Camera, TIMED_OUT);
    refuse(&mut room, Device::Microphone, TIMED_OUT);
    assert_eq!(room.core.view().notices.len(), 1);
    assert!(room.core.view().microphone.problem.is_some());
}

#[test]
fn what_cannot_be_coded_is_said_while_it_lasts_and_is_not_shown_as_sent() {
    let mut room = inside();
    for (device, code) in [(Device::Camera, Code::CodecUnavailable), (Device::Microphone, Code::SoundCodecUnavailable)]
    {
        let failed = || Some(SessionError::new(code, "no encoder takes this"));
        let effects = room.feed(Input::Coded { device, failed: failed() });
        assert_eq!(notices(&effects), [code]);
        assert_eq!(told(&effects), Some((device != Device::Camera, device == Device::Camera)));
        assert!(notices(&room.feed(Input::Coded { device, failed: failed() })).is_empty());
        assert_eq!(room.core.view().notices[0].code, code);
        let effects = room.feed(Input::Coded { device, failed: None });
        assert_eq!(told(&effects), Some((true, true)));
        assert!(room.core.view().notices.is_empty());
    }
}

/// Another quality is chosen, and the camera is open again.
fn other_quality(room: &mut Room1, generation: u32, video: VideoSettings) -> (Vec<Effect>, Vec<Effect>) {
    let closed = room.feed(Input::Command(Command::SetVideo(video)));
    let news = DeviceNews::Opened { label: "cam".into(), synthetic: false, stands_in: false };
    (closed, room.feed(Input::Device { device: Device::Camera, generation, news }))
}

fn quality(width: u32, height: u32) -> VideoSettings {
    VideoSettings { width, height, ..VideoSettings::default() }
}

#[test]
fn another_quality_has_the_camera_announced_anew_beside_the_track_that_is_there() {
    let mut room = inside();
    room.room(RoomEvent::LocalTrackPublished(camera_track("TR_720")));
    room.feed(Input::Published(Device::Camera));
    let (closed, opened) = other_quality(&mut room, 1, quality(320, 180));
    assert!(!asks(&closed, Device::Camera), "it does not run");
    assert!(!closed.iter().any(|e| matches!(e, Effect::SetMuted { .. })), "others keep its last picture");
    assert!(asks(&opened, Device::Camera));
    let (_, opened) = other_quality(&mut room, 2, quality(1280, 720));
    assert!(!asks(&opened, Device::Camera), "one at a time");
    room.room(RoomEvent::LocalTrackPublished(camera_track("TR_180")));
    assert!(asks(&room.feed(Input::Published(Device::Camera)), Device::Camera), "it is not what is wanted by now");
    room.room(RoomEvent::LocalTrackPublished(camera_track("TR_720_2")));
    assert!(!asks(&room.feed(Input::Published(Device::Camera)), Device::Camera));
    let effects = room.room(RoomEvent::LocalTrackUnpublished { sid: "TR_720".into() });
    assert!(effects.is_empty() && room.core.deadline().is_none(), "the one before goes");
    let frames = VideoSettings { fps: 15, ..quality(1280, 720) };
    assert!(!asks(&other_quality(&mut room, 3, frames).1, Device::Camera), "the layers are the same");
}

#[test]
fn a_camera_that_is_off_is_announced_anew_once_it_is_on() {
    let mut room = inside();
    room.feed(Input::Published(Device::Camera));
    room.feed(Input::Command(Command::SetCamera(false)));
    let effects = room.feed(Input::Command(Command::SetVideo(quality(320, 180))));
    assert!(!asks(&effects, Device::Camera));
    room.feed(Input::Command(Command::SetCamera(true)));
    let news = DeviceNews::Opened { label: "cam".into(), synthetic: false, stands_in: false };
    let effects = room.feed(Input::Device { device: Device::Camera, generation: 1, news });
    assert!(effects.contains(&Effect::SetMuted { device: Device::Camera, muted: false }));
    assert!(asks(&effects, Device::Camera));
}

#[test]
fn a_camera_that_does_not_open_again_is_seen_to_be_off() {
    let mut room = inside();
    room.feed(Input::Published(Device::Camera));
    room.feed(Input::Command(Command::SetVideo(quality(320, 180))));
    let news = DeviceNews::Failed(SessionError::of(Code::CameraInUse));
    let effects = room.feed(Input::Device { device: Device::Camera, generation: 1, news });
    assert!(effects.contains(&Effect::SetMuted { device: Device::Camera, muted: true }));
}

#[test]
fn where_the_room_does_not_take_the_new_track_the_one_there_is_goes_on() {
    let mut room = inside();
    room.room(RoomEvent::LocalTrackPublished(camera_track("TR_720")));
    room.feed(Input::Published(Device::Camera));
    other_quality(&mut room, 1, quality(320, 180));
    let effects = refuse(&mut room, Device::Camera, TIMED_OUT);
    assert!(notices(&effects).is_empty() && told(&effects).is_none());
    assert!(room.core.view().camera.problem.is_none());
    assert!(asks(&room.tick(2_000), Device::Camera), "it is asked for again");
    let effects = room.feed(Input::Command(Command::SetCamera(false)));
    assert!(effects.contains(&Effect::SetMuted { device: Device::Camera, muted: true }));
}
