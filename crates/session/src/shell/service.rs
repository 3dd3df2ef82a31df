//! The room service's client: `/api/v1/…` on beckond.

use std::time::Duration;

use beckon_protocol::{
    Code, Secret,
    channel::page::RoomOpen,
    service::{CreateRoom, EnterRoom, Entrance, Failure, LoggedIn, Login, TestLogin},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use url::Url;

use crate::error::SessionError;
use crate::request::Socks5;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Leaving must not hold up whoever wants to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// More than any answer of the service has, bytes.
const ANSWER_MAX: usize = 1024 * 1024;

/// One user's view of the service.
#[derive(Clone)]
pub(crate) struct Service {
    client: Client,
    base: Url,
    proxied: bool,
    open: RoomOpen,
    token: Secret,
}

impl Service {
    pub(crate) fn new(open: &RoomOpen, proxy: Option<&Socks5>) -> Result<Self, SessionError> {
        let base = open.roomdata.server().map_err(|why| SessionError::new(Code::WrongParameter, why))?;
        let client = client(proxy)?;
        Ok(Self { client, base, proxied: proxy.is_some(), open: open.clone(), token: Secret::default() })
    }

    pub(crate) fn set_token(&mut self, token: Secret) {
        self.token = token;
    }

    pub(crate) async fn log_in(&self) -> Result<Secret, SessionError> {
        let user = &self.open.userdata;
        let login = Login {
            sdk_app_id: user.sdk_app_id,
            acc_type: user.acc_type.clone(),
            user_id: user.user_id.clone(),
            user_sig: user.user_sig.clone(),
        };
        let answer: LoggedIn = self.call(Method::POST, &["login"], &login, ANSWER_TIMEOUT).await?;
        Ok(answer.token)
    }

    pub(crate) async fn create(&self, room_id: String) -> Result<Entrance, SessionError> {
        let (user, room) = (&self.open.userdata, &self.open.roomdata);
        let wish = CreateRoom {
            room_id,
            room_name: room.room_name.clone(),
            room_title: room.room_title.clone(),
            style: room.style,
            template: room.template,
            user_name: user.user_name.clone(),
            user_avatar: user.user_avatar.clone(),
        };
        self.call(Method::POST, &["rooms"], &wish, ANSWER_TIMEOUT).await
    }

    pub(crate) async fn enter(&self, room_id: &str) -> Result<Entrance, SessionError> {
        let user = &self.open.userdata;
        let wish = EnterRoom { user_name: user.user_name.clone(), user_avatar: user.user_avatar.clone() };
        self.call(Method::POST, &["rooms", room_id, "enter"], &wish, ANSWER_TIMEOUT).await
    }

    pub(crate) async fn leave(&self, room_id: &str) -> Result<(), SessionError> {
        let nothing = serde_json::json!({});
        self.send(Method::POST, &["rooms", room_id, "leave"], &nothing, LEAVE_TIMEOUT).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<T, SessionError> {
        let text = self.send(method, path, body, timeout).await?;
        serde_json::from_slice(&text).map_err(|error| {
            let why =
                format!("{} at {} answered what this app does not understand: {error}", path.join("/"), self.host());
            SessionError::new(Code::ProtocolMismatch, why)
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<Vec<u8>, SessionError> {
        let path: Vec<_> = path.iter().map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string()).collect();
        let url = format!("{}/api/v1/{}", self.base.as_str().trim_end_matches('/'), path.join("/"));
        let mut request = self.client.request(method, url).timeout(timeout).json(body);
        if !self.token.is_empty() {
            request = request.bearer_auth(self.token.expose());
        }
        let mut answer = request.send().await.map_err(|e| self.unreachable(&e))?;
        let status = answer.status();
        let mut text = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|e| self.unreachable(&e))? {
            text.extend_from_slice(&piece);
            if text.len() > ANSWER_MAX {
                let why = format!("{} answered more than {ANSWER_MAX} bytes", self.host());
                return Err(SessionError::new(Code::ProtocolMismatch, why));
            }
        }
        if status.is_success() { Ok(text) } else { Err(self.refused(status, &text)) }
    }

    fn host(&self) -> String {
        authority(&self.base)
    }

    fn unreachable(&self, error: &reqwest::Error) -> SessionError {
        transport_error(error, &self.host(), self.proxied)
    }

    fn refused(&self, status: StatusCode, text: &[u8]) -> SessionError {
        if let Ok(failure) = serde_json::from_slice::<Failure>(text) {
            let field = failure.field.map(|f| format!(" (field {f})")).unwrap_or_default();
            return SessionError::new(failure.code, format!("{}{field}", failure.message));
        }
        let code = if status.is_server_error() { Code::ServerUnreachable } else { Code::ProtocolMismatch };
        let why =
            format!("{} answered {status} instead of the room service's answer; is it a Beckon server?", self.host());
        SessionError::new(code, why)
    }
}

/// An HTTP client of the system's roots, through the proxy if there is one.
pub(crate) fn client(proxy: Option<&Socks5>) -> Result<Client, SessionError> {
    let mut builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(concat!("beckon/", env!("CARGO_PKG_VERSION")))
        // A page's server is named by the page: what the system's environment says about proxies is for browsers.
        .no_proxy();
    if let Some(Socks5 { host, port, auth }) = proxy {
        let bad = |why: String| {
            SessionError::new(Code::ProxyFailed, format!("the proxy {host}:{port} cannot be used: {why}"))
        };
        // socks5h: the proxy looks the server's name up, as it may be the only one who can.
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let mut proxy = reqwest::Proxy::all(format!("socks5h://{bracketed}:{port}")).map_err(|e| bad(e.to_string()))?;
        if let Some((user, password)) = auth {
            proxy = proxy.basic_auth(user, password.expose());
        }
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|e| SessionError::new(Code::Internal, format!("cannot set up HTTPS: {}", chain(&e))))
}

/// What a failed HTTP exchange with `host` means.
pub(crate) fn transport_error(error: &reqwest::Error, host: &str, proxied: bool) -> SessionError {
    let why = chain(error);
    if proxied && why.to_lowercase().contains("socks") {
        return SessionError::new(
            Code::ProxyFailed,
            format!("the SOCKS5 proxy did not let us through to {host}: {why}"),
        );
    }
    let hint =
        if error.is_timeout() { "it did not answer in time" } else { "is the server running, and the network up?" };
    SessionError::new(Code::ServerUnreachable, format!("cannot reach {host}: {why}; {hint}"))
}

/// Asks a server for test log-in values (`/weapp/utils/get_login_info`), which only servers in development give.
///
/// # Errors
/// [`Code::TestLoginOff`] where the server gives none, or why it could not be asked.
pub async fn test_login(server: &Url, user_id: &str, proxy: Option<&Socks5>) -> Result<TestLogin, SessionError> {
    let mut url = server.clone();
    let path = format!("{}/weapp/utils/get_login_info", server.path().trim_end_matches('/'));
    url.set_path(&path);
    url.query_pairs_mut().clear().append_pair("userID", user_id);
    let host = authority(server);
    let unreachable = |e: &reqwest::Error| transport_error(e, &host, proxy.is_some());
    let answer = client(proxy)?.get(url).timeout(ANSWER_TIMEOUT).send().await.map_err(|e| unreachable(&e))?;
    let status = answer.status();
    let text = answer.bytes().await.map_err(|e| unreachable(&e))?;
    if let Ok(login) = serde_json::from_slice::<TestLogin>(&text) {
        return Ok(login);
    }
    Err(match serde_json::from_slice::<Failure>(&text) {
        Ok(failure) => SessionError::new(failure.code, failure.message),
        Err(_) => {
            let why = format!("{host} answered {status} instead of test log-in values; is it a Beckon server?");
            SessionError::new(Code::ProtocolMismatch, why)
        }
    })
}

/// Host and port, without anything secret a URL may hold.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The innermost cause says most; the outer ones hold the URL, which stays out of messages.
fn chain(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
