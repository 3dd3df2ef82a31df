//! The state machine with a clock moved by hand and a server played by the test.

use super::*;
use crate::data::DataOptions;
use crate::error::ConnectError;
use crate::event::DisconnectReason;
use crate::publication::PublishOptions;
use crate::room::way_back::FAREWELL;
use proto::leave_request::Action;
use tokio::sync::oneshot;

#[path = "core_tests/outage.rs"]
mod outage;

const MS: Duration = Duration::from_millis(1);
const S: Duration = Duration::from_secs(1);

struct Stage {
    core: Core,
    now: Instant,
    // Kept so that the room does not count as let go of.
    _commands: (mpsc::UnboundedSender<Command>, mpsc::UnboundedReceiver<Command>),
    _media: mpsc::Receiver<OutFrame>,
}

fn person(identity: &str, sid: &str) -> proto::ParticipantInfo {
    let mut p = proto::ParticipantInfo { identity: identity.into(), sid: sid.into(), ..Default::default() };
    p.set_state(proto::participant_info::State::Active);
    p
}

fn join(sid: &str, others: Vec<proto::ParticipantInfo>) -> proto::JoinResponse {
    proto::JoinResponse {
        participant: Some(person("me", sid)),
        other_participants: others,
        ping_interval: 5,
        ping_timeout: 15,
        ..Default::default()
    }
}

fn leave(reason: proto::DisconnectReason, action: Action) -> Response {
    let mut leave = proto::LeaveRequest::default();
    leave.set_reason(reason);
    leave.set_action(action);
    Response::Leave(leave)
}

impl Stage {
    fn new() -> Self {
        let (commands, commands_rx) = mpsc::unbounded_channel();
        let (media, media_rx) = mpsc::channel(8);
        let lines = Lines { commands: commands.downgrade(), media };
        let policy = ReconnectPolicy { give_up_after: Some(20 * S), ..ReconnectPolicy::default() };
        let now = Instant::now();
        let core = Core::new(now, policy, true, || 0.0, lines, Arc::default(), join("PA_1", vec![]));
        let mut stage = Self { core, now, _commands: (commands, commands_rx), _media: media_rx };
        stage.core.link(now, (true, true));
        stage.core.effects.clear();
        stage
    }

    /// Moves the clock to the next due time and says how far that was.
    fn next(&mut self) -> Duration {
        let due = self.core.due().expect("something is due");
        let waited = due.saturating_duration_since(self.now);
        self.now = due.max(self.now);
        self.core.timeout(self.now);
        waited
    }

    fn say(&mut self, message: Response) {
        self.core.message(self.now, message);
    }

    /// What was done since the last look, in short words.
    fn done(&mut self) -> Vec<String> {
        self.core
            .effects
            .drain(..)
            .filter_map(|effect| {
                Some(match effect {
                    Effect::Emit(RoomEvent::Reconnecting { attempt }) => format!("reconnecting {attempt}"),
                    Effect::Emit(RoomEvent::Reconnected { resumed }) => format!("reconnected {resumed}"),
                    Effect::Emit(RoomEvent::Disconnected { reason }) => format!("disconnected: {reason}"),
                    Effect::Emit(RoomEvent::LocalTrackPublished(t)) => format!("published {}", t.sid),
                    Effect::Emit(RoomEvent::LocalTrackUnpublished { sid }) => format!("unpublished {sid}"),
                    Effect::Emit(_) => return None,
                    Effect::Open { opening: Opening::Join, wait } => format!("join in {}", wait.as_millis()),
                    Effect::Open { opening: Opening::Resume(sid), wait } => {
                        format!("resume {sid} in {}", wait.as_millis())
                    }
                    Effect::Hang => "hang".into(),
                    Effect::Sync(sync) => format!("sync {}", sync.publish_tracks.len()),
                    Effect::RestartIce => "restart".into(),
                    Effect::ResetMedia => "reset".into(),
                    Effect::Expect(bps) if bps > 0 => format!("expect {bps}"),
                    Effect::AddTrack { cid, .. } if cid.starts_with("bk-") => "add".into(),
                    Effect::Figures => "figures".into(),
                    Effect::RemoveTrack(_) => "remove".into(),
                    Effect::Finish => "finish".into(),
                    Effect::Send(Request::AddTrack(_)) => "ask".into(),
                    Effect::Send(Request::Mute(m)) => format!("mute {} {}", m.sid, m.muted),
                    Effect::Send(Request::Subscription(s)) => {
                        format!("take {} {}", s.track_sids.join(" "), s.subscribe)
                    }
                    Effect::Send(Request::TrackSetting(s)) => format!("show {} {}", s.track_sids.join(" "), s.width),
                    Effect::Send(Request::UpdateMetadata(u)) => format!("self {:?} {:?}", u.name, u.attributes),
                    Effect::Send(Request::PingReq(_)) => "ping".into(),
                    Effect::Send(Request::Leave(_)) => "leave".into(),
                    _ => return None,
                })
            })
            .collect()
    }

