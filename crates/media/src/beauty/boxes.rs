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
    let others = 2 * radius / STEP;
    let side = (others + 1) as f32;
    let part = 1.0 / (side * side);
    // The columns that are read, and how many more there would be to the left of them if the picture went on.
    let columns = area.columns.start.saturating_sub(radius)..(area.columns.end + radius).min(area.width);
    let missing = columns.start + radius - area.columns.start;
    for row in area.rows.clone() {
        let out = &mut to[area.line(row)];
        let middle = &mut padded[missing..missing + columns.len()];
        let near = |n: usize| {
            let row = (row + n * STEP).saturating_sub(radius).min(height - 1);
            &from[row * area.width..][columns.clone()]
        };
        sum(middle, others, near);
        let (first, last) = (middle[0], middle[columns.len() - 1]);
        padded[..missing].fill(first);
        padded[missing + columns.len()..].fill(last);
        let beside = |n: usize| &padded[n * STEP..][..width];
        sum(out, others, beside);
        for sum in out.iter_mut() {
            *sum *= part;
        }
    }
}

/// Writes into `sums` the sums of row 0 and of so many others, added one after the other.
#[inline(always)]
fn sum<'a>(sums: &mut [f32], others: usize, row: impl Fn(usize) -> &'a [f32]) {
    let mut at = 1 + others % 4;
    match others % 4 {
        0 => sums.copy_from_slice(row(0)),
        1 => begin(sums, [row(0), row(1)]),
        2 => begin(sums, [row(0), row(1), row(2)]),
        _ => begin(sums, [row(0), row(1), row(2), row(3)]),
    }
    // Four at a time: sums are fetched and stored a quarter as often as one by one.
    while at <= others {
        add(sums, [row(at), row(at + 1), row(at + 2), row(at + 3)]);
        at += 4;
    }
}

#[inline(always)]
fn begin<const N: usize>(sums: &mut [f32], rows: [&[f32]; N]) {
    let n = sums.len();
    let rows = rows.map(|row| &row[..n]);
    for i in 0..n {
        let mut sum = rows[0][i];
        for row in &rows[1..] {
            sum += row[i];
        }
        sums[i] = sum;
    }
}

#[inline(always)]
fn add<const N: usize>(sums: &mut [f32], rows: [&[f32]; N]) {
    let n = sums.len();
    let rows = rows.map(|row| &row[..n]);
    for i in 0..n {
        let mut sum = sums[i];
        for row in &rows {
            sum += row[i];
        }
        sums[i] = sum;
    }
}
