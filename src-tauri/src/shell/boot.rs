//! What a window's page is told when it starts. The same types stand in `ui/room/src/lib/types.ts`.

use beckon_protocol::{Code, channel::app::Chat};
use beckon_session::RoomView;
use serde::Serialize;

use super::{
    Shell,
    room::{OpenRoom, Panels},
};
use crate::{consent::Allowed, desk, language::Language, profile::LanguageChoice};

/// The first words to a page.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "view", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Boot {
    /// To a room's.
    Room {
        /// What it speaks.
        language: Language,
        /// The room as it stands.
        room: Box<RoomView>,
        /// The texts so far.
        chat: Vec<Chat>,
        /// Which panels there are.
        panels: Panels,
    },
    /// To the question's.
    Consent {
        /// What it speaks.
        language: Language,
        /// The question.
        question: Question,
    },
    /// To the home window's.
    Home {
        /// What it speaks.
        language: Language,
        /// What it shows.
        home: Home,
    },
}

/// A question, made ready to be shown.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    number: u64,
    origin: String,
    unicode_host: Option<String>,
    secure: bool,
    relay: Option<String>,
    asks: &'static str,
}

/// What the home window shows.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    version: String,
    language: LanguageChoice,
    allowed: Vec<Allowed>,
    policy: Vec<String>,
    trouble: Option<Trouble>,
}

#[derive(Debug, Clone, Serialize)]
struct Trouble {
    code: Code,
    message: String,
}

/// A room's first words.
pub fn room(room: &OpenRoom) -> Boot {
    Boot::Room {
        language: room.language,
        room: Box::new(room.view()),
        chat: room.session.chat_history(),
        panels: room.panels,
    }
}

/// What the home window shows now.
pub fn home(shell: &Shell) -> Home {
    Home {
        version: shell.app.package_info().version.to_string(),
        language: shell.settings.lock().language,
        allowed: shell.consents.lock().list().to_vec(),
        policy: shell.policy.allow_origins.clone(),
        trouble: shell.trouble.lock().as_ref().map(|e| Trouble { code: e.code(), message: e.to_string() }),
    }
}

/// A question as its window shows it.
pub fn question(number: u64, question: &desk::Question) -> Question {
    let origin = question.asker.origin.as_str();
    let url = url::Url::parse(origin).ok();
    let host = url.as_ref().and_then(|u| u.host_str()).unwrap_or_default();
    let unicode = url::quirks::domain_to_unicode(host);
    let loopback = match url.as_ref().and_then(|u| u.host()) {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    Question {
        number,
        origin: origin.to_owned(),
        unicode_host: (!unicode.is_empty() && unicode != host).then_some(unicode),
        secure: loopback || origin.starts_with("https://"),
        relay: question.asker.relay.clone(),
        asks: match question.asks {
            desk::Asks::Room => "room",
            desk::Asks::Devices { camera: true, microphone: true, .. } => "cameraAndMicrophone",
            desk::Asks::Devices { camera: true, .. } => "camera",
            desk::Asks::Devices { .. } => "microphone",
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_protocol::launch::Origin;

    fn shown(origin: &str) -> Question {
        let asker = desk::Asker { origin: Origin::parse(origin).unwrap(), relay: None };
        question(1, &desk::Question { asker, asks: desk::Asks::Room })
    }

    #[test]
    fn a_name_in_another_script_is_shown_in_ascii_and_as_it_reads() {
        let shown = shown("https://xn--80ak6aa92e.com");
        assert_eq!(shown.origin, "https://xn--80ak6aa92e.com");
        assert_eq!(shown.unicode_host.unwrap(), "аррӏе.com");
    }

    #[test]
    fn plain_http_is_called_so_except_on_this_machine() {
        assert!(!shown("http://crm.example.com").secure);
        assert!(shown("http://127.0.0.1:8080").secure);
        assert!(shown("http://localhost:8080").secure);
        assert!(shown("https://crm.example.com").secure);
        assert!(shown("https://crm.example.com").unicode_host.is_none());
    }
}
