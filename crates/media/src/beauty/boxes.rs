//! The mean of a square around each cell.

/// Writes into `to` the mean of the (2 `radius` + 1)² cells around each cell of `from`; the picture's edge goes on beyond it.
///
/// Sums are taken anew for each row: with radii this small that is quicker than running sums, which cannot be done in
/// parallel along a row, and no rounding errors run along.
#[inline(always)]
pub(super) fn mean(from: &[f32], to: &mut [f32], width: usize, radius: usize, padded: &mut Vec<f32>) {
    mean_of_every::<1>(from, to, width, radius, padded);
}

/// The same of every `STEP`th row and column of the square only, of which `radius` is a multiple.
#[inline(always)]
pub(super) fn mean_of_every<const STEP: usize>(
    from: &[f32],
    to: &mut [f32],
    width: usize,
    radius: usize,
    padded: &mut Vec<f32>,
) {
    let height = from.len() / width;
    padded.resize(width + 2 * radius, 0.0);
    let side = (2 * radius / STEP + 1) as f32;
    let part = 1.0 / (side * side);
    for (row, out) in to.chunks_exact_mut(width).enumerate() {
        let middle = &mut padded[radius..radius + width];
        let near = |offset: usize| {
            let row = (row + offset).saturating_sub(radius).min(height - 1);
            &from[row * width..][..width]
        };
        middle.copy_from_slice(near(0));
        for offset in (STEP..=2 * radius).step_by(STEP) {
            for (sum, &value) in middle.iter_mut().zip(near(offset)) {
                *sum += value;
            }
        }
        let (first, last) = (middle[0], middle[width - 1]);
        padded[..radius].fill(first);
        padded[radius + width..].fill(last);
        out.copy_from_slice(&padded[..width]);
        for offset in (STEP..2 * radius).step_by(STEP) {
            for (sum, &value) in out.iter_mut().zip(&padded[offset..offset + width]) {
                *sum += value;
            }
        }
        for (sum, &value) in out.iter_mut().zip(&padded[2 * radius..]) {
            *sum = (*sum + value) * part;
        }
    }
}
