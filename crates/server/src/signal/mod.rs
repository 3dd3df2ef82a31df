//! LiveKit's signalling endpoint: `/rtc` (WebSocket) and `/rtc/validate` (why a join is refused, for
//! browsers, which hide that from a page when a WebSocket fails).
//!
//! Clients that know the newer `/rtc/v1` ask for it first; answered with 404, they take `/rtc`.

mod allowance;
mod params;
mod socket;
mod token;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use beckon_sfu::JoinError;
use tower_http::cors::CorsLayer;

use crate::media::{EngineError, EngineHandle, EnterError};
use params::{JoinParams, bearer};
use token::{Pass, TokenError};

/// Longest signalling message taken from a client, in bytes: session descriptions of a large room.
const MAX_MESSAGE: usize = 1 << 20;

/// The signalling endpoint of an engine.
pub fn router(engine: EngineHandle) -> Router {
    let not_here = any(|| async { (StatusCode::NOT_FOUND, "signalling is at /rtc") });
    Router::new()
        .route("/rtc", get(join))
        .route("/rtc/validate", get(validate))
        .route("/rtc/v1", not_here.clone())
        .route("/rtc/v1/validate", not_here)
        // Pages of any origin may call; what they may do is in the token they bring.
        .layer(CorsLayer::permissive())
        .with_state(engine)
}

async fn join(
    State(engine): State<EngineHandle>,
    Query(params): Query<JoinParams>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let pass = match check(&engine, &params, &headers) {
        Ok(pass) => pass,
        Err(refused) => return refused.into_response(),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade.max_message_size(MAX_MESSAGE),
        Err(rejection) => return rejection.into_response(),
    };
    let request = params.request(pass.admission.clone());
    match engine.enter(&pass.room, request).await {
        Ok(link) => upgrade.on_upgrade(move |socket| socket::serve(socket, link, pass)),
        // Said on the connection: then clients know to join anew at once.
        Err(EnterError::Join(JoinError::UnknownSession)) => upgrade.on_upgrade(socket::send_join_anew),
        Err(error) => Refused::from(error).into_response(),
    }
}

async fn validate(
    State(engine): State<EngineHandle>,
    Query(params): Query<JoinParams>,
    headers: HeaderMap,
) -> Result<&'static str, Refused> {
    let pass = check(&engine, &params, &headers)?;
    match engine.may_enter(&pass.room, params.request(pass.admission)).await {
        Ok(()) | Err(EnterError::Join(JoinError::UnknownSession)) => Ok("success"),
        Err(error) => Err(error.into()),
    }
}

fn check(engine: &EngineHandle, params: &JoinParams, headers: &HeaderMap) -> Result<Pass, Refused> {
    let token = bearer(headers).or(params.access_token.as_deref()).ok_or(Refused::NoToken)?;
    let pass = token::verify(engine.keys(), token)?;
    // Such a client cannot deal with what others are told.
    if params.join_request.is_some() { Err(Refused::OneConnection) } else { Ok(pass) }
}

/// Why a client was not let in.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("no access token: give it in the query (access_token) or as Authorization: Bearer")]
    NoToken,
    #[error("one peer connection for both directions (join_request) is not supported here; connect without it")]
    OneConnection,
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Enter(#[from] EnterError),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Refused::Token(TokenError::NoJoin) => StatusCode::FORBIDDEN,
            Refused::NoToken | Refused::Token(_) => StatusCode::UNAUTHORIZED,
            Refused::OneConnection => StatusCode::BAD_REQUEST,
            Refused::Enter(EnterError::Join(JoinError::RoomFull(_))) => StatusCode::FORBIDDEN,
            Refused::Enter(EnterError::Engine(EngineError::UnknownRoom(_))) => StatusCode::NOT_FOUND,
            Refused::Enter(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, self.to_string()).into_response()
    }
}
