//! The rules of one room. Pure: what happened and the time come in, a verdict comes out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use beckon_protocol::room::{Member, Role, StyleType, Template};
use rand::Rng;

/// How long a seat is kept for somebody who got a token and has not joined yet.
pub const SEAT_KEPT: Duration = Duration::from_secs(30);
/// The same for a guest: nobody stands for them, so a seat that is asked for and not taken is soon another's.
pub const GUEST_SEAT_KEPT: Duration = Duration::from_secs(10);

/// How long rooms wait for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long a room that nobody is in is kept.
    pub abandoned_after: Duration,
    /// How long a room waits for a creator whose connection was lost.
    pub creator_grace: Duration,
}

/// What becomes of the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Stays,
    /// It is over, for this reason.
    Ends(EndReason),
}

/// Why a room ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Its creator left.
    CreatorLeft,
    /// Its creator was lost and did not come back.
    CreatorLost,
    /// Nobody was in it for too long.
    Abandoned,
}

/// How somebody went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// On purpose.
    Left,
    /// The connection was lost.
    Lost,
    /// A newer connection of the same user took over.
    Replaced,
}

/// Every seat is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full {
    /// How many there are.
    pub seats: u32,
}

#[derive(Debug, Clone)]
struct Presence {
    /// The connection; a newer one of the same user has another.
    sid: String,
    member: Member,
}

/// Who is in one room, and who is expected.
#[derive(Debug, Clone)]
pub struct Occupancy {
    creator: String,
    style: StyleType,
    template: Template,
    present: BTreeMap<String, Presence>,
    seats: BTreeMap<String, (Role, Instant)>,
    /// Since when nobody is in it.
    empty_since: Option<Instant>,
    /// Since when the creator, who was in it, is not.
    creator_gone: Option<Instant>,
}

impl Occupancy {
    /// A room with nobody in it. `creator_joined`: the creator was in it before (the server came back), so their place
    /// is held for the grace time only.
    pub fn new(creator: &str, style: StyleType, template: Template, creator_joined: bool, now: Instant) -> Self {
        Self {
            creator: creator.to_owned(),
            style,
            template,
            present: BTreeMap::new(),
            seats: BTreeMap::new(),
            empty_since: Some(now),
            creator_gone: creator_joined.then_some(now),
        }
    }

    /// Gives a seat to a user who wants to come in: the creator always has one, others until the template is full. In a
    /// live room those beyond it come in as audience. A user who is in already keeps their seat.
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit(&mut self, user: &str, now: Instant) -> Result<Role, Full> {
        self.seat(user, SEAT_KEPT, now)
    }

    /// The same for a guest.
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit_guest(&mut self, user: &str, now: Instant) -> Result<Role, Full> {
        self.seat(user, GUEST_SEAT_KEPT, now)
    }

    fn seat(&mut self, user: &str, kept: Duration, now: Instant) -> Result<Role, Full> {
        self.seats.retain(|_, (_, until)| *until > now);
        let seats = self.template.capacity();
        let role = if user == self.creator {
            Role::Creator
        } else {
            // The creator's seat is theirs, whether they are in or not.
            let publishing = |role: &Role| *role == Role::Member;
            let present = self.present.iter().filter(|(id, p)| *id != user && publishing(&p.member.role));
            let expected = self
                .seats
                .iter()
                .filter(|(id, (role, _))| *id != user && publishing(role) && !self.present.contains_key(*id));
            match present.count() + expected.count() + 1 < seats as usize {
                true => Role::Member,
                false if self.style == StyleType::LiveRoom => Role::Audience,
                false => return Err(Full { seats }),
            }
        };
        self.seats.insert(user.to_owned(), (role, now + kept));
        Ok(role)
    }

    /// Gives a seat back that was not used.
    pub fn release(&mut self, user: &str) {
        self.seats.remove(user);
    }

    /// Somebody came in over the connection `sid`, or what is known of them changed. True when it is the creator's first time.
    pub fn joined(&mut self, sid: &str, member: Member) -> bool {
        self.seats.remove(&member.user_id);
        self.empty_since = None;
        let creator = member.user_id == self.creator;
        if creator {
            self.creator_gone = None;
        }
        let before = self.present.insert(member.user_id.clone(), Presence { sid: sid.to_owned(), member });
        creator && before.is_none()
    }

    /// A connection ended. One that a newer of the same user has replaced changes nothing.
    pub fn left(&mut self, user: &str, sid: &str, how: Departure, now: Instant) -> Verdict {
        match self.present.get(user) {
            Some(presence) if presence.sid == sid => {}
            _ => return Verdict::Stays,
        }
        if how == Departure::Replaced {
            // The newer connection is about to be told, or comes at once: the member has not gone.
            self.seats.insert(user.to_owned(), (self.role_of(user), now + SEAT_KEPT));
        }
        self.present.remove(user);
        if self.present.is_empty() {
            self.empty_since = Some(now);
        }
        if user == self.creator {
            if how == Departure::Left {
                return Verdict::Ends(EndReason::CreatorLeft);
            }
            self.creator_gone = Some(now);
        }
        Verdict::Stays
    }

