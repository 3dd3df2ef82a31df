//! What a failure means: end, or try again, and when.

use std::time::Duration;

use beckon_protocol::Code;
use beckon_rtc::DisconnectReason;

use crate::error::SessionError;

/// The whole entry is tried anew for this long before the room is given up.
pub(crate) const GIVE_UP_AFTER: Duration = Duration::from_secs(600);
/// A server that has just come back may not know the room, or still count our own ghost, for this long.
pub(crate) const SETTLING: Duration = Duration::from_secs(15);

const FIRST_DELAY: Duration = Duration::from_millis(200);
const MAX_DELAY: Duration = Duration::from_secs(3);

/// How long to wait before the attempt after `failures` failed ones.
pub(crate) fn backoff(failures: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << failures.min(5)).min(MAX_DELAY)
}

/// What a failure while coming back means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may pass: try again until [`GIVE_UP_AFTER`].
    TryAgain,
    /// It may pass within [`SETTLING`] after the loss; later it is final.
    Settling,
    /// Log in anew, then go on.
    LogInAnew,
    /// It will not pass.
    Final,
}

pub(crate) fn verdict(code: Code) -> Verdict {
    match code {
        Code::ServerUnreachable
        | Code::ConnectionLost
        | Code::MediaUnreachable
        | Code::ServerStopping
        | Code::ProxyFailed
        | Code::TooManyAttempts
        | Code::Internal => Verdict::TryAgain,
        Code::RoomFull | Code::RoomNotFound | Code::ProtocolMismatch => Verdict::Settling,
        Code::TokenInvalid => Verdict::LogInAnew,
        _ => Verdict::Final,
    }
}

/// Why the media room ended: for good (with its code), or as something to come back from.
pub(crate) fn final_reason(reason: &DisconnectReason) -> Option<Code> {
    Some(match reason {
        DisconnectReason::ClientInitiated => Code::Ok,
        DisconnectReason::DuplicateIdentity => Code::JoinedElsewhere,
        DisconnectReason::ParticipantRemoved => Code::Removed,
        DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed => Code::RoomDestroyed,
        _ => return None,
    })
}

/// The failure a disconnect stands for that we come back from.
pub(crate) fn loss(reason: &DisconnectReason) -> SessionError {
    let code = match reason {
        DisconnectReason::ServerShutdown => Code::ServerStopping,
        DisconnectReason::ConnectionTimeout => Code::MediaUnreachable,
        DisconnectReason::Refused(_) => Code::TokenInvalid,
        _ => Code::ConnectionLost,
    };
    SessionError::new(code, format!("{}: {reason}", code.text()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let waits: Vec<_> = (0..8).map(|n| backoff(n).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3000, 3000, 3000, 3000]);
        assert_eq!(backoff(u32::MAX), MAX_DELAY);
    }
}
