//! The policy on Linux and macOS: a JSON file that only an administrator can write.

use std::{fs, io, path::Path};

use serde_json::Value;

use super::policy::{List, Policy};

/// Where it lies; `BECKON_POLICY` names another file, for kiosks and tests.
const PLACE: &str = "/etc/beckon/policy.json";

/// Reads it. Where there is none, nothing is laid down.
pub fn load() -> Policy {
    let place = std::env::var_os("BECKON_POLICY").unwrap_or_else(|| PLACE.into());
    read(Path::new(&place))
}

fn read(place: &Path) -> Policy {
    let text = match fs::read_to_string(place) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Policy::default(),
        Err(error) => return Policy::unreadable(format!("{}: {error}", place.display())),
    };
    let fields = match serde_json::from_str(&text) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return Policy::unreadable(format!("{} holds no JSON object", place.display())),
        Err(error) => return Policy::unreadable(format!("{} is no JSON: {error}", place.display())),
    };
    let mut policy = Policy::default();
    for (name, value) in fields {
        match List::ALL.into_iter().find(|list| list.name() == name) {
            Some(list) => add(&mut policy, list, &value),
            None => {
                let known = List::ALL.map(List::name).join(", ");
                policy.left_out(None, format!("{name:?} is no field of a policy; there are {known}"));
            }
        }
    }
    policy
}

fn add(policy: &mut Policy, list: List, value: &Value) {
    let Value::Array(entries) = value else {
        return policy.left_out(Some(list), format!("{list} must be a list, as in [\"https://crm.example.com\"]"));
    };
    for entry in entries {
        match entry {
            Value::String(text) => policy.add(list, text),
            other => policy.left_out(Some(list), format!("{list}: {other} is no text")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::desk::{Asker, Standing};
    use beckon_protocol::launch::Origin;

    fn judge(text: &str, origin: &str) -> (Standing, usize) {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("policy.json");
        fs::write(&place, text).unwrap();
        let policy = read(&place);
        let standing = policy.judge(&Asker { origin: Origin::parse(origin).unwrap(), relay: None });
        (standing, policy.faults().len())
    }

    #[test]
    fn what_is_understood_holds() {
        let text = r#"{"allowOrigins": ["https://a.example"], "denyOrigins": ["https://*.bad.example"]}"#;
        assert_eq!(judge(text, "https://a.example"), (Standing::Allowed, 0));
        assert_eq!(judge(text, "https://x.bad.example"), (Standing::Forbidden, 0));
        assert_eq!(judge("{}", "https://a.example"), (Standing::Unknown, 0));
        assert_eq!(read(Path::new("/nowhere/policy.json")).faults().len(), 0);
    }

    #[test]
    fn a_field_that_there_is_not_takes_no_denial_with_it_and_lets_nobody_in_unasked() {
        let text = r#"{"allowOrigins": ["https://a.example"], "denyOrigins": ["https://b.example"], "denyOrigin": []}"#;
        assert_eq!(judge(text, "https://b.example"), (Standing::Forbidden, 1));
        assert_eq!(judge(text, "https://a.example"), (Standing::Unknown, 1));
        let text = r#"{"allowOrigins": [7, "https://a.example"], "denyOrigins": ["https://b.example"]}"#;
        assert_eq!(judge(text, "https://a.example"), (Standing::Allowed, 1));
        let text = r#"{"allowOrigins": ["https://a.example"], "denyOrigins": "https://b.example"}"#;
        assert_eq!(judge(text, "https://a.example"), (Standing::Unknown, 1));
    }

    #[test]
    fn one_that_cannot_be_read_lets_nobody_in() {
        for text in ["", "{\"allowOrigins\": [\"https://a.example\",]}", "[]"] {
            assert_eq!(judge(text, "https://a.example"), (Standing::Forbidden, 1), "{text}");
        }
    }
}