    fn lose(&mut self) {
        self.core.signal_lost(self.now, "cut".into());
    }

    fn publish(&mut self) -> oneshot::Receiver<Result<crate::track::LocalTrack, crate::PublishError>> {
        let (reply, answer) = oneshot::channel();
        self.core.command(self.now, Command::Publish { options: PublishOptions::camera(640, 360, 1), reply });
        answer
    }

    /// The server names the track asked for last.
    fn name_track(&mut self, sid: &str) {
        let cid = self.core.effects.iter().rev().find_map(|e| match e {
            Effect::Send(Request::AddTrack(asked)) => Some(asked.cid.clone()),
            _ => None,
        });
        let mut track = proto::TrackInfo { sid: sid.into(), ..Default::default() };
        track.set_type(proto::TrackType::Video);
        self.say(Response::TrackPublished(proto::TrackPublishedResponse { cid: cid.unwrap(), track: Some(track) }));
    }
}

#[test]
fn a_cut_connection_is_resumed_at_once_and_media_that_flows_is_not_waited_for() {
    let mut s = Stage::new();
    s.lose();
    assert_eq!(s.done(), ["hang", "reconnecting 1", "resume PA_1 in 0"]);
    s.core.opened(s.now);
    s.say(Response::Reconnect(proto::ReconnectResponse::default()));
    assert_eq!(s.done(), ["sync 0", "restart", "reconnected true"]);
    assert_eq!(s.core.phase, Phase::Live);
}

#[test]
fn tries_wait_longer_and_longer_until_it_is_given_up() {
    let mut s = Stage::new();
    s.lose();
    let mut waits = Vec::new();
    while s.core.phase != Phase::Closed {
        let done = s.done();
        let wait: u64 = done.last().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
        waits.push(wait);
        s.now += Duration::from_millis(wait) + S;
        let error = ConnectError::Unreachable { host: "h".into(), why: "refused".into() };
        s.core.not_opened(s.now, error);
    }
    assert_eq!(waits[..5], [0, 200, 400, 800, 1600]);
    assert_eq!(s.done().last().unwrap(), "finish");
}

#[test]
fn a_session_the_server_no_longer_knows_is_joined_anew_with_all_tracks() {
    let mut s = Stage::new();
    let mut answer = s.publish();
    s.name_track("TR_1");
    let handle = answer.try_recv().unwrap().unwrap();
    s.done();
    s.lose();
    s.core.opened(s.now);
    s.say(leave(proto::DisconnectReason::StateMismatch, Action::Reconnect));
    assert_eq!(s.done()[3..], ["hang", "reconnecting 2", "join in 0"]);
    s.core.opened(s.now);
    s.say(Response::Join(join("PA_2", vec![])));
    s.name_track("TR_2");
    assert_eq!(s.done(), ["reset", "ask", "reconnected false", "add", "published TR_2"]);
    assert_eq!(handle.sid(), "TR_2");
    assert_eq!(s.core.shared.stats.read().rejoins, 1);
}

#[test]
fn what_is_about_to_be_sent_is_known_to_a_session_joined_anew() {
    let mut s = Stage::new();
    s.core.command(s.now, Command::ExpectToSend(3_000));
    s.lose();
    s.core.opened(s.now);
    s.say(leave(proto::DisconnectReason::StateMismatch, Action::Reconnect));
    s.core.opened(s.now);
    assert_eq!(s.done()[0], "expect 3000");
    s.say(Response::Join(join("PA_2", vec![])));
    assert_eq!(s.done()[..2], ["reset", "expect 3000"]);
}

