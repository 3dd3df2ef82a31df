//! The window that waits for the next room.
//!
//! A page's process and the window on the display take some tenths of a second to start, and the first picture would
//! wait for both. So while no room is open, one window stands by, hidden: its page is loaded and has asked for its first
//! words, and gets them when the room opens. It belongs to the room that comes next, whose key is known beforehand.

use tokio::sync::watch;

use super::windows;
use crate::desk::RoomKey;

/// Which window waits, if one does.
#[derive(Debug, Default)]
pub struct Spare(watch::Sender<Option<RoomKey>>);

impl Spare {
    /// The window of this room waits from now on.
    pub fn put(&self, key: RoomKey) {
        self.0.send_replace(Some(key));
    }

    /// The window of this room does not wait any more: its room is there, or it is gone itself. Its page goes on.
    pub fn take(&self, key: RoomKey) {
        self.0.send_if_modified(|waiting| waiting.take_if(|waiting| *waiting == key).is_some());
    }

    /// Whether a window waits.
    pub fn is_there(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Whether this is the label of the window that waits: nobody sees it, and it shows nothing.
    pub fn has(&self, label: &str) -> bool {
        windows::room_of_label(label).is_some_and(|key| *self.0.borrow() == Some(key))
    }

    /// Comes back when the window of this room does not wait any more; at once if it does not wait.
    pub async fn over(&self, key: RoomKey) {
        let mut waiting = self.0.subscribe();
        // An error means that the app is gone.
        let _ = waiting.wait_for(|waiting| *waiting != Some(key)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_page_waits_until_the_room_is_there() {
        let spare = std::sync::Arc::new(Spare::default());
        spare.put(RoomKey(3));
        assert!(spare.is_there() && spare.has("room-3") && !spare.has("room-2") && !spare.has("home"));
        spare.over(RoomKey(2)).await;
        let waits = tokio::spawn({
            let spare = spare.clone();
            async move { spare.over(RoomKey(3)).await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        spare.take(RoomKey(2));
        assert!(spare.is_there());
        spare.take(RoomKey(3));
        waits.await.expect("the wait ends");
        assert!(!spare.is_there());
    }
}
