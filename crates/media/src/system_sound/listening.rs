//! The loop that listens: a frame every 10 ms, whether anything plays or not, and on through the end of the sound server.

use std::fmt::Display;
use std::time::Duration;

use super::blend::Blend;
use crate::clock::MediaTime;
use crate::source::{AudioSink, SourceControl};

const FRAME: Duration = Duration::from_millis(10);
/// A clock further behind than this was asleep: it goes on from now.
const ASLEEP: Duration = Duration::from_millis(500);
/// How often a server that is gone is looked for.
const LOOK_FOR_SERVER: Duration = Duration::from_secs(1);

/// A system's way to hear other programs.
pub(super) trait Listener: Sized {
    /// Why it hears nothing any more.
    type Error: Display;

    /// Begins to listen.
    fn open() -> Result<Self, Self::Error>;

    /// Takes what comes within this time.
    fn listen(&mut self, patience: Duration, blend: &mut Blend) -> Result<(), Self::Error>;
}

/// Listens until it is told to stop.
pub(super) fn run<L: Listener>(control: &SourceControl, first: L, out: &mut AudioSink) {
    let mut listener = Some(first);
    let mut blend = Blend::default();
    let mut due = MediaTime::now() + FRAME;
    let mut look_again = due;
    while !control.stopping() {
        let left = due.saturating_since(MediaTime::now());
        match &mut listener {
            Some(open) => {
                if let Err(error) = open.listen(left, &mut blend) {
                    tracing::warn!(%error, "the sound server is gone; shared sound is silent until it is back");
                    blend.clear();
                    (listener, look_again) = (None, MediaTime::now() + LOOK_FOR_SERVER);
                }
            }
            None => {
                control.sleep_until(due);
                if MediaTime::now() >= look_again {
                    look_again = MediaTime::now() + LOOK_FOR_SERVER;
                    listener = L::open().ok();
                }
            }
        }
        let now = MediaTime::now();
        if now >= due {
            out(blend.pull(due));
            due += FRAME;
            if now.saturating_since(due) > ASLEEP {
                due = now;
            }
        }
    }
}
