//! The policy on Windows: `HKEY_LOCAL_MACHINE\Software\Policies\Beckon`, as group policy writes it.
//!
//! Each of the keys `AllowOrigins`, `DenyOrigins` and `TrustedRelays` below it holds a list: string values named 1, 2, 3 …

use std::fmt::Display;

use windows_registry::LOCAL_MACHINE;

use super::{
    absence::Behind,
    policy::{List, Policy},
};

const PLACE: &str = r"Software\Policies\Beckon";

/// Reads it. A key that is not there is an empty list; one that is there and cannot be read may keep somebody out.
pub fn load() -> Policy {
    let mut policy = Policy::default();
    for list in List::ALL {
        let name = match list {
            List::Allow => "AllowOrigins",
            List::Deny => "DenyOrigins",
            List::Relays => "TrustedRelays",
        };
        let unreadable = |error: &dyn Display| Policy::unreadable(format!(r"HKLM\{PLACE}\{name}: {error}"));
        let key = match LOCAL_MACHINE.open(format!(r"{PLACE}\{name}")) {
            Ok(key) => key,
            Err(error) if Behind::of(error.code().0) == Behind::Nothing => continue,
            Err(error) => return unreadable(&error),
        };
        let values = match key.values() {
            Ok(values) => values,
            Err(error) => return unreadable(&error),
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