#[test]
fn what_is_said_of_a_track_before_it_has_its_new_name_is_not_lost() {
    for unpublished in [false, true] {
        let mut s = Stage::new();
        let mut answer = s.publish();
        s.name_track("TR_1");
        let handle = answer.try_recv().unwrap().unwrap();
        s.lose();
        s.core.opened(s.now);
        s.say(leave(proto::DisconnectReason::StateMismatch, Action::Reconnect));
        s.core.opened(s.now);
        s.say(Response::Join(join("PA_2", vec![])));
        assert!(s.core.shared.view.read().published.contains(&handle.sid()));
        if unpublished {
            s.core.command(s.now, Command::Unpublish(handle.sid()));
            s.name_track("TR_2");
            assert!(s.core.locals.is_empty());
            assert_eq!(s.done().last().unwrap(), "unpublished TR_1");
        } else {
            s.core.command(s.now, Command::SetMuted { sid: handle.sid(), muted: true });
            s.name_track("TR_2");
            assert!(handle.is_muted());
            assert!(s.done().ends_with(&["add", "published TR_2", "mute TR_2 true"].map(String::from)));
        }
    }
}

#[test]
fn a_resume_refused_by_http_or_by_an_old_server_becomes_a_rejoin() {
    let mut s = Stage::new();
    s.lose();
    s.core.not_opened(s.now, ConnectError::NotFound { host: "h".into(), message: String::new() });
    assert_eq!(s.done().last().unwrap(), "join in 0");
    let mut s = Stage::new();
    s.lose();
    s.core.opened(s.now);
    s.say(leave(proto::DisconnectReason::StateMismatch, Action::Disconnect));
    assert_eq!(s.done().last().unwrap(), "join in 0");
}

#[test]
fn a_token_refused_when_rejoining_ends_it() {
    let mut s = Stage::new();
    s.say(leave(proto::DisconnectReason::UnknownReason, Action::Reconnect));
    s.core.not_opened(s.now, ConnectError::Refused { host: "h".into(), status: 401, message: "expired".into() });
    assert_eq!(s.done()[3..], ["figures", "disconnected: the server refused the token: expired", "finish"]);
}

#[test]
fn being_sent_away_ends_it_with_the_reason_even_if_media_breaks_first() {
    let mut s = Stage::new();
    s.core.broken(s.now, "closed".into(), (false, false));
    assert_eq!(s.done(), [""; 0]);
    s.now += 100 * MS;
    s.say(leave(proto::DisconnectReason::DuplicateIdentity, Action::Disconnect));
    assert_eq!(s.done(), ["figures", "disconnected: the same identity joined elsewhere", "finish"]);
}

#[test]
fn broken_media_without_a_farewell_is_joined_anew() {
    let mut s = Stage::new();
    s.core.broken(s.now, "closed".into(), (false, false));
    assert_eq!(s.next(), FAREWELL);
    assert_eq!(s.done(), ["hang", "reconnecting 1", "join in 0"]);
}

#[test]
fn media_that_stops_is_resumed_and_waited_for() {
    let mut s = Stage::new();
    s.core.link(s.now, (true, false));
    s.next();
    assert_eq!(s.done(), ["hang", "reconnecting 1", "resume PA_1 in 0"]);
    s.core.opened(s.now);
    s.say(Response::Reconnect(proto::ReconnectResponse::default()));
    assert_eq!(s.done(), ["sync 0", "restart"]);
    s.core.link(s.now + S, (true, true));
    assert_eq!(s.done(), ["reconnected true"]);
}

#[test]
fn media_that_does_not_come_back_after_a_resume_is_joined_anew() {
    let mut s = Stage::new();
    s.core.link(s.now, (false, true));
    s.next();
    s.core.opened(s.now);
    s.say(Response::Reconnect(proto::ReconnectResponse::default()));
    s.done();
    while matches!(s.core.phase, Phase::Recovering { .. }) {
        s.next();
    }
    assert_eq!(s.done().last().unwrap(), "join in 0");
}

#[test]
fn media_that_returns_by_itself_in_time_is_nobodys_business() {
    let mut s = Stage::new();
    s.core.link(s.now, (true, false));
    s.core.link(s.now + 100 * MS, (true, true));
    s.next();
    assert_eq!(s.done(), [""; 0]);
}

#[test]
fn a_silent_server_is_pinged_and_then_given_up() {
    let mut s = Stage::new();
    assert_eq!(s.next(), 5 * S);
    assert_eq!(s.done(), ["ping"]);
    s.next();
    s.next();
    assert_eq!(s.done(), ["ping", "hang", "reconnecting 1", "resume PA_1 in 0"]);
}

#[test]
fn a_server_that_opens_but_never_greets_is_tried_again() {
    let mut s = Stage::new();
    s.lose();
    s.core.opened(s.now);
    s.done();
    assert_eq!(s.next(), ReconnectPolicy::default().try_timeout);
    assert_eq!(s.done(), ["hang", "reconnecting 2", "resume PA_1 in 200"]);
}

