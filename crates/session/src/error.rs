//! Why a session did not come up, or ended.

use beckon_media::SourceError;
use beckon_protocol::{Code, rpc::RpcError};
use serde::{Deserialize, Serialize};

/// A failure with its stable code and a sentence that says what was wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (code {})", code.value())]
pub struct SessionError {
    /// The code that pages, admins and scripts see.
    pub code: Code,
    /// In words. Never holds a userSig, a token or a key.
    pub message: String,
}

impl SessionError {
    /// A failure with a sentence of its own.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Why a screen is not shared, or could not be chosen.
    pub fn of_screen(error: &SourceError) -> Self {
        let code = match error {
            SourceError::Gone { .. } => Code::ScreenGone,
            _ => Code::ScreenUnavailable,
        };
        Self::new(code, error.to_string())
    }

    /// A failure with the code's own sentence.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.text())
    }
}

impl From<RpcError> for SessionError {
    fn from(error: RpcError) -> Self {
        Self::new(error.code, error.message)
    }
}

impl From<SessionError> for RpcError {
    fn from(error: SessionError) -> Self {
        Self::new(error.code, error.message)
    }
}
