//! Which language a window speaks.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A language we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
pub enum Language {
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    Chinese,
    /// English.
    #[serde(rename = "en")]
    English,
}

/// Which language the windows speak where the page that opens a room has no wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub enum LanguageChoice {
    /// The system's.
    #[default]
    #[serde(rename = "system")]
    System,
    /// Simplified Chinese.
    #[serde(rename = "zh-CN")]
    Chinese,
    /// English.
    #[serde(rename = "en")]
    English,
}

impl Language {
    /// The language of a tag such as `zh-CN`, `zh_CN.UTF-8`, `en-GB`; none for others.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let head: String = tag.chars().take_while(char::is_ascii_alphabetic).collect();
        match head.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// What the page wished, else what the person set, else the system's; English where we do not speak that.
    pub fn choose(wish: &str, set: LanguageChoice, system: Option<&str>) -> Self {
        let set = match set {
            LanguageChoice::Chinese => Some(Self::Chinese),
            LanguageChoice::English => Some(Self::English),
            LanguageChoice::System => None,
        };
        Self::from_tag(wish).or(set).or_else(|| Self::from_tag(system?)).unwrap_or(Self::English)
    }

    /// One of two texts.
    pub fn pick<'a>(self, chinese: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Chinese => chinese,
            Self::English => english,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_before_the_person_and_the_person_before_the_system() {
        let choose = Language::choose;
        assert_eq!(choose("zh-CN", LanguageChoice::English, None), Language::Chinese);
        assert_eq!(choose("", LanguageChoice::English, Some("zh_CN.UTF-8")), Language::English);
        assert_eq!(choose("fr", LanguageChoice::System, Some("zh-Hans-CN")), Language::Chinese);
        assert_eq!(choose("", LanguageChoice::System, Some("C")), Language::English);
        assert_eq!(choose("", LanguageChoice::System, None), Language::English);
    }
}
