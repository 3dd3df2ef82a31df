//! The launch URL: what a page opens to start the app.
//!
//! `beckon:launch?v=1&k=KEY&p=47610,47611,47612&o=https%3A%2F%2Fcrm.example.com&r=wss%3A%2F%2Fserver%2Frelay`
//!
//! It holds nothing that outlives it: a one-time key for the channel, where the app may listen, whose page it is and
//! where the relay is. Everything else (userSig, room, options) travels over the channel.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rand::RngCore;
use thiserror::Error;
use url::Url;

use crate::{Code, Secret};

/// The scheme the operating system hands to the app.
pub const SCHEME: &str = "beckon";
/// The app's identifier for the operating system, as in its `tauri.conf.json`.
pub const IDENTIFIER: &str = "org.beckon.app";
/// Longest launch URL, bytes.
pub const URL_MAX: usize = 300;
/// Of a longer one, so many bytes are looked at, for who is to be told that it is refused: more than any launch of this version has to say
/// of that, whatever the page's host is called (253 bytes at most).
const HEAD_MAX: usize = 1024;
/// The version this code reads and writes.
pub const VERSION: u32 = 1;
/// Ports a page proposes when it has no reason for others.
pub const DEFAULT_PORTS: [u16; 4] = [47610, 47611, 47612, 47613];
/// Most ports a launch may propose.
pub const PORTS_MAX: usize = 8;

/// Whether a text is meant as a launch URL: it begins with the scheme. What follows may be anything.
pub fn is_address(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME))
}

const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The one-time key of a launch: 128 random bits, written as 22 base64url characters.
#[derive(Clone, PartialEq, Eq)]
pub struct LaunchKey(Secret);

impl LaunchKey {
    /// A fresh random key.
    pub fn random() -> Self {
        let mut bytes = [0u8; 16];
        rand::rng().fill_bytes(&mut bytes);
        Self::from_bytes(bytes)
    }

    /// The key of these 128 bits.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The key as text, for the launch URL and the proofs.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`LaunchError::Key`] for anything but 22 base64url characters that hold 16 bytes.
    pub fn parse(text: &str) -> Result<Self, LaunchError> {
        match URL_SAFE_NO_PAD.decode(text) {
            Ok(bytes) if bytes.len() == 16 => Ok(Self(Secret::new(text))),
            _ => Err(LaunchError::Key),
        }
    }
}

impl fmt::Debug for LaunchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LaunchKey(…)")
    }
}

/// Who opened the page: scheme, host and port, as `Origin` headers write it (RFC 6454, section 6.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

