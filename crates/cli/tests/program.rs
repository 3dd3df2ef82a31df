//! The program as a person or a script starts it, against a real server.
#![allow(clippy::unwrap_used)]

use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use beckon_impair::Relay;
use beckon_scenarios::SocksProxy;
use beckon_server::{
    Server,
    account::{App, issue_v2},
    config::{Config, DEFAULT_APP, DEV_HMAC_KEY, DEV_KEY, DEV_SECRET},
};
use beckon_session::SessionReport;
use livekit_api::access_token::{AccessToken, VideoGrants};
use tokio::process::{Child, Command};

async fn server(folder: &tempfile::TempDir) -> (Server, String) {
    configured(folder, |_| {}).await
}

/// How often the second stays at most.
const MOST_TRIES: usize = 10;

async fn configured(folder: &tempfile::TempDir, change: impl FnOnce(&mut Config)) -> (Server, String) {
    let mut config = Config::dev();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data = folder.path().to_owned();
    (config.media.udp_port, config.media.tcp_port) = (0, 0);
    change(&mut config);
    let server = Server::start(config).await.unwrap();
    let url = format!("http://{}", server.address());
    (server, url)
}

fn program(url: &str, more: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_beckon-cli"))
        .args(["join", "--server", url, "--size", "320x180", "--fps", "15", "--report", "json"])
        .args(more.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn output(child: Child) -> Output {
    tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.unwrap().unwrap()
}

fn report(output: &Output) -> SessionReport {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_them_meet_and_report_what_they_saw_and_heard() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    let mut ann = program(&url, "--room cli --user ann --dev --create --for 12s");
    // Bob comes once the room is there.
    let bob = loop {
        let bob = output(program(&url, "--room cli --user bob --dev --for 6s --say hello --beauty hazy:9,9,9")).await;
        if bob.status.success() {
            break report(&bob);
        }
        assert!(complaint(&bob).contains("3001"), "{}", complaint(&bob));
        assert!(ann.try_wait().unwrap().is_none(), "ann is gone");
    };
    let ann = output(ann).await;
    assert!(ann.status.success(), "{}", String::from_utf8_lossy(&ann.stderr));
    for (report, other) in [(report(&ann), "bob"), (bob, "ann")] {
        let video = report.from_user(other, "video").unwrap();
        assert!(video.codes_read > 20 && video.decode_delay_ms.is_some(), "{video:?}");
        let audio = report.from_user(other, "audio").unwrap();
        assert!((audio.tone_hz.unwrap() - 440.0).abs() < 5.0, "{audio:?}");
        assert_eq!(report.transport, "udp");
        assert_eq!(report.chat, ["bob: hello"]);
        assert_eq!(report.end_code, Some(3008));
        // What is measured is measured, and of the right size: two ends on one machine, nothing between them.
        let within = |what: &str, value: f64, least: f64, most: f64| {
            assert!((least..=most).contains(&value), "{what} is {value}; the report is {report:#?}");
        };
        assert_eq!(report.room_id, "cli");
        within("the round trip, ms", report.rtt_ms.unwrap(), 0.0, 200.0);
        within("pictures a second", video.fps, 3.0, 16.0);
        within("the pictures' bitrate", video.bitrate_bps, 20_000.0, 2_000_000.0);
        within("the sound's bitrate", audio.bitrate_bps, 5_000.0, 150_000.0);
        within("from capture to decoded, ms", video.decode_delay_ms.unwrap().p50, 0.1, 2_000.0);
        // A tone, at a level that neither clips nor can be taken for silence.
        within("the tone's level, dBFS", audio.level_dbfs.unwrap(), -40.0, -1.0);
        within("the mix, dBFS", report.mix_level_dbfs.unwrap(), -40.0, 0.0);
        assert!(video.packets_received >= video.frames_received && video.bytes_received > 0, "{video:?}");
        // 10 ms pieces out of packets of 20.
        assert!(audio.frames_received > 50 && audio.frames_decoded > audio.frames_received, "{audio:?}");
        assert!(video.packets_lost * 20 <= video.packets_received, "{video:?}");
        assert!(video.freeze_ms >= video.freezes * 200 && video.longest_freeze_ms <= video.freeze_ms, "{video:?}");
        assert!(video.av_offset_ms.is_some_and(|offset| offset.count > 0), "{video:?}");
        let sent: Vec<&str> = report.sent.iter().map(|track| track.kind.as_str()).collect();
        assert_eq!(sent, ["video", "audio"]);
        assert!(report.sent.iter().all(|track| track.packets_sent > 0 && track.bitrate_bps > 0.0), "{report:#?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stay_of_a_moment_reports_what_was_sent_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    // Figures of a room that goes on are read once a second: this is over before.
    let mut tries = 0;
    loop {
        let output =
            output(program(&url, &format!("--room moment{tries} --user ann --dev --create --for 500ms"))).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report = report(&output);
        let sent = |kind: &str| report.sent.iter().any(|track| track.kind == kind && track.packets_sent > 0);
        if sent("video") && sent("audio") {
            assert_eq!(report.transport, "udp");
            break;
        }
        // On a busy machine media may not flow that soon.
        tries += 1;
        assert!(tries < MOST_TRIES, "nothing was sent in {tries} stays; in the last one: {report:#?}");
    }
    server.stop().await;
}

fn token(identity: &str, secret: &str, room_join: bool) -> String {
    let grants = VideoGrants { room_join, room: "direct".into(), ..VideoGrants::default() };
    AccessToken::with_api_key(DEV_KEY, secret).with_identity(identity).with_grants(grants).to_jwt().unwrap()
}

/// Runs two until both have been in the room together; the report of the second.
async fn meet(url: &str, first: &str, second: &str) -> SessionReport {
    meet_until(url, first, second, |_| true).await
}

/// Runs two until both have been in the room together and the second, who stays for four seconds each time, has seen enough.
async fn meet_until(url: &str, first: &str, second: &str, enough: impl Fn(&SessionReport) -> bool) -> SessionReport {
    let mut waiting = program(url, &format!("{first} --for 0"));
    let mut tries = 0;
    loop {
        let output = output(program(url, &format!("{second} --for 4s"))).await;
        if output.status.success() {
            let report = report(&output);
            if report.members.len() == 2 && enough(&report) {
                waiting.start_kill().unwrap();
                return report;
            }
            tries += 1;
            assert!(tries < MOST_TRIES, "not enough was seen in {tries} stays; in the last one: {report:#?}");
        }
        assert!(waiting.try_wait().unwrap().is_none(), "the first is gone: {}", complaint(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_leads_straight_to_the_room_server() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    let token = |who: &str| token(who, DEV_SECRET, true);
    let second = format!("--token {} --tcp", token("bob"));
    let report = meet(&url, &format!("--token {}", token("ann")), &second).await;
    assert_eq!((report.user_id.as_str(), report.room_id.as_str()), ("bob", "direct"));
    assert_eq!(report.transport, "tcp", "as --tcp says");
    let video = report.from_user("ann", "video").unwrap();
    assert!(video.codes_read > 5, "{video:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_sig_of_ones_own_backend_lets_one_in() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let app = App::with_hmac_key(DEFAULT_APP, DEV_HMAC_KEY);
    let sig = |who: &str| issue_v2(&app, who, 600, now, None).unwrap().expose().to_owned();
    let ann = format!("--room sig --user ann --sig {} --create --template 1v1", sig("ann"));
    let report = meet(&url, &ann, &format!("--room sig --user bob --sig {} --camera none", sig("bob"))).await;
    assert_eq!(report.user_id, "bob");
    assert!(report.from_user("ann", "video").is_some_and(|video| video.codes_read > 5), "{report:#?}");
    let sent: Vec<&str> = report.sent.iter().map(|track| track.kind.as_str()).collect();
    assert_eq!(sent, ["audio"], "as --camera none says");
    // Somebody else's is told apart from one that is broken.
    let other = output(program(&url, &format!("--room sig --user carol --sig {}", sig("bob")))).await;
    assert!(complaint(&other).contains("(code 2005)"), "{}", complaint(&other));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_on_the_way_and_repaired_is_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago: the relay must know it before the server has it.
    let bound = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let relay = Relay::start((bound.ip(), 0).into(), bound, 1).await.unwrap();
    relay.set("", "loss=0.1".parse().unwrap());
    let (server, url) = configured(&folder, |config| {
        config.media.udp_port = bound.port();
        config.media.announce_udp_port = Some(relay.address().port());
    })
    .await;
    // Where the first packets of the connection are lost, hardly a second is left of the four.
    let repaired = |report: &SessionReport| {
        let sent = report.sent.iter().find(|track| track.kind == "video");
        report.from_user("ann", "video").is_some_and(|video| video.packets_repaired > 0 && video.repairs_asked > 0)
            && sent.is_some_and(|sent| sent.packets_repaired > 0)
    };
    let report =
        meet_until(&url, "--room lossy --user ann --dev --create", "--room lossy --user bob --dev", repaired).await;
    assert_eq!(report.transport, "udp");
    // The report's names, as docs/cli.md has them.
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["rttMs"].is_number(), "{json}");
    let received = json["received"].as_array().unwrap();
    for name in ["bitrateBps", "packetsLost", "packetsRepaired", "freezes", "levelDbfs"] {
        assert!(received.iter().any(|track| track[name].is_number()), "{name}: {json}");
    }
    server.stop().await;
}

/// A moving picture and a tone of 660 Hz, three seconds of both.
fn recording(folder: &tempfile::TempDir) -> Option<String> {
    let path = folder.path().join("recording.mp4");
    let made = std::process::Command::new("ffmpeg")
        .args("-v error -f lavfi -i testsrc=size=320x180:rate=15 -f lavfi -i sine=frequency=660".split(' '))
        .args("-t 3 -pix_fmt yuv420p".split(' '))
        .arg(&path)
        .status();
    match made {
        Ok(status) => {
            assert!(status.success(), "ffmpeg makes no file: {status}");
            Some(path.to_str().unwrap().to_owned())
        }
        Err(error) => {
            beckon_test_skip::skip(format!("ffmpeg, which makes the file to be shown, does not run: {error}"));
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_shown_and_heard_as_camera_and_microphone() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = recording(&folder) else { return };
    let (server, url) = server(&folder).await;
    let ann = format!("--room file --user ann --dev --create --camera file:{file} --microphone file:{file}");
    let report = meet(&url, &ann, "--room file --user bob --dev --camera none --microphone none").await;
    let video = report.from_user("ann", "video").unwrap();
    assert_eq!((video.width, video.height), (320, 180));
    assert!(video.frames_decoded > 15 && video.codes_read == 0, "a picture without a bar code: {video:?}");
    let audio = report.from_user("ann", "audio").unwrap();
    assert!(audio.tone_hz.is_some_and(|hz| (hz - 660.0).abs() < 10.0), "{audio:?}");
    assert!(audio.level_dbfs.is_some_and(|level| level > -50.0), "{audio:?}");
    assert!(report.sent.is_empty(), "as --camera none --microphone none say");

    let gone = output(program(&url, "--room gone --user ann --dev --create --for 2s --camera file:/nowhere.mp4")).await;
    assert!(gone.status.success(), "the room goes on without a camera: {}", String::from_utf8_lossy(&gone.stderr));
    assert!(!self::report(&gone).sent.iter().any(|track| track.kind == "video" && track.packets_sent > 0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_carries_everything_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    let proxy = SocksProxy::start().await.unwrap();
    let bob = format!("--room proxy --user bob --dev --proxy socks5://127.0.0.1:{}", proxy.port());
    let report = meet(&url, "--room proxy --user ann --dev --create", &bob).await;
    assert_eq!(report.transport, "tcp", "a SOCKS5 proxy that knows CONNECT carries TCP");
    assert!(report.from_user("ann", "video").is_some_and(|video| video.codes_read > 5), "{report:#?}");
    // Room service, signalling and media's two connections.
    assert!(proxy.connections() >= 4, "{} connections", proxy.connections());
    let port = proxy.port();
    drop(proxy);
    let gone = output(program(&url, &format!("--room proxy --user bob --dev --proxy socks5://127.0.0.1:{port}"))).await;
    assert!(complaint(&gone).contains("(code 5006)"), "{}", complaint(&gone));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_a_sentence_with_a_code_and_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    let unknown = output(program(&url, "--room nowhere --user ann --dev")).await;
    let said = complaint(&unknown);
    assert!(said.contains("there is no room \"nowhere\"; ") && said.contains("(code 3001)"), "{said}");
    let malformed = output(program(&url, "--room r --user ann --sig nonsense --create")).await;
    assert!(complaint(&malformed).contains("(code 2001)"), "{}", complaint(&malformed));
    for (bad, why) in [
        (token("ann", "another secret", true), "the signature does not fit"),
        (token("ann", DEV_SECRET, false), "does not allow to join"),
        ("nonsense".to_owned(), "it is not a signed token"),
    ] {
        let refused = output(program(&url, &format!("--token {bad}"))).await;
        let said = complaint(&refused);
        assert!(said.contains("(code 2008)") && said.contains(why), "{said}");
    }
    let nobody = output(program(&url, "--room r --user ann")).await;
    assert!(complaint(&nobody).contains("--dev"), "{}", complaint(&nobody));
    server.stop().await;
    let gone = output(program(&url, "--room r --user ann --dev")).await;
    assert!(complaint(&gone).contains("(code 5001)"), "{}", complaint(&gone));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupt_leaves_the_room_and_still_reports() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    let ann = program(&url, "--room stop --user ann --dev --create --for 0");
    let id = ann.id().unwrap().to_string();
    // Somebody who gets in proves that the room is there.
    while !output(program(&url, "--room stop --user bob --dev --for 100ms")).await.status.success() {}
    assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
    let ann = output(ann).await;
    assert!(ann.status.success(), "{}", String::from_utf8_lossy(&ann.stderr));
    assert_eq!(report(&ann).end_code, Some(3008));
    let gone = output(program(&url, "--room stop --user bob --dev --for 1s")).await;
    assert!(complaint(&gone).contains("(code 3001)"), "the creator's leaving ends the room");
    server.stop().await;
}
