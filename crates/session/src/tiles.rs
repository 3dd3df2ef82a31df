//! The pictures of each tile, for whoever draws them.

use std::collections::HashMap;
use std::sync::Arc;

use beckon_media::layout::TileId;
use beckon_media::{LatestReceiver, LatestSender, VideoFrame, latest};
use parking_lot::Mutex;

/// Hands each new picture of one tile to everybody who taps it.
#[derive(Default)]
pub(crate) struct Fanout {
    state: Mutex<FanoutState>,
}

#[derive(Default)]
struct FanoutState {
    taps: Vec<LatestSender<VideoFrame>>,
    last: Option<VideoFrame>,
}

impl Fanout {
    /// Whether it is the first picture, or the first after [`clear`](Self::clear).
    pub(crate) fn send(&self, frame: &VideoFrame) -> bool {
        let mut state = self.state.lock();
        state.taps.retain(|tap| tap.send(frame.clone()).is_ok());
        state.last.replace(frame.clone()).is_none()
    }

    /// Forgets the last picture, so that nobody is shown a camera that is off.
    pub(crate) fn clear(&self) {
        self.state.lock().last = None;
    }

    pub(crate) fn tap(&self) -> LatestReceiver<VideoFrame> {
        let (tx, rx) = latest::channel();
        let mut state = self.state.lock();
        if let Some(last) = &state.last {
            // `rx` is alive: it is returned below.
            let _ = tx.send(last.clone());
        }
        state.taps.push(tx);
        rx
    }
}

/// Every tile's pictures.
#[derive(Default)]
pub(crate) struct Tiles {
    by_id: Mutex<HashMap<TileId, Arc<Fanout>>>,
}

impl Tiles {
    pub(crate) fn fanout(&self, tile: TileId) -> Arc<Fanout> {
        self.by_id.lock().entry(tile).or_default().clone()
    }

    pub(crate) fn tap(&self, tile: TileId) -> LatestReceiver<VideoFrame> {
        self.fanout(tile).tap()
    }

    /// Nobody will ever send pictures again: every tap learns of the end.
    pub(crate) fn end(&self) {
        self.by_id.lock().clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_media::{FramePool, MediaTime};

    #[test]
    fn every_tap_sees_the_newest_picture_even_a_late_one() {
        let tiles = Tiles::default();
        let early = tiles.tap(TileId(1));
        let pool = FramePool::new();
        let send = |at| tiles.fanout(TileId(1)).send(&pool.get(4, 4).freeze(MediaTime(at)));
        assert!(send(1));
        assert!(!send(2));
        let late = tiles.tap(TileId(1));
        assert_eq!(early.try_recv().unwrap().capture, MediaTime(2));
        assert_eq!(late.try_recv().unwrap().capture, MediaTime(2));
        tiles.fanout(TileId(1)).clear();
        assert!(tiles.tap(TileId(1)).try_recv().is_err());
        assert!(send(3), "a camera that is on again");
    }
}
