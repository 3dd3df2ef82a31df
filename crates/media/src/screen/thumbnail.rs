//! Small pictures for a picker.

use super::Thumbnail;

/// Pixels (BGRX, `width × 4` bytes a row) at most as large as `most`: each new pixel is the mean colour of a box of old ones.
pub(super) fn shrink(bgrx: &[u8], (width, height): (u32, u32), most: (u32, u32)) -> Thumbnail {
    let scale = (f64::from(most.0) / f64::from(width)).min(f64::from(most.1) / f64::from(height)).min(1.0);
    let side = |old: u32| ((f64::from(old) * scale).round() as u32).clamp(1, old);
    let (w, h) = (side(width), side(height));
    let mut rgba = Vec::with_capacity(w as usize * h as usize * 4);
    let edge = |n: u32, old: u32, new: u32| (u64::from(n) * u64::from(old) / u64::from(new)) as usize;
    for y in 0..h {
        let rows = edge(y, height, h)..edge(y + 1, height, h);
        for x in 0..w {
            let columns = edge(x, width, w)..edge(x + 1, width, w);
            let count = (rows.len() * columns.len()) as u32;
            let mut sums = [0u32; 3];
            for row in rows.clone() {
                let line = &bgrx[(row * width as usize + columns.start) * 4..][..columns.len() * 4];
                for pixel in line.as_chunks::<4>().0 {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(value);
                    }
                }
            }
            let [b, g, r] = sums.map(|sum| (sum / count) as u8);
            rgba.extend([r, g, b, 255]);
        }
    }
    Thumbnail { width: w, height: h, rgba }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_keeps_shape_and_colours() {
        let mut bgrx = Vec::new();
        for _ in 0..50 {
            bgrx.extend([10, 20, 30, 0].repeat(100));
            bgrx.extend([90, 80, 70, 0].repeat(100));
        }
        let t = shrink(&bgrx, (200, 50), (80, 80));
        assert_eq!((t.width, t.height, t.rgba.len()), (80, 20, 80 * 20 * 4));
        assert_eq!((&t.rgba[..4], &t.rgba[79 * 4..80 * 4]), (&[30, 20, 10, 255][..], &[70, 80, 90, 255][..]));
    }

    #[test]
    fn a_small_window_is_not_blown_up() {
        let t = shrink(&[1; 40 * 40 * 4], (40, 40), (320, 180));
        assert_eq!((t.width, t.height), (40, 40));
    }
}
