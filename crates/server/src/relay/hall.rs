//! Who stands where in the relay. Pure: arrivals, departures and time in, notes and closings out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use beckon_protocol::{
    launch::Origin,
    relay::{Note, Side, WAIT, is_id},
};

/// A socket on the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(u64);

/// What the relay takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HallConfig {
    /// How long one side waits for the other.
    pub wait: Duration,
    /// Most sockets at a time.
    pub sockets: usize,
    /// Most sockets of one address at a time.
    pub sockets_of_address: usize,
    /// Bytes that one side may send in a second, over time.
    pub bytes_per_second: usize,
    /// Frames that one side may send in a second, over time.
    pub frames_per_second: usize,
}

impl Default for HallConfig {
    fn default() -> Self {
        Self { wait: WAIT, sockets: 20_000, sockets_of_address: 200, bytes_per_second: 4 << 20, frames_per_second: 200 }
    }
}

/// Why a socket is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The meeting point is none.
    #[error("the meeting point must be 22 base64url characters")]
    Id,
    /// The relay is full.
    #[error("the relay has as many sockets as it takes; try again later")]
    Busy,
    /// This address has too many.
    #[error("this address has as many sockets on the relay as one may have")]
    TooMany,
}

/// What the shell has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a note of the relay's own.
    Tell(SocketId, Note),
    /// Close with this WebSocket status (RFC 6455, section 7.4) and reason.
    Close(SocketId, u16, &'static str),
}

/// The other side vanished, or the server stops.
const GOING_AWAY: u16 = 1001;
/// What one may not do.
const POLICY: u16 = 1008;

#[derive(Debug)]
struct Seat {
    meeting: String,
    side: Side,
    origin: Option<Origin>,
    address: IpAddr,
    /// When the seconds' allowances for bytes and frames are used up to (a token bucket, told as a time).
    bytes_paid: Instant,
    frames_paid: Instant,
}

#[derive(Debug, Default)]
struct Meeting {
    page: Option<SocketId>,
    app: Option<SocketId>,
    /// Since when one side waits for the first meeting; none once both have met.
    waiting_since: Option<Instant>,
}

impl Meeting {
    fn of(&mut self, side: Side) -> &mut Option<SocketId> {
        match side {
            Side::Page => &mut self.page,
            Side::App => &mut self.app,
        }
    }
}

/// Everybody on the relay.
#[derive(Debug)]
pub struct Hall {
    config: HallConfig,
    next: u64,
    seats: HashMap<SocketId, Seat>,
    meetings: HashMap<String, Meeting>,
    addresses: HashMap<IpAddr, usize>,
}

impl Hall {
    /// An empty hall.
    pub fn new(config: HallConfig) -> Self {
        Self { config, next: 0, seats: HashMap::new(), meetings: HashMap::new(), addresses: HashMap::new() }
    }

