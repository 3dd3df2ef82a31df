//! The mean of a square around each cell.

use super::area::Area;

/// Writes into `to` the mean of the (2 `radius` + 1)² cells around each cell of `from` that lies in the area; the picture's edge goes
/// on beyond it.
///
/// Sums are taken anew for each row: with radii this small that is quicker than running sums, which cannot be done in
/// parallel along a row, and no rounding errors run along.
#[inline(always)]
pub(super) fn mean(from: &[f32], to: &mut [f32], area: &Area, radius: usize, padded: &mut Vec<f32>) {
    mean_of_every::<1>(from, to, area, radius, padded);
}

/// The same of every `STEP`th row and column of the square only, of which `radius` is a multiple.
#[inline(always)]
pub(super) fn mean_of_every<const STEP: usize>(
    from: &[f32],
    to: &mut [f32],
    area: &Area,
    radius: usize,
    padded: &mut Vec<f32>,
) {
    let (height, width) = (area.height, area.columns.len());
    padded.resize(width + 2 * radius, 0.0);
    let side = (2 * radius / STEP + 1) as f32;
    let part = 1.0 / (side * side);
    // The columns that are read, and how many more there would be to the left of them if the picture went on.
    let columns = area.columns.start.saturating_sub(radius)..(area.columns.end + radius).min(area.width);
    let missing = columns.start + radius - area.columns.start;
    for row in area.rows.clone() {
        let out = &mut to[area.line(row)];
        let middle = &mut padded[missing..missing + columns.len()];
        let near = |offset: usize| {
            let row = (row + offset).saturating_sub(radius).min(height - 1);
            &from[row * area.width..][columns.clone()]
        };
        middle.copy_from_slice(near(0));
        for offset in (STEP..=2 * radius).step_by(STEP) {
            for (sum, &value) in middle.iter_mut().zip(near(offset)) {
                *sum += value;
            }
        }
        let (first, last) = (middle[0], middle[columns.len() - 1]);
        padded[..missing].fill(first);
        padded[missing + columns.len()..].fill(last);
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
