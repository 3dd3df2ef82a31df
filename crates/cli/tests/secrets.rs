//! What is secret reaches no log, however much of it is asked for: server and participants log all they can.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use beckon_protocol::service::{Entrance, GuestEntrance, LoggedIn};
use beckon_server::{
    account::{App, issue_v2},
    config::DEFAULT_APP,
};
use beckon_session::SessionReport;
use beckon_test_beckond::Beckond;
use livekit_api::access_token::{AccessToken, VideoGrants};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::process::Child;

/// A server as it is installed, without `--dev`, that logs everything.
fn server(folder: &Path) -> Beckond {
    let program = Path::new(env!("CARGO_BIN_EXE_beckon-cli"));
    let program = program.with_file_name(format!("beckond{}", std::env::consts::EXE_SUFFIX));
    Beckond::start(Command::new(program).env("BECKON_LOG__FILTER", "trace"), folder)
}

fn url(server: &Beckond) -> String {
    format!("http://{}", server.address)
}

async fn post<T: DeserializeOwned>(server: &Beckond, path: &str, token: &str, body: &Value) -> Result<T, StatusCode> {
    let call = reqwest::Client::new().post(url(server) + path).bearer_auth(token).json(body);
    let answer = call.send().await.unwrap();
    if answer.status().is_success() { Ok(answer.json().await.unwrap()) } else { Err(answer.status()) }
}

/// Somebody in a room who logs everything.
struct Participant {
    who: &'static str,
    child: Child,
    log: PathBuf,
}

impl Participant {
    /// Secrets come as they do in scripts, by the environment.
    fn join(server: &Beckond, who: &'static str, arguments: &str, variable: &str, secret: &str) -> Self {
        let log = server.log.with_file_name(format!("{who}.log"));
        let child = tokio::process::Command::new(env!("CARGO_BIN_EXE_beckon-cli"))
            .args(["--log", "trace", "join", "--server", &url(server), "--size", "320x180", "--fps", "15"])
            .args(["--report", "json"])
            .args(arguments.split_whitespace())
            .env(variable, secret)
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { who, child, log }
    }

    /// What was logged, and what they report where they were let in.
    async fn end(self) -> (String, Option<SessionReport>) {
        let output = tokio::time::timeout(Duration::from_secs(60), self.child.wait_with_output()).await;
        let report = serde_json::from_slice::<SessionReport>(&output.unwrap().unwrap().stdout).ok();
        (fs::read_to_string(self.log).unwrap(), report.filter(|report| report.joined_after_ms.is_some()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_server_nor_participants_log_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(folder.path());
    let keys = fs::read_to_string(folder.path().join("keys.toml")).unwrap();
    let key = |name: &str| {
        let line = keys.lines().find(|line| line.starts_with(name)).unwrap();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let app = App::with_hmac_key(DEFAULT_APP, key("hmac_key"));
    let sig = |who: &str| issue_v2(&app, who, 600, now, None).unwrap().expose().to_owned();
    let login = |who: &str, sig: &str| json!({"sdkAppID": DEFAULT_APP, "accType": "", "userID": who, "userSig": sig});

    // A host by userSig, a guest by link, somebody with a token of a backend's own; and two who are not let in.
    let host_sig = sig("host");
    let host: LoggedIn = post(&server, "/api/v1/login", "", &login("host", &host_sig)).await.unwrap();
    let room = json!({"roomID": "quiet", "template": "1v4"});
    let entrance: Entrance = post(&server, "/api/v1/rooms", host.token.expose(), &room).await.unwrap();
    let invitation = entrance.guest_link.split_once("?i=").unwrap().1.to_owned();
    let entry = json!({"roomID": "quiet", "invitation": invitation, "userName": "Guest"});
    let guest: GuestEntrance = post(&server, "/api/v1/guests", "", &entry).await.unwrap();
    let grants = VideoGrants { room_join: true, room: "quiet".into(), ..VideoGrants::default() };
    let token = |secret: &str| {
        let token = AccessToken::with_api_key(&key("api_key"), secret).with_identity("carl");
        token.with_grants(grants.clone()).to_jwt().unwrap()
    };
    let (good, bad) = (token(&key("api_secret")), token("another secret"));
    let stolen = sig("somebody else");
    let refused = post::<LoggedIn>(&server, "/api/v1/login", "", &login("host", &stolen)).await;
    assert_eq!(refused.err(), Some(StatusCode::UNAUTHORIZED));
    let ann_sig = sig("ann");
    let join = |who, arguments, variable, secret| Participant::join(&server, who, arguments, variable, secret);
    let (by_sig, by_token) = ("BECKON_USER_SIG", "BECKON_TOKEN");
    let participants = [
        (join("ann", "--room quiet --user ann --for 6s", by_sig, &ann_sig), true),
        (join("guest", "--for 6s", by_token, guest.entrance.token.expose()), true),
        (join("carl", "--for 2s", by_token, &good), true),
        (join("carl-turned-away", "--for 2s", by_token, &bad), false),
        (join("thief", "--room quiet --user ann --for 2s", by_sig, &stolen), false),
    ];
    let mut logs = Vec::new();
    for (participant, gets_in) in participants {
        let who = participant.who;
        let (log, report) = participant.end().await;
        assert_eq!(report.is_some(), gets_in, "{who}: {}", log.lines().last().unwrap_or_default());
        assert!(log.contains("TRACE"), "{who} does not log everything");
        if who == "ann" {
            assert!(report.unwrap().received.iter().any(|track| track.frames_decoded > 0), "ann saw nobody");
        }
        logs.push((who, log));
    }
    logs.push(("beckond", server.logged()));
    assert!(logs.last().unwrap().1.contains("\"TRACE\""), "the server does not log everything");

    let secrets = [
        ("the API secret", key("api_secret")),
        ("the key of userSigs", key("hmac_key")),
        ("the key of sessions", key("seal_key")),
        ("the host's userSig", host_sig),
        ("ann's userSig", ann_sig),
        ("the stolen userSig", stolen),
        ("the host's session", host.token.expose().to_owned()),
        ("the host's token", entrance.token.expose().to_owned()),
        ("the invitation", invitation),
        ("the guest's pass", guest.pass.expose().to_owned()),
        ("the guest's token", guest.entrance.token.expose().to_owned()),
        ("carl's token", good),
        ("the token signed by another", bad),
        ("an ICE password", "ice-pwd".to_owned()),
        ("ICE credentials", "IceCreds".to_owned()),
    ];
    for (who, log) in &logs {
        for (what, secret) in &secrets {
            // A token's last part alone is as bad as all of it: the others say who it is for.
            let telling = secret.rsplit('.').next().unwrap();
            let line = log.lines().find(|line| line.contains(telling));
            assert_eq!(line, None, "{who} logged {what}");
        }
    }
}
