//! What the owner of the machine laid down: pages that need no question, and pages that get none.

use std::fmt;

use url::{Host, Url};

use crate::desk::{Asker, Standing};

/// The lists of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Allowed without a question.
    Allow,
    /// Refused without a question; goes before the others.
    Deny,
    /// Relays whose word for an origin counts as much as the browser's.
    Relays,
}

impl List {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Deny, Self::Relays];

    /// Its name in the policy's file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allowOrigins",
            Self::Deny => "denyOrigins",
            Self::Relays => "trustedRelays",
        }
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether all that was to be refused is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Denials {
    #[default]
    Known,
    /// Some were not understood: nobody gets in without a question.
    Some,
    /// Nothing could be read: nobody gets in.
    Unknown,
}

/// The rules. What is not understood is left out and reported, and never lets in whom it may have been meant to keep out.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    allow: Vec<Rule>,
    deny: Vec<Rule>,
    /// As [`Asker::relay`] is written.
    relays: Vec<String>,
    denials: Denials,
    faults: Vec<String>,
}

impl Policy {
    /// One that is there and cannot be read.
    pub fn unreadable(why: String) -> Self {
        tracing::error!(why, "the policy cannot be read: no page may open a room until it is mended");
        Self { denials: Denials::Unknown, faults: vec![why], ..Self::default() }
    }

    /// Adds an entry to a list. One that does not fit is reported.
    pub fn add(&mut self, list: List, text: &str) {
        let added = match list {
            List::Allow => Rule::parse(text).map(|rule| self.allow.push(rule)),
            List::Deny => Rule::parse(text).map(|rule| self.deny.push(rule)),
            List::Relays => relay(text).map(|relay| self.relays.push(relay)),
        };
        if let Err(why) = added {
            self.left_out(Some(list), format!("{list}: {text:?} {why}"));
        }
    }

    /// Reports what is left out of a list, or of what may have been one.
    pub fn left_out(&mut self, list: Option<List>, fault: String) {
        if matches!(list, None | Some(List::Deny)) && self.denials == Denials::Known {
            self.denials = Denials::Some;
        }
        tracing::error!(fault, all_asked = self.denials == Denials::Some, "a part of the policy is left out; mend it");
        self.faults.push(fault);
    }

    /// What was left out, in words for the owner of the machine.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Nobody may open a room, as nobody knows who may not.
    pub fn is_unreadable(&self) -> bool {
        self.denials == Denials::Unknown
    }

    /// Pages that get in without a question, as the rules are written.
    pub fn allowed(&self) -> Vec<String> {
        let hold = self.knows_denials();
        self.allow.iter().filter(|_| hold).map(|rule| rule.text.clone()).collect()
    }

    /// Whether it is known who is to be kept out: only then may anybody in without a question.
    pub fn knows_denials(&self) -> bool {
        self.denials == Denials::Known
    }

    /// What the rules say to this page.
    pub fn judge(&self, asker: &Asker) -> Standing {
        // An origin is a URL; what is none has no business here.
        let Ok(origin) = Url::parse(asker.origin.as_str()) else { return Standing::Forbidden };
        if self.is_unreadable() || self.deny.iter().any(|rule| rule.denies(&origin)) {
            return Standing::Forbidden;
        }
        let vouched = asker.relay.as_ref().is_none_or(|relay| self.relays.contains(relay));
        match self.knows_denials() && vouched && self.allow.iter().any(|rule| rule.allows(&origin)) {
            true => Standing::Allowed,
            false => Standing::Unknown,
        }
    }
}

/// An origin (`https://crm.example.com`), or all hosts below a domain (`https://*.example.com`).
#[derive(Debug, Clone)]
struct Rule {
    /// As it is written.
    text: String,
    /// Scheme, host and port, as browsers write them.
    origin: Url,
    /// Not the host itself, but those with at least one more label in front.
    below: bool,
}

impl Rule {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let wrong = "is no origin such as https://crm.example.com or https://*.example.com, without a path";
        let (scheme, rest) = text.split_once("://").ok_or(wrong)?;
        let domain = rest.strip_prefix("*.");
        let origin = Url::parse(&format!("{scheme}://{}", domain.unwrap_or(rest))).map_err(|_| wrong)?;
        let named = matches!(origin.host(), Some(Host::Domain(name)) if !name.contains('*'));
        let fits = matches!(origin.scheme(), "http" | "https")
            && (named || origin.host().is_some_and(|host| !matches!(host, Host::Domain(_))) && domain.is_none());
        if !fits || !is_bare(&origin) {
            return Err(wrong);
        }
        Ok(Self { text: text.to_owned(), origin, below: domain.is_some() })
    }

    /// As an allowance: to the letter.
    fn allows(&self, origin: &Url) -> bool {
        self.fits(origin, Url::host_str)
    }

    /// As a denial. A page reaches the same host with a dot behind its name, and must not get round the rule by that.
    fn denies(&self, origin: &Url) -> bool {
        self.fits(origin, |url| url.host_str().map(|host| host.strip_suffix('.').unwrap_or(host)))
    }

    fn fits(&self, origin: &Url, name: impl Fn(&Url) -> Option<&str>) -> bool {
        let (Some(host), Some(own)) = (name(origin), name(&self.origin)) else { return false };
        let at = match self.below {
            true => host.strip_suffix(own).is_some_and(|labels| labels.len() > 1 && labels.ends_with('.')),
            false => host == own,
        };
        at && origin.scheme() == self.origin.scheme()
            && origin.port_or_known_default() == self.origin.port_or_known_default()
    }
}