    /// Somebody comes to the meeting point `id`; `origin` is the page's.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn arrive(
        &mut self,
        id: &str,
        side: Side,
        origin: Option<Origin>,
        address: IpAddr,
        now: Instant,
    ) -> Result<(SocketId, Vec<Effect>), Refusal> {
        if !is_id(id) {
            return Err(Refusal::Id);
        }
        if self.seats.len() >= self.config.sockets {
            return Err(Refusal::Busy);
        }
        if self.addresses.get(&address).is_some_and(|count| *count >= self.config.sockets_of_address) {
            return Err(Refusal::TooMany);
        }
        let socket = SocketId(self.next);
        self.next += 1;
        *self.addresses.entry(address).or_default() += 1;
        let seat = Seat { meeting: id.to_owned(), side, origin, address, bytes_paid: now, frames_paid: now };
        self.seats.insert(socket, seat);

        let mut effects = Vec::new();
        let meeting = self.meetings.entry(id.to_owned()).or_default();
        if let Some(older) = meeting.of(side).replace(socket) {
            effects.push(Effect::Close(older, POLICY, "a newer connection took over"));
        }
        match (meeting.page, meeting.app) {
            (Some(page), Some(app)) => {
                meeting.waiting_since = None;
                let origin = self.seats.get(&page).and_then(|seat| seat.origin.clone());
                effects.push(Effect::Tell(app, Note::Peer { origin }));
                effects.push(Effect::Tell(page, Note::Peer { origin: None }));
            }
            _ => {
                meeting.waiting_since.get_or_insert(now);
            }
        }
        Ok((socket, effects))
    }

    /// Whom this socket's frames go to.
    pub fn peer(&self, socket: SocketId) -> Option<SocketId> {
        let seat = self.seats.get(&socket)?;
        let meeting = self.meetings.get(&seat.meeting)?;
        match seat.side {
            Side::Page if meeting.page == Some(socket) => meeting.app,
            Side::App if meeting.app == Some(socket) => meeting.page,
            // One that a newer has replaced talks to nobody.
            _ => None,
        }
    }

    /// Charges a frame of `bytes`; how long the socket must be silent before its next. Two seconds' worth may come at once.
    pub fn charge(&mut self, socket: SocketId, bytes: usize, now: Instant) -> Duration {
        let Some(seat) = self.seats.get_mut(&socket) else { return Duration::ZERO };
        let burst = Duration::from_secs(2);
        let costs = [
            (&mut seat.bytes_paid, bytes as f64 / self.config.bytes_per_second.max(1) as f64),
            (&mut seat.frames_paid, 1.0 / self.config.frames_per_second.max(1) as f64),
        ];
        costs
            .into_iter()
            .map(|(paid, cost)| {
                *paid = (*paid).max(now) + Duration::from_secs_f64(cost);
                paid.saturating_duration_since(now).saturating_sub(burst)
            })
            .max()
            .unwrap_or_default()
    }

    /// A socket has closed, with this status if it said one.
    pub fn gone(&mut self, socket: SocketId, status: Option<u16>) -> Vec<Effect> {
        let Some(seat) = self.seats.remove(&socket) else { return Vec::new() };
        if let Some(count) = self.addresses.get_mut(&seat.address) {
            *count -= 1;
            if *count == 0 {
                self.addresses.remove(&seat.address);
            }
        }
        let Some(meeting) = self.meetings.get_mut(&seat.meeting) else { return Vec::new() };
        if *meeting.of(seat.side) != Some(socket) {
            return Vec::new();
        }
        *meeting.of(seat.side) = None;
        let effects = match (seat.side, meeting.page, meeting.app) {
            (Side::Page, _, Some(app)) => vec![Effect::Tell(app, Note::Gone)],
            (Side::App, Some(page), _) => vec![Effect::Close(page, sendable(status), "the app has gone")],
            _ => Vec::new(),
        };
        if meeting.page.is_none() && meeting.app.is_none() {
            self.meetings.remove(&seat.meeting);
        }
        effects
    }

    /// Closes those who waited in vain.
    pub fn sweep(&mut self, now: Instant) -> Vec<Effect> {
        let wait = self.config.wait;
        let late = |since: Option<Instant>| since.is_some_and(|since| now.saturating_duration_since(since) >= wait);
        self.meetings
            .values_mut()
            .filter(|meeting| late(meeting.waiting_since))
            .flat_map(|meeting| {
                meeting.waiting_since = None;
                meeting.page.into_iter().chain(meeting.app)
            })
            .map(|socket| Effect::Close(socket, POLICY, "the other side did not come"))
            .collect()
    }
}

