//! The beauty filter: smooths, brightens and warms skin, and leaves everything else as it is.
//!
//! A picture is cut into *cells* of 4 × 4 luma samples (2 × 2 of each chroma plane). Everything that needs thought
//! is thought once for each cell, on planes with a sixteenth of the picture's samples:
//!
//! 1. [`cells`]: mean and mean square of luma, mean of chroma.
//! 2. [`skin`]: how much a cell is skin, by its hue. Hue is what all skin has in common: a darker or dimmer skin has
//!    less chroma, but of the same hue.
//! 3. [`field`]: how flat the surroundings are, by their variance, as in the guided filter (He, Sun, Tang: *Guided
//!    Image Filtering*, 2013; subsampled as in He, Sun: *Fast Guided Filter*, 2015), and the mean of the flat skin
//!    around: what smooth skin would look like here. Only where there is skin ([`area`]).
//! 4. [`render`]: spreads these over the full picture by linear interpolation and moves each sample of flat skin towards
//!    that mean. A sample that is far off (a hair, a lash, a frame of glasses) stays.
//!
//! Nothing is remembered from picture to picture, so nothing can lag, flicker by itself or depend on what came before.
//! What is not skin and what is no skin any more (eyes, text) passes bit by bit.
//!
//! All loops are written so that the compiler makes SIMD instructions of them; on x86-64 they are compiled a second
//! time for AVX2. The result is the same to the bit, on every machine.

#![allow(
    clippy::needless_range_loop,
    reason = "several planes are walked in step; with indices that reads, and vectorises, best"
)]

mod area;
mod boxes;
mod cells;
mod field;
mod recipe;
mod render;
mod skin;
#[cfg(test)]
mod tests;

use crate::frame::{FramePool, VideoFrame, VideoFrameMut};
pub use beckon_protocol::beauty::{BeautyError, BeautySettings, BeautyStyle, Level};
use cells::Cells;
use field::Field;
use recipe::Recipe;
use render::Rows;

/// Pictures smaller than this in either direction have no face worth the work; they pass as they are.
pub const MIN_SIDE: u32 = 16;

/// Samples of luma in a cell, each way.
const CELL: usize = 4;

/// The filter with its working memory, which it keeps between pictures of the same size: 2 MiB at 1280 × 720.
#[derive(Default)]
pub struct Beauty {
    pool: FramePool,
    work: Work,
}

#[derive(Default)]
struct Work {
    cells: Cells,
    field: Field,
    rows: Rows,
}

impl Beauty {
    /// A filter that has no memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the picture by its filtered self, in a buffer of the filter's pool. With all levels 0, and for pictures smaller
    /// than [`MIN_SIDE`], nothing happens: the frame keeps its planes.
    pub fn apply(&mut self, frame: &mut VideoFrame, settings: &BeautySettings) {
        if settings.is_off() || frame.width() < MIN_SIDE || frame.height() < MIN_SIDE {
            return;
        }
        let mut out = self.pool.get(frame.width(), frame.height());
        out.color = frame.color;
        out.rotation = frame.rotation;
        out.synthetic = frame.synthetic;
        let recipe = Recipe::new(settings, frame);
        self.work.run(frame, &mut out, &recipe);
        *frame = out.freeze(frame.capture);
    }
}

impl Work {
    fn run(&mut self, from: &VideoFrame, to: &mut VideoFrameMut, recipe: &Recipe) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has just said that it knows AVX2.
            return unsafe { self.filter_avx2(from, to, recipe) };
        }
        self.filter(from, to, recipe);
    }

    /// The same code, compiled for wider registers: everything below is inlined into it.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn filter_avx2(&mut self, from: &VideoFrame, to: &mut VideoFrameMut, recipe: &Recipe) {
        self.filter(from, to, recipe);
    }

    #[inline(always)]
    fn filter(&mut self, from: &VideoFrame, to: &mut VideoFrameMut, recipe: &Recipe) {
        self.cells.gather(from);
        self.field.compute(&self.cells, recipe);
        self.rows.render(&self.field, recipe, from, to);
    }
}
