//! Whether an open device is still the one that should be: devices come and go, and another one becomes the default.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;

use super::{DeviceChoice, DeviceInfo, device::Direction};
use crate::devices::{DeviceList, DeviceWatch, watch};

/// Whether a stream of the default device moves by itself when another one becomes the default. What plays by CoreAudio does;
/// what records by it stays with its device, as everything does on Linux. WASAPI's streams are invalid from then on, which
/// cpal tells ([`Alarm::Invalid`](super::device::Alarm::Invalid)); a list that comes before that says the same.
fn default_moves_by_itself(direction: Direction) -> bool {
    cfg!(target_os = "macos") && direction == Direction::Output
}

/// What is to become of the open device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the right one.
    Stay,
    /// It is not there any more, even if the sound server plays on somewhere else.
    Gone,
    /// The chosen one is back, or another one is the default now.
    Move,
}

#[derive(Default)]
struct Lists {
    /// How many lists there have been.
    count: u64,
    last: Vec<DeviceInfo>,
    /// Every device that ever was on one. What never was, as a driver's "default" that has no entry, is never missed.
    known: HashSet<String>,
}

impl Lists {
    fn take(&mut self, list: &[DeviceInfo]) {
        self.count += 1;
        self.known.extend(list.iter().map(|d| d.id.clone()));
        self.last = list.to_vec();
    }

    fn verdict(&self, choice: &DeviceChoice, open: &str, since: u64, default_moves: bool) -> Verdict {
        // A list from before it was opened says nothing about it.
        if self.count <= since || !self.known.contains(open) {
            return Verdict::Stay;
        }
        let there = |id: &str| self.last.iter().any(|d| d.id == id);
        let default = self.last.iter().find(|d| d.default);
        match choice {
            _ if !there(open) => Verdict::Gone,
            DeviceChoice::Id(chosen) if chosen != open && there(chosen) => Verdict::Move,
            DeviceChoice::Default if !default_moves && default.is_some_and(|d| d.id != open) => Verdict::Move,
            _ => Verdict::Stay,
        }
    }
}

/// Follows the lists of one direction.
pub(super) struct Follow {
    direction: Direction,
    lists: Arc<Mutex<Lists>>,
    _watch: Option<DeviceWatch>,
}

impl Follow {
    pub fn new(direction: Direction) -> Self {
        let lists = Arc::new(Mutex::new(Lists::default()));
        let taken = lists.clone();
        let watch = watch(move |all: &DeviceList| {
            taken.lock().take(match direction {
                Direction::Input => &all.microphones,
                Direction::Output => &all.speakers,
            });
        });
        if let Err(error) = &watch {
            tracing::warn!(%error, "devices are not followed; a lost one is still noticed by its silence");
        }
        Self { direction, lists, _watch: watch.ok() }
    }

    /// Where in the row of lists we are, to be kept when a device is opened.
    pub fn now(&self) -> u64 {
        self.lists.lock().count
    }

    /// This device was found by its ID, so it is on the lists: one that lacks it means that it is gone, even if no list
    /// has come yet that has it.
    pub fn found(&self, id: &str) {
        self.lists.lock().known.insert(id.to_owned());
    }

    /// What is to become of the device that was opened at `since`.
    pub fn verdict(&self, choice: &DeviceChoice, open: &str, since: u64) -> Verdict {
        self.lists.lock().verdict(choice, open, since, default_moves_by_itself(self.direction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(of: &[&[&str]]) -> Lists {
        let mut lists = Lists::default();
        for list in of {
            let device = |(n, id): (usize, &&str)| DeviceInfo {
                id: (*id).to_owned(),
                label: String::new(),
                default: n == 0,
                loopback: false,
            };
            lists.take(&list.iter().enumerate().map(device).collect::<Vec<_>>());
        }
        lists
    }

    #[test]
    fn the_chosen_device_is_taken_again_when_it_is_back() {
        let headset = DeviceChoice::Id("headset".into());
        let gone = lists(&[&["builtin", "headset"], &["builtin"]]);
        assert_eq!(gone.verdict(&headset, "headset", 0, false), Verdict::Gone);
        assert_eq!(gone.verdict(&headset, "builtin", 1, false), Verdict::Stay);
        let back = lists(&[&["builtin"], &["builtin", "headset"]]);
        assert_eq!(back.verdict(&headset, "builtin", 1, false), Verdict::Move);
        assert_eq!(back.verdict(&headset, "headset", 2, false), Verdict::Stay);
    }

    #[test]
    fn the_default_is_followed_where_the_system_does_not_do_it() {
        let changed = lists(&[&["a", "b"], &["b", "a"]]);
        assert_eq!(changed.verdict(&DeviceChoice::Default, "a", 1, false), Verdict::Move);
        assert_eq!(changed.verdict(&DeviceChoice::Default, "a", 1, true), Verdict::Stay);
        assert_eq!(changed.verdict(&DeviceChoice::Id("a".into()), "a", 1, false), Verdict::Stay);
    }

    #[test]
    fn no_system_moves_a_microphone() {
        assert!(!default_moves_by_itself(Direction::Input));
    }

    #[test]
    fn old_lists_and_devices_that_are_on_none_change_nothing() {
        let changed = lists(&[&["a", "b"], &["b"]]);
        assert_eq!(changed.verdict(&DeviceChoice::Default, "a", 2, false), Verdict::Stay, "opened after that list");
        assert_eq!(changed.verdict(&DeviceChoice::Default, "pcm default", 0, false), Verdict::Stay);
    }
}
