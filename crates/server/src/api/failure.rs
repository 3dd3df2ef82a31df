//! How a failed call answers.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use beckon_protocol::{Code, service::Failure};

use crate::account::AccountError;
use crate::room::RoomError;

/// A [`Failure`] and the HTTP status that fits it.
#[derive(Debug)]
pub struct ApiFailure {
    status: StatusCode,
    failure: Failure,
    retry_after: Option<u64>,
}

impl ApiFailure {
    /// A failure of this code; the status follows from it.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let failure = Failure { code, message: message.into(), field: None };
        Self { status: status(code), failure, retry_after: None }
    }

    /// Names the field that did not fit.
    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.failure.field = Some(field.into());
        self
    }

    /// Takes another status.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

/// The status that fits a code.
fn status(code: Code) -> StatusCode {
    match code {
        Code::SigMalformed
        | Code::SigExpired
        | Code::SigWrong
        | Code::SigWrongApp
        | Code::SigWrongUser
        | Code::UnknownApp
        | Code::TokenInvalid => StatusCode::UNAUTHORIZED,
        Code::TestLoginOff | Code::Forbidden => StatusCode::FORBIDDEN,
        Code::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        Code::RoomNotFound => StatusCode::NOT_FOUND,
        Code::RoomFull | Code::RoomExists => StatusCode::CONFLICT,
        Code::RoomDestroyed => StatusCode::GONE,
        Code::MessageTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::ServerUnreachable => StatusCode::BAD_GATEWAY,
        Code::ServerStopping => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    }
}

impl From<AccountError> for ApiFailure {
    fn from(error: AccountError) -> Self {
        let mut failure = Self::new(error.code(), error.to_string());
        failure.failure.field = error.field().map(str::to_owned);
        failure.retry_after = error.retry_after();
        failure
    }
}

impl From<RoomError> for ApiFailure {
    fn from(error: RoomError) -> Self {
        let code = error.code();
        // What went wrong inside is for the log; it may name files and addresses.
        let message = if code == Code::Internal {
            tracing::error!(%error, "a room call failed");
            code.text().to_owned()
        } else {
            error.to_string()
        };
        let mut failure = Self::new(code, message);
        failure.failure.field = error.field().map(str::to_owned);
        failure
    }
}

impl IntoResponse for ApiFailure {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.failure)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
