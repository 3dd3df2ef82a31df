//! A text or a whole number: pages write one for the other.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// See the [module](self). What it is meant as, its reader says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TextOrNumber {
    Text(String),
    Number(u64),
}

impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

/// Says what is expected in words that mean something to who wrote the page.
struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = TextOrNumber;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Text(text))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<TextOrNumber, E> {
        Ok(TextOrNumber::Number(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<TextOrNumber, E> {
        u64::try_from(number)
            .map(TextOrNumber::Number)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }
}
