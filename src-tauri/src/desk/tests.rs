#![allow(clippy::unwrap_used)]

use beckon_protocol::{channel::app::Closed, launch::Origin};
use serde_json::{Value, json};

use super::*;

const CRM: &str = "https://crm.example.com";
const PAGE: LaunchId = LaunchId(1);

fn asker(text: &str) -> Asker {
    Asker { origin: Origin::parse(text).unwrap(), relay: None }
}

fn call(method: &str, params: Value) -> Call {
    Call::parse(method, params).unwrap()
}

fn open_call(custom: Value) -> Call {
    let params = json!({
        "userdata": {"userID": "zhang3", "sdkAppID": 1, "userSig": "sig"},
        "roomdata": {"serverDomain": "http://127.0.0.1:8080", "roomAction": "createRoom", "roomID": "r1"},
        "custom": custom,
    });
    call("room.open", params)
}

#[derive(Default)]
struct Bench {
    desk: Desk,
    calls: u64,
}

impl Bench {
    fn arrive(&mut self, launch: LaunchId, from: &str, standing: Standing) -> Vec<Effect> {
        self.desk.on(Input::Arrived { launch, asker: asker(from), standing })
    }

    fn call(&mut self, launch: LaunchId, call: Call) -> (CallId, Vec<Effect>) {
        self.calls += 1;
        let id = CallId(self.calls);
        (id, self.desk.on(Input::Called { launch, id, call }))
    }

    /// A page that may, with an open room.
    fn with_room(custom: Value) -> (Self, RoomKey) {
        let mut bench = Self::default();
        bench.arrive(PAGE, CRM, Standing::Allowed);
        let (id, effects) = bench.call(PAGE, open_call(custom));
        let room = opened_room(&effects).unwrap();
        let effects = bench.desk.on(Input::Opened { room, outcome: Ok("r1".into()) });
        assert_eq!(effects, [Effect::Reply(id, Ok(Done::Opened(RoomOpened { room_id: "r1".into() })))]);
        (bench, room)
    }

    fn close(&mut self, room: RoomKey, code: Code) -> Vec<Effect> {
        self.desk.on(Input::Told { room, event: closed(code) })
    }
}

fn closed(code: Code) -> Event {
    Event::Closed(Closed { room_id: "r1".into(), code, msg: String::new() })
}

fn opened_room(effects: &[Effect]) -> Option<RoomKey> {
    effects.iter().find_map(|e| if let Effect::Open { room, .. } = e { Some(*room) } else { None })
}

fn ask_room(from: &str) -> Effect {
    Effect::Ask(Question { asker: asker(from), asks: Asks::Room })
}

fn refused(effects: &[Effect], id: CallId) -> Option<Code> {
    effects.iter().find_map(|e| match e {
        Effect::Reply(to, Err(error)) if *to == id => Some(error.code),
        _ => None,
    })
}

#[test]
fn an_unknown_origin_waits_for_the_person() {
    let mut bench = Bench::default();
    assert_eq!(bench.arrive(PAGE, CRM, Standing::Unknown), [ask_room(CRM)]);
    let (id, effects) = bench.call(PAGE, open_call(json!({})));
    assert_eq!(refused(&effects, id), Some(Code::ConsentDenied), "nothing starts before the answer");
    assert_eq!(bench.desk.on(Input::Answered(Answer::Once)), [Effect::Admit(PAGE, true), Effect::Withdraw]);
    let (_, effects) = bench.call(PAGE, open_call(json!({})));
    assert!(opened_room(&effects).is_some());
}

#[test]
fn a_no_denies_every_launch_of_that_origin_and_only_of_that() {
    let mut bench = Bench::default();
    bench.arrive(PAGE, CRM, Standing::Unknown);
    assert_eq!(bench.arrive(LaunchId(2), CRM, Standing::Unknown), [], "one question for both");
    bench.arrive(LaunchId(3), "https://other.example", Standing::Unknown);
    let effects = bench.desk.on(Input::Answered(Answer::No));
    let admit = |launch| Effect::Admit(launch, false);
    assert_eq!(effects, [admit(PAGE), admit(LaunchId(2)), ask_room("https://other.example")]);
    let (id, effects) = bench.call(PAGE, open_call(json!({})));
    assert_eq!(refused(&effects, id), Some(Code::ConsentDenied));
}

#[test]
fn what_a_relay_vouches_for_is_another_asker_than_what_the_browser_told() {
    let mut bench = Bench::default();
    bench.arrive(PAGE, CRM, Standing::Unknown);
    let relayed = Asker { relay: Some("relay.example".into()), ..asker(CRM) };
    let arrived = Input::Arrived { launch: LaunchId(2), asker: relayed.clone(), standing: Standing::Unknown };
    bench.desk.on(arrived);
    let effects = bench.desk.on(Input::Answered(Answer::Always));
    let ask = Effect::Ask(Question { asker: relayed, asks: Asks::Room });
    assert_eq!(effects, [Effect::Remember(asker(CRM)), Effect::Admit(PAGE, true), ask]);
}

