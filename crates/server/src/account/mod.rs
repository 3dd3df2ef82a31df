//! Who may come in: applications, userSigs, the rate of failed log-ins, and what the server itself signs.
//!
//! A userSig is made by the customer's own backend with a key of its application; [`Accounts::log_in`] verifies it and
//! hands out a session token. Nothing here touches the network or the clock: time is an argument.

mod app;
mod issue;
mod limit;
mod seal;
mod sig;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use beckon_protocol::{
    Code, Secret,
    room::{IdError, RoomId, UserId},
    service::Login,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

pub use app::{App, AppKeyError};
pub use issue::{IssueError, issue_v1, issue_v2};
pub use limit::{FailureLimit, LimitConfig};
pub use seal::{SealError, Sealer};
pub use sig::{Claims, SIG_MAX, SigError, UserSig};

/// Who a session token or an invitation speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The application.
    #[serde(rename = "a")]
    pub app: u64,
    /// The user.
    #[serde(rename = "u")]
    pub user: UserId,
}

#[derive(Serialize, Deserialize)]
struct Invitation {
    #[serde(rename = "r")]
    room: RoomId,
}

#[derive(Serialize, Deserialize)]
struct GuestPass {
    #[serde(rename = "r")]
    room: RoomId,
    #[serde(rename = "u")]
    guest: UserId,
}

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The server has no such application.
    #[error("the server has no application with sdkAppID {0}; its owner adds it under [[apps]] in the configuration")]
    UnknownApp(u64),
    /// The user ID does not fit.
    #[error(transparent)]
    User(#[from] IdError),
    /// The userSig does not hold.
    #[error(transparent)]
    Sig(#[from] SigError),
    /// Too many failed log-ins.
    #[error("too many failed log-ins from this address or for this user; try again in {0} s")]
    TooMany(u64),
    /// Too many seats for guests.
    #[error("too many places in this room were asked for from this address; try again in {0} s")]
    TooManySeats(u64),
    /// The bearer token or invitation does not hold.
    #[error("{0}; log in again")]
    Token(#[from] SealError),
}

impl AccountError {
    /// The code a client sees.
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownApp(_) => Code::UnknownApp,
            Self::User(_) => Code::WrongParameter,
            Self::Sig(sig) => sig.code(),
            Self::TooMany(_) | Self::TooManySeats(_) => Code::TooManyAttempts,
            Self::Token(_) => Code::TokenInvalid,
        }
    }

    /// The field of the request that did not fit.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::UnknownApp(_) => Some("sdkAppID"),
            Self::User(_) => Some("userID"),
            Self::Sig(_) => Some("userSig"),
            Self::TooMany(_) | Self::TooManySeats(_) | Self::Token(_) => None,
        }
    }

    /// After how many seconds another try is worth it, where that is known.
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::TooMany(seconds) | Self::TooManySeats(seconds) => Some(*seconds),
            _ => None,
        }
    }
}

/// The applications of this server, and what it signs for their users.
pub struct Accounts {
    apps: Vec<App>,
    sealer: Sealer,
    session: Duration,
    invitation: Duration,
    failures: Mutex<FailureLimit>,
}

impl Accounts {
    /// Accounts of these applications; `session` and `invitation` say how long what the server signs holds.
    pub fn new(apps: Vec<App>, sealer: Sealer, session: Duration, invitation: Duration, limit: LimitConfig) -> Self {
        Self { apps, sealer, session, invitation, failures: Mutex::new(FailureLimit::new(limit)) }
    }

    /// The application with this sdkAppID.
    pub fn app(&self, id: u64) -> Option<&App> {
        self.apps.iter().find(|app| app.id == id)
    }

    /// The first application that can make userSigs for tests: one with an HMAC key.
    pub fn test_app(&self) -> Option<&App> {
        self.apps.iter().find(|app| app.hmac_key.is_some())
    }

    /// How long a session token holds.
    pub fn session_length(&self) -> Duration {
        self.session
    }

