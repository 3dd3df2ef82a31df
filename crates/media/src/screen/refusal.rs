//! What it means that Windows does not hand out a monitor's picture by Desktop Duplication.

/// `E_ACCESSDENIED`: a password is asked for, or the desktop is locked.
const DENIED: u32 = 0x8007_0005;
/// `E_INVALIDARG`: this program has that picture already, for another room that shows the same monitor.
const IN_USE: u32 = 0x8007_0057;

/// What to do about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// It may pass: wait a little, and ask again from time to time.
    Wait,
    /// It stays: remote desktops, monitors turned on their side, regions on several of them. Pictures come by GDI.
    Gdi,
}

impl Refusal {
    /// By the number of the system's error.
    pub(super) fn of(code: i32) -> Self {
        match code.cast_unsigned() {
            DENIED | IN_USE => Self::Wait,
            _ => Self::Gdi,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_waited_for() {
        for (code, should) in [
            (0x8007_0005, Refusal::Wait),
            (0x8007_0057, Refusal::Wait),
            // DXGI: unsupported, no such output, session disconnected, too many that do the same, device removed, timed out.
            (0x887A_0004, Refusal::Gdi),
            (0x887A_0002, Refusal::Gdi),
            (0x887A_0028, Refusal::Gdi),
            (0x887A_0022, Refusal::Gdi),
            (0x887A_0005, Refusal::Gdi),
            (0x887A_0027, Refusal::Gdi),
            // Out of memory; something; no failure at all.
            (0x8007_000E, Refusal::Gdi),
            (0x8000_4005, Refusal::Gdi),
            (0, Refusal::Gdi),
        ] {
            assert_eq!(Refusal::of(u32::cast_signed(code)), should, "{code:#X}");
        }
    }
}
