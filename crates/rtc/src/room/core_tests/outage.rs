//! What is told by signalling alone, and signalling that is lost.

use super::*;

/// Signalling is there again; what is done then.
fn resume(s: &mut Stage) -> Vec<String> {
    s.core.opened(s.now);
    s.done();
    s.say(Response::Reconnect(proto::ReconnectResponse::default()));
    s.done()
}

/// The server no longer knows us; what is done after joining anew.
fn rejoin(s: &mut Stage, others: Vec<proto::ParticipantInfo>) -> Vec<String> {
    s.core.opened(s.now);
    s.say(leave(proto::DisconnectReason::StateMismatch, Action::Reconnect));
    s.core.opened(s.now);
    s.done();
    s.say(Response::Join(join("PA_2", others)));
    s.done()
}

fn told(who: proto::ParticipantInfo) -> Response {
    Response::Update(proto::ParticipantUpdate { participants: vec![who] })
}

/// Somebody with a camera.
fn ann() -> proto::ParticipantInfo {
    let mut ann = person("ann", "PA_9");
    let mut track = proto::TrackInfo { sid: "TR_9".into(), ..Default::default() };
    track.set_type(proto::TrackType::Video);
    ann.tracks.push(track);
    ann
}

fn take(s: &mut Stage, subscribed: bool) {
    s.core.command(s.now, Command::SetSubscribed { sid: "TR_9".into(), subscribed });
}

fn show(s: &mut Stage, width: u32) {
    let wish = Command::SetVideoPreference { sid: "TR_9".into(), width, height: width / 2, enabled: width > 0 };
    s.core.command(s.now, wish);
}

#[test]
fn a_mute_that_the_server_may_not_have_heard_is_told_when_signalling_is_back() {
    for lost in ["unnoticed", "noticed", "opened"] {
        let mut s = Stage::new();
        let mut answer = s.publish();
        s.name_track("TR_1");
        let handle = answer.try_recv().unwrap().unwrap();
        if lost != "unnoticed" {
            s.lose();
        }
        if lost == "opened" {
            s.core.opened(s.now);
        }
        s.core.command(s.now, Command::SetMuted { sid: handle.sid(), muted: true });
        if lost == "unnoticed" {
            s.lose();
        }
        assert_eq!(resume(&mut s), ["sync 1", "restart", "mute TR_1 true", "reconnected true"], "{lost}");
        s.lose();
        s.core.command(s.now, Command::SetMuted { sid: handle.sid(), muted: false });
        assert_eq!(resume(&mut s)[2], "mute TR_1 false", "{lost}");
    }
}

#[test]
fn a_resume_tells_whether_a_track_is_muted_as_we_know_it_not_as_the_server_wrote_last() {
    let mut s = Stage::new();
    let mut answer = s.publish();
    s.name_track("TR_1");
    let handle = answer.try_recv().unwrap().unwrap();
    s.core.command(s.now, Command::SetMuted { sid: handle.sid(), muted: true });
    s.name_track("TR_1");
    assert!(handle.info().muted);
    s.lose();
    s.core.opened(s.now);
    s.say(Response::Reconnect(proto::ReconnectResponse::default()));
    let synced = s.core.effects.iter().find_map(|effect| match effect {
        Effect::Sync(sync) => sync.publish_tracks[0].track.as_ref(),
        _ => None,
    });
    assert!(synced.unwrap().muted);
}

#[test]
fn what_is_wished_of_others_tracks_during_an_outage_is_told_when_signalling_is_back() {
    let mut s = Stage::new();
    s.say(told(ann()));
    take(&mut s, false);
    show(&mut s, 640);
    assert_eq!(s.done(), ["take TR_9 false", "show TR_9 640"]);
    s.lose();
    take(&mut s, true);
    show(&mut s, 1280);
    assert_eq!(resume(&mut s), ["sync 0", "restart", "take TR_9 true", "show TR_9 1280", "reconnected true"]);
    // Of a track that is gone nothing is kept.
    let mut gone = ann();
    gone.set_state(proto::participant_info::State::Disconnected);
    s.say(told(gone));
    take(&mut s, false);
    s.lose();
    assert_eq!(resume(&mut s), ["sync 0", "restart", "reconnected true"]);
}

#[test]
fn a_session_joined_anew_hears_what_is_wished_of_tracks_that_are_still_there() {
    let mut s = Stage::new();
    s.say(told(ann()));
    take(&mut s, false);
    show(&mut s, 0);
    s.lose();
    assert_eq!(rejoin(&mut s, vec![ann()]), ["reset", "take TR_9 false", "show TR_9 0", "reconnected false"]);
    s.lose();
    assert_eq!(rejoin(&mut s, vec![]), ["reset", "reconnected false"]);
}

#[test]
fn what_is_said_of_ourselves_is_said_again_until_the_server_repeats_it() {
    let us = |name: &str, hand: &str| {
        let mut us = person("me", "PA_1");
        us.permission = Some(proto::ParticipantPermission { can_update_metadata: true, ..Default::default() });
        us.name = name.into();
        if !hand.is_empty() {
            us.attributes.insert("hand".into(), hand.into());
        }
        told(us)
    };
    let say = |s: &mut Stage, name: &str, hand: &str| {
        let attributes = HashMap::from([("hand".to_owned(), hand.to_owned())]);
        s.core.command(s.now, Command::UpdateSelf { name: name.into(), metadata: String::new(), attributes });
    };
    let again = |s: &mut Stage| resume(s).into_iter().find(|done| done.starts_with("self"));
    let mut s = Stage::new();
    s.say(us("me", ""));
    s.lose();
    say(&mut s, "Ann", "up");
    assert_eq!(again(&mut s).unwrap(), r#"self "Ann" {"hand": "up"}"#);
    s.say(us("Ann", ""));
    s.lose();
    assert_eq!(again(&mut s).unwrap(), r#"self "" {"hand": "up"}"#);
    s.say(us("Ann", "up"));
    s.lose();
    assert_eq!(again(&mut s), None);
    // Into a connection that is dead already.
    say(&mut s, "", "");
    s.lose();
    assert_eq!(again(&mut s).unwrap(), r#"self "" {"hand": ""}"#);
    s.say(us("Ann", ""));
    s.lose();
    assert_eq!(again(&mut s), None);
}