    fn role_of(&self, user: &str) -> Role {
        self.present.get(user).map_or(Role::Member, |presence| presence.member.role)
    }

    /// The engine's own list of who is in: whoever is not on it is gone (lost, as nobody said goodbye), others are in.
    /// True when the creator came in with it.
    pub fn compare(&mut self, list: Vec<(String, Member)>, now: Instant) -> bool {
        let gone: Vec<(String, String)> = self
            .present
            .iter()
            .filter(|(user, _)| !list.iter().any(|(_, member)| member.user_id == **user))
            .map(|(user, presence)| (user.clone(), presence.sid.clone()))
            .collect();
        for (user, sid) in gone {
            self.left(&user, &sid, Departure::Lost, now);
        }
        let mut first = false;
        for (sid, member) in list {
            first |= self.joined(&sid, member);
        }
        first
    }

    /// Whether the room has waited long enough.
    pub fn check(&self, now: Instant, patience: Patience) -> Verdict {
        let over =
            |since: Option<Instant>, most| since.is_some_and(|since| now.saturating_duration_since(since) >= most);
        let expected = self.seats.values().any(|(_, until)| *until > now);
        if over(self.creator_gone, patience.creator_grace) && !self.seat_kept(&self.creator, now) {
            Verdict::Ends(EndReason::CreatorLost)
        } else if over(self.empty_since, patience.abandoned_after) && !expected {
            Verdict::Ends(EndReason::Abandoned)
        } else {
            Verdict::Stays
        }
    }

    fn seat_kept(&self, user: &str, now: Instant) -> bool {
        self.seats.get(user).is_some_and(|(_, until)| *until > now)
    }

    /// Who is in, the creator first, then by user ID.
    pub fn members(&self) -> Vec<Member> {
        let mut members: Vec<Member> = self.present.values().map(|presence| presence.member.clone()).collect();
        members.sort_by_key(|member| member.role != Role::Creator);
        members
    }

    /// Whether this user is in.
    pub fn has(&self, user: &str) -> bool {
        self.present.contains_key(user)
    }

    /// Most participants the engine should let in; 0: any number.
    pub fn most(&self) -> u32 {
        match self.style {
            StyleType::RTCRoom => self.template.capacity(),
            StyleType::LiveRoom => 0,
        }
    }
}

