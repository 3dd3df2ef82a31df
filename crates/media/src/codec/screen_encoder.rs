//! The encoder for screens: still pictures come part by part where the link is slow.

use std::time::Duration;

use super::unroll::Unroll;
use super::video_encoder::{Content, EncodedVideo, EncoderConfig, SCREEN_CRF, VideoEncoder};
use super::{CodecError, rows};
use crate::clock::MediaTime;
use crate::frame::{FramePool, VideoFrame};
use crate::scale::Scaler;

/// What has not changed for this long is not in motion: what is new in it is worth sending part by part.
const STILL: Duration = Duration::from_millis(250);
/// Share of the rows that must be new for that; less is sent at once. More than this, new again in mid-way, ends it.
const MOST_ROWS: f64 = 0.3;

/// Encodes the pictures of a screen.
///
/// The first picture, and one that is new in large parts after a pause, is sent in strips from top to bottom (below them its
/// outlines, or what stood there before), each when the link has taken the one before it: give the newest picture again
/// when [`next_part`](Self::next_part) says so. A picture in motion, and one for a viewer who has come later, is sent at once.
pub struct ScreenEncoder {
    inner: VideoEncoder,
    scaler: Scaler,
    pool: FramePool,
    /// The newest picture, in the encoder's size.
    newest: Option<VideoFrame>,
    changed: Option<MediaTime>,
    part: Option<Part>,
}

/// A picture on its way.
struct Part {
    unroll: Unroll,
    /// What stands below the strips that are sent.
    below: VideoFrame,
    /// Nobody has seen a whole picture yet.
    first: bool,
}

impl ScreenEncoder {
    /// Opens the first encoder that will.
    ///
    /// # Errors
    /// As [`VideoEncoder::new`].
    pub fn new(config: EncoderConfig) -> Result<Self, CodecError> {
        let inner = VideoEncoder::new(config)?;
        Ok(Self { inner, scaler: Scaler::new(), pool: FramePool::new(), newest: None, changed: None, part: None })
    }