    /// Verifies a userSig and opens a session: the caller and the bearer token.
    ///
    /// `from` is the address the call came from, `now` the UNIX time in s, `clock` the same moment on the monotonic clock.
    ///
    /// # Errors
    /// [`AccountError`]; every one but [`AccountError::TooMany`] counts as a failed log-in of the address, and those with
    /// a known user as one of the user too.
    pub fn log_in(
        &self,
        login: &Login,
        from: IpAddr,
        now: i64,
        clock: Instant,
    ) -> Result<(Caller, Secret), AccountError> {
        // What cannot be anybody's name is not remembered: it may be long.
        let named = login.user_id.parse::<UserId>().is_ok();
        let known_user = self.app(login.sdk_app_id).filter(|_| named).map(|app| (app.id, login.user_id.as_str()));
        if let Some(wait) = self.failures.lock().wait(from, known_user, clock) {
            return Err(AccountError::TooMany(wait.as_secs().max(1)));
        }
        match self.check(login, now) {
            Ok(caller) => {
                let token = self.sealer.seal("session", &caller, now.saturating_add_unsigned(self.session.as_secs()));
                Ok((caller, token))
            }
            Err(error) => {
                self.failures.lock().record(from, known_user, clock);
                Err(error)
            }
        }
    }

    fn check(&self, login: &Login, now: i64) -> Result<Caller, AccountError> {
        let user: UserId = login.user_id.parse()?;
        let app = self.app(login.sdk_app_id).ok_or(AccountError::UnknownApp(login.sdk_app_id))?;
        UserSig::parse(login.user_sig.expose())?.verify(app, user.as_str(), now)?;
        Ok(Caller { app: app.id, user })
    }

    /// Whose bearer token this is.
    ///
    /// # Errors
    /// [`AccountError::Token`] when the token is not ours, was changed, or has expired, and
    /// [`AccountError::UnknownApp`] when its application has gone since.
    pub fn caller(&self, token: &str, now: i64) -> Result<Caller, AccountError> {
        let caller: Caller = self.sealer.open("session", token, now)?;
        if self.app(caller.app).is_none() {
            return Err(AccountError::UnknownApp(caller.app));
        }
        Ok(caller)
    }

    /// An invitation into a room, for guests who have no account; it holds for the configured time.
    pub fn invite(&self, room: &RoomId, now: i64) -> Secret {
        let until = now.saturating_add_unsigned(self.invitation.as_secs());
        self.sealer.seal("guest", &Invitation { room: room.clone() }, until)
    }

    /// Checks an invitation into this room.
    ///
    /// # Errors
    /// [`AccountError::Token`] when it is not ours, is for another room, or has expired.
    pub fn check_invitation(&self, invitation: &str, room: &RoomId, now: i64) -> Result<(), AccountError> {
        let signed: Invitation = self.sealer.open("guest", invitation, now)?;
        if signed.room == *room { Ok(()) } else { Err(SealError::Wrong.into()) }
    }

    /// What lets the same guest into the same room again, as long as an invitation holds.
    pub fn guest_pass(&self, room: &RoomId, guest: &UserId, now: i64) -> Secret {
        let until = now.saturating_add_unsigned(self.invitation.as_secs());
        self.sealer.seal("guest-pass", &GuestPass { room: room.clone(), guest: guest.clone() }, until)
    }

    /// Which guest of this room has this pass; `None` where it is not ours, is for another room, or has expired.
    pub fn guest_of(&self, pass: &str, room: &RoomId, now: i64) -> Option<UserId> {
        let signed: GuestPass = self.sealer.open("guest-pass", pass, now).ok()?;
        (signed.room == *room).then_some(signed.guest)
    }

    /// Whether guests of this address may ask for a seat in this room now.
    ///
    /// # Errors
    /// [`AccountError::TooMany`] where too much from there has failed, [`AccountError::TooManySeats`].
    pub fn check_guest(&self, from: IpAddr, room: &RoomId, clock: Instant) -> Result<(), AccountError> {
        let mut limit = self.failures.lock();
        if let Some(wait) = limit.wait(from, None, clock) {
            return Err(AccountError::TooMany(wait.as_secs().max(1)));
        }
        match limit.wait_for_seat(from, room.as_str(), clock) {
            Some(wait) => Err(AccountError::TooManySeats(wait.as_secs().max(1))),
            None => Ok(()),
        }
    }

    /// A guest got a seat.
    pub fn guest_seated(&self, from: IpAddr, room: &RoomId, clock: Instant) {
        self.failures.lock().record_seat(from, room.as_str(), clock);
    }