/// `HOST[:PORT]` as [`Asker::relay`] is written: small letters, without the port that is usual.
fn relay(text: &str) -> Result<String, &'static str> {
    let wrong = "is no relay's host such as meet.example.com or meet.example.com:8443";
    let url = Url::parse(&format!("wss://{}", text.trim())).map_err(|_| wrong)?;
    let host = url.host_str().filter(|host| !host.contains('*')).ok_or(wrong)?;
    if !is_bare(&url) {
        return Err(wrong);
    }
    Ok(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Nothing but scheme, host and port.
fn is_bare(url: &Url) -> bool {
    url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_protocol::launch::Origin;

    fn policy(rules: &[(List, &str)]) -> Policy {
        let mut policy = Policy::default();
        for (list, text) in rules {
            policy.add(*list, text);
        }
        policy
    }

    fn judge(policy: &Policy, origin: &str, relay: Option<&str>) -> Standing {
        policy.judge(&Asker { origin: Origin::parse(origin).unwrap(), relay: relay.map(str::to_owned) })
    }

    #[test]
    fn origins_and_domains_are_allowed_and_denied() {
        let policy = policy(&[
            (List::Allow, "https://crm.example.com"),
            (List::Allow, "https://*.corp.example"),
            (List::Deny, "https://bad.corp.example"),
            (List::Relays, "meet.corp.example"),
        ]);
        assert_eq!(judge(&policy, "https://crm.example.com", None), Standing::Allowed);
        assert_eq!(judge(&policy, "http://crm.example.com", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://crm.example.com:8443", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://a.b.corp.example", None), Standing::Allowed);
        assert_eq!(judge(&policy, "https://corp.example", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://evilcorp.example", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://bad.corp.example", None), Standing::Forbidden);
    }

    #[test]
    fn a_dot_behind_the_host_gets_round_no_denial_and_into_no_allowance() {
        let policy = policy(&[
            (List::Deny, "https://b.example"),
            (List::Deny, "https://*.b.example"),
            (List::Deny, "https://dotted.example."),
            (List::Allow, "https://a.example"),
            (List::Allow, "https://*.a.example"),
        ]);
        assert!(policy.faults().is_empty());
        for host in ["b.example", "b.example.", "x.b.example", "x.b.example.", "dotted.example", "dotted.example."] {
            assert_eq!(judge(&policy, &format!("https://{host}"), None), Standing::Forbidden, "{host}");
        }
        for host in ["a.example.", "x.a.example.", "notb.example."] {
            assert_eq!(judge(&policy, &format!("https://{host}"), None), Standing::Unknown, "{host}");
        }
        assert_eq!(judge(&policy, "https://x.a.example", None), Standing::Allowed);
    }

    #[test]
    fn only_a_trusted_relay_may_vouch() {
        let policy = policy(&[(List::Allow, "https://crm.example.com"), (List::Relays, "meet.example.com")]);
        assert_eq!(judge(&policy, "https://crm.example.com", Some("meet.example.com")), Standing::Allowed);
        assert_eq!(judge(&policy, "https://crm.example.com", Some("evil.example")), Standing::Unknown);
    }

    #[test]
    fn rules_are_read_as_browsers_read_addresses() {
        for rule in ["https://*.Bad.Example", "HTTPS://*.bad.example:443/", " https://*.bad.example "] {
            let policy = policy(&[(List::Deny, rule)]);
            assert_eq!(judge(&policy, "https://a.bad.example", None), Standing::Forbidden, "{rule}");
            assert_eq!(judge(&policy, "https://a.bad.example:8443", None), Standing::Unknown, "{rule}");
        }
        let policy = policy(&[
            (List::Allow, "https://CRM.example.com:443/"),
            (List::Allow, "https://中国.example.com"),
            (List::Allow, "http://127.0.0.1:8080"),
            (List::Relays, "Meet.Example.com:443"),
            (List::Relays, "meet.example.com:8443"),
        ]);
        assert!(policy.faults().is_empty());
        for relay in [None, Some("meet.example.com"), Some("meet.example.com:8443")] {
            assert_eq!(judge(&policy, "https://crm.example.com", relay), Standing::Allowed, "{relay:?}");
        }
        assert_eq!(judge(&policy, "https://xn--fiqs8s.example.com", None), Standing::Allowed);
        assert_eq!(judge(&policy, "http://127.0.0.1:8080", None), Standing::Allowed);
    }

    #[test]
    fn what_is_no_rule_is_reported_and_the_others_hold() {
        let bad =
            ["crm.example.com", "*", "https://*", "https://a.*.example", "https://a.example/path", "ftp://a.example"];
        for text in bad.into_iter().chain(["https://*.10.0.0.1", "https://user@a.example", ""]) {
            let policy = policy(&[(List::Allow, text), (List::Allow, "https://good.example")]);
            assert_eq!(policy.faults().len(), 1, "{text}");
            assert!(policy.faults()[0].starts_with("allowOrigins"));
            assert_eq!(judge(&policy, "https://good.example", None), Standing::Allowed, "{text}");
        }
        assert_eq!(policy(&[(List::Relays, "wss://meet.example.com/relay")]).faults().len(), 1);
    }

    #[test]
    fn who_may_have_been_denied_gets_in_by_a_question_at_most() {
        let policy = policy(&[
            (List::Deny, "bad.example"),
            (List::Deny, "https://b.example"),
            (List::Allow, "https://a.example"),
        ]);
        assert_eq!(judge(&policy, "https://a.example", None), Standing::Unknown);
        assert_eq!(judge(&policy, "https://b.example", None), Standing::Forbidden);
        assert!(!policy.knows_denials() && policy.allowed().is_empty());
        assert_eq!(judge(&Policy::unreadable("no JSON".into()), "https://a.example", None), Standing::Forbidden);
    }
}
