//! What it means that a key of the registry does not open; apart from the registry, so that it is tested everywhere.

/// `ERROR_FILE_NOT_FOUND`, as the registry's errors carry it: an `HRESULT`.
const NOT_FOUND: i32 = 0x8007_0002_u32 as i32;

/// What lies behind a key that does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Nothing: the key is not there.
    Nothing,
    /// Perhaps a list that this user may not read, or that is broken: nobody knows whom it keeps out.
    Unknown,
}

impl Behind {
    /// What the error with this code says.
    pub const fn of(code: i32) -> Self {
        match code {
            NOT_FOUND => Self::Nothing,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_found_is_not_there() {
        // Of the codes of Windows; an HRESULT carries them so.
        let carried = |code: u32| (0x8007_0000 | code) as i32;
        let [file_not_found, access_denied, sharing_violation, key_corrupt, key_deleted] = [2, 5, 32, 1015, 1018];
        assert_eq!(Behind::of(carried(file_not_found)), Behind::Nothing);
        for code in [access_denied, sharing_violation, key_corrupt, key_deleted] {
            assert_eq!(Behind::of(carried(code)), Behind::Unknown, "{code}");
        }
        assert_eq!(Behind::of(0), Behind::Unknown);
    }
}