#[test]
fn a_track_the_server_does_not_name_in_time_is_given_up_but_not_while_reconnecting() {
    let mut s = Stage::new();
    let mut answer = s.publish();
    s.lose();
    s.now += 12 * S;
    s.core.timeout(s.now);
    assert!(answer.try_recv().is_err(), "it must still wait");
    s.core.opened(s.now);
    s.done();
    s.say(Response::Reconnect(proto::ReconnectResponse::default()));
    assert!(s.done().contains(&"ask".to_owned()));
    s.now += 10 * S;
    s.core.message(s.now, Response::Pong(0));
    s.core.timeout(s.now);
    assert!(matches!(answer.try_recv(), Ok(Err(crate::PublishError::TimedOut(_)))));
}

#[test]
fn a_track_the_server_does_not_allow_is_told_with_its_words() {
    let mut s = Stage::new();
    let mut answer = s.publish();
    let Some(Effect::Send(Request::AddTrack(asked))) = s.core.effects.pop_front() else { panic!("no request") };
    let mut refusal = proto::RequestResponse {
        message: "no cameras here".into(),
        request: Some(proto::request_response::Request::AddTrack(asked)),
        ..Default::default()
    };
    refusal.set_reason(proto::request_response::Reason::NotAllowed);
    s.say(Response::RequestResponse(refusal));
    let Ok(Err(error)) = answer.try_recv() else { panic!("no error") };
    assert!(error.to_string().contains("no cameras here"), "{error}");
}

#[test]
fn media_of_a_track_described_later_becomes_a_track_then() {
    let mut s = Stage::new();
    let subscribed = |s: &mut Stage| {
        s.core.effects.drain(..).filter(|e| matches!(e, Effect::Emit(RoomEvent::TrackSubscribed(_)))).count()
    };
    s.core.track_added("TR_9".into(), TrackKind::Video, RemoteSinkKey::for_tests(1));
    assert_eq!(subscribed(&mut s), 0);
    let mut ann = person("ann", "PA_9");
    let mut track = proto::TrackInfo { sid: "TR_9".into(), ..Default::default() };
    track.set_type(proto::TrackType::Video);
    ann.tracks.push(track);
    s.say(Response::Update(proto::ParticipantUpdate { participants: vec![ann] }));
    assert_eq!(subscribed(&mut s), 1);
}

#[test]
fn closing_says_goodbye_once() {
    let mut s = Stage::new();
    s.core.command(s.now, Command::Close);
    s.core.command(s.now, Command::Close);
    assert_eq!(s.done(), ["leave", "figures", "disconnected: left", "finish"]);
    assert_eq!(s.core.due(), None);
}

#[test]
fn the_last_figures_are_taken_while_the_tracks_are_there() {
    let mut s = Stage::new();
    let _answer = s.publish();
    s.name_track("TR_1");
    s.done();
    s.core.command(s.now, Command::Close);
    assert_eq!(s.done(), ["leave", "figures", "remove", "unpublished TR_1", "disconnected: left", "finish"]);
}

#[test]
fn messages_after_the_end_and_out_of_order_change_nothing() {
    let mut s = Stage::new();
    s.say(Response::TrackPublished(proto::TrackPublishedResponse::default()));
    s.say(Response::TrackUnpublished(proto::TrackUnpublishedResponse { track_sid: "TR_x".into() }));
    s.say(Response::Mute(proto::MuteTrackRequest { sid: "TR_x".into(), muted: true }));
    s.say(Response::Join(join("PA_7", vec![])));
    s.say(Response::Reconnect(proto::ReconnectResponse::default()));
    s.core.data(true, proto::DataPacket::default());
    assert_eq!(s.core.roster.local().sid, "PA_1");
    s.core.close(DisconnectReason::RoomDeleted);
    s.done();
    s.say(Response::Update(proto::ParticipantUpdate { participants: vec![person("ann", "PA_9")] }));
    s.lose();
    s.core.broken(s.now, "x".into(), (false, false));
    s.core.timeout(s.now + 100 * S);
    assert_eq!(s.done(), [""; 0]);
    assert_eq!(s.core.roster.others().count(), 0);
}

#[test]
fn data_sent_while_reconnecting_is_kept_for_the_driver_in_order() {
    let mut s = Stage::new();
    s.lose();
    s.done();
    for payload in ["one", "two"] {
        let options = DataOptions::default();
        s.core.command(s.now, Command::SendData { options, payload: payload.into() });
    }
    let sent = s.core.effects.iter().filter(|e| matches!(e, Effect::Packet { reliable: true, .. })).count();
    assert_eq!(sent, 2);
}
