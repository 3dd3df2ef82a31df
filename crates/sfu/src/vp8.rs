//! VP8 picture numbers of one outgoing stream that is fed from changing layers (RFC 7741).
//!
//! A decoder and its jitter buffer follow PictureID and TL0PICIDX; both must run on when the source
//! changes, or frames are taken for old ones and dropped.

use str0m::rtp::{Vp8Descriptor, Vp8Patch};

const PICTURE_ID_MASK: u16 = 0x7fff;

/// Rewrites the numbers of one outgoing stream.
#[derive(Debug, Default)]
pub struct Vp8Rewriter {
    picture_offset: u16,
    tl0_offset: u8,
    last: Option<(u16, u8)>,
    switching: bool,
}

impl Vp8Rewriter {
    /// From the next packet on, packets come from another source.
    pub fn switch(&mut self) {
        self.switching = true;
    }

    /// The change to make to a packet's payload, if any.
    pub fn rewrite(&mut self, payload: &[u8]) -> Option<Vp8Patch> {
        let descriptor = Vp8Descriptor::parse(payload).ok()?;
        let picture = descriptor.picture_id();
        let tl0 = descriptor.tl0_pic_idx();
        if std::mem::take(&mut self.switching)
            && let Some((last_picture, last_tl0)) = self.last
        {
            if let Some(p) = picture {
                self.picture_offset = last_picture.wrapping_add(1).wrapping_sub(p) & PICTURE_ID_MASK;
            }
            if let Some(t) = tl0 {
                self.tl0_offset = last_tl0.wrapping_add(1).wrapping_sub(t);
            }
        }
        let new_picture = picture.map(|p| p.wrapping_add(self.picture_offset) & PICTURE_ID_MASK);
        let new_tl0 = tl0.map(|t| t.wrapping_add(self.tl0_offset));
        if let Some(p) = new_picture {
            let (last, last_tl0) = self.last.unwrap_or((p, new_tl0.unwrap_or(0)));
            // Late packets of older pictures do not turn the numbers back.
            if self.last.is_none() || (p.wrapping_sub(last) & PICTURE_ID_MASK) < 0x4000 {
                self.last = Some((p, new_tl0.unwrap_or(last_tl0)));
            }
        }
        if self.picture_offset == 0 && self.tl0_offset == 0 {
            return None;
        }
        let mut patch = descriptor.patch();
        if let Some(p) = new_picture {
            patch = patch.picture_id(p);
        }
        if let Some(t) = new_tl0 {
            patch = patch.tl0_pic_idx(t);
        }
        // A 7-bit picture number that outgrew its field: leave the packet as it is.
        patch.build().ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Extended descriptor with a 15-bit PictureID and TL0PICIDX.
    fn packet(picture: u16, tl0: u8) -> Vec<u8> {
        let [high, low] = picture.to_be_bytes();
        vec![0x90, 0xe0, 0x80 | high, low, tl0, 0x20, 0x01, 0x00]
    }

    #[test]
    fn numbers_run_on_over_a_switch() {
        let mut r = Vp8Rewriter::default();
        assert_eq!(r.rewrite(&packet(100, 7)), None, "the first source goes out as it is");
        assert_eq!(r.rewrite(&packet(101, 8)), None);
        r.switch();
        let wanted = Vp8Descriptor::parse(&packet(5_000, 200)).unwrap().patch();
        assert_eq!(r.rewrite(&packet(5_000, 200)), wanted.picture_id(102).tl0_pic_idx(9).build().ok());
        let wanted = Vp8Descriptor::parse(&packet(5_001, 201)).unwrap().patch();
        assert_eq!(r.rewrite(&packet(5_001, 201)), wanted.picture_id(103).tl0_pic_idx(10).build().ok());
    }

    #[test]
    fn garbage_is_left_alone() {
        let mut r = Vp8Rewriter::default();
        r.switch();
        assert_eq!(r.rewrite(&[]), None);
        assert_eq!(r.rewrite(&[0x90]), None);
    }
}