impl Origin {
    /// Reads an http or https origin.
    ///
    /// # Errors
    /// [`LaunchError::Origin`] for other schemes, paths, credentials, `null` and what is no URL.
    pub fn parse(text: &str) -> Result<Self, LaunchError> {
        let wrong = || LaunchError::Origin(text.chars().take(80).collect());
        let url = Url::parse(text).map_err(|_| wrong())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(wrong());
        }
        let origin = url.origin().ascii_serialization();
        // An origin has nothing but scheme, host and port: what it serialises to is all there may be.
        if text.trim_end_matches('/').eq_ignore_ascii_case(&origin) { Ok(Self(origin)) } else { Err(wrong()) }
    }

    /// The origin as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Origin {
    type Error = LaunchError;
    fn try_from(text: String) -> Result<Self, LaunchError> {
        Self::parse(&text)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no launch URL.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LaunchError {
    /// Longer than [`URL_MAX`].
    #[error("the launch URL has {0} bytes; at most {URL_MAX} are taken")]
    TooLong(usize),
    /// Does not begin with `beckon:launch`.
    #[error("the launch URL must begin with \"{SCHEME}:launch?\"")]
    Shape,
    /// Not UTF-8, or a percent sign that encodes nothing.
    #[error("the launch URL's field `{0}` is not valid percent-encoded UTF-8")]
    Encoding(&'static str),
    /// A field is not there.
    #[error("the launch URL lacks the field `{0}`")]
    Missing(&'static str),
    /// A field stands twice.
    #[error("the launch URL has the field `{0}` twice")]
    Repeated(&'static str),
    /// A field that version 1 does not have.
    #[error("the launch URL has an unknown field")]
    UnknownField,
    /// Another version.
    #[error("the launch URL is of version {0}; this app reads version {VERSION}")]
    Version(u32),
    /// `v` is no number.
    #[error("the launch URL's version is not a number")]
    VersionText,
    /// `k` is not 128 bits in base64url.
    #[error("the launch key must be 16 bytes in base64url (22 characters)")]
    Key,
    /// `p` is no list of ports.
    #[error("the launch ports must be 1 to {PORTS_MAX} numbers from 1024 to 65535, with commas between")]
    Ports,
    /// `o` is no origin.
    #[error("the launch origin {0:?} is not an http or https origin")]
    Origin(String),
    /// `r` is no ws or wss URL.
    #[error("the relay's address must be a wss URL (ws only on loopback)")]
    Relay,
}

impl LaunchError {
    /// The code that a log, a dialog or the page names.
    pub fn code(&self) -> Code {
        match self {
            Self::Version(_) => Code::LaunchVersion,
            _ => Code::LaunchInvalid,
        }
    }
}

/// A parsed launch URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The one-time key that page and app prove to each other to know, first on the channel.
    pub key: LaunchKey,
    /// Where the app may listen on 127.0.0.1, in the order to try.
    pub ports: Vec<u16>,
    /// The page's origin; the only one the channel answers.
    pub origin: Origin,
    /// The second road, where page and app meet when loopback is closed.
    pub relay: Option<Url>,
}

/// A launch URL that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub error: LaunchError,
    /// How its page can be told so, where the URL says who waits for an answer and where. Nothing else may come of it.
    pub page: Option<Box<Launch>>,
}

impl Launch {
    /// Reads a launch URL, and, where it is not taken, how its page can be told.
    ///
    /// # Errors
    /// See [`Self::parse`].
    pub fn read(text: &str) -> Result<Self, Refused> {
        Self::parse(text).map_err(|error| Refused { error, page: Self::sender(text).map(Box::new) })
    }

    /// Who sent a URL of which something else may be wrong, or of another version: its key, ports and origin by the rules of
    /// this version, each there once, and its relay if that can be read. Of one that is too long the head counts alone.
    fn sender(text: &str) -> Option<Self> {
        let query = query(head(text)).ok()?;
        let field = |name: &'static str| {
            let mut values =
                query.split('&').filter_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name));
            let (_, raw) = values.next()?;
            let only = values.next().is_none();
            decode(name, raw).ok().filter(|_| only)
        };
        Some(Self {
            key: LaunchKey::parse(&field("k")?).ok()?,
            ports: parse_ports(&field("p")?).ok()?,
            origin: Origin::parse(&field("o")?).ok()?,
            relay: field("r").and_then(|text| parse_relay(&text).ok()),
        })
    }

    /// Reads a launch URL.
    ///
    /// # Errors
    /// A [`LaunchError`] that names the field that does not fit. Never panics, whatever the text.
    pub fn parse(text: &str) -> Result<Self, LaunchError> {
        if text.len() > URL_MAX {
            return Err(LaunchError::TooLong(text.len()));
        }
        let query = query(text)?;

        // Another version may have other fields and write them in another way; that it is another is all to be said of it.
        let named = query.split('&').find_map(|pair| pair.strip_prefix("v="));
        if let Some(version) = named.and_then(|text| text.parse().ok()).filter(|version| *version != VERSION) {
            return Err(LaunchError::Version(version));
        }

        let mut fields: [(&'static str, Option<String>); 5] =
            [("v", None), ("k", None), ("p", None), ("o", None), ("r", None)];
        for pair in query.split('&') {
            let (name, raw) = pair.split_once('=').ok_or(LaunchError::Shape)?;
            let (known, slot) = fields.iter_mut().find(|(known, _)| *known == name).ok_or(LaunchError::UnknownField)?;
            let known: &'static str = known;
            if slot.replace(decode(known, raw)?).is_some() {
                return Err(LaunchError::Repeated(known));
            }
        }
        let [(_, version), (_, key), (_, ports), (_, origin), (_, relay)] = fields;

        match version.ok_or(LaunchError::Missing("v"))?.parse() {
            Ok(VERSION) => {}
            Ok(other) => return Err(LaunchError::Version(other)),
            Err(_) => return Err(LaunchError::VersionText),
        }
        Ok(Self {
            key: LaunchKey::parse(&key.ok_or(LaunchError::Missing("k"))?)?,
            ports: parse_ports(&ports.ok_or(LaunchError::Missing("p"))?)?,
            origin: Origin::parse(&origin.ok_or(LaunchError::Missing("o"))?)?,
            relay: relay.map(|text| parse_relay(&text)).transpose()?,
        })
    }
}

impl Launch {
    /// Writes the launch URL.
    pub fn to_url(&self) -> String {
        let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
        let mut text = format!(
            "{SCHEME}:launch?v={VERSION}&k={}&p={}&o={}",
            self.key.expose(),
            ports.join(","),
            utf8_percent_encode(self.origin.as_str(), VALUE)
        );
        if let Some(relay) = &self.relay {
            text.push_str("&r=");
            text.extend(utf8_percent_encode(relay.as_str(), VALUE));
        }
        text
    }
}

/// As many whole fields as stand within [`HEAD_MAX`] bytes: one that is cut off says something else than was meant.
fn head(text: &str) -> &str {
    if text.len() <= HEAD_MAX {
        return text;
    }
    text[..text.floor_char_boundary(HEAD_MAX)].rsplit_once('&').map_or("", |(whole, _)| whole)
}

/// What stands behind the question mark.
fn query(text: &str) -> Result<&str, LaunchError> {
    ["beckon:launch?", "beckon://launch?", "beckon://launch/?"]
        .iter()
        .find_map(|prefix| {
            let head = text.get(..prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
        })
        .ok_or(LaunchError::Shape)
}

/// A field's value.
fn decode(field: &'static str, raw: &str) -> Result<String, LaunchError> {
    let value = percent_decode_str(raw).decode_utf8().map_err(|_| LaunchError::Encoding(field))?;
    if value.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '`')) {
        return Err(LaunchError::Encoding(field));
    }
    Ok(value.into_owned())
}

