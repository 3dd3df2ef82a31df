//! The program itself: flags, variables, signals, exit status.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::process::{Command, Output};

use beckon_server::account::{App, UserSig};
use beckon_test_beckond::Beckond;

fn beckond() -> Command {
    Command::new(env!("CARGO_BIN_EXE_beckond"))
}

fn text(output: Output) -> (bool, String) {
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[test]
fn it_stops_with_status_0_when_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["-TERM", "-INT"] {
        let mut server = Beckond::start(beckond().arg("--dev"), folder.path());
        assert_eq!(server.end(name).code(), Some(0), "{name}");
    }
}

#[test]
fn dev_warns_aloud_and_a_real_server_makes_its_keys_and_shows_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Beckond::start(beckond().arg("--dev"), &folder.path().join("dev"));
    server.end("-TERM");
    assert!(server.logged().lines().any(|line| line.contains("DEVELOPMENT MODE") && line.contains("\"WARN\"")));

    let mut server = Beckond::start(&mut beckond(), &folder.path().join("real"));
    server.end("-TERM");
    let log = server.logged();
    assert!(!log.contains("DEVELOPMENT"));
    let keys = std::fs::read_to_string(folder.path().join("real/keys.toml")).unwrap();
    for line in keys.lines().filter(|line| line.contains(" = ")) {
        let key = line.split('"').nth(1).unwrap();
        assert!(!log.contains(key), "a key is in the log");
    }
}

#[test]
fn variables_are_read_and_what_does_not_fit_ends_it_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |variable: &str, value: &str| {
        let mut command = beckond();
        command.env(variable, value).arg("--data").arg(folder.path()).args(["--listen", "127.0.0.1:0"]);
        let (success, text) = text(command.output().unwrap());
        assert!(!success);
        // Variables are named as they are written.
        text.to_lowercase()
    };
    assert!(wrong("BECKON_ROOMS__ENGINE", "zoom").contains("engine"));
    assert!(wrong("BECKON_ROOMS__ENGINE", "livekit").contains("rooms.url"));
    assert!(wrong("BECKON_ROOMS__KEY", "APIours").contains("rooms.secret"));
    assert!(wrong("BECKON_CONFIG", "/nowhere.toml").contains("/nowhere.toml"));
    assert!(wrong("BECKON_LOG__FILTER", "a=b=c").contains("log.filter"));
    assert!(wrong("BECKON_LOG", "a=b=c").contains("log.filter"));
}

#[test]
fn why_it_does_not_start_is_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (success, said) =
        text(beckond().args(["--dev", "--listen", &address, "--data"]).arg(folder.path()).output().unwrap());
    assert!(!success);
    assert_eq!(said.matches("(os error ").count(), 1, "{said}");
    assert_eq!(said.matches("--listen").count(), 1, "{said}");
    // A reason that nothing before it has told is.
    let mut wrong_filter = beckond();
    wrong_filter.env("BECKON_LOG", "a=b=c").args(["--dev", "--data"]).arg(folder.path());
    let reason = tracing_subscriber::EnvFilter::try_new("a=b=c").unwrap_err().to_string();
    let (success, said) = text(wrong_filter.output().unwrap());
    assert!(!success && said.contains("log.filter") && said.contains(&reason), "{said}");
}

#[test]
fn what_is_logged_is_said_as_for_our_other_programs_or_by_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let logged = |variables: &[(&str, &str)]| {
        let mut server = Beckond::start(beckond().arg("--dev").envs(variables.iter().copied()), folder.path());
        server.end("-TERM");
        server.logged().contains("\"DEBUG\"")
    };
    assert!(logged(&[("BECKON_LOG", "debug")]));
    assert!(!logged(&[("BECKON_LOG", "debug"), ("BECKON_LOG__FILTER", "info")]));
}

#[test]
fn usersig_makes_what_the_server_takes() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("hmac");
    std::fs::write(&key, "a key of sixteen or more\n").unwrap();
    let issue = |arguments: &[&str]| {
        let mut command = beckond();
        command.args(["usersig", "--app", "7", "--user", "alice", "--expire", "60"]).args(arguments);
        text(command.output().unwrap())
    };
    let (success, sig) = issue(&["--hmac-key-file", key.to_str().unwrap()]);
    assert!(success, "{sig}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let app = App::with_hmac_key(7, "a key of sixteen or more");
    assert_eq!(UserSig::parse(sig.trim()).unwrap().verify(&app, "alice", now), Ok(()));
    assert!(!issue(&[]).0, "without a key there is none");
    let (success, reason) = issue(&["--private-key-file", key.to_str().unwrap()]);
    assert!(!success && reason.contains("P-256"), "{reason}");
}
