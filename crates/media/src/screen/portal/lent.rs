//! What PipeWire says about a picture that it lends us, out of its memory into our own types.

use std::slice;

use super::format::{REGION, meta};
use super::library::{Data, Meta, PwBuffer};
use super::picture::Said;
use crate::screen::Rect;

/// The chunk, or the picture, may be half drawn.
const CHUNK_CORRUPTED: i32 = 1;
const HEADER_CORRUPTED: u32 = 1 << 1;

/// The memory of a picture, while it is lent.
pub(super) struct Memory {
    at: *const u8,
    size: usize,
}

impl Memory {
    const NONE: Self = Self { at: std::ptr::null(), size: 0 };

    /// # Safety
    /// The buffer it is of is still lent, and mapped.
    pub(super) unsafe fn bytes(&self) -> &[u8] {
        if self.at.is_null() {
            return &[];
        }
        // SAFETY: PipeWire has mapped so much there.
        unsafe { slice::from_raw_parts(self.at, self.size) }
    }
}

/// # Safety
/// `buffer` was dequeued and not given back.
pub(super) unsafe fn look(buffer: *const PwBuffer) -> (Said, Memory) {
    // SAFETY: a dequeued buffer has as many parts as it says, each with its chunk; they stay until it is given back.
    unsafe {
        let buffer = &*(*buffer).buffer;
        let metas = some(buffer.metas, buffer.metas_count);
        let Some(data) = some(buffer.datas, buffer.datas_count).first() else {
            return (Said::default(), Memory::NONE);
        };
        let memory = memory(data);
        if data.chunk.is_null() {
            return (Said::default(), memory);
        }
        let chunk = &*data.chunk;
        let header = meta_of(metas, meta::HEADER, 4).map(|bytes| word(bytes, 0));
        let said = Said {
            memory: memory.size,
            offset: chunk.offset,
            // Memory that we could not map brings nothing.
            filled: if memory.at.is_null() { 0 } else { chunk.size },
            stride: chunk.stride,
            corrupted: chunk.flags & CHUNK_CORRUPTED != 0 || header.is_some_and(|flags| flags & HEADER_CORRUPTED != 0),
            crop: meta_of(metas, meta::CROP, REGION).map(region).filter(|part| !part.is_empty()),
            damage: meta_of(metas, meta::DAMAGE, REGION).and_then(damage),
            turn: meta_of(metas, meta::TURN, 4).map_or(0, |bytes| word(bytes, 0)),
        };
        (said, memory)
    }
}

/// # Safety
/// `first` is null or begins `count` of them, for as long as `'a`.
unsafe fn some<'a, T>(first: *const T, count: u32) -> &'a [T] {
    // SAFETY: as promised.
    if first.is_null() { &[] } else { unsafe { slice::from_raw_parts(first, count as usize) } }
}

fn memory(data: &Data) -> Memory {
    Memory { at: data.data, size: if data.data.is_null() { 0 } else { data.max_size as usize } }
}

/// What came along of this kind, if it has so many bytes at least.
///
/// # Safety
/// What the metas point to is there for as long as they are.
unsafe fn meta_of(metas: &[Meta], kind: u32, least: usize) -> Option<&[u8]> {
    let found = metas.iter().find(|meta| meta.kind == kind && meta.size as usize >= least && !meta.data.is_null())?;
    // SAFETY: as promised; it has as many bytes as it says.
    Some(unsafe { slice::from_raw_parts(found.data, found.size as usize) })
}

/// The changed parts; `None` where none is told: whoever sends a picture in which nothing has changed does not say what has.
fn damage(bytes: &[u8]) -> Option<Vec<Rect>> {
    let parts: Vec<Rect> = bytes.chunks_exact(REGION).map(region).take_while(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then_some(parts)
}

/// Left, top, width, height.
fn region(bytes: &[u8]) -> Rect {
    Rect::new(word(bytes, 0) as i32, word(bytes, 1) as i32, word(bytes, 2), word(bytes, 3))
}

fn word(bytes: &[u8], n: usize) -> u32 {
    let four = bytes.get(n * 4..n * 4 + 4).and_then(|four| four.try_into().ok());
    u32::from_ne_bytes(four.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(parts: &[[i32; 4]]) -> Vec<u8> {
        parts.as_flattened().iter().flat_map(|n| n.to_ne_bytes()).collect()
    }

    #[test]
    fn changed_parts_end_where_one_is_empty() {
        let told = regions(&[[1, 2, 3, 4], [-5, 6, 7, 8], [0, 0, 0, 9], [9, 9, 9, 9]]);
        assert_eq!(damage(&told), Some(vec![Rect::new(1, 2, 3, 4), Rect::new(-5, 6, 7, 8)]));
        assert_eq!(damage(&told[..REGION + 3]), Some(vec![Rect::new(1, 2, 3, 4)]));
    }

    #[test]
    fn where_no_part_is_told_all_may_have_changed() {
        assert_eq!(damage(&regions(&[[0; 4], [1, 1, 1, 1]])), None);
        assert_eq!(damage(&[]), None);
    }
}