#[test]
fn always_is_remembered_and_once_is_not() {
    let mut bench = Bench::default();
    bench.arrive(PAGE, CRM, Standing::Unknown);
    assert!(bench.desk.on(Input::Answered(Answer::Always)).contains(&Effect::Remember(asker(CRM))));
    bench.arrive(LaunchId(2), CRM, Standing::Unknown);
    assert!(!bench.desk.on(Input::Answered(Answer::Once)).contains(&Effect::Remember(asker(CRM))));
}

#[test]
fn once_is_one_room_and_always_is_as_many_as_the_page_wants() {
    for (answer, ends) in [(Answer::Once, true), (Answer::Always, false)] {
        let mut bench = Bench::default();
        bench.arrive(PAGE, CRM, Standing::Unknown);
        bench.desk.on(Input::Answered(answer));
        let (_, effects) = bench.call(PAGE, open_call(json!({})));
        let room = opened_room(&effects).unwrap();
        bench.desk.on(Input::Opened { room, outcome: Ok("r1".into()) });
        let effects = bench.close(room, Code::Ok);
        assert_eq!(effects.first(), Some(&Effect::Tell(PAGE, closed(Code::Ok))), "before anything ends");
        assert_eq!(effects.contains(&Effect::End(PAGE)), ends);
    }
}

#[test]
fn an_always_that_is_taken_back_holds_for_the_room_that_is_open() {
    let (mut bench, room) = Bench::with_room(json!({}));
    bench.arrive(LaunchId(2), CRM, Standing::Allowed);
    let effects = bench.desk.on(Input::Revoked(asker(CRM)));
    assert_eq!(effects, [Effect::End(LaunchId(2))], "only the page that has no room");
    assert!(bench.close(room, Code::Ok).contains(&Effect::End(PAGE)));
}

#[test]
fn a_policy_allows_and_forbids_without_a_question() {
    let mut bench = Bench::default();
    assert_eq!(bench.arrive(PAGE, CRM, Standing::Allowed), [Effect::Admit(PAGE, true)]);
    let denied = bench.arrive(LaunchId(2), "https://bad.example", Standing::Forbidden);
    assert_eq!(denied, [Effect::Admit(LaunchId(2), false)]);
    let (id, effects) = bench.call(LaunchId(2), open_call(json!({})));
    assert_eq!(refused(&effects, id), Some(Code::ConsentDenied));
}

#[test]
fn a_flood_of_origins_is_denied_without_a_question() {
    let mut bench = Bench::default();
    for i in 0..QUESTIONS_MAX as u64 {
        bench.arrive(LaunchId(i), &format!("https://a{i}.example"), Standing::Unknown);
    }
    let effects = bench.arrive(LaunchId(99), "https://late.example", Standing::Unknown);
    assert_eq!(effects, [Effect::Admit(LaunchId(99), false)]);
}

#[test]
fn the_question_goes_away_with_its_page() {
    let mut bench = Bench::default();
    bench.arrive(PAGE, CRM, Standing::Unknown);
    assert_eq!(bench.desk.on(Input::Ended(PAGE)), [Effect::Withdraw]);
    assert!(!bench.desk.busy());
    assert_eq!(bench.desk.on(Input::Answered(Answer::Always)), [], "an answer to nothing does nothing");
}

#[test]
fn a_single_room_refuses_a_second_and_comes_to_front() {
    let (mut bench, room) = Bench::with_room(json!({}));
    bench.arrive(LaunchId(2), "https://other.example", Standing::Allowed);
    let (id, effects) = bench.call(LaunchId(2), open_call(json!({})));
    assert_eq!(refused(&effects, id), Some(Code::AlreadyOpen));
    assert!(effects.contains(&Effect::Focus(room)));
}

#[test]
fn without_singleton_a_second_room_opens_beside() {
    let (mut bench, room) = Bench::with_room(json!({}));
    bench.arrive(LaunchId(2), CRM, Standing::Allowed);
    let (_, effects) = bench.call(LaunchId(2), open_call(json!({"singleton": false})));
    assert_ne!(opened_room(&effects).unwrap(), room);
    let (id, effects) = bench.call(LaunchId(2), open_call(json!({"singleton": false})));
    assert_eq!(refused(&effects, id), Some(Code::AlreadyOpen), "but one page has one room");
}

#[test]
fn a_room_that_is_being_left_is_no_obstacle_to_the_next() {
    let (mut bench, room) = Bench::with_room(json!({}));
    bench.desk.on(Input::PersonLeft(room));
    let (_, effects) = bench.call(PAGE, open_call(json!({})));
    assert_ne!(opened_room(&effects).unwrap(), room);
    assert!(bench.close(room, Code::LeftByUser).contains(&Effect::Tell(PAGE, closed(Code::LeftByUser))));
}

