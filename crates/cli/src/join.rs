//! One stay in a room.

use std::convert::Infallible;
use std::future::pending;

use anyhow::{Context, bail};
use beckon_protocol::channel::page::{Custom, RoomData, RoomOpen, UserData};
use beckon_protocol::room::{RoomAction, StyleType};
use beckon_protocol::{Code, Secret};
use beckon_session::{
    LeaveReason, Session, SessionEnv, SessionError, SessionHandle, SessionReport, SessionRequest, VideoSettings,
    test_login,
};
use url::Url;

use crate::arguments::{Join, Report};
use crate::{pictures, screen};

/// Joins, stays, leaves and reports.
pub(crate) async fn run(join: Join) -> anyhow::Result<()> {
    let request = request(&join).await?;
    let session = Session::open(request, SessionEnv::system())?;
    let outcome = if join.trace {
        let traced = async {
            crate::trace::run(&session).await;
            pending::<Infallible>().await
        };
        tokio::select! {
            outcome = stay(&session, &join) => outcome,
            never = traced => match never {},
        }
    } else {
        stay(&session, &join).await
    };
    // What was measured is worth telling even where the room ended early.
    match join.report {
        Report::Json => println!("{}", serde_json::to_string_pretty(&session.report())?),
        Report::Text => print!("{}", describe(&session.report())),
        Report::None => {}
    }
    outcome
}

async fn stay(session: &SessionHandle, join: &Join) -> anyhow::Result<()> {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    };
    tokio::pin!(interrupted);
    tokio::select! {
        opened = session.opened() => {
            let opened = opened?;
            eprintln!("in room {}", opened.room_id);
        }
        () = &mut interrupted => {
            leave(session).await;
            bail!("interrupted before the room came up");
        }
    }
    for text in &join.say {
        session.send_chat(text.as_str())?;
    }
    if let Some(wanted) = &join.screen {
        session.start_screen(screen::find(wanted)?);
    }
    let telling = async {
        screen::tell(session).await;
        pending::<Infallible>().await
    };
    let over = async { if join.stay.is_zero() { pending::<()>().await } else { tokio::time::sleep(join.stay).await } };
    tokio::select! {
        closed = session.closed() => Err(SessionError::new(closed.code, closed.msg).into()),
        () = &mut interrupted => {
            leave(session).await;
            Ok(())
        }
        never = telling => match never {},
        () = over => {
            if let Some(folder) = &join.pictures {
                pictures::write(session, folder)?;
            }
            leave(session).await;
            Ok(())
        }
    }
}

async fn leave(session: &SessionHandle) {
    session.leave(LeaveReason::User);
    session.closed().await;
}

async fn request(join: &Join) -> anyhow::Result<SessionRequest> {
    let mut request = match &join.token {
        Some(token) => {
            let url = join.url.clone().or_else(|| join.server.clone()).context("--token needs --url or --server")?;
            SessionRequest::direct(url, token.as_str())
        }
        None => through_service(join).await?,
    };
    request.camera = join.camera.clone();
    request.microphone = join.microphone.clone();
    request.speaker = join.speaker.clone();
    request.video =
        VideoSettings { width: join.size.0, height: join.size.1, fps: join.fps, max_bitrate_bps: join.bitrate };
    request.beauty = join.beauty;
    request.proxy = join.proxy.clone();
    request.force_tcp = join.tcp;
    request.measure = true;
    Ok(request)
}

async fn through_service(join: &Join) -> anyhow::Result<SessionRequest> {
    let server: &Url = join.server.as_ref().context("--server is missing")?;
    let (user_id, sdk_app_id, user_sig) = match &join.sig {
        Some(sig) => (join.user.clone(), join.app, Secret::new(sig.as_str())),
        None if join.dev => {
            let login = test_login(server, &join.user, join.proxy.as_ref()).await?;
            (login.user_id, login.sdk_app_id, login.user_sig)
        }
        None => {
            let why = "say who joins: --sig with a userSig, --token with an access token, or --dev for a test log-in";
            return Err(SessionError::new(Code::MissingParameter, why).into());
        }
    };
    let open = RoomOpen {
        userdata: UserData {
            user_id,
            user_name: join.name.clone(),
            user_avatar: String::new(),
            sdk_app_id,
            acc_type: String::new(),
            user_sig,
        },
        roomdata: RoomData {
            server_domain: server.to_string(),
            room_action: if join.create { RoomAction::CreateRoom } else { RoomAction::EnterRoom },
            room_id: join.room.clone(),
            room_name: String::new(),
            room_title: String::new(),
            room_logo: String::new(),
            style: if join.live { StyleType::LiveRoom } else { StyleType::RTCRoom },
            template: join.template,
        },
        custom: Custom::default(),
    };
    Ok(SessionRequest::from_open(open)?)
}

/// The report for people.
fn describe(report: &SessionReport) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "room {} as {}: {} for {:.1} s over {}, {} in it",
        report.room_id,
        report.user_id,
        report.phase,
        report.seconds,
        if report.transport.is_empty() { "no media" } else { &report.transport },
        report.members.len(),
    );
    for t in &report.sent {
        let _ = writeln!(
            text,
            "  sent     {:5} {:16} {:9} frames {:6}  dropped {:4}  {:8.0} kbit/s  {}x{}",
            t.kind,
            t.label,
            t.encoder,
            t.frames_sent,
            t.frames_dropped,
            t.bitrate_bps / 1e3,
            t.width,
            t.height,
        );
    }
    for t in &report.received {
        let spread = |s: Option<beckon_session::report::Spread>| {
            s.map_or_else(|| "-".to_owned(), |s| format!("{:.0}/{:.0}", s.p50, s.p95))
        };
        let _ = writeln!(
            text,
            "  received {:5} {:16} decoded {:6}  lost {:4}  freezes {:3}  {:8.0} kbit/s  {:.1} fps  shown after {} ms  \
             {} dB  {} Hz  lip sync {} ms",
            t.kind,
            t.user_id,
            t.frames_decoded,
            t.packets_lost,
            t.freezes,
            t.bitrate_bps / 1e3,
            t.fps,
            spread(t.shown_delay_ms),
            t.level_dbfs.map_or_else(|| "-".to_owned(), |v| format!("{v:.0}")),
            t.tone_hz.map_or_else(|| "-".to_owned(), |v| format!("{v:.0}")),
            spread(t.av_offset_ms),
        );
    }
    text
}
