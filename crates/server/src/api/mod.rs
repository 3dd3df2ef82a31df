//! The HTTP interface: `/api/v1/…` (see [`beckon_protocol::service`]), `/healthz`, test log-ins and LiveKit's webhooks.

mod body;
mod client;
mod failure;
mod rooms;

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::{
    Json, Router,
    extract::{ConnectInfo, DefaultBodyLimit, Query, State},
    http::{HeaderMap, StatusCode, header},
    routing::{delete, get, post},
};
use beckon_protocol::{
    Code, Secret,
    service::{LoggedIn, Login, TestLogin},
};
use serde::{Deserialize, Serialize};
use tower_http::cors::{Any, CorsLayer};

pub use body::Body;
pub use client::{Client, ClientRules};
pub use failure::ApiFailure;

use crate::account::{Accounts, Caller, issue_v2};
use crate::media::{EngineHandle, EngineStats};
use crate::room::{RoomService, engine::LiveKit};
use crate::server::Peer;

/// Largest request body, bytes.
const BODY_MAX: usize = 64 * 1024;
/// How long a test userSig holds, s.
const TEST_SIG_HOLDS: u64 = 24 * 3600;

/// What the calls need.
#[derive(Clone)]
pub struct Api {
    /// Accounts.
    pub accounts: Arc<Accounts>,
    /// Rooms.
    pub rooms: Arc<RoomService>,
    /// The LiveKit server, where rooms run on one.
    pub livekit: Option<Arc<LiveKit>>,
    /// The media engine, where rooms run on this server's own.
    pub media: Option<EngineHandle>,
    /// How clients are recognised.
    pub clients: Arc<ClientRules>,
    /// Whether test log-ins are on.
    pub test_logins: bool,
    /// Whether guests are let in.
    pub guests: bool,
    /// Whether they are let in without an invitation.
    pub open_guests: bool,
    /// Since when the server runs.
    pub started: Instant,
}

/// UNIX time, s.
pub(crate) fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

impl Api {
    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/api/v1/login", post(login))
            .route("/api/v1/rooms", post(rooms::create).get(rooms::list))
            .route("/api/v1/rooms/{room}", get(rooms::get).merge(delete(rooms::destroy)))
            .route("/api/v1/rooms/{room}/enter", post(rooms::enter))
            .route("/api/v1/rooms/{room}/leave", post(rooms::leave))
            .route("/api/v1/guests", post(rooms::guest))
            .route("/api/{*rest}", axum::routing::any(unknown))
            .route("/healthz", get(health))
            // Pages on other origins ask for test values too, as the older interface lets them.
            .route("/weapp/utils/get_login_info", get(test_login).layer(CorsLayer::new().allow_origin(Any)))
            .route("/livekit/webhook", post(webhook))
            .layer(DefaultBodyLimit::max(BODY_MAX))
            .with_state(self)
    }

    /// Who calls, by their bearer token.
    fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiFailure> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or_else(|| {
                ApiFailure::new(Code::TokenInvalid, "the header `Authorization: Bearer TOKEN` is missing; log in first")
            })?;
        Ok(self.accounts.caller(token, unix_now())?)
    }
}

async fn unknown() -> ApiFailure {
    ApiFailure::new(Code::UnknownMethod, "there is no such call").with_status(StatusCode::NOT_FOUND)
}

/// How the server is. Everybody may ask: figures, and nobody's name.
#[derive(Serialize)]
struct Health {
    /// `ok`, or `failed` with what does not work.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    version: &'static str,
    rooms: usize,
    uptime_s: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    media: Option<EngineStats>,
}

async fn health(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let failure = api.media.as_ref().and_then(EngineHandle::failure);
    let (code, status) = match failure {
        None => (StatusCode::OK, "ok"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
    };
    let health = Health {
        status,
        failure: failure.map(|error| error.to_string()),
        version: env!("CARGO_PKG_VERSION"),
        rooms: api.rooms.count(),
        uptime_s: api.started.elapsed().as_secs(),
        media: api.media.as_ref().map(EngineHandle::stats),
    };
    (code, Json(health))
}

async fn login(
    State(api): State<Api>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    headers: HeaderMap,
    Body(login): Body<Login>,
) -> Result<Json<LoggedIn>, ApiFailure> {
    let from = api.clients.read(peer, &headers).address;
    match api.accounts.log_in(&login, from, unix_now(), Instant::now()) {
        Ok((caller, token)) => Ok(Json(LoggedIn {
            user_id: caller.user.into(),
            token,
            expires_in: api.accounts.session_length().as_secs(),
        })),
        Err(error) => {
            tracing::info!(%from, app = login.sdk_app_id, code = error.code().value(), "log-in refused");
            Err(error.into())
        }
    }
}

#[derive(Deserialize)]
struct TestLoginQuery {
    #[serde(rename = "userID", default)]
    user_id: String,
}

async fn test_login(
    State(api): State<Api>,
    query: Result<Query<TestLoginQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<TestLogin>, ApiFailure> {
    if !api.test_logins {
        return Err(ApiFailure::new(Code::TestLoginOff, Code::TestLoginOff.text()));
    }
    let Query(query) = query.map_err(|error| ApiFailure::new(Code::WrongParameter, error.body_text()))?;
    let app = api
        .accounts
        .test_app()
        .ok_or_else(|| ApiFailure::new(Code::TestLoginOff, "test log-ins need an application with an hmac_key"))?;
    let user =
        if query.user_id.is_empty() { format!("user-{}", crate::room::rules::fresh_id()) } else { query.user_id };
    if let Err(error) = user.parse::<beckon_protocol::room::UserId>() {
        return Err(ApiFailure::new(Code::WrongParameter, error.to_string()).with_field("userID"));
    }
    let user_sig = issue_v2(app, &user, TEST_SIG_HOLDS, unix_now(), None)
        .map_err(|error| ApiFailure::new(Code::Internal, error.to_string()))?;
    Ok(Json(TestLogin {
        code: Code::Ok,
        message: Code::Ok.text().into(),
        sdk_app_id: app.id,
        acc_type: "0".into(),
        user_id: user,
        user_sig: Secret::new(user_sig.expose()),
    }))
}

async fn webhook(
    State(api): State<Api>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> Result<StatusCode, ApiFailure> {
    let livekit = api.livekit.as_ref().ok_or_else(|| {
        ApiFailure::new(Code::UnknownMethod, "this server's rooms do not run on a LiveKit server")
            .with_status(StatusCode::NOT_FOUND)
    })?;
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match livekit.webhook(authorization, &body) {
        Ok(Some(news)) => api.rooms.hear(news).await,
        Ok(None) => {}
        Err(error) => {
            tracing::warn!(%error, "webhook refused");
            return Err(ApiFailure::new(Code::TokenInvalid, error.to_string()));
        }
    }
    Ok(StatusCode::OK)
}
