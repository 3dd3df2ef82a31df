//! Getting in, losing the server, and the ends of a session.

use beckon_rtc::DisconnectReason;

use super::*;

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