/// The status to close the page with: some may only be seen, not sent.
fn sendable(status: Option<u16>) -> u16 {
    match status {
        Some(status @ (1000 | 1001 | 1003 | 1007..=1014 | 3000..=4999)) => status,
        _ => GOING_AWAY,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ID: &str = "ilvbTMFRZBJsbvJmjendJA";

    fn origin() -> Option<Origin> {
        Some(Origin::parse("https://crm.example.com").unwrap())
    }

    fn here() -> IpAddr {
        [192, 0, 2, 1].into()
    }

    fn hall() -> (Hall, Instant) {
        (Hall::new(HallConfig { sockets: 4, sockets_of_address: 3, ..HallConfig::default() }), Instant::now())
    }

    #[test]
    fn both_are_told_of_each_other_and_only_the_app_of_the_origin() {
        let (mut hall, now) = hall();
        let (page, effects) = hall.arrive(ID, Side::Page, origin(), here(), now).unwrap();
        assert_eq!(effects, []);
        assert_eq!(hall.peer(page), None);
        let (app, effects) = hall.arrive(ID, Side::App, None, here(), now).unwrap();
        let told =
            [Effect::Tell(app, Note::Peer { origin: origin() }), Effect::Tell(page, Note::Peer { origin: None })];
        assert_eq!(effects, told);
        assert_eq!((hall.peer(page), hall.peer(app)), (Some(app), Some(page)));
    }

    #[test]
    fn a_page_that_goes_is_told_and_the_app_stays_for_the_next() {
        let (mut hall, now) = hall();
        let (page, _) = hall.arrive(ID, Side::Page, origin(), here(), now).unwrap();
        let (app, _) = hall.arrive(ID, Side::App, None, here(), now).unwrap();
        assert_eq!(hall.gone(page, Some(1001)), [Effect::Tell(app, Note::Gone)]);
        assert_eq!(hall.sweep(now + WAIT * 10), [], "an app that met its page is not sent away");
        let (again, effects) = hall.arrive(ID, Side::Page, origin(), here(), now).unwrap();
        assert_eq!(effects.len(), 2);
        assert_eq!(hall.peer(app), Some(again));
    }

    #[test]
    fn an_app_that_goes_takes_the_page_with_it_and_says_why() {
        for (said, told) in [(Some(4003), 4003), (Some(1000), 1000), (None, 1001), (Some(1006), 1001)] {
            let (mut hall, now) = hall();
            let (app, _) = hall.arrive(ID, Side::App, None, here(), now).unwrap();
            let (page, _) = hall.arrive(ID, Side::Page, origin(), here(), now).unwrap();
            assert_eq!(hall.gone(app, said), [Effect::Close(page, told, "the app has gone")]);
            assert_eq!(hall.gone(page, None), []);
            assert!(hall.meetings.is_empty() && hall.seats.is_empty() && hall.addresses.is_empty());
        }
    }

    #[test]
    fn a_newer_socket_replaces_an_older_which_then_talks_to_nobody() {
        let (mut hall, now) = hall();
        let (app, _) = hall.arrive(ID, Side::App, None, here(), now).unwrap();
        let (old, _) = hall.arrive(ID, Side::Page, origin(), here(), now).unwrap();
        let (new, effects) = hall.arrive(ID, Side::Page, origin(), here(), now).unwrap();
        assert_eq!(effects[0], Effect::Close(old, 1008, "a newer connection took over"));
        assert_eq!((hall.peer(old), hall.peer(new), hall.peer(app)), (None, Some(app), Some(new)));
        assert_eq!(hall.gone(old, None), [], "its going is no news");
        assert_eq!(hall.peer(app), Some(new));
    }

    #[test]
    fn one_who_waits_in_vain_is_sent_away() {
        let (mut hall, now) = hall();
        let (page, _) = hall.arrive(ID, Side::Page, origin(), here(), now).unwrap();
        assert_eq!(hall.sweep(now + WAIT - Duration::from_secs(1)), []);
        assert_eq!(hall.sweep(now + WAIT), [Effect::Close(page, 1008, "the other side did not come")]);
        assert_eq!(hall.sweep(now + WAIT * 2), []);
    }

    #[test]
    fn sockets_are_bounded_by_address_and_in_all() {
        let (mut hall, now) = hall();
        let id = |n: usize| format!("{n:022}");
        for n in 0..3 {
            hall.arrive(&id(n), Side::App, None, here(), now).unwrap();
        }
        assert_eq!(hall.arrive(&id(3), Side::App, None, here(), now).unwrap_err(), Refusal::TooMany);
        hall.arrive(&id(3), Side::App, None, [192, 0, 2, 2].into(), now).unwrap();
        assert_eq!(hall.arrive(&id(4), Side::App, None, [192, 0, 2, 3].into(), now).unwrap_err(), Refusal::Busy);
        assert_eq!(hall.arrive("x", Side::App, None, here(), now).unwrap_err(), Refusal::Id);
    }

    #[test]
    fn who_sends_too_fast_must_wait() {
        let (mut hall, now) = hall();
        let (page, _) = hall.arrive(ID, Side::Page, origin(), here(), now).unwrap();
        assert_eq!(hall.charge(page, 4 << 20, now), Duration::ZERO);
        assert_eq!(hall.charge(page, 4 << 20, now), Duration::ZERO);
        assert_eq!(hall.charge(page, 4 << 20, now), Duration::from_secs(1));
        assert_eq!(hall.charge(page, 10, now + Duration::from_secs(10)), Duration::ZERO);
        let later = now + Duration::from_secs(20);
        let wait = (0..600).map(|_| hall.charge(page, 10, later)).max().unwrap();
        assert!(wait > Duration::from_millis(900), "{wait:?}");
    }
}
