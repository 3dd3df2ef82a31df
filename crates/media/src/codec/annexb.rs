//! H.264 byte streams (ITU-T H.264 annex B): NAL units between start codes.

/// The NAL units of `data`, without their start codes. What lies before the first start code is left out.
pub fn nal_units(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = start_code(data, 0).map(|(_, body)| body);
    std::iter::from_fn(move || {
        let body = at?;
        let (end, next) = match start_code(data, body) {
            Some((code, next)) => (code, Some(next)),
            None => (data.len(), None),
        };
        at = next;
        Some(&data[body..end])
    })
    .filter(|unit| !unit.is_empty())
}

/// The next start code at or after `from`: where it begins, and where the unit after it begins.
fn start_code(data: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut i = from;
    while i + 3 <= data.len() {
        match data[i + 2] {
            0 => i += 1,
            1 if data[i] == 0 && data[i + 1] == 0 => {
                let begins = if i > from && data[i - 1] == 0 { i - 1 } else { i };
                return Some((begins, i + 3));
            }
            _ => i += 3,
        }
    }
    None
}

/// The first sequence parameter set among the NAL units.
pub(super) fn sps(data: &[u8]) -> Option<&[u8]> {
    nal_units(data).find(|unit| unit[0] & 0x1F == 7)
}

/// profile_idc, constraint flags and level_idc of the first sequence parameter set.
pub fn sps_profile_level(data: &[u8]) -> Option<[u8; 3]> {
    sps(data).and_then(|sps| sps.get(1..4)?.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_after_short_and_long_start_codes() {
        let data = [9, 0, 0, 0, 1, 0x67, 66, 192, 31, 0, 0, 1, 0x68, 1, 0, 0, 0, 1, 0x65, 0, 0, 2];
        let units: Vec<_> = nal_units(&data).collect();
        assert_eq!(units, [&[0x67, 66, 192, 31][..], &[0x68, 1], &[0x65, 0, 0, 2]]);
        assert_eq!(sps_profile_level(&data), Some([66, 192, 31]));
    }

    #[test]
    fn garbage_has_no_units_and_does_no_harm() {
        for data in [&[][..], &[0], &[0, 0, 1], &[0, 0, 0, 1], &[1, 2, 3, 4], &[0, 0, 1, 0, 0, 1]] {
            assert_eq!(nal_units(data).count(), 0);
        }
        assert_eq!(sps_profile_level(&[0, 0, 1, 0x67, 1]), None);
    }
}