    /// A guest came without an invitation that holds, or to no room: counts as a failed log-in of the address.
    pub fn guest_failed(&self, from: IpAddr, clock: Instant) {
        self.failures.lock().record(from, None, clock);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn accounts() -> Accounts {
        let app = App::with_hmac_key(7, "a key of thirty-two bytes or more");
        let hours = |h: u64| Duration::from_secs(3600 * h);
        Accounts::new(vec![app], Sealer::new([5; 32]), hours(12), hours(12), LimitConfig::default())
    }

    fn login(accounts: &Accounts, user: &str) -> Login {
        let user_sig = issue_v2(accounts.app(7).unwrap(), user, 60, NOW, None).unwrap();
        Login { sdk_app_id: 7, acc_type: String::new(), user_id: user.to_owned(), user_sig }
    }

    #[test]
    fn a_good_sig_opens_a_session_that_expires() {
        let accounts = accounts();
        let from: IpAddr = [192, 0, 2, 1].into();
        let (caller, token) = accounts.log_in(&login(&accounts, "alice"), from, NOW, Instant::now()).unwrap();
        assert_eq!(accounts.caller(token.expose(), NOW + 60).unwrap(), caller);
        let late = accounts.caller(token.expose(), NOW + 12 * 3600 + 1).unwrap_err();
        assert_eq!(late.code(), Code::TokenInvalid);
        // A session is no invitation, whatever the payload.
        assert!(accounts.check_invitation(token.expose(), &"r".parse().unwrap(), NOW).is_err());
    }

    #[test]
    fn an_invitation_opens_its_own_room_only() {
        let accounts = accounts();
        let invitation = accounts.invite(&"r1".parse().unwrap(), NOW);
        assert!(accounts.check_invitation(invitation.expose(), &"r1".parse().unwrap(), NOW + 3600).is_ok());
        assert!(accounts.check_invitation(invitation.expose(), &"r2".parse().unwrap(), NOW).is_err());
        assert!(accounts.check_invitation(invitation.expose(), &"r1".parse().unwrap(), NOW + 43_201).is_err());
        assert!(accounts.caller(invitation.expose(), NOW).is_err());
    }

    #[test]
    fn a_pass_names_its_guest_in_its_own_room_only() {
        let accounts = accounts();
        let (room, guest) = ("r1".parse().unwrap(), "guest-x".parse().unwrap());
        let pass = accounts.guest_pass(&room, &guest, NOW);
        assert_eq!(accounts.guest_of(pass.expose(), &room, NOW + 3600), Some(guest.clone()));
        assert_eq!(accounts.guest_of(pass.expose(), &"r2".parse().unwrap(), NOW), None);
        assert_eq!(accounts.guest_of(pass.expose(), &room, NOW + 43_201), None);
        assert_eq!(accounts.guest_of(accounts.invite(&room, NOW).expose(), &room, NOW), None);
        assert!(accounts.check_invitation(pass.expose(), &room, NOW).is_err());
    }

    #[test]
    fn failures_are_counted_and_then_refused_without_looking_at_the_sig() {
        let accounts = accounts();
        let from: IpAddr = [192, 0, 2, 1].into();
        let clock = Instant::now();
        let mut bad = login(&accounts, "alice");
        bad.user_sig = Secret::new("nonsense");
        let mut codes = Vec::new();
        for _ in 0..=LimitConfig::default().address_failures {
            codes.push(accounts.log_in(&bad, from, NOW, clock).unwrap_err().code());
        }
        assert_eq!(codes.first(), Some(&Code::SigMalformed));
        assert_eq!(codes.last(), Some(&Code::TooManyAttempts));
        let good = login(&accounts, "bob");
        assert_eq!(accounts.log_in(&good, from, NOW, clock).unwrap_err().code(), Code::TooManyAttempts);
        assert!(accounts.log_in(&good, [192, 0, 2, 2].into(), NOW, clock).is_ok());
    }

    #[test]
    fn what_is_nobodys_name_is_not_remembered_as_one() {
        let accounts = accounts();
        let bad = Login { user_id: "n".repeat(60_000), user_sig: Secret::new("nonsense"), ..login(&accounts, "alice") };
        // From one address each.
        for n in 0..=u8::MAX {
            let error = accounts.log_in(&bad, [192, 0, 2, n].into(), NOW, Instant::now()).unwrap_err();
            assert_ne!(error.code(), Code::TooManyAttempts, "{n}");
        }
    }
}
