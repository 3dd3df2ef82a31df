//! H.264 out of RTP payloads (RFC 6184, packetization modes 0 and 1) into Annex B form.

/// Coded slices and partitions of them (ITU-T H.264, table 7-1).
const SLICES: std::ops::RangeInclusive<u8> = 1..=IDR;
const IDR: u8 = 5;
const SPS: u8 = 7;
const AUD: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const TYPE: u8 = 0x1f;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// A payload that is not what RFC 6184 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Its header is cut off.
    #[error("a payload without a whole header")]
    Short,
    /// An aggregated unit does not end within it.
    #[error("an aggregated unit is longer than its packet")]
    Aggregate,
    /// What it goes on with was not begun.
    #[error("a fragment without the one before it")]
    Fragment,
    /// Of a type that packets do not have.
    #[error("NAL unit type {0} is not used on the wire")]
    Type(u8),
}

/// Whether a decoder that knows nothing yet can start with this payload: it brings the sequence parameter set, alone, aggregated or,
/// as some encoders have it, as the first of several fragments.
pub fn has_parameters(payload: &[u8]) -> bool {
    match payload.first().map(|b| b & TYPE) {
        Some(SPS) => true,
        Some(STAP_A) => units(payload).any(|unit| unit.is_ok_and(|u| u[0] & TYPE == SPS)),
        Some(FU_A) => payload.get(1).is_some_and(|fu| fu & 0x80 != 0 && fu & TYPE == SPS),
        _ => false,
    }
}

/// Whether a picture that a decoder can start with may begin in this payload: with its parameter set, or with a delimiter before
/// that.
pub fn may_start(payload: &[u8]) -> bool {
    payload.first().is_some_and(|b| b & TYPE == AUD) || has_parameters(payload)
}

/// Whether it holds a part of a key frame (instantaneous decoding refresh).
pub fn has_idr(payload: &[u8]) -> bool {
    has(payload, |kind| kind == IDR)
}

/// Whether it holds a part of a coded slice, of which pictures consist: anything else only goes along with one.
pub fn has_slice(payload: &[u8]) -> bool {
    has(payload, |kind| SLICES.contains(&kind))
}

/// Whether it holds a unit of such a type, or a part of one.
fn has(payload: &[u8], wanted: impl Fn(u8) -> bool) -> bool {
    match payload.first().map(|b| b & TYPE) {
        Some(STAP_A) => units(payload).any(|unit| unit.is_ok_and(|u| wanted(u[0] & TYPE))),
        Some(FU_A) => payload.get(1).is_some_and(|fu| wanted(fu & TYPE)),
        Some(kind) => wanted(kind),
        None => false,
    }
}

/// Puts the payloads of one picture together.
#[derive(Debug, Default)]
pub struct Unpacker {
    out: Vec<u8>,
    /// A fragmented unit is open.
    open: bool,
}

impl Unpacker {
    /// For a picture that goes on after what is there already, in Annex B form.
    pub fn after(out: Vec<u8>) -> Self {
        Self { out, open: false }
    }

    /// Takes the next payload of the picture.
    ///
    /// # Errors
    /// [`Malformed`]: the picture is of no use then.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), Malformed> {
        let (&first, rest) = payload.split_first().ok_or(Malformed::Short)?;
        match first & TYPE {
            1..=23 => {
                self.open = false;
                self.unit(payload);
            }
            STAP_A => {
                self.open = false;
                for unit in units(payload) {
                    self.unit(unit?);
                }
            }
            FU_A => {
                let (&fu, part) = rest.split_first().ok_or(Malformed::Short)?;
                if fu & 0x80 != 0 {
                    self.open = true;
                    self.unit(&[first & !TYPE | fu & TYPE]);
                } else if !self.open {
                    return Err(Malformed::Fragment);
                }
                self.out.extend_from_slice(part);
                self.open = fu & 0x40 == 0;
            }
            other => return Err(Malformed::Type(other)),
        }
        Ok(())
    }

    fn unit(&mut self, unit: &[u8]) {
        self.out.extend_from_slice(&START_CODE);
        self.out.extend_from_slice(unit);
    }

    /// The picture.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// The units of an aggregation packet, none of them empty.