/// A room ID for those who wished none: short enough to read out, too many to guess (60 bits).
pub fn fresh_id() -> String {
    // Without characters that look or sound alike.
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    let mut rng = rand::rng();
    (0..12).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { abandoned_after: Duration::from_secs(300), creator_grace: Duration::from_secs(60) };

    fn room(style: StyleType, template: Template) -> (Occupancy, Instant) {
        let now = Instant::now();
        (Occupancy::new("host", style, template, false, now), now)
    }

    fn member(user: &str, role: Role) -> Member {
        Member { user_id: user.into(), user_name: user.into(), user_avatar: String::new(), role }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_template_bounds_who_may_publish_and_the_creator_always_has_a_seat() {
        let (mut room, now) = room(StyleType::RTCRoom, Template::OneToTwo);
        assert_eq!(room.admit("a", now), Ok(Role::Member));
        assert_eq!(room.admit("b", now), Ok(Role::Member));
        assert_eq!(room.admit("c", now), Err(Full { seats: 3 }));
        assert_eq!(room.admit("host", now), Ok(Role::Creator));
        // Who has a seat may ask again; who is in does not count twice.
        room.joined("PA_1", member("a", Role::Member));
        assert_eq!(room.admit("a", now), Ok(Role::Member));
        assert_eq!(room.admit("c", now), Err(Full { seats: 3 }));
    }

    #[test]
    fn a_seat_that_nobody_takes_becomes_free() {
        let (mut room, now) = room(StyleType::RTCRoom, Template::OneToOne);
        room.admit("a", now).unwrap();
        assert!(room.admit("b", now + s(29)).is_err());
        assert!(room.admit("b", now + s(31)).is_ok());
        room.release("b");
        assert!(room.admit("c", now + s(31)).is_ok());
    }

    #[test]
    fn a_guests_seat_is_free_sooner_and_stays_theirs_while_they_try() {
        let (mut room, now) = room(StyleType::RTCRoom, Template::OneToOne);
        room.admit_guest("guest-a", now).unwrap();
        assert!(room.admit_guest("guest-b", now + s(5)).is_err());
        assert!(room.admit_guest("guest-a", now + s(9)).is_ok(), "they try again");
        assert!(room.admit_guest("guest-b", now + s(18)).is_err());
        assert!(room.admit_guest("guest-b", now + s(20)).is_ok());
        // Who came in keeps the seat.
        room.joined("PA_1", member("guest-b", Role::Member));
        assert!(room.admit_guest("guest-a", now + s(100)).is_err());
    }

    #[test]
    fn a_live_room_takes_those_beyond_the_template_as_audience() {
        let (mut room, now) = room(StyleType::LiveRoom, Template::OneToOne);
        assert_eq!(room.admit("a", now), Ok(Role::Member));
        assert_eq!(room.admit("b", now), Ok(Role::Audience));
        assert_eq!(room.admit("c", now), Ok(Role::Audience));
        assert_eq!(room.most(), 0);
    }

    #[test]
    fn the_creator_leaving_ends_the_room_and_nobody_else_does() {
        let (mut room, now) = room(StyleType::RTCRoom, Template::OneToOne);
        assert!(room.joined("PA_1", member("host", Role::Creator)));
        room.joined("PA_2", member("a", Role::Member));
        assert_eq!(room.left("a", "PA_2", Departure::Left, now), Verdict::Stays);
        assert_eq!(room.left("host", "PA_1", Departure::Left, now), Verdict::Ends(EndReason::CreatorLeft));
    }

    #[test]
    fn the_same_user_again_replaces_the_older_connection_in_either_order() {
        let (mut room, now) = room(StyleType::RTCRoom, Template::OneToOne);
        room.joined("PA_1", member("host", Role::Creator));
        // The newer is told first.
        assert!(!room.joined("PA_2", member("host", Role::Creator)));
        assert_eq!(room.left("host", "PA_1", Departure::Replaced, now), Verdict::Stays);
        assert!(room.has("host"));
        // The older is told first.
        assert_eq!(room.left("host", "PA_2", Departure::Replaced, now), Verdict::Stays);
        assert_eq!(room.check(now, PATIENCE), Verdict::Stays);
        room.joined("PA_3", member("host", Role::Creator));
        assert_eq!(room.check(now + s(1000), PATIENCE), Verdict::Stays);
    }

    #[test]
    fn a_lost_creator_has_the_grace_time_to_come_back() {
        let (mut room, now) = room(StyleType::RTCRoom, Template::OneToOne);
        room.joined("PA_1", member("host", Role::Creator));
        room.joined("PA_2", member("a", Role::Member));
        assert_eq!(room.left("host", "PA_1", Departure::Lost, now), Verdict::Stays);
        assert_eq!(room.check(now + s(59), PATIENCE), Verdict::Stays);
        assert_eq!(room.check(now + s(60), PATIENCE), Verdict::Ends(EndReason::CreatorLost));
        room.joined("PA_3", member("host", Role::Creator));
        assert_eq!(room.check(now + s(600), PATIENCE), Verdict::Stays);
    }

    #[test]
    fn an_abandoned_room_goes_after_its_time_unless_somebody_is_expected() {
        let (mut room, now) = room(StyleType::RTCRoom, Template::OneToOne);
        assert_eq!(room.check(now + s(299), PATIENCE), Verdict::Stays);
        assert_eq!(room.check(now + s(300), PATIENCE), Verdict::Ends(EndReason::Abandoned));
        room.admit("a", now + s(290)).unwrap();
        assert_eq!(room.check(now + s(300), PATIENCE), Verdict::Stays);
        assert_eq!(room.check(now + s(321), PATIENCE), Verdict::Ends(EndReason::Abandoned));
    }

    #[test]
    fn after_a_restart_the_creator_who_was_in_is_waited_for_like_one_lost() {
        let now = Instant::now();
        let mut room = Occupancy::new("host", StyleType::RTCRoom, Template::OneToOne, true, now);
        room.joined("PA_2", member("a", Role::Member));
        assert_eq!(room.check(now + s(60), PATIENCE), Verdict::Ends(EndReason::CreatorLost));
        room.joined("PA_3", member("host", Role::Creator));
        assert_eq!(room.check(now + s(60), PATIENCE), Verdict::Stays);
    }

    #[test]
    fn comparing_with_the_engines_list_finds_who_came_and_who_went() {
        let (mut room, now) = room(StyleType::RTCRoom, Template::OneToTwo);
        room.joined("PA_1", member("a", Role::Member));
        let list = vec![("PA_2".into(), member("b", Role::Member)), ("PA_3".into(), member("host", Role::Creator))];
        assert!(room.compare(list, now));
        let ids: Vec<_> = room.members().into_iter().map(|member| member.user_id).collect();
        assert_eq!(ids, ["host", "b"]);
        room.compare(Vec::new(), now);
        assert_eq!(room.check(now + s(60), PATIENCE), Verdict::Ends(EndReason::CreatorLost));
    }

    #[test]
    fn assigned_ids_fit_and_differ() {
        let (a, b) = (fresh_id(), fresh_id());
        assert_ne!(a, b);
        assert!(a.parse::<beckon_protocol::room::RoomId>().is_ok());
    }
}
