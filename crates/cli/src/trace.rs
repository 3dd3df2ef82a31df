//! Every picture as it is shown, who is there and what is written, one JSON line each, for benches and tests that look at
//! single seconds of a call.

use std::collections::HashSet;
use std::io::Write;
use std::time::Duration;

use beckon_media::barcode::BarCode;
use beckon_media::clock::unix_time_of;
use beckon_media::latest::RecvError;
use beckon_media::layout::TileId;
use beckon_media::{LatestReceiver, MediaTime, VideoFrame};
use beckon_session::{MemberView, SessionHandle};
use serde_json::{Value, json};

/// How often the sound's counters are told.
const SOUND_INTERVAL: Duration = Duration::from_millis(100);
/// A thread that waits for pictures looks this often whether the session is over.
const LOOK: Duration = Duration::from_secs(1);

/// Tells of every picture of everybody else, of what they turn on and off and write, and ten times a second of their sound,
/// until the session ends.
pub(crate) async fn run(session: &SessionHandle) {
    let mut watched = HashSet::new();
    let mut people = Vec::new();
    let mut texts = 0;
    let mut view = session.view();
    loop {
        let members = view.borrow_and_update().members.clone();
        for member in members.iter().filter(|m| !m.is_local) {
            let tiles = [("camera", Some(member.tile_id())), ("screen", member.screen_tile.map(TileId))];
            for (source, tile) in tiles {
                let Some(tile) = tile.filter(|tile| watched.insert(*tile)) else { continue };
                let pictures = session.video(tile);
                let user = member.user_id.clone();
                // Ends with the session's tiles.
                let spawned = std::thread::Builder::new()
                    .name("trace".to_owned())
                    .spawn(move || pictures_of(&user, source, &pictures));
                if let Err(error) = spawned {
                    tell(&json!({ "error": error.to_string() }));
                }
            }
        }
        if view.borrow().end.is_some() {
            return;
        }
        let report = session.report();
        let at = unix_ms(MediaTime::now());
        let now: Vec<Value> = members.iter().filter(|member| !member.is_local).map(of_person).collect();
        if now != people {
            tell(&json!({ "kind": "people", "at": at, "people": now }));
            people = now;
        }
        for text in &report.chat[texts.min(report.chat.len())..] {
            tell(&json!({ "kind": "text", "at": at, "text": text }));
        }
        texts = report.chat.len();
        for track in report.received.iter().filter(|t| t.live && t.kind == "audio") {
            tell(&json!({
                "kind": "sound", "user": track.user_id, "at": at, "pieces": track.frames_decoded, "madeUp": track.concealed,
                "waits": track.jitter_buffer_ms,
            }));
        }
        tell(&json!({
            "kind": "link", "at": at, "transport": report.transport, "phase": report.phase, "estimate": report.send_estimate_bps,
        }));
        // A change of the view wakes as well as the time.
        let _ = tokio::time::timeout(SOUND_INTERVAL, view.changed()).await;
    }
}

fn of_person(member: &MemberView) -> Value {
    json!({
        "user": member.user_id, "name": member.user_name, "camera": member.camera, "microphone": member.microphone,
    })
}

fn pictures_of(user: &str, source: &str, pictures: &LatestReceiver<VideoFrame>) {
    loop {
        match pictures.recv_timeout(LOOK) {
            Ok(picture) => {
                let at = unix_ms(MediaTime::now());
                let code = BarCode::read(&picture);
                let captured = code.map(|code| code.time as f64 / 10.0);
                tell(&json!({
                    "kind": "picture", "user": user, "source": source, "at": at, "width": picture.width(),
                    "frame": code.map(|code| code.frame), "delay": captured.map(|captured| at - captured),
                }));
            }
            Err(RecvError::Empty) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

fn unix_ms(at: MediaTime) -> f64 {
    unix_time_of(at) as f64 / 1e3
}

/// One line, whole, whichever thread writes. Nobody reads any more: nothing is told.
fn tell(line: &Value) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
}