#[test]
fn a_room_that_does_not_come_up_fails_the_call_and_says_so_in_its_window() {
    let mut bench = Bench::default();
    bench.arrive(PAGE, CRM, Standing::Allowed);
    let (id, effects) = bench.call(PAGE, open_call(json!({})));
    let room = opened_room(&effects).unwrap();
    let effects = bench.close(room, Code::RoomNotFound);
    assert_eq!(refused(&effects, id), Some(Code::RoomNotFound));
    assert!(!effects.contains(&Effect::CloseWindow(room)), "the window says why");
    let (_, effects) = bench.call(PAGE, open_call(json!({})));
    assert!(effects.contains(&Effect::CloseWindow(room)), "the next room takes its place");
}

#[test]
fn the_page_closes_its_room_and_hears_of_it_after_the_end() {
    let (mut bench, room) = Bench::with_room(json!({}));
    let (id, effects) = bench.call(PAGE, call("room.close", json!({"roomID": "r1"})));
    assert_eq!(effects, [Effect::Leave(room, Why::Page)]);
    let effects = bench.close(room, Code::Ok);
    assert_eq!(
        effects,
        [Effect::Tell(PAGE, closed(Code::Ok)), Effect::Reply(id, Ok(Done::Plain)), Effect::CloseWindow(room)]
    );
}

#[test]
fn a_page_reaches_only_rooms_of_its_own_origin() {
    let (mut bench, room) = Bench::with_room(json!({}));
    bench.arrive(LaunchId(2), "https://other.example", Standing::Allowed);
    let (id, effects) = bench.call(LaunchId(2), call("room.close", json!({"roomID": "r1"})));
    assert_eq!(refused(&effects, id), Some(Code::NoRoom));
    bench.arrive(LaunchId(3), CRM, Standing::Allowed);
    let (_, effects) = bench.call(LaunchId(3), call("room.close", json!({"roomID": "r1"})));
    assert_eq!(effects, [Effect::Leave(room, Why::Page)]);
}

#[test]
fn the_person_closes_the_window_and_the_page_hears_the_code() {
    let (mut bench, room) = Bench::with_room(json!({}));
    let effects = bench.desk.on(Input::PersonLeft(room));
    assert_eq!(effects, [Effect::Leave(room, Why::Person), Effect::CloseWindow(room)]);
    assert_eq!(bench.close(room, Code::LeftByUser), [Effect::Tell(PAGE, closed(Code::LeftByUser))]);
}

#[test]
fn when_the_app_ends_rooms_are_left_and_their_pages_hear_of_it() {
    let (mut bench, room) = Bench::with_room(json!({}));
    bench.arrive(LaunchId(2), "https://other.example", Standing::Unknown);
    let effects = bench.desk.on(Input::AppEnds);
    assert_eq!(effects, [Effect::Leave(room, Why::AppEnds), Effect::CloseWindow(room), Effect::Withdraw]);
    assert!(bench.desk.in_room(), "leaving takes a moment");
    let late = bench.arrive(LaunchId(3), "https://late.example", Standing::Unknown);
    assert_eq!(late, [Effect::Admit(LaunchId(3), false)]);
    let (id, effects) = bench.call(PAGE, open_call(json!({"singleton": false})));
    assert_eq!(refused(&effects, id), Some(Code::NotInstalled), "nothing new begins");
    assert_eq!(bench.close(room, Code::LeftByUser), [Effect::Tell(PAGE, closed(Code::LeftByUser))]);
    assert!(!bench.desk.in_room());
}

#[test]
fn a_room_ended_by_the_server_stays_on_screen_until_the_person_closes_it() {
    let (mut bench, room) = Bench::with_room(json!({}));
    assert_eq!(bench.close(room, Code::RoomDestroyed), [Effect::Tell(PAGE, closed(Code::RoomDestroyed))]);
    assert_eq!(bench.desk.on(Input::PersonLeft(room)), [Effect::CloseWindow(room)]);
    assert_eq!(bench.close(room, Code::RoomDestroyed), [], "nothing is told twice");
}

#[test]
fn the_room_survives_its_page_unless_the_page_wished_otherwise() {
    let (mut bench, room) = Bench::with_room(json!({}));
    assert_eq!(bench.desk.on(Input::PageGone { launch: PAGE, close_room: false }), []);
    assert_eq!(bench.desk.on(Input::Ended(PAGE)), []);
    assert!(bench.desk.busy());
    assert_eq!(bench.close(room, Code::RoomDestroyed), []);
    let (mut bench, room) = Bench::with_room(json!({}));
    let gone = Input::PageGone { launch: PAGE, close_room: true };
    assert_eq!(bench.desk.on(gone), [Effect::Leave(room, Why::Page)]);
    bench.desk.on(Input::Ended(PAGE));
    assert_eq!(bench.close(room, Code::Ok), [Effect::CloseWindow(room)]);
    assert!(!bench.desk.busy());
}

