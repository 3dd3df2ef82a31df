//! Logging in, and failing to.

use beckon_protocol::{Code, Secret, service::Login};
use beckon_server::account::{App, issue_v2};
use beckon_server::config::{AppConfig, DEV_HMAC_KEY};
use serde_json::json;

use crate::support::{APP, TestServer, fails};

fn unix_now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64
}

fn login(app: u64, user: &str, sig: &str) -> Login {
    Login { sdk_app_id: app, acc_type: String::new(), user_id: user.into(), user_sig: Secret::new(sig) }
}

#[tokio::test]
async fn each_bad_user_sig_has_a_code_of_its_own() {
    let server = TestServer::start().await;
    let app = App::with_hmac_key(APP, DEV_HMAC_KEY);
    let now = unix_now();
    let good = issue_v2(&app, "alice", 60, now, None).unwrap();
    let expired = issue_v2(&app, "alice", 60, now - 100, None).unwrap();
    let foreign_key =
        issue_v2(&App::with_hmac_key(APP, "some other key of the same app"), "alice", 60, now, None).unwrap();
    let other_app = issue_v2(&App::with_hmac_key(APP + 1, DEV_HMAC_KEY), "alice", 60, now, None).unwrap();
    for (app, user, sig, code, field) in [
        (APP, "alice", "not a sig", Code::SigMalformed, "userSig"),
        (APP, "alice", expired.expose(), Code::SigExpired, "userSig"),
        (APP, "alice", foreign_key.expose(), Code::SigWrong, "userSig"),
        (APP, "alice", other_app.expose(), Code::SigWrongApp, "userSig"),
        (APP, "bob", good.expose(), Code::SigWrongUser, "userSig"),
        (APP + 1, "alice", good.expose(), Code::UnknownApp, "sdkAppID"),
    ] {
        let failure = fails(server.post("/api/v1/login", &login(app, user, sig)).await, 401, code).await;
        assert_eq!(failure.field.as_deref(), Some(field), "{code}");
    }
    let spaced = server.post("/api/v1/login", &login(APP, "a b", good.expose())).await;
    assert_eq!(fails(spaced, 400, Code::WrongParameter).await.field.as_deref(), Some("userID"));
    assert_eq!(server.post("/api/v1/login", &login(APP, "alice", good.expose())).await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn failed_log_ins_are_slowed_down_by_address() {
    let server = TestServer::with(|config| config.login.address_failures = 3).await;
    for _ in 0..3 {
        fails(server.post("/api/v1/login", &login(APP, "alice", "bad")).await, 401, Code::SigMalformed).await;
    }
    let refused = server.post("/api/v1/login", &login(APP, "alice", "bad")).await;
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    fails(refused, 429, Code::TooManyAttempts).await;
    // The proxy on this machine tells of another client.
    let elsewhere = server
        .http
        .post(server.url("/api/v1/login"))
        .header("x-forwarded-for", "203.0.113.5")
        .json(&login(APP, "alice", "bad"));
    fails(elsewhere.send().await.unwrap(), 401, Code::SigMalformed).await;
    server.stop().await;
}

#[tokio::test]
async fn bodies_that_do_not_fit_name_the_field() {
    let server = TestServer::start().await;
    let missing = server.post("/api/v1/login", &json!({"sdkAppID": APP, "userID": "a"})).await;
    assert_eq!(fails(missing, 400, Code::MissingParameter).await.field.as_deref(), Some("userSig"));
    let typed = server.post("/api/v1/login", &json!({"sdkAppID": "x", "userID": "a", "userSig": "s"})).await;
    assert_eq!(fails(typed, 400, Code::WrongParameter).await.field.as_deref(), Some("sdkAppID"));
    let raw = |kind: &'static str, body: &'static str| {
        server.http.post(server.url("/api/v1/login")).header("content-type", kind).body(body).send()
    };
    fails(raw("application/json", "{").await.unwrap(), 400, Code::WrongParameter).await;
    fails(raw("application/json", "[1]").await.unwrap(), 400, Code::WrongParameter).await;
    fails(raw("text/plain", "{}").await.unwrap(), 415, Code::WrongParameter).await;
    let large = server.post("/api/v1/login", &json!({"userSig": "x".repeat(100_000)})).await;
    fails(large, 413, Code::MessageTooLarge).await;
    fails(server.get("/api/v1/nothing").await, 404, Code::UnknownMethod).await;
    server.stop().await;
}

#[tokio::test]
async fn tokens_that_are_none_open_nothing() {
    let server = TestServer::start().await;
    fails(server.get("/api/v1/rooms").await, 401, Code::TokenInvalid).await;
    let user = server.log_in("alice").await;
    for token in ["", "x", "a.b", &format!("{}x", user.token.expose()), DEV_HMAC_KEY] {
        let answer = server.http.get(server.url("/api/v1/rooms")).bearer_auth(token).send().await.unwrap();
        fails(answer, 401, Code::TokenInvalid).await;
    }
    // Who may not in is told so before anything of the body.
    let answer = server.post("/api/v1/rooms", &json!({"template": "9v9"})).await;
    fails(answer, 401, Code::TokenInvalid).await;
    server.stop().await;
}

#[tokio::test]
async fn test_log_ins_are_off_unless_turned_on() {
    let server = TestServer::with(|config| config.login.test_logins = false).await;
    fails(server.get("/weapp/utils/get_login_info").await, 403, Code::TestLoginOff).await;
    server.stop().await;

    let server = TestServer::start().await;
    assert!(server.get("/weapp/utils/get_login_info").await.status().is_success(), "a user ID is assigned");
    let odd = server.get("/weapp/utils/get_login_info?userID=a%20b").await;
    assert_eq!(fails(odd, 400, Code::WrongParameter).await.field.as_deref(), Some("userID"));
    server.stop().await;
}

#[tokio::test]
async fn applications_do_not_see_each_others_rooms() {
    let apps = [(7, "key of the seventh app"), (8, "key of the eighth app!")];
    let server = TestServer::with(|config| {
        config.apps =
            apps.map(|(id, key)| AppConfig { id, hmac_key: Some(key.into()), ..AppConfig::default() }).to_vec();
    })
    .await;
    let mut users = Vec::new();
    for (id, key) in apps {
        let sig = issue_v2(&App::with_hmac_key(id, key), "alice", 60, unix_now(), None).unwrap();
        let answer = server.post("/api/v1/login", &login(id, "alice", sig.expose())).await;
        let logged_in: beckon_protocol::service::LoggedIn = crate::support::read(answer, reqwest::StatusCode::OK).await;
        users.push(crate::support::User { server: &server, token: logged_in.token });
    }
    users[0].create_named("r").await;
    fails(users[1].get("/api/v1/rooms/r").await, 404, Code::RoomNotFound).await;
    fails(users[1].try_enter("r").await, 404, Code::RoomNotFound).await;
    let list: beckon_protocol::service::RoomList =
        crate::support::read(users[1].get("/api/v1/rooms").await, reqwest::StatusCode::OK).await;
    assert_eq!(list.total, 0);
    server.stop().await;
}
