//! What a window's page is told when it starts.

use beckon_interface::boot::{
    AllowedPage, Boot, Home, HomeBoot, Log, Permissions, Question, QuestionAsks, RoomBoot, SettingsBoot, Trouble,
};

use super::{Shell, room::OpenRoom};
use crate::desk;

/// A room's first words.
pub fn room(shell: &Shell, room: &OpenRoom) -> Boot {
    Boot::Room(RoomBoot {
        language: room.language,
        room: Box::new(room.view()),
        chat: room.session.chat_history().into_iter().map(|chat| room.pictures.chat(chat)).collect(),
        panels: room.panels,
        settings: shell.settings.get(),
        picture: room.picture(shell),
    })
}

/// The home window's first words.
pub fn home_window(shell: &Shell) -> Boot {
    Boot::Home(HomeBoot { language: shell.language(""), home: home(shell) })
}

/// The settings window's first words.
pub fn settings_window(shell: &Shell) -> Boot {
    Boot::Settings(Box::new(SettingsBoot {
        language: shell.language(""),
        settings: shell.settings.get(),
        tryout: shell.tryout.view(),
        permissions: permissions(shell),
        version: shell.app.package_info().version.to_string(),
        log: Log { path: shell.log.path.display().to_string(), fault: shell.log.fault.clone() },
        section: shell.section.lock().clone(),
    }))
}

/// What the home window shows now.
pub fn home(shell: &Shell) -> Home {
    Home {
        version: shell.app.package_info().version.to_string(),
        language: shell.settings.get().language,
        permissions: permissions(shell),
        trouble: shell.trouble.lock().as_ref().map(|e| Trouble { code: e.code(), message: e.to_string() }),
    }
}

/// Who may open rooms without a question.
pub fn permissions(shell: &Shell) -> Permissions {
    let page = |allowed: &crate::consent::Allowed| AllowedPage {
        origin: allowed.asker.origin.as_str().to_owned(),
        relay: allowed.asker.relay.clone(),
        since: allowed.since,
    };
    Permissions {
        allowed: shell.consents.lock().list().iter().map(page).collect(),
        policy: shell.policy.allowed(),
        faults: shell.policy.faults().to_vec(),
        blocked: shell.policy.is_unreadable(),
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
            desk::Asks::Room => QuestionAsks::Room,
            desk::Asks::Devices { camera: true, microphone: true, .. } => QuestionAsks::CameraAndMicrophone,
            desk::Asks::Devices { camera: true, .. } => QuestionAsks::Camera,
            desk::Asks::Devices { .. } => QuestionAsks::Microphone,
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