#[test]
fn a_page_may_turn_the_camera_off_but_on_only_with_leave() {
    let (mut bench, room) = Bench::with_room(json!({"camera": false}));
    // The answer is given by whoever does it.
    let (id, effects) = bench.call(PAGE, call("media.set", json!({"microphone": false})));
    let off = MediaSet { microphone: Some(false), ..MediaSet::default() };
    assert_eq!(effects, [Effect::Media(room, off.clone(), Some(id))]);
    let (id, effects) = bench.call(PAGE, call("media.set", json!({"camera": true})));
    let asks = Asks::Devices { room, camera: true, microphone: false, call: id };
    assert_eq!(effects, [Effect::Ask(Question { asker: asker(CRM), asks })]);
    let effects = bench.desk.on(Input::Answered(Answer::No));
    assert_eq!(refused(&effects, id), Some(Code::ConsentDenied));
    // What needs no leave is done meanwhile, and the call is answered once.
    let (id, effects) = bench.call(PAGE, call("media.set", json!({"microphone": false, "camera": true})));
    assert!(matches!(&effects[..], [Effect::Media(_, set, None), Effect::Ask(_)] if *set == off), "{effects:?}");
    let on = MediaSet { camera: Some(true), ..MediaSet::default() };
    let effects = bench.desk.on(Input::Answered(Answer::Once));
    assert_eq!(effects, [Effect::Media(room, on.clone(), Some(id)), Effect::Withdraw]);
    let (id, effects) = bench.call(PAGE, call("media.set", json!({"camera": true})));
    assert_eq!(effects, [Effect::Media(room, on, Some(id))]);
}

#[test]
fn what_the_person_turned_on_needs_no_further_leave() {
    let (mut bench, room) = Bench::with_room(json!({"camera": false}));
    bench.desk.on(Input::PersonTurnedOn { room, camera: true, microphone: false });
    let (id, effects) = bench.call(PAGE, call("media.set", json!({"camera": true})));
    assert!(matches!(&effects[..], [Effect::Media(_, set, Some(to))] if set.camera == Some(true) && *to == id));
}

#[test]
fn a_text_is_answered_by_whoever_sends_it() {
    let (mut bench, room) = Bench::with_room(json!({}));
    let (id, effects) = bench.call(PAGE, call("chat.send", json!({"message": "hello"})));
    assert_eq!(effects, [Effect::Chat(room, "hello".into(), id)]);
}

#[test]
fn a_page_that_wants_its_room_recorded_is_told_that_it_is_not() {
    for (custom, field) in [
        (json!({"record": true}), "custom.record"),
        (json!({"mixRecord": true, "cloudRecordUrl": "rtmp://r.example/live"}), "custom.mixRecord"),
        (json!({"screenRecord": 2}), "custom.screenRecord"),
    ] {
        let mut bench = Bench::default();
        bench.arrive(PAGE, CRM, Standing::Allowed);
        let (id, effects) = bench.call(PAGE, open_call(custom));
        let room = opened_room(&effects).unwrap();
        let effects = bench.desk.on(Input::Opened { room, outcome: Ok("r1".into()) });
        let [Effect::Reply(to, Ok(_)), Effect::Tell(PAGE, Event::Notice(notice))] = &effects[..] else {
            panic!("{effects:?}");
        };
        assert_eq!((*to, notice.code, notice.room_id.as_str()), (id, Code::RecordingAbsent, "r1"));
        assert!(notice.message.contains(field), "{}", notice.message);
    }
    let mut bench = Bench::default();
    bench.arrive(PAGE, CRM, Standing::Allowed);
    let (_, effects) = bench.call(PAGE, open_call(json!({"record": true})));
    let room = opened_room(&effects).unwrap();
    let effects = bench.desk.on(Input::Opened { room, outcome: Err(RpcError::of(Code::RoomFull)) });
    assert!(matches!(&effects[..], [Effect::Reply(_, Err(_))]), "a room that does not open is not recorded anyway");
}

#[test]
fn calls_that_need_a_room_say_that_there_is_none() {
    let mut bench = Bench::default();
    bench.arrive(PAGE, CRM, Standing::Allowed);
    for wanted in [
        call("room.close", json!({})),
        call("chat.send", json!({"message": "x"})),
        call("media.set", json!({"camera": false})),
        call("window.focus", Value::Null),
    ] {
        let (id, effects) = bench.call(PAGE, wanted);
        assert_eq!(refused(&effects, id), Some(Code::NoRoom));
    }
}
