//! Figures of what a filter did to a portrait.

use beckon_media::VideoFrame;

use super::portrait::{Drawn, Part};

/// Luma of a frame without its stride.
pub fn luma(frame: &VideoFrame) -> Vec<f32> {
    let (w, h, stride) = (frame.width() as usize, frame.height() as usize, frame.y_stride());
    (0..h).flat_map(|y| frame.y()[y * stride..][..w].iter().map(|&s| f32::from(s))).collect()
}

/// Root of the mean of squares of a picture's fine detail on even skin: what is left after the mean of 11 × 11 is taken off.
pub fn skin_roughness(drawn: &Drawn, picture: &[f32]) -> f64 {
    let w = drawn.width;
    let (mut sum, mut count) = (0.0, 0u32);
    each(drawn, Part::Skin, 6, |at| {
        let mut local = 0.0;
        for dy in 0..11 {
            for dx in 0..11 {
                local += picture[at + dy * w + dx - 5 * w - 5];
            }
        }
        sum += f64::from(picture[at] - local / 121.0).powi(2);
        count += 1;
    });
    (sum / f64::from(count.max(1))).sqrt()
}

/// Root of the mean squared distance from perfectly smooth skin, their mean difference taken off.
pub fn skin_error(drawn: &Drawn, picture: &[f32]) -> f64 {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0u32);
    each(drawn, Part::Skin, 0, |at| {
        let d = f64::from(picture[at] - drawn.ideal[at]);
        (sum, squares, count) = (sum + d, squares + d * d, count + 1);
    });
    let n = f64::from(count.max(1));
    (squares / n - (sum / n).powi(2)).max(0.0).sqrt()
}

/// How much of the gradient at the face's edges `after` has of what `before` has: the gradients of both projected on that of the
/// clean picture, wherever that is at least `least` levels from one sample to the next. Noise falls out of the mean.
pub fn edges_kept(drawn: &Drawn, before: &[f32], after: &[f32], least: f32, parts: &[Part]) -> f64 {
    let w = drawn.width;
    let gradient = |p: &[f32], at: usize| [(p[at + 1] - p[at - 1]) / 2.0, (p[at + w] - p[at - w]) / 2.0];
    let (mut was, mut is) = (0.0, 0.0);
    for &part in parts {
        each(drawn, part, 1, |at| {
            let truth = gradient(&drawn.clean, at);
            if truth[0].hypot(truth[1]) < least {
                return;
            }
            let along = |p: &[f32]| {
                let g = gradient(p, at);
                f64::from(g[0] * truth[0] + g[1] * truth[1])
            };
            was += along(before);
            is += along(after);
        });
    }
    is / was.max(1e-9)
}

/// Mean and greatest difference of two pictures in a part.
pub fn difference(drawn: &Drawn, part: Part, a: &[f32], b: &[f32]) -> (f64, f64) {
    let (mut sum, mut most, mut count) = (0.0, 0f64, 0u32);
    each(drawn, part, 0, |at| {
        let d = f64::from((a[at] - b[at]).abs());
        (sum, most, count) = (sum + d, most.max(d), count + 1);
    });
    (sum / f64::from(count.max(1)), most)
}

/// Mean difference of two pictures' Cb and Cr in a part.
pub fn chroma_difference(drawn: &Drawn, part: Part, a: &VideoFrame, b: &VideoFrame) -> [f64; 2] {
    [1, 2].map(|plane| {
        let ((a, a_stride), (b, b_stride)) = (a.planes()[plane], b.planes()[plane]);
        let (mut sum, mut count) = (0.0, 0u32);
        for y in 0..drawn.height / 2 {
            for x in (0..drawn.width / 2).filter(|x| drawn.parts[(y * drawn.width + x) * 2] == part) {
                sum += f64::from(a[y * a_stride + x].abs_diff(b[y * b_stride + x]));
                count += 1;
            }
        }
        sum / f64::from(count.max(1))
    })
}

/// Mean of a part.
pub fn mean(drawn: &Drawn, part: Part, picture: &[f32]) -> f64 {
    let (mut sum, mut count) = (0.0, 0u32);
    each(drawn, part, 0, |at| {
        sum += f64::from(picture[at]);
        count += 1;
    });
    sum / f64::from(count.max(1))
}

fn each(drawn: &Drawn, part: Part, margin: usize, mut call: impl FnMut(usize)) {
    for y in margin..drawn.height - margin {
        for x in margin..drawn.width - margin {
            let at = y * drawn.width + x;
            if drawn.parts[at] == part {
                call(at);
            }
        }
    }
}
