//! A part of the plane of cells: where there is skin, and as much around it as is needed to treat it.

use std::ops::Range;

/// Columns and rows of cells in a plane of `width` × `height` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) columns: Range<usize>,
    pub(super) rows: Range<usize>,
}

impl Area {
    /// The whole plane.
    #[inline(always)]
    pub(super) fn whole(width: usize, height: usize) -> Self {
        Self { width, height, columns: 0..width, rows: 0..height }
    }

    /// The smallest one with all cells of the plane whose value is at least `least`; `None` where there is no such cell.
    #[inline(always)]
    pub(super) fn around(plane: &[f32], width: usize, least: f32) -> Option<Self> {
        let (mut left, mut right) = (width, 0);
        let mut rows = plane.len() / width..0;
        for (row, line) in plane.chunks_exact(width).enumerate() {
            let Some(first) = line.iter().position(|&value| value >= least) else { continue };
            left = left.min(first);
            // Found at the latest where the first one is.
            right = right.max(line.iter().rposition(|&value| value >= least).unwrap_or(first) + 1);
            rows = rows.start.min(row)..row + 1;
        }
        (left < right).then_some(Self { width, height: plane.len() / width, columns: left..right, rows })
    }

    /// With so many cells more on each side, as far as the plane goes.
    #[inline(always)]
    pub(super) fn grown(&self, by: usize) -> Self {
        let grow = |part: &Range<usize>, most: usize| part.start.saturating_sub(by)..(part.end + by).min(most);
        Self { columns: grow(&self.columns, self.width), rows: grow(&self.rows, self.height), ..*self }
    }

    /// Where the area's cells of this row lie in the plane.
    #[inline(always)]
    pub(super) fn line(&self, row: usize) -> Range<usize> {
        row * self.width + self.columns.start..row * self.width + self.columns.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_around_what_counts_and_grows_as_far_as_the_plane() {
        let mut plane = vec![0.0; 5 * 4];
        assert_eq!(Area::around(&plane, 5, 0.5), None);
        (plane[5 + 3], plane[10 + 1], plane[0]) = (0.5, 1.0, 0.4);
        let area = Area { width: 5, height: 4, columns: 1..4, rows: 1..3 };
        assert_eq!(Area::around(&plane, 5, 0.5).as_ref(), Some(&area));
        assert_eq!(area.line(2), 11..14);
        assert_eq!(area.grown(1), Area::whole(5, 4));
        assert_eq!(area.grown(9), Area::whole(5, 4));
    }
}
