//! A server to test, and a client of it.

use std::net::SocketAddr;
use std::time::Duration;

use beckon_protocol::{
    Code, Secret,
    service::{CreateRoom, EnterRoom, Entrance, Failure, LoggedIn, Login, Room, TestLogin},
};
use beckon_server::{Server, config::Config};
use reqwest::{Method, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tempfile::TempDir;

/// The application of `--dev`.
pub const APP: u64 = beckon_server::config::DEFAULT_APP;

pub struct TestServer {
    pub server: Server,
    pub address: SocketAddr,
    pub data: TempDir,
    pub http: reqwest::Client,
}

/// A configuration for a free port and a folder of its own; `change` makes it special.
pub fn config(data: &TempDir, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::dev();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.data = data.path().to_owned();
    config.media.udp_port = 0;
    config.media.tcp_port = 0;
    change(&mut config);
    config
}

impl TestServer {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        Self::on(data, change).await
    }

    /// On a folder that a server was on before.
    pub async fn on(data: TempDir, change: impl FnOnce(&mut Config)) -> Self {
        let server = Server::start(config(&data, change)).await.unwrap();
        let address = server.address();
        Self { server, address, data, http: reqwest::Client::new() }
    }

    pub async fn stop(self) -> TempDir {
        self.server.stop().await;
        self.data
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn socket_url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: &impl Serialize) -> Response {
        self.http.post(self.url(path)).json(body).send().await.unwrap()
    }

    /// Waits until the figures of the media engine are as `right` says, and returns the whole answer they are in.
    pub async fn wait_for_media(&self, right: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..500 {
            last = read(self.get("/healthz").await, StatusCode::OK).await;
            if right(&last["media"]) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the figures did not become as expected; last: {last}");
    }

    pub async fn test_login(&self, user: &str) -> TestLogin {
        let answer = self.http.get(self.url("/weapp/utils/get_login_info")).query(&[("userID", user)]).send().await;
        answer.unwrap().json().await.unwrap()
    }

    pub async fn log_in(&self, user: &str) -> User<'_> {
        let test = self.test_login(user).await;
        let login = Login {
            sdk_app_id: test.sdk_app_id,
            acc_type: test.acc_type,
            user_id: test.user_id,
            user_sig: test.user_sig,
        };
        let answer = self.post("/api/v1/login", &login).await;
        let logged_in: LoggedIn = read(answer, StatusCode::OK).await;
        assert_eq!(logged_in.user_id, user);
        User { server: self, token: logged_in.token }
    }
}

/// Somebody who is logged in.
pub struct User<'a> {
    pub server: &'a TestServer,
    pub token: Secret,
}

impl User<'_> {
    pub async fn call(&self, method: Method, path: &str, body: Option<&impl Serialize>) -> Response {
        let mut request = self.server.http.request(method, self.server.url(path)).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.call(Method::GET, path, None::<&()>).await
    }

    pub async fn create(&self, wish: CreateRoom) -> Entrance {
        read(self.call(Method::POST, "/api/v1/rooms", Some(&wish)).await, StatusCode::CREATED).await
    }

    pub async fn create_named(&self, id: &str) -> Entrance {
        self.create(CreateRoom { room_id: id.into(), ..CreateRoom::default() }).await
    }

    pub async fn try_enter(&self, room: &str) -> Response {
        let wish = EnterRoom { user_name: "名字".into(), user_avatar: "https://a.example/p.png".into() };
        self.call(Method::POST, &format!("/api/v1/rooms/{room}/enter"), Some(&wish)).await
    }

    pub async fn enter(&self, room: &str) -> Entrance {
        read(self.try_enter(room).await, StatusCode::OK).await
    }

    pub async fn room(&self, room: &str) -> Room {
        read(self.get(&format!("/api/v1/rooms/{room}")).await, StatusCode::OK).await
    }

    /// Waits until the room is as `right` says.
    pub async fn wait_for_room(&self, room: &str, right: impl Fn(&Room) -> bool) -> Room {
        let mut last = None;
        for _ in 0..500 {
            let now = self.room(room).await;
            if right(&now) {
                return now;
            }
            last = Some(now);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the room did not become as expected; last: {last:?}");
    }

    /// Waits until the room is gone.
    pub async fn wait_for_end(&self, room: &str) {
        for _ in 0..1000 {
            if self.get(&format!("/api/v1/rooms/{room}")).await.status() == StatusCode::NOT_FOUND {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the room {room} did not end");
    }
}

/// Reads an answer of this status.
pub async fn read<T: DeserializeOwned>(answer: Response, status: StatusCode) -> T {
    let got = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(got, status, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Asserts that a call failed with this status and code, and returns the failure.
pub async fn fails(answer: Response, status: u16, code: Code) -> Failure {
    let failure: Failure = read(answer, StatusCode::from_u16(status).unwrap()).await;
    assert_eq!(failure.code, code, "{}", failure.message);
    assert!(!failure.message.is_empty());
    failure
}
