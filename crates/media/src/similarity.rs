//! How alike two pictures are: the measure by which the legibility of shared screens is judged.

use crate::frame::VideoFrame;

/// Side of a window, pixels.
const WINDOW: usize = 8;
/// Distance from one window to the next, pixels.
const STEP: usize = 4;
/// What keeps flat windows from dividing by nothing: (0.01 · 255)² and (0.03 · 255)².
const C1: f64 = 6.5025;
const C2: f64 = 58.5225;

/// How alike two pictures are to the eye, 1 at most: structural similarity (Wang et al., "Image quality assessment", 2004) of
/// their luma, windows of 8 × 8 pixels every 4 pixels, uniform weights.
///
/// Pictures of different sizes are compared where both have pixels, from the upper left corner; without a whole window they
/// are not alike at all (0).
pub fn ssim(a: &VideoFrame, b: &VideoFrame) -> f64 {
    let begins = |side: u32| (0..(side as usize + 1).saturating_sub(WINDOW)).step_by(STEP);
    let (width, height) = (a.width().min(b.width()), a.height().min(b.height()));
    let mut sum = 0.0;
    for y in begins(height) {
        for x in begins(width) {
            sum += window(a, b, x, y);
        }
    }
    let count = begins(height).count() * begins(width).count();
    sum / count.max(1) as f64
}

fn window(a: &VideoFrame, b: &VideoFrame, x: usize, y: usize) -> f64 {
    let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0u32, 0u32, 0u32, 0u32, 0u32);
    for row in y..y + WINDOW {
        let line_a = &a.y()[row * a.y_stride() + x..][..WINDOW];
        let line_b = &b.y()[row * b.y_stride() + x..][..WINDOW];
        for (&p, &q) in line_a.iter().zip(line_b) {
            let (p, q) = (u32::from(p), u32::from(q));
            (sa, sb, saa, sbb, sab) = (sa + p, sb + q, saa + p * p, sbb + q * q, sab + p * q);
        }
    }
    let [sa, sb, saa, sbb, sab] = [sa, sb, saa, sbb, sab].map(|s| f64::from(s) / (WINDOW * WINDOW) as f64);
    let (va, vb, cov) = (saa - sa * sa, sbb - sb * sb, sab - sa * sb);
    (2.0 * sa * sb + C1) * (2.0 * cov + C2) / ((sa * sa + sb * sb + C1) * (va + vb + C2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FramePool, MediaTime};

    fn stripes(width: u32, height: u32, low: u8, high: u8) -> VideoFrame {
        let mut picture = FramePool::new().get(width, height);
        picture.fill(low, 128, 128);
        let [(y, stride), ..] = picture.planes_mut();
        for row in y.chunks_mut(stride).step_by(2) {
            row.fill(high);
        }
        picture.freeze(MediaTime::now())
    }

    #[test]
    fn a_picture_is_like_itself_less_like_a_paler_one_and_unlike_its_negative() {
        let page = stripes(64, 48, 40, 220);
        assert!((ssim(&page, &page) - 1.0).abs() < 1e-9);
        let pale = ssim(&page, &stripes(64, 48, 90, 170));
        assert!((0.5..0.9).contains(&pale), "{pale}");
        let negative = ssim(&page, &stripes(64, 48, 220, 40));
        assert!(negative < -0.9, "{negative}");
    }

    #[test]
    fn other_sizes_are_compared_where_both_have_pixels_and_nothing_is_like_nothing() {
        let page = stripes(64, 48, 40, 220);
        assert!((ssim(&page, &stripes(32, 90, 40, 220)) - 1.0).abs() < 1e-9);
        assert_eq!(ssim(&page, &stripes(6, 6, 40, 220)), 0.0);
    }
}
