#![allow(clippy::unwrap_used)]

use super::*;
use crate::beauty::BeautyStyle;
use crate::video::FrameRate;
use serde_json::json;

fn open() -> Value {
    json!({
        "userdata": {"userID": "zhang3", "userName": "张三", "sdkAppID": "1400000001", "accType": 36862, "userSig": "eJx"},
        "roomdata": {"serverDomain": "https://meet.example.com/weapp/live_room/", "roomAction": "createRoom", "type": "RTCRoom", "template": "1v3"},
        "custom": {"proxy_ip": "10.0.0.1", "proxy_port": "1080", "IMList": false}
    })
}

#[test]
fn a_room_opens_with_what_pages_of_both_generations_send() {
    let Call::RoomOpen(open) = Call::parse("room.open", open()).unwrap() else { panic!("not room.open") };
    assert_eq!(open.userdata.sdk_app_id, 1_400_000_001);
    assert_eq!(open.userdata.acc_type, "36862");
    assert_eq!(open.roomdata.server().unwrap().as_str(), "https://meet.example.com/");
    assert_eq!(open.roomdata.template, Template::OneToThree);
    assert_eq!(open.custom.proxy_port, 1080);
    assert!(!open.custom.im_list && open.custom.user_list);
}

#[test]
fn what_does_not_fit_is_named() {
    let wrong = |path: &str, value: Value| {
        let mut open = open();
        *open.pointer_mut(path).unwrap() = value;
        Call::parse("room.open", open).unwrap_err()
    };
    assert_eq!(wrong("/userdata/userID", json!("")).field.unwrap(), "userdata.userID");
    assert_eq!(wrong("/userdata/userSig", json!("")).code, Code::MissingParameter);
    assert_eq!(wrong("/roomdata/serverDomain", json!("ftp://x")).field.unwrap(), "roomdata.serverDomain");
    assert_eq!(wrong("/roomdata/roomAction", json!("enterRoom")).field.unwrap(), "roomdata.roomID");
    assert_eq!(wrong("/custom/proxy_port", json!(70000)).code, Code::WrongParameter);
    assert_eq!(Call::parse("room.open", json!({})).unwrap_err().field.unwrap(), "userdata");
    assert_eq!(wrong("/userdata", json!({})).field.unwrap(), "userdata.userID");
    assert_eq!(wrong("/roomdata/template", json!("1v9")).field.unwrap(), "roomdata.template");
    assert_eq!(Call::parse("room.burn", Value::Null).unwrap_err().code, Code::UnknownMethod);
    assert_eq!(Call::parse("chat.send", json!({"message": ""})).unwrap_err().field.unwrap(), "message");
}

#[test]
fn the_beauty_filter_is_asked_for_in_levels_and_a_wrong_one_is_named() {
    let ask = |beauty: Value| {
        let mut open = open();
        open["custom"]["beauty"] = beauty;
        Call::parse("room.open", open)
    };
    let Ok(Call::RoomOpen(open)) = ask(json!({"style": "natural", "strength": 9, "ruddy": 2})) else {
        panic!("these levels fit");
    };
    assert_eq!(open.custom.beauty, Some(BeautySettings::new(BeautyStyle::Natural, 9, 0, 2).unwrap()));
    let Ok(Call::RoomOpen(open)) = ask(Value::Null) else { panic!("without it, what the person set") };
    assert_eq!(open.custom.beauty, None);

    for (beauty, field) in [
        (json!({"strength": 10}), "strength"),
        (json!({"whitening": -1}), "whitening"),
        (json!({"ruddy": 4.5}), "ruddy"),
        (json!({"strength": "9"}), "strength"),
        (json!({"style": "soft"}), "style"),
        (json!({"glow": 1}), "glow"),
    ] {
        let error = ask(beauty.clone()).unwrap_err();
        assert_eq!(error.code, Code::WrongParameter, "{beauty}");
        assert_eq!(error.field.unwrap(), format!("custom.beauty.{field}"), "{beauty}");
        let error = Call::parse("media.set", json!({"beauty": beauty})).unwrap_err();
        assert_eq!(error.field.unwrap(), format!("beauty.{field}"));
        assert!(error.message.contains(field), "{}", error.message);
    }
    let off = Call::parse("media.set", json!({"beauty": {}})).unwrap();
    assert_eq!(off, Call::MediaSet(MediaSet { beauty: Some(BeautySettings::default()), ..MediaSet::default() }));
}

#[test]
fn what_is_null_is_left_out_and_a_number_may_be_a_text() {
    let mut wish = open();
    for path in ["/userdata/userName", "/userdata/accType", "/roomdata/template", "/custom/IMList"] {
        *wish.pointer_mut(path).unwrap() = Value::Null;
    }
    wish["roomdata"]["roomID"] = Value::Null;
    wish["custom"]["video"] = json!({"resolution": null, "fps": 15});
    let Ok(Call::RoomOpen(open)) = Call::parse("room.open", wish.clone()) else { panic!("it fits") };
    assert!(open.userdata.acc_type.is_empty() && open.roomdata.room_id.is_empty() && open.custom.im_list);
    assert_eq!(open.custom.video, Some(VideoPreset { fps: FrameRate::Fifteen, ..VideoPreset::default() }));
    wish["custom"] = Value::Null;
    assert!(Call::parse("room.open", wish.clone()).is_ok());

    wish["userdata"]["userSig"] = Value::Null;
    let error = Call::parse("room.open", wish).unwrap_err();
    assert_eq!((error.code, error.field.unwrap().as_str()), (Code::MissingParameter, "userdata.userSig"));
}

#[test]
fn what_is_of_the_wrong_kind_or_too_long_is_named() {
    let long = |length: usize| json!("x".repeat(length));
    for (path, value) in [
        ("userdata.accType", json!(true)),
        ("userdata.sdkAppID", json!(-1)),
        ("userdata.userName", long(257)),
        ("userdata.userAvatar", long(2049)),
        ("roomdata.roomID", json!({})),
        ("roomdata.roomID", json!(1.5)),
        ("roomdata.roomName", long(257)),
        ("roomdata.roomTitle", long(257)),
        ("custom.proxy_port", json!([1080])),
        ("custom.camera", json!("no")),
        ("custom.video.fps", json!(60)),
        ("custom.video.size", json!("720p")),
        ("custom.video.resolution", json!("4k")),
    ] {
        let mut wish = open();
        path.split('.').fold(&mut wish, |at, name| &mut at[name]).clone_from(&value);
        let error = Call::parse("room.open", wish).unwrap_err();
        assert_eq!((error.code, error.field.as_deref()), (Code::WrongParameter, Some(path)), "{}", error.message);
        assert!(!error.message.contains("untagged"), "{}", error.message);
    }
    let error = Call::parse("media.set", json!({"video": {"size": 1}})).unwrap_err();
    assert_eq!(error.field.unwrap(), "video.size");
}

#[test]
fn every_method_has_a_signature() {
    let names: Vec<_> = Call::SIGNATURES.iter().map(|(name, _, _)| *name).collect();
    assert_eq!(names, Call::METHODS);
}

#[test]
fn the_user_sig_is_not_in_debug_output() {
    let open = Call::parse("room.open", open()).unwrap();
    assert!(!format!("{open:?}").contains("eJx"));
}
