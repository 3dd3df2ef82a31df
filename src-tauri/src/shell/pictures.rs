//! Which pictures of others a room's window loads: the logo that a page names, and the avatars of members, whose own pages
//! name them.
//!
//! What does not fit becomes an empty address: the window then shows no logo, and initials. The windows' content security
//! policy (`tauri.conf.json`) is a second fence that cannot know whose server a room is on.

use beckon_protocol::channel::app::Chat;
use beckon_session::RoomView;
use url::{Host, Url};

/// Longest address of a picture elsewhere, bytes.
const ADDRESS_MAX: usize = 2048;
/// Longest picture within its address (`data:`), bytes: it goes to the window with each change of the room.
const DATA_MAX: usize = 64 * 1024;
/// Kinds of pictures within an address. A web view runs no script of an SVG that is shown as a picture.
const DATA_KINDS: [&str; 6] = ["png", "jpeg", "gif", "webp", "avif", "svg+xml"];

/// The rule for one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pictures {
    /// The room's server is on this machine, as in development: pictures on this machine may be loaded. Elsewhere they
    /// may not: another member could reach what listens here through the window.
    local: bool,
}

impl Pictures {
    /// For a room on this server.
    pub fn of(server: Option<&Url>) -> Self {
        Self { local: server.and_then(Url::host).is_some_and(|host| is_here(&host)) }
    }

    /// Whether the window may load it.
    fn may_load(self, address: &str) -> bool {
        if let Some(data) = address.strip_prefix("data:image/") {
            let kind = data.split([';', ',']).next().unwrap_or_default();
            return address.len() <= DATA_MAX && data.contains(',') && DATA_KINDS.contains(&kind);
        }
        if address.len() > ADDRESS_MAX {
            return false;
        }
        let Ok(url) = Url::parse(address) else { return false };
        let Some(host) = url.host() else { return false };
        let named = url.username().is_empty() && url.password().is_none();
        let here = is_here(&host);
        let reachable = match url.scheme() {
            "https" => !here || self.local,
            "http" => here && self.local,
            _ => false,
        };
        named && reachable
    }

    fn keep(self, address: &mut String) {
        if !address.is_empty() && !self.may_load(address) {
            address.clear();
        }
    }

    /// The room with those addresses only that its window may load.
    pub fn view(self, mut view: RoomView) -> RoomView {
        self.keep(&mut view.room_logo);
        for member in &mut view.members {
            self.keep(&mut member.user_avatar);
        }
        view
    }

    /// A text with its writer's picture, if the window may load that.
    pub fn chat(self, mut chat: Chat) -> Chat {
        self.keep(&mut chat.user_avatar);
        chat
    }
}

/// This machine, by whatever name.
fn is_here(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(ip) => ip.is_loopback() || ip.is_unspecified(),
        Host::Ipv6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(server: &str) -> Pictures {
        Pictures::of(Some(&server.parse().unwrap()))
    }

    #[test]
    fn pictures_come_over_https_or_lie_in_their_address() {
        let pictures = at("https://meet.example.com");
        let long = format!("data:image/png;base64,{}", "A".repeat(DATA_MAX));
        for (address, may) in [
            ("https://crm.example.com/logo.png?v=2", true),
            ("HTTPS://CRM.EXAMPLE.COM/logo.png", true),
            ("https://10.0.0.7:8443/a.png", true),
            ("data:image/png;base64,iVBORw0KGgo=", true),
            ("data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'/%3E", true),
            ("http://crm.example.com/logo.png", false),
            ("file:///etc/passwd", false),
            ("file://server/share/a.png", false),
            ("//crm.example.com/logo.png", false),
            ("/logo.png", false),
            ("logo.png", false),
            ("javascript:alert(1)", false),
            ("blob:https://crm.example.com/4711", false),
            ("tauri://localhost/index.html", false),
            ("ipc://localhost/boot", false),
            ("https://user:secret@crm.example.com/a.png", false),
            ("data:text/html,<script>alert(1)</script>", false),
            ("data:image/x-icon;base64,AAAB", false),
            ("data:image/png", false),
            ("data:,image/png", false),
            (long.as_str(), false),
            (&format!("https://crm.example.com/{}", "a".repeat(ADDRESS_MAX)), false),
            ("", false),
        ] {
            assert_eq!(pictures.may_load(address), may, "{address:.80}");
        }
    }

    #[test]
    fn what_listens_on_this_machine_is_reached_only_where_the_room_is_here_too() {
        let here = [
            "http://127.0.0.1:8080/a.png",
            "http://localhost/a.png",
            "http://[::1]:9/a.png",
            "https://localhost/a.png",
        ];
        for address in here {
            assert!(at("http://127.0.0.1:8080").may_load(address), "{address}");
            assert!(!at("https://meet.example.com").may_load(address), "{address}");
            assert!(!Pictures::of(None).may_load(address), "{address}");
        }
        for other in [
            "http://0.0.0.0:80/a.png",
            "http://2130706433/a.png",
            "https://[::ffff:127.0.0.1]/a.png",
            "https://a.localhost/a.png",
        ] {
            assert!(!at("https://meet.example.com").may_load(other), "{other}");
        }
        assert!(!at("http://127.0.0.1:8080").may_load("http://127.0.0.1.example.com/a.png"));
    }

    #[test]
    fn what_may_not_be_loaded_is_left_out_of_what_the_window_is_told() {
        let chat = |user_avatar: &str| Chat {
            room_id: "r".into(),
            user_id: "u".into(),
            user_name: "U".into(),
            user_avatar: user_avatar.into(),
            message: "hi".into(),
            time: 0,
        };
        let pictures = at("https://meet.example.com");
        assert_eq!(pictures.chat(chat("file:///a.png")), chat(""));
        assert_eq!(pictures.chat(chat("https://a.example/b.png")), chat("https://a.example/b.png"));
    }
}
