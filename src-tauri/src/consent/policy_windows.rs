//! The policy on Windows: `HKEY_LOCAL_MACHINE\Software\Policies\Beckon`, as group policy writes it.
//!
//! Each of the keys `AllowOrigins`, `DenyOrigins` and `TrustedRelays` below it holds a list: string values named 1, 2, 3 …

use windows_registry::LOCAL_MACHINE;

use super::Policy;

const PLACE: &str = r"Software\Policies\Beckon";

/// Reads it. A key that is not there is an empty list.
pub fn load() -> Policy {
    Policy {
        allow_origins: list("AllowOrigins"),
        deny_origins: list("DenyOrigins"),
        trusted_relays: list("TrustedRelays"),
    }
}

fn list(name: &str) -> Vec<String> {
    let Ok(key) = LOCAL_MACHINE.open(format!(r"{PLACE}\{name}")) else { return Vec::new() };
    let Ok(values) = key.values() else { return Vec::new() };
    values.filter_map(|(_, value)| String::try_from(value).ok()).collect()
}
