//! The program as a person or a script starts it, against a real server.
#![allow(clippy::unwrap_used)]

use std::process::{Output, Stdio};
use std::time::Duration;

use beckon_server::{Server, config::Config};
use beckon_session::SessionReport;
use tokio::process::{Child, Command};

async fn server(folder: &tempfile::TempDir) -> (Server, String) {
    let mut config = Config::dev();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data = folder.path().to_owned();
    (config.media.udp_port, config.media.tcp_port) = (0, 0);
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
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_a_sentence_with_a_code_and_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = server(&folder).await;
    let unknown = output(program(&url, "--room nowhere --user ann --dev")).await;
    assert!(complaint(&unknown).contains("(code 3001)"), "{}", complaint(&unknown));
    let malformed = output(program(&url, "--room r --user ann --sig nonsense --create")).await;
    assert!(complaint(&malformed).contains("(code 2001)"), "{}", complaint(&malformed));
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
