//! The checks that a client has made. One that somebody overheard and sends again is as authentic as it was, but it is not
//! the client's: it must not lead anywhere.

use std::collections::VecDeque;

use beckon_rtp::stun;
use str0m::ice::StunMessage;

/// So many are remembered: those of more than an hour.
const REMEMBERED: usize = 2_048;
/// Where a STUN message has its transaction's number (RFC 8489, 5).
const TRANSACTION: std::ops::Range<usize> = 8..stun::HEADER;

/// What a datagram is, as far as checks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// A check by someone who knows the password.
    New,
    /// One that was heard before.
    Again,
    /// No check, or nobody vouches for it.
    No,
}

/// Numbers of checks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Checks(VecDeque<[u8; 12]>);

impl Checks {
    /// Looks at a datagram.
    pub fn hear(&mut self, message: &[u8], password: &str) -> Check {
        let number = message.get(TRANSACTION).and_then(|number| number.try_into().ok());
        let Some(number) = number.filter(|_| stun::is_binding_request(message)) else { return Check::No };
        if !is_authentic(message, password) {
            return Check::No;
        }
        if self.0.contains(&number) {
            return Check::Again;
        }
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(number);
        Check::New
    }
}

/// str0m takes whatever comes from the address in use for the client's.
fn is_authentic(message: &[u8], password: &str) -> bool {
    let hmac = crate::dtls::crypto().sha1_hmac_provider;
    StunMessage::parse(message)
        .is_ok_and(|message| message.verify(password.as_bytes(), |key, parts| hmac.sha1_hmac(key, parts)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use str0m::ice::TransId;

    const PASSWORD: &str = "a password of one transport";

    fn check(password: &str) -> Vec<u8> {
        let message = StunMessage::binding_request("server:client", TransId::new(), true, 1, 1, true);
        let hmac = crate::dtls::crypto().sha1_hmac_provider;
        let mut bytes = vec![0; 200];
        let length =
            message.to_bytes(Some(password.as_bytes()), &mut bytes, |key, parts| hmac.sha1_hmac(key, parts)).unwrap();
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn a_check_counts_once() {
        let mut checks = Checks::default();
        let (first, second) = (check(PASSWORD), check(PASSWORD));
        for heard in [Check::New, Check::Again] {
            assert_eq!((checks.hear(&first, PASSWORD), checks.hear(&second, PASSWORD)), (heard, heard));
        }
    }

    #[test]
    fn what_nobody_vouches_for_is_not_remembered() {
        let mut checks = Checks::default();
        let mut forged = check("another password");
        assert_eq!(checks.hear(&forged, PASSWORD), Check::No);
        for length in 0..forged.len() {
            assert_eq!(checks.hear(&forged[..length], PASSWORD), Check::No);
        }
        forged[0] = 1;
        assert_eq!(checks.hear(&forged, PASSWORD), Check::No);
        assert!(checks.0.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut checks = Checks::default();
        for _ in 0..REMEMBERED + 10 {
            assert_eq!(checks.hear(&check(PASSWORD), PASSWORD), Check::New);
        }
        assert_eq!(checks.0.len(), REMEMBERED);
    }
}