fn units(payload: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    let mut rest = payload.get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let (size, after) = rest.split_first_chunk::<2>()?;
            let size = usize::from(u16::from_be_bytes(*size));
            let Some((unit, after)) = after.split_at_checked(size) else {
                rest = &[];
                return Some(Err(Malformed::Aggregate));
            };
            rest = after;
            if !unit.is_empty() {
                return Some(Ok(unit));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn together(payloads: &[&[u8]]) -> Result<Vec<u8>, Malformed> {
        let mut unpacker = Unpacker::default();
        payloads.iter().try_for_each(|p| unpacker.push(p))?;
        Ok(unpacker.finish())
    }

    #[test]
    fn single_aggregated_and_fragmented_units_become_annex_b() {
        let payloads: [&[u8]; 4] =
            [&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 2], &[0x7c, 0x85, 3], &[0x7c, 0x05, 4], &[0x7c, 0x45, 5]];
        let expected = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3, 4, 5];
        assert_eq!(together(&payloads), Ok(expected.to_vec()));
        assert_eq!(together(&[&[0x41, 9]]), Ok(vec![0, 0, 0, 1, 0x41, 9]));
    }

    #[test]
    fn starts_and_key_frames_are_found_however_they_are_packed() {
        assert!(may_start(&[0x67]) && may_start(&[0x09, 0x10]) && may_start(&[0x78, 0, 1, 0x68, 0, 1, 0x67]));
        assert!(!may_start(&[0x65]) && !may_start(&[0x41]) && !may_start(&[]) && !may_start(&[0x78, 0, 9, 0x67]));
        assert!(has_idr(&[0x65]) && has_idr(&[0x7c, 0x05]) && has_idr(&[0x78, 0, 1, 0x67, 0, 1, 0x65]));
        assert!(!has_idr(&[0x41]) && !has_idr(&[0x7c]) && !has_idr(&[]));
        assert!(
            has_slice(&[0x41])
                && has_slice(&[0x65])
                && has_slice(&[0x7c, 0x01])
                && has_slice(&[0x78, 0, 1, 0x68, 0, 1, 0x65])
        );
        assert!(
            !has_slice(&[0x78, 0, 1, 0x67, 0, 1, 0x68])
                && !has_slice(&[0x06, 5])
                && !has_slice(&[0x7c])
                && !has_slice(&[])
        );
    }

    #[test]
    fn a_decoder_starts_with_the_parameters_wherever_they_are() {
        assert!(has_parameters(&[0x67, 0x42]));
        assert!(has_parameters(&[0x78, 0, 2, 0x67, 0x42, 0, 1, 0x68]));
        assert!(has_parameters(&[0x78, 0, 1, 0x09, 0, 2, 0x67, 0x42]));
        assert!(has_parameters(&[0x7c, 0x87, 1]), "the first fragment of them");
        assert!(!has_parameters(&[0x7c, 0x47, 1]), "a later one");
        assert!(!has_parameters(&[0x65, 1, 2]), "a key frame alone lacks them");
        assert!(!has_parameters(&[0x7c, 0x85, 1]), "and so does a fragment of it");
        for broken in [&[][..], &[0x78], &[0x78, 0], &[0x78, 0xff, 0xff, 0x67], &[0x7c], &[0x78, 0, 0]] {
            assert!(!has_parameters(broken), "{broken:?}");
        }
    }

    #[test]
    fn broken_payloads_are_refused() {
        assert_eq!(together(&[&[]]), Err(Malformed::Short));
        assert_eq!(together(&[&[0x7c]]), Err(Malformed::Short));
        assert_eq!(together(&[&[0x7c, 0x45, 1]]), Err(Malformed::Fragment));
        assert_eq!(together(&[&[0x7c, 0x85, 1], &[0x41, 2], &[0x7c, 0x45, 3]]), Err(Malformed::Fragment));
        assert_eq!(together(&[&[0x78, 0, 9, 0x67]]), Err(Malformed::Aggregate));
        assert_eq!(together(&[&[0x7e, 1]]), Err(Malformed::Type(30)));
    }
}
