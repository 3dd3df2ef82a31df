//! Texts, and what becomes of them where the connection does not hold.

use beckon_rtc::DisconnectReason;

use super::*;

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
fn a_text_frees_its_place_once_the_server_has_it_and_only_then() {
    let mut room = Room1::inside();
    let say = || Input::Command(Command::SendChat { text: "hello".into(), time_ms: 1 });
    let freed = |effects: &[Effect]| effects.contains(&Effect::ChatDelivered);
    assert!(!freed(&room.feed(say())));
    assert!(freed(&room.room(RoomEvent::ChatDelivered { id: "1".into() })));
    assert!(!freed(&room.room(RoomEvent::ChatDelivered { id: "of an older room".into() })));
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
    // And only once.
    room.room(RoomEvent::Disconnected { reason: DisconnectReason::Unreachable("x".into()) });
    room.feed(say());
    room.tick(10_000);
    let attempt = room.attempt();
    room.feed(Input::LoggedIn { attempt, outcome: Ok(()) });
    room.feed(Input::Entered { attempt, outcome: Ok(entrance("bob")) });
    let joined = Joined { local: person("ann"), ..Default::default() };
    assert!(sent(&room.feed(Input::Joined { attempt, outcome: Ok(Box::new(joined)) })));
}
