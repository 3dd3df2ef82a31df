//! What may stand in a log.

use tracing::{Level, Metadata};

/// Libraries of ours that log what they send and receive where they are asked for details: whole messages, addresses with
/// tokens in them, ICE passwords.
const TALKATIVE: [&str; 2] = ["tungstenite", "is"];

/// Whether this may be logged, whatever a filter asks for: secrets reach no log.
pub fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !TALKATIVE.iter().any(|library| is_of(library, metadata.target()))
}

/// Whether a target lies in a library.
fn is_of(library: &str, target: &str) -> bool {
    target.strip_prefix(library).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_library_is_known_by_its_whole_name() {
        assert!(is_of("is", "is") && is_of("is", "is::agent"));
        assert!(!is_of("is", "island") && !is_of("is", "beckon::is"));
    }
}
