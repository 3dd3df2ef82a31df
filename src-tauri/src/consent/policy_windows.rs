//! The policy on Windows: `HKEY_LOCAL_MACHINE\Software\Policies\Beckon`, as group policy writes it.
//!
//! Each of the keys `AllowOrigins`, `DenyOrigins` and `TrustedRelays` below it holds a list: string values named 1, 2, 3 …

use windows_registry::LOCAL_MACHINE;

use super::policy::{List, Policy};

const PLACE: &str = r"Software\Policies\Beckon";

/// Reads it. A key that is not there is an empty list.
pub fn load() -> Policy {
    let mut policy = Policy::default();
    for list in List::ALL {
        let name = match list {
            List::Allow => "AllowOrigins",
            List::Deny => "DenyOrigins",
            List::Relays => "TrustedRelays",
        };
        let Ok(key) = LOCAL_MACHINE.open(format!(r"{PLACE}\{name}")) else { continue };
        let values = match key.values() {
            Ok(values) => values,
            Err(error) => return Policy::unreadable(format!(r"HKLM\{PLACE}\{name}: {error}")),
        };
        for (value, content) in values {
            match String::try_from(content) {
                Ok(text) => policy.add(list, &text),
                Err(_) => policy.left_out(Some(list), format!("{list}: the value {value:?} is no text")),
            }
        }
    }
    policy
}
