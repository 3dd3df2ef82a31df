//! The checks that a client has made. One that somebody overheard and sends again is as authentic as it was, but it is not
//! the client's: it must not lead anywhere.

use std::collections::VecDeque;

use beckon_rtp::stun;
use str0m::ice::StunMessage;

/// So many are remembered: those of more than an hour.
const REMEMBERED: usize = 2_048;
/// Where a STUN message has its transaction's number (RFC 8489, 5).
const TRANSACTION: std::ops::Range<usize> = 8..stun::HEADER;

/// Numbers of checks, oldest first.
#[derive(Debug, Default)]
pub(super) struct Checks(VecDeque<[u8; 12]>);

impl Checks {
    /// Whether this is a check by someone who knows the password, and is not heard for the second time.
    pub fn is_new(&mut self, message: &[u8], password: &str) -> bool {
        let number = message.get(TRANSACTION).and_then(|number| number.try_into().ok());
        let Some(number) = number.filter(|_| stun::is_binding_request(message)) else { return false };
        if !is_authentic(message, password) || self.0.contains(&number) {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(number);
        true
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
        assert!(checks.is_new(&first, PASSWORD) && checks.is_new(&second, PASSWORD));
        assert!(!checks.is_new(&first, PASSWORD) && !checks.is_new(&second, PASSWORD));
    }

    #[test]
    fn what_nobody_vouches_for_is_not_remembered() {
        let mut checks = Checks::default();
        let mut forged = check("another password");
        assert!(!checks.is_new(&forged, PASSWORD));
        for length in 0..forged.len() {
            assert!(!checks.is_new(&forged[..length], PASSWORD));
        }
        forged[0] = 1;
        assert!(!checks.is_new(&forged, PASSWORD));
        assert!(checks.0.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut checks = Checks::default();
        for _ in 0..REMEMBERED + 10 {
            assert!(checks.is_new(&check(PASSWORD), PASSWORD));
        }
        assert_eq!(checks.0.len(), REMEMBERED);
    }
}