fn parse_ports(text: &str) -> Result<Vec<u16>, LaunchError> {
    let ports: Vec<u16> =
        text.split(',').map(|port| port.parse().map_err(|_| LaunchError::Ports)).collect::<Result<_, _>>()?;
    if ports.len() > PORTS_MAX || ports.iter().any(|port| *port < 1024) {
        return Err(LaunchError::Ports);
    }
    Ok(ports)
}

fn parse_relay(text: &str) -> Result<Url, LaunchError> {
    let url = Url::parse(text).map_err(|_| LaunchError::Relay)?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    match url.scheme() {
        "wss" if plain && url.host().is_some() => Ok(url),
        "ws" if plain && loopback => Ok(url),
        _ => Err(LaunchError::Relay),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn launch() -> Launch {
        Launch {
            key: LaunchKey::random(),
            ports: DEFAULT_PORTS.to_vec(),
            origin: Origin::parse("https://crm.example.com").unwrap(),
            relay: Some(Url::parse("wss://meet.example.com/relay").unwrap()),
        }
    }

    #[test]
    fn survives_the_url_and_stays_short() {
        let launch = launch();
        let text = launch.to_url();
        assert!(text.len() < URL_MAX, "{} bytes", text.len());
        assert_eq!(Launch::parse(&text).unwrap(), launch);
        // Browsers on some systems hand the URL over with slashes, and with the scheme in any case.
        assert_eq!(Launch::parse(&text.replace("beckon:launch", "BECKON://launch/")).unwrap(), launch);
    }

    #[test]
    fn each_wrong_field_is_named() {
        let good = launch().to_url();
        let wrong = |from: &str, to: &str| Launch::parse(&good.replace(from, to)).unwrap_err();
        assert_eq!(wrong("v=1", "v=2"), LaunchError::Version(2));
        assert_eq!(wrong("v=1", "v=one"), LaunchError::VersionText);
        assert_eq!(wrong("v=1&", ""), LaunchError::Missing("v"));
        assert_eq!(wrong("v=1", "v=1&v=1"), LaunchError::Repeated("v"));
        assert_eq!(wrong("&k=", "&k=x"), LaunchError::Key);
        assert_eq!(wrong("&p=47610", "&p=80"), LaunchError::Ports);
        assert_eq!(wrong("&o=https", "&o=file"), LaunchError::Origin("file://crm.example.com".into()));
        assert_eq!(wrong("crm.example.com", "crm.example.com%2Fpath").code(), Code::LaunchInvalid);
        assert_eq!(wrong("&r=wss", "&r=ws"), LaunchError::Relay);
        assert_eq!(wrong("&r=wss", "&x=wss"), LaunchError::UnknownField);
        assert_eq!(wrong("&o=https", "&o=%ff"), LaunchError::Encoding("o"));
        assert_eq!(wrong("beckon:", "webexe:"), LaunchError::Shape);
    }

    #[test]
    fn an_address_of_another_version_is_told_so_whatever_else_it_holds() {
        let good = launch().to_url();
        let newer = good.replace("v=1", "v=2");
        for text in [
            format!("{newer}&z=new"),
            newer.replace("&k=", "&k=;"),
            newer.replace("&p=", "&p"),
            newer.replace("v=2&", "") + "&z=new&v=2",
            "beckon:launch?v=2".into(),
            // A first answer counts: what follows is read by the rules of its version, which are not known.
            newer.replace("v=2", "v=2&v=1"),
        ] {
            assert_eq!(Launch::parse(&text).unwrap_err(), LaunchError::Version(2), "{text}");
        }
        assert_eq!(Launch::parse(&good.replace("v=1", "v=%32")).unwrap_err(), LaunchError::Version(2));
        assert_eq!(Launch::parse(&good.replace("v=1", "v=1&v=2")).unwrap_err(), LaunchError::Repeated("v"));
        assert_eq!(LaunchError::Version(2).code(), Code::LaunchVersion);
    }

    #[test]
    fn the_page_behind_a_refused_address_is_known_where_the_address_says_it() {
        let launch = launch();
        let good = launch.to_url();
        let whole = Some(Box::new(launch.clone()));
        let without_relay = Some(Box::new(Launch { relay: None, ..launch }));
        for (text, page) in [
            (good.replace("v=1", "v=2"), &whole),
            (good.replace("v=1", "v=2") + "&z=new&flag", &whole),
            (good.replace("v=1", "v=one"), &whole),
            (good.replace("&r=wss", "&x=wss"), &without_relay),
            (good.replace("&r=wss", "&r=ws"), &without_relay),
            (good.clone() + "&r=wss%3A%2F%2Felsewhere.example", &without_relay),
            // Who is meant is not clear.
            (good.replace("v=1", "v=2") + "&k=AAAAAAAAAAAAAAAAAAAAAA", &None),
            (good.replace("&k=", "&k=x"), &None),
            (good.replace("&p=47610", "&p=80"), &None),
            (good.replace("&o=https", "&o=file"), &None),
            (good.replace("&o=https", "&o=%22https"), &None),
            (good.replace("&o=", "&q="), &None),
            (good.replace("beckon:", "webexe:"), &None),
        ] {
            let refused = Launch::read(&text).unwrap_err();
            assert_eq!(&refused.page, page, "{text}");
            assert_eq!(Launch::parse(&text), Err(refused.error));
        }
        assert!(Launch::read(&good).is_ok());
    }

    #[test]
    fn of_an_address_that_is_too_long_the_head_says_who_is_told() {
        let launch = launch();
        let good = launch.to_url();
        let whole = Some(Box::new(launch.clone()));
        let without_relay = Some(Box::new(Launch { relay: None, ..launch.clone() }));
        // So much before the other fields that the head ends so many bytes before the last one does.
        let cut = |before_end: usize| {
            let filler = "z".repeat(HEAD_MAX + before_end - good.len() - "&z=".len());
            good.replace("v=1", &format!("v=1&z={filler}"))
        };
        for (text, page) in [
            (good.clone() + "&z=" + &"z".repeat(URL_MAX), &whole),
            (good.clone() + "&z=" + &"z".repeat(1 << 20), &whole),
            // The head ends within a character.
            (good.clone() + "&zz" + &"€".repeat(HEAD_MAX), &whole),
            (good.clone() + "&z=x" + &"€".repeat(HEAD_MAX), &whole),
            (good.clone() + "&z=xx" + &"€".repeat(HEAD_MAX), &whole),
            (cut(0), &whole),
            // Half a relay is another relay.
            (cut(1), &without_relay),
            (cut(good.len() - good.find("&r=").unwrap() + 1), &None),
            // Who is meant is not clear, or not said.
            (good.clone() + "&k=AAAAAAAAAAAAAAAAAAAAAA&z=" + &"z".repeat(URL_MAX), &None),
            (good.replace("&k=", "&k=x") + "&z=" + &"z".repeat(URL_MAX), &None),
            ("z".repeat(URL_MAX + 1), &None),
            ("€".repeat(HEAD_MAX), &None),
        ] {
            let refused = Launch::read(&text).unwrap_err();
            assert_eq!(refused.error, LaunchError::TooLong(text.len()));
            assert_eq!(&refused.page, page, "{}", head(&text));
            assert!(refused.error.to_string().len() < 100, "the address itself is not repeated");
        }
        // A page's own name may be too long already.
        let host = ["a", "b", "c", "d"].map(|label| label.repeat(60)).join(".");
        let launch = Launch { origin: Origin::parse(&format!("https://{host}")).unwrap(), ..launch };
        assert_eq!(Launch::read(&launch.to_url()).unwrap_err().page, Some(Box::new(launch)));
    }

    #[test]
    fn injected_arguments_and_quotes_are_refused() {
        for text in [
            "beckon:launch?v=1\" --inspect",
            "beckon:launch --flag",
            "beckon:launch?v=1&k=a%22%20--x",
            "--help",
            "",
            "beckon:launch?é",
        ] {
            assert!(Launch::parse(text).is_err(), "{text}");
        }
        assert_eq!(Launch::parse(&"x".repeat(301)).unwrap_err(), LaunchError::TooLong(301));
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let launch = launch();
        assert!(!format!("{launch:?}").contains(launch.key.expose()));
    }
}
