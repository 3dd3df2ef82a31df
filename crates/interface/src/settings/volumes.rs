//! How loud single people are.

use std::collections::BTreeMap;

use beckon_session::sound::{VOLUME_DEFAULT, VOLUME_MAX};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// No more people than this are remembered. One more takes the place of whoever is heard most as they are.
const MOST: usize = 500;

/// By user ID, in percent; who is not in it is as loud as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(transparent)]
pub struct Volumes(BTreeMap<String, u16>);

/// One person's volume, as a window sets it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Whose.
    #[serde(rename = "userID")]
    pub user_id: String,
    /// 0 … 200.
    pub percent: u16,
}

impl Volumes {
    /// Remembers one.
    pub fn set(&mut self, volume: Volume) {
        let Volume { user_id, percent } = volume;
        if percent == VOLUME_DEFAULT {
            self.0.remove(&user_id);
            return;
        }
        if self.0.len() >= MOST && !self.0.contains_key(&user_id) {
            let least = self.0.iter().min_by_key(|(_, percent)| percent.abs_diff(VOLUME_DEFAULT));
            if let Some(least) = least.map(|(user, _)| user.clone()) {
                self.0.remove(&least);
            }
        }
        self.0.insert(user_id, percent.min(VOLUME_MAX));
    }

    /// Everybody whose volume was changed.
    pub fn all(&self) -> &BTreeMap<String, u16> {
        &self.0
    }

    /// Those who are not as loud as `before`, with their volume now.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (&'a str, u16)> {
        let of = |all: &BTreeMap<String, u16>, user: &str| all.get(user).copied().unwrap_or(VOLUME_DEFAULT);
        let new = self.0.keys().chain(before.0.keys().filter(|user| !self.0.contains_key(*user)));
        new.map(move |user| (user.as_str(), of(&self.0, user), of(&before.0, user)))
            .filter(|(_, now, was)| now != was)
            .map(|(user, now, _)| (user, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(user: &str, percent: u16) -> Volume {
        Volume { user_id: user.into(), percent }
    }

    #[test]
    fn only_what_was_changed_is_kept_and_told() {
        let mut before = Volumes::default();
        before.set(volume("ann", 50));
        before.set(volume("bob", 70));
        let mut after = before.clone();
        after.set(volume("ann", 100));
        after.set(volume("cyd", 900));
        assert_eq!(after.all().keys().collect::<Vec<_>>(), ["bob", "cyd"]);
        assert_eq!(after.changed_since(&before).collect::<Vec<_>>(), [("cyd", 200), ("ann", 100)]);
        for n in 0..1000 {
            after.set(volume(&format!("user{n}"), 10));
        }
        assert_eq!(after.all().len(), MOST);
        assert_eq!(after.all().get("user999"), Some(&10), "who is set last is remembered, or the room would not obey");
        assert_eq!(after.all().get("bob"), None, "70 % was the least that was set");
        assert_eq!(after.all().get("cyd"), Some(&200));
    }
}
