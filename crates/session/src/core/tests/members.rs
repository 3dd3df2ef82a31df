//! Those who are in the room, and how they are shown.

use beckon_media::layout::TileId;

use super::*;
use crate::request::ScreenShare;

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
fn a_camera_that_is_published_anew_goes_on_being_seen() {
    let mut room = Room1::inside();
    let bob = |room: &Room1| room.core.view().members.iter().find(|m| m.user_id == "bob").cloned().unwrap();
    room.room(RoomEvent::TrackPublished { identity: "bob".into(), track: camera_track("TR_1") });
    let tile = TileId(bob(&room).tile);
    room.feed(Input::FirstPicture(tile));
    room.feed(Input::Command(Command::TileSize { tile, width: 640, height: 360 }));
    let effects = room.room(RoomEvent::TrackPublished { identity: "bob".into(), track: camera_track("TR_2") });
    assert!(effects.contains(&Effect::Prefer { track: "TR_2".into(), width: 640, height: 360 }));
    assert!(bob(&room).camera && !bob(&room).camera_connecting);
    room.feed(Input::FirstPicture(tile));
    room.room(RoomEvent::TrackUnpublished { identity: "bob".into(), track: camera_track("TR_1") });
    assert!(bob(&room).camera && !bob(&room).camera_connecting);
    room.room(RoomEvent::TrackUnpublished { identity: "bob".into(), track: camera_track("TR_2") });
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
fn a_busy_machine_is_told_once_and_shown_while_it_lasts() {
    let mut room = Room1::inside();
    let shown = |room: &Room1| room.core.view().notices.iter().any(|n| n.code == Code::MachineBusy);
    assert_eq!(notices(&room.feed(Input::Busy(true))), [Code::MachineBusy]);
    assert!(shown(&room) && notices(&room.feed(Input::Busy(true))).is_empty());
    assert!(notices(&room.feed(Input::Busy(false))).is_empty() && !shown(&room));
    // A shared screen counts like the camera, as long as it is shared.
    let share = ScreenShare {
        choice: beckon_media::screen::ScreenChoice::Window(7),
        label: "a".into(),
        width: 640,
        height: 480,
        motion: false,
        sound: false,
    };
    room.feed(Input::Command(Command::StartScreen(share)));
    let busy = Input::Screen { generation: 1, news: ScreenNews::Busy(true) };
    assert_eq!(notices(&room.feed(busy)), [Code::MachineBusy]);
    assert!(notices(&room.feed(Input::Busy(true))).is_empty());
    room.feed(Input::Command(Command::StopScreen));
    assert!(shown(&room));
    room.feed(Input::Busy(false));
    assert!(!shown(&room));
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
