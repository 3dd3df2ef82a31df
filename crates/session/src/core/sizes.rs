//! In which size the pictures of others are asked for: as they are shown, or smaller where that is too much for this
//! machine. Shared screens are asked for whole however they are shown: what is small of them has few pictures a second, and is for
//! networks that carry no more. Our server knows that by itself, others do not.

use std::collections::HashMap;

use beckon_media::layout::TileId;
use beckon_rtc::TrackSid;

/// A size in pixels; 0 × 0: not at all.
type Size = (u32, u32);

/// What is shown, and what was asked for.
#[derive(Debug)]
pub(super) struct Sizes {
    shown: HashMap<TileId, Size>,
    divided_by: u32,
    /// Of a tile's track of now: the room forgets with the track.
    asked: HashMap<TileId, (TrackSid, Size)>,
}

impl Sizes {
    pub(super) fn new() -> Self {
        Self { shown: HashMap::new(), divided_by: 1, asked: HashMap::new() }
    }

    /// A tile is shown at this size.
    pub(super) fn show(&mut self, tile: TileId, size: Size) {
        self.shown.insert(tile, size);
    }

    /// The sides of all pictures are divided by this from now on.
    pub(super) fn divide_by(&mut self, divisor: u32) {
        self.divided_by = divisor.max(1);
    }

    /// Pictures are asked for smaller than they are shown.
    pub(super) fn are_divided(&self) -> bool {
        self.divided_by > 1
    }

    /// The room may not have heard what was asked for.
    pub(super) fn forget_asked(&mut self) {
        self.asked.clear();
    }

    /// What is to be asked for now, of the tracks that `track_of` finds in tiles; for a screen it tells the whole size. What is shown
    /// is asked for, however small.
    pub(super) fn ask(
        &mut self,
        track_of: impl Fn(TileId) -> Option<(TrackSid, Option<Size>)>,
    ) -> Vec<(TrackSid, Size)> {
        let mut news = Vec::new();
        for (&tile, &(width, height)) in &self.shown {
            let Some((track, whole)) = track_of(tile) else {
                self.asked.remove(&tile);
                continue;
            };
            let size = match whole {
                Some(whole) if width > 0 && height > 0 => whole,
                _ => (width.div_ceil(self.divided_by), height.div_ceil(self.divided_by)),
            };
            let wish = (track, size);
            if self.asked.get(&tile) != Some(&wish) {
                self.asked.insert(tile, wish.clone());
                news.push(wish);
            }
        }
        news
    }
}
