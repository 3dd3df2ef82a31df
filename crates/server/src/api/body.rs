//! A JSON body that answers in our own words when it does not fit.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use beckon_protocol::Code;
use serde::de::DeserializeOwned;

use super::ApiFailure;

/// The body of a request, read from JSON. An empty body reads as `{}`.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiFailure;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiFailure> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let json = content_type.is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            essence == "application/json" || essence.ends_with("+json")
        });
        let untyped = content_type.is_none();
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.status();
            let code =
                if status == StatusCode::PAYLOAD_TOO_LARGE { Code::MessageTooLarge } else { Code::WrongParameter };
            ApiFailure::new(code, rejection.body_text()).with_status(status)
        })?;
        if bytes.is_empty() {
            return parse(b"{}").map(Body);
        }
        if !json {
            let what = if untyped { "no Content-Type" } else { "another Content-Type" };
            return Err(ApiFailure::new(
                Code::WrongParameter,
                format!("the body must be JSON (Content-Type: application/json); the request has {what}"),
            )
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        parse(&bytes).map(Body)
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiFailure> {
    // In two steps, since JSON that does not parse and fields that do not fit are told apart.
    let value: serde_json::Value = serde_json::from_slice(bytes)
        .map_err(|error| ApiFailure::new(Code::WrongParameter, format!("the body is not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(ApiFailure::new(Code::WrongParameter, "the body must be a JSON object"));
    }
    T::deserialize(&value).map_err(|error| {
        let text = error.to_string();
        match text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(field) => ApiFailure::new(Code::MissingParameter, &text).with_field(field),
            None => {
                let failure = ApiFailure::new(Code::WrongParameter, format!("a field does not fit: {text}"));
                match field_that_fails::<T>(&value) {
                    Some(field) => failure.with_field(field),
                    None => failure,
                }
            }
        }
    })
}

/// Serde does not say which field had the wrong value: the one without which the complaint changes.
fn field_that_fails<T: DeserializeOwned>(value: &serde_json::Value) -> Option<String> {
    let complaint = T::deserialize(value).err()?.to_string();
    let fields = value.as_object()?;
    fields.keys().take(32).find_map(|name| {
        let mut without = fields.clone();
        without.remove(name);
        let changed = match T::deserialize(serde_json::Value::Object(without)) {
            Ok(_) => true,
            Err(error) => error.to_string() != complaint,
        };
        changed.then(|| name.clone())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;
    use beckon_protocol::service::{CreateRoom, Failure, Login};

    async fn failure<T: DeserializeOwned>(text: &str) -> Failure {
        let response = parse::<T>(text.as_bytes()).err().unwrap().into_response();
        let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn what_does_not_fit_is_named() {
        let missing = failure::<Login>(r#"{"sdkAppID":1,"userID":"a"}"#).await;
        assert_eq!((missing.code, missing.field.as_deref()), (Code::MissingParameter, Some("userSig")));
        let wrong = failure::<Login>(r#"{"sdkAppID":"x","userID":"a","userSig":"s"}"#).await;
        assert_eq!((wrong.code, wrong.field.as_deref()), (Code::WrongParameter, Some("sdkAppID")));
        let template = failure::<CreateRoom>(r#"{"roomName":"n","template":"2v9"}"#).await;
        assert_eq!((template.code, template.field.as_deref()), (Code::WrongParameter, Some("template")));
        assert_eq!(failure::<CreateRoom>("[]").await.code, Code::WrongParameter);
        assert_eq!(failure::<CreateRoom>("{").await.code, Code::WrongParameter);
    }
}
