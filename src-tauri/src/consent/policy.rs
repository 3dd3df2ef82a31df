//! What the owner of the machine laid down: pages that need no question, and pages that get none.

use serde::Deserialize;

use crate::desk::{Asker, Standing};

/// The rules. An entry is an origin (`https://crm.example.com`), or all hosts below a domain (`https://*.example.com`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Policy {
    /// Allowed without a question.
    pub allow_origins: Vec<String>,
    /// Refused without a question; goes before the others.
    pub deny_origins: Vec<String>,
    /// Hosts of relays whose word for an origin counts as much as the browser's, `HOST[:PORT]`.
    pub trusted_relays: Vec<String>,
}

impl Policy {
    /// What the rules say to this page.
    pub fn judge(&self, asker: &Asker) -> Standing {
        let origin = asker.origin.as_str();
        if self.deny_origins.iter().any(|rule| fits(rule, origin)) {
            return Standing::Forbidden;
        }
        let vouched = asker.relay.as_ref().is_none_or(|relay| self.trusted_relays.iter().any(|r| r == relay));
        match vouched && self.allow_origins.iter().any(|rule| fits(rule, origin)) {
            true => Standing::Allowed,
            false => Standing::Unknown,
        }
    }
}

fn fits(rule: &str, origin: &str) -> bool {
    let rule = rule.trim().trim_end_matches('/');
    match rule.split_once("://*.") {
        // `https://*.example.com`: same scheme and port, and at least one more label in front.
        Some((scheme, domain)) => origin
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            .and_then(|host| host.strip_suffix(domain))
            .is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
        None => rule.eq_ignore_ascii_case(origin),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_protocol::launch::Origin;

    fn judge(policy: &Policy, origin: &str, relay: Option<&str>) -> Standing {
        policy.judge(&Asker { origin: Origin::parse(origin).unwrap(), relay: relay.map(str::to_owned) })
    }

    #[test]
    fn origins_and_domains_are_allowed_and_denied() {
        let policy = Policy {
            allow_origins: vec!["https://crm.example.com".into(), "https://*.corp.example".into()],
            deny_origins: vec!["https://bad.corp.example".into()],
            trusted_relays: vec!["meet.corp.example".into()],
        };
        assert_eq!(judge(&policy, "https://crm.example.com", None), Standing::Allowed);
        assert_eq!(judge(&policy, "http://crm.example.com", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://crm.example.com:8443", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://a.b.corp.example", None), Standing::Allowed);
        assert_eq!(judge(&policy, "https://corp.example", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://evilcorp.example", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://bad.corp.example", None), Standing::Forbidden);
    }

    #[test]
    fn only_a_trusted_relay_may_vouch() {
        let policy = Policy {
            allow_origins: vec!["https://crm.example.com".into()],
            trusted_relays: vec!["meet.example.com".into()],
            ..Policy::default()
        };
        assert_eq!(judge(&policy, "https://crm.example.com", Some("meet.example.com")), Standing::Allowed);
        assert_eq!(judge(&policy, "https://crm.example.com", Some("evil.example")), Standing::Unknown);
    }
}
