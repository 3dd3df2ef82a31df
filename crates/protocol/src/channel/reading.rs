//! Reads a call's parameters, and names what does not fit.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    Code,
    rpc::RpcError,
    text_or_number::TextOrNumber,
    video::{AspectRatio, FrameRate, Resolution, VideoPreset},
};

/// Parameters as their type. What a page sets to null it leaves out.
///
/// # Errors
/// [`Code::MissingParameter`] or [`Code::WrongParameter`], with the whole path of the field, as in `custom.beauty.ruddy`.
pub(super) fn read<T: DeserializeOwned>(params: Value) -> Result<T, RpcError> {
    let params = if params.is_null() { Value::Object(serde_json::Map::new()) } else { without_nulls(params) };
    serde_path_to_error::deserialize(params).map_err(|error| {
        let mut path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
        let text = error.into_inner().to_string();
        let missing = text.starts_with("missing field");
        // These two stand at what the field is missing from, and the field itself between back-quotes.
        if (missing || text.starts_with("unknown field"))
            && let Some(name) = text.split('`').nth(1)
            && path.last().is_none_or(|last| last != name)
        {
            path.push(name.to_owned());
        }
        let code = if missing { Code::MissingParameter } else { Code::WrongParameter };
        if path.is_empty() {
            return RpcError::new(code, text);
        }
        let field = path.join(".");
        RpcError::new(code, format!("`{field}`: {text}")).at(field)
    })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let set = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(set.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        other => other,
    }
}

/// A text; a number as its digits.
pub(super) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    })
}

/// A number; a text of digits as one.
pub(super) fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Number(number) => Ok(number),
        TextOrNumber::Text(text) => {
            text.trim().parse().map_err(|_| serde::de::Error::custom("a number is expected (digits only)"))
        }
    }
}

/// A port as number or text; 0 where the text is empty.
pub(super) fn port_number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let wrong = || serde::de::Error::custom("`proxy_port` must be from 1 to 65535");
    match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) if text.trim().is_empty() => Ok(0),
        TextOrNumber::Text(text) => text.trim().parse().map_err(|_| wrong()),
        TextOrNumber::Number(number) => u16::try_from(number).map_err(|_| wrong()),
    }
}

/// A [`VideoPreset`] as a page wishes it: a field that there is not is a slip of the pen. (In a file of settings it may be
/// a later version's.)
pub(super) fn video<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VideoPreset>, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Wished {
        resolution: Resolution,
        aspect: AspectRatio,
        fps: FrameRate,
    }
    let wished = Option::<Wished>::deserialize(deserializer)?;
    Ok(wished.map(|Wished { resolution, aspect, fps }| VideoPreset { resolution, aspect, fps }))
}