    /// FFmpeg's name of the encoder in use.
    pub fn name(&self) -> &'static str {
        self.inner.name()
    }

    /// What it encodes now.
    pub fn config(&self) -> &EncoderConfig {
        self.inner.config()
    }

    /// Changes the bitrate, as [`VideoEncoder::set_bitrate`].
    pub fn set_bitrate(&mut self, bps: u32) {
        self.inner.set_bitrate(bps);
    }

    /// Changes size and rate of pictures; the next one is a key frame.
    ///
    /// # Errors
    /// As [`VideoEncoder::new`].
    pub fn set_size(&mut self, width: u32, height: u32, fps: u32) -> Result<(), CodecError> {
        self.inner.set_size(width, height, fps)
    }

    /// When to give the newest picture again so that its next part is sent; `None` when all of it is.
    pub fn next_part(&self) -> Option<MediaTime> {
        self.part.as_ref().map(|part| part.unroll.due())
    }

    /// Encodes a picture or the next part of it, scaled if it has another size; a key frame if `force_key`.
    ///
    /// # Errors
    /// As [`VideoEncoder::encode`].
    pub fn encode(&mut self, picture: &VideoFrame, force_key: bool) -> Result<Vec<EncodedVideo>, CodecError> {
        let config = self.inner.config();
        // Only this encoder looks for letters elsewhere and takes a quality for each picture.
        if config.content != Content::Screen || self.inner.name() != "libx264" {
            self.part = None;
            return self.inner.encode(picture, force_key);
        }
        let picture = self.scaler.scale(picture, config.width, config.height)?;
        self.look(&picture, force_key);
        self.newest = Some(picture.clone());
        let Some(part) = &mut self.part else {
            self.inner.set_quality(SCREEN_CRF);
            return self.inner.encode(&picture, force_key);
        };
        self.inner.set_quality(part.unroll.crf());
        let now = picture.capture;
        let shown = rows::joined(&self.pool, &picture, &part.below, part.unroll.until());
        let encoded = self.inner.encode(&shown, force_key)?;
        if !part.unroll.sent(encoded.iter().map(|e| e.data.len()).sum(), now) {
            self.part = None;
        }
        Ok(encoded)
    }

    /// Decides whether `picture`, which comes next, is sent part by part.
    fn look(&mut self, picture: &VideoFrame, force_key: bool) {
        let now = picture.capture;
        let begin = |rows, below, first| {
            let unroll = Unroll::new(rows, self.inner.config().bitrate_bps, now);
            Some(Part { unroll, below, first })
        };
        let all = 0..picture.height() as usize;
        let Some(before) = &self.newest else {
            self.changed = Some(now);
            self.part = begin(all, rows::preview(&self.pool, picture), true);
            return;
        };
        let (rows, count) = rows::changed(before, picture);
        let still = self.changed.is_none_or(|changed| now.saturating_since(changed) >= STILL);
        let many = count as f64 > all.len() as f64 * MOST_ROWS;
        if count > 0 {
            self.changed = Some(now);
        }
        match &self.part {
            Some(_) if many => self.part = None,
            Some(part) if force_key && part.first => {
                self.part = begin(all, rows::preview(&self.pool, picture), true);
            }
            Some(_) if force_key => self.part = None,
            None if many && still && !force_key => self.part = begin(rows, before.clone(), false),
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::codec::{EncoderChoice, VideoCodec, VideoDecoder};

    const WIDTH: usize = 640;
    const HEIGHT: usize = 384;

    /// A page of dark letters of 8 × 8, of 32 kinds, on white; another number, another page.
    fn page(pool: &FramePool, number: u32, ms: i64) -> VideoFrame {
        let mut picture = pool.get(WIDTH as u32, HEIGHT as u32);
        picture.fill(235, 128, 128);
        let [(y, stride), ..] = picture.planes_mut();
        let mut seed = number;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed >> 24
        };
        for (top, left) in (0..HEIGHT).step_by(8).flat_map(|row| (0..WIDTH).step_by(8).map(move |x| (row, x))) {
            let letter = (next() % 32 + 7).wrapping_mul(0x9E37_79B9);
            for bit in (0..32).filter(|bit| letter >> bit & 1 == 1) {
                y[(top + bit / 5) * stride + left + bit % 5] = 30;
            }
        }
        picture.freeze(MediaTime::from_millis(ms))
    }

    fn encoder() -> Option<(ScreenEncoder, VideoDecoder)> {
        let config = EncoderConfig {
            content: Content::Screen,
            encoder: EncoderChoice::Named("libx264".to_owned()),
            ..EncoderConfig::new(WIDTH as u32, HEIGHT as u32, 600_000)
        };
        Some((ScreenEncoder::new(config).ok()?, VideoDecoder::new(VideoCodec::H264).unwrap()))
    }

    /// Gives the picture once; whether it was a key frame, and what a viewer sees then.
    fn give(both: &mut (ScreenEncoder, VideoDecoder), picture: &VideoFrame, key: bool) -> (bool, VideoFrame) {
        let encoded = both.0.encode(picture, key).unwrap().remove(0);
        (encoded.key, both.1.decode(&encoded.data, picture.capture).unwrap().unwrap())
    }

    /// Gives the picture until all of it is sent, each part when it is due; how many parts there were.
    fn give_all(both: &mut (ScreenEncoder, VideoDecoder), picture: &mut VideoFrame) -> usize {
        let mut parts = 0;
        while let Some(due) = both.0.next_part() {
            assert!(due > picture.capture);
            picture.capture = due;
            assert!(!give(both, picture, false).0, "a key frame in the middle");
            parts += 1;
        }
        parts
    }

    /// Mean difference of luma in these rows.
    fn apart(a: &VideoFrame, b: &VideoFrame, rows: std::ops::Range<usize>) -> f64 {
        let count = (rows.len() * WIDTH) as f64;
        let line = |frame: &VideoFrame, row: usize| frame.y()[row * frame.y_stride()..][..WIDTH].to_vec();
        let sum: u64 =
            rows.flat_map(|r| line(a, r).into_iter().zip(line(b, r))).map(|(a, b)| u64::from(a.abs_diff(b))).sum();
        sum as f64 / count
    }

    #[test]
    fn the_first_picture_comes_from_top_to_bottom_each_part_sharp_at_once() {
        let Some(mut both) = encoder() else { return };
        let mut picture = page(&FramePool::new(), 1, 0);
        let (key, seen) = give(&mut both, &picture, false);
        assert!(key);
        assert!(apart(&picture, &seen, 0..32) < 12.0, "{}", apart(&picture, &seen, 0..32));
        assert!(apart(&picture, &seen, 32..HEIGHT) > 30.0);
        assert!(give_all(&mut both, &mut picture) >= 4);
        picture.capture += Duration::from_millis(200);
        let (_, seen) = give(&mut both, &picture, false);
        assert!(apart(&picture, &seen, 0..HEIGHT) < 12.0, "{}", apart(&picture, &seen, 0..HEIGHT));
    }

    #[test]
    fn a_turned_page_comes_in_parts_and_a_new_line_at_once() {
        let Some(mut both) = encoder() else { return };
        let pool = FramePool::new();
        give(&mut both, &page(&pool, 1, 0), false);
        give_all(&mut both, &mut page(&pool, 1, 0));
        let mut second = page(&pool, 2, 9_000);
        let (key, seen) = give(&mut both, &second, false);
        assert!(!key && both.0.next_part().is_some());
        // What stood there is there until the new page has come so far.
        assert!(apart(&page(&pool, 1, 0), &seen, 64..HEIGHT) < 12.0);
        // A line that changes meanwhile goes with it.
        let typed = rows::joined(&pool, &page(&pool, 3, 9_040), &second, 16);
        let (_, seen) = give(&mut both, &typed, false);
        assert!(both.0.next_part().is_some() && apart(&typed, &seen, 0..32) < 14.0);
        second.capture = typed.capture;
        assert!(give_all(&mut both, &mut second) >= 3);
        let line = rows::joined(&pool, &page(&pool, 4, 20_000), &second, 16);
        give(&mut both, &line, false);
        assert_eq!(both.0.next_part(), None);
    }

    #[test]
    fn what_moves_is_sent_whole() {
        let Some(mut both) = encoder() else { return };
        let pool = FramePool::new();
        give(&mut both, &page(&pool, 1, 0), false);
        for n in 1..5u32 {
            let picture = page(&pool, n + 1, i64::from(n) * 33);
            let (key, seen) = give(&mut both, &picture, false);
            assert!(!key && both.0.next_part().is_none(), "picture {n}");
            assert!(apart(&picture, &seen, 200..HEIGHT) < apart(&page(&pool, 1, 0), &seen, 200..HEIGHT));
        }
    }

    #[test]
    fn a_late_viewer_gets_a_whole_key_frame_and_an_early_one_the_first_part_again() {
        let Some(mut both) = encoder() else { return };
        let mut picture = page(&FramePool::new(), 1, 0);
        give(&mut both, &picture, false);
        picture.capture = both.0.next_part().unwrap();
        give(&mut both, &picture, false);
        let (key, seen) = give(&mut both, &picture, true);
        assert!(key && both.0.next_part().is_some() && apart(&picture, &seen, 64..HEIGHT) > 30.0);
        give_all(&mut both, &mut picture);
        picture.capture += Duration::from_secs(5);
        let (key, seen) = give(&mut both, &picture, true);
        assert!(key && both.0.next_part().is_none());
        assert!(apart(&picture, &seen, 64..HEIGHT) < 30.0);
    }
}
