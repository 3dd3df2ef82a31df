//! JSON-RPC 2.0 envelopes, as the channel uses them (<https://www.jsonrpc.org/specification>). No batches.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::Code;

/// The protocol version text that every message carries.
pub const VERSION: &str = "2.0";
/// Largest message on the channel, bytes. A snapshot is the largest thing that crosses.
pub const MESSAGE_MAX: usize = 4 * 1024 * 1024;

/// An id chosen by the caller.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

/// What a failed call returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct RpcError {
    /// A [`Code`].
    #[ts(type = "number")]
    pub code: Code,
    /// What was wrong, where, and what to do.
    pub message: String,
    /// The field that did not fit, when one did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub field: Option<String>,
}

impl RpcError {
    /// An error with the code's own sentence.
    pub fn of(code: Code) -> Self {
        Self { code, message: code.text().to_owned(), field: None }
    }

    /// An error with a sentence of its own.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    /// Names the field that did not fit.
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
}

/// One message, parsed.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// Wants an answer.
    Request {
        /// To be repeated in the answer.
        id: Id,
        /// Which method.
        method: String,
        /// Its parameters (object), or null.
        params: Value,
    },
    /// Wants none.
    Notification {
        /// Which method.
        method: String,
        /// Its parameters (object), or null.
        params: Value,
    },
    /// The answer to a request.
    Response {
        /// The request's id; none when the request could not be read.
        id: Option<Id>,
        /// What it came to.
        outcome: Result<Value, RpcError>,
    },
}

#[derive(Serialize, Deserialize)]
struct Wire {
    jsonrpc: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Value>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<RpcError>,
}

/// Tells `"result": null` (an answer) from no `result` at all.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// [`Code::MessageTooLarge`] past [`MESSAGE_MAX`], [`Code::BadMessage`] for what is no JSON-RPC 2.0.
    pub fn parse(text: &str) -> Result<Self, RpcError> {
        if text.len() > MESSAGE_MAX {
            return Err(RpcError::new(
                Code::MessageTooLarge,
                format!("the message has {} bytes; the channel takes {MESSAGE_MAX}", text.len()),
            ));
        }
        let bad = |what: String| RpcError::new(Code::BadMessage, what);
        let wire: Wire = serde_json::from_str(text).map_err(|e| bad(format!("not a JSON-RPC 2.0 object: {e}")))?;
        if wire.jsonrpc != VERSION {
            return Err(bad("`jsonrpc` must be \"2.0\"".into()).at("jsonrpc"));
        }
        let params = wire.params.unwrap_or(Value::Null);
        if !(params.is_null() || params.is_object()) {
            return Err(bad("`params` must be an object".into()).at("params"));
        }
        match (wire.method, wire.id, wire.result, wire.error) {
            (Some(method), Some(id), None, None) => Ok(Self::Request { id, method, params }),
            (Some(method), None, None, None) => Ok(Self::Notification { method, params }),
            (None, id, Some(value), None) => Ok(Self::Response { id, outcome: Ok(value) }),
            (None, id, None, Some(error)) => Ok(Self::Response { id, outcome: Err(error) }),
            _ => Err(bad("a message has either `method`, or one of `result` and `error`".into())),
        }
    }

    /// Writes the message.
    pub fn to_text(&self) -> String {
        let mut wire =
            Wire { jsonrpc: VERSION.into(), id: None, method: None, params: None, result: None, error: None };
        let some = |params: &Value| (!params.is_null()).then(|| params.clone());
        match self.clone() {
            Self::Request { id, method, params } => {
                wire.params = some(&params);
                (wire.id, wire.method) = (Some(id), Some(method));
            }
            Self::Notification { method, params } => {
                wire.params = some(&params);
                wire.method = Some(method);
            }
            Self::Response { id, outcome } => {
                wire.id = id;
                match outcome {
                    Ok(value) => wire.result = Some(value),
                    Err(error) => wire.error = Some(error),
                }
            }
        }
        // Wire holds only strings, numbers and JSON values, whose serialisation cannot fail.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        let all = [
            Message::Request { id: Id::Number(1), method: "room.open".into(), params: serde_json::json!({"a": 1}) },
            Message::Notification { method: "chat".into(), params: Value::Null },
            Message::Response { id: Some(Id::Text("x".into())), outcome: Ok(Value::Null) },
            Message::Response { id: None, outcome: Err(RpcError::of(Code::BadMessage).at("jsonrpc")) },
        ];
        for message in all {
            assert_eq!(Message::parse(&message.to_text()).unwrap(), message);
        }
    }

    #[test]
    fn what_is_no_rpc_is_refused_with_the_field() {
        assert_eq!(Message::parse("[]").unwrap_err().code, Code::BadMessage);
        let old = Message::parse(r#"{"jsonrpc":"1.0","method":"x"}"#).unwrap_err();
        assert_eq!(old.field.as_deref(), Some("jsonrpc"));
        let list = Message::parse(r#"{"jsonrpc":"2.0","method":"x","params":[1]}"#).unwrap_err();
        assert_eq!(list.field.as_deref(), Some("params"));
        assert!(Message::parse(r#"{"jsonrpc":"2.0"}"#).is_err());
        assert_eq!(Message::parse(&" ".repeat(MESSAGE_MAX + 1)).unwrap_err().code, Code::MessageTooLarge);
    }
}
