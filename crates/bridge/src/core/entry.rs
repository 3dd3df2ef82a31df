//! What the core knows of one launch.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use beckon_protocol::{
    channel::{
        Call, Event,
        app::{LaunchState, Members, RoomPhase, RoomState},
        proof,
    },
    launch::{Launch, LaunchKey},
    relay,
    rpc::{Id, RpcError},
};
use url::Url;

use super::{ConnectionId, GRACE, HELD_MAX, KEY_LIFE, STANDBY};

/// One launch, as it stands.
#[derive(Debug)]
pub(super) struct Entry {
    pub launch: Launch,
    pub born: Instant,
    /// The launch's own key, until it is used.
    pub key: Option<LaunchKey>,
    /// The key with which a reloaded page comes back.
    pub resume: Option<LaunchKey>,
    pub state: LaunchState,
    /// Its URL was not taken: this is all the page is told.
    pub refusal: Option<RpcError>,
    /// The app was asked for consent.
    pub asked: bool,
    /// The page's live connection.
    pub connection: Option<ConnectionId>,
    /// Since when the page is away, after it was there.
    pub away: Option<Instant>,
    /// The app was told that the page has gone.
    pub gone: bool,
    /// Calls that came before consent.
    pub waiting: Vec<(Id, Call)>,
    /// What happened while the page was away.
    held: VecDeque<Event>,
    pub room: Option<RoomState>,
    pub members: Option<Members>,
    /// A `room.open` went well and no `closed` followed.
    pub in_room: bool,
    /// A `room.open` is under way.
    pub opening: bool,
    /// A room was open and has ended.
    pub served: bool,
    pub close_with_page: bool,
    pub relay_open: bool,
    /// The relay named a foreign origin or its page a wrong key: it is not tried again.
    pub relay_barred: bool,
}

impl Entry {
    pub fn new(launch: Launch, now: Instant) -> Self {
        Self {
            key: Some(launch.key.clone()),
            launch,
            born: now,
            resume: None,
            state: LaunchState::AwaitingConsent,
            refusal: None,
            asked: false,
            connection: None,
            away: None,
            gone: false,
            waiting: Vec::new(),
            held: VecDeque::new(),
            room: None,
            members: None,
            in_room: false,
            opening: false,
            served: false,
            close_with_page: false,
            relay_open: false,
            relay_barred: false,
        }
    }

    /// A launch that is there only for its page to hear why it was not taken: nobody is asked about it.
    pub fn refused(launch: Launch, error: RpcError, now: Instant) -> Self {
        Self { state: LaunchState::Denied, asked: true, refusal: Some(error), ..Self::new(launch, now) }
    }

    /// When the clock alone changes something.
    pub fn deadline(&self) -> Option<Instant> {
        if self.key.is_some() {
            return Some(self.born + KEY_LIFE);
        }
        self.away.filter(|_| !self.gone).map(|since| since + self.grace())
    }

    /// Its last room is over, and it may open another one.
    pub fn stands_by(&self) -> bool {
        self.served && !self.has_room()
    }

    /// How long its page may be away.
    pub fn grace(&self) -> Duration {
        if self.stands_by() { STANDBY } else { GRACE }
    }

    /// A room is open for the page, or being opened.
    pub fn has_room(&self) -> bool {
        self.in_room || self.opening
    }

    /// The page is gone for good and nothing is left that it could come back to.
    pub fn is_over(&self) -> bool {
        self.gone && self.connection.is_none() && !self.has_room()
    }

    /// Keeps what a page that comes back must be told of the room as it stands.
    pub fn remember(&mut self, event: &Event) {
        match event {
            Event::RoomState(state) => {
                // The last state of a room comes before `Closed`.
                self.served |= self.in_room;
                self.in_room = state.phase != RoomPhase::Ended;
                self.room = self.in_room.then(|| state.clone());
            }
            Event::Members(members) => self.members = Some(members.clone()),
            Event::Closed(_) => {
                self.served |= self.in_room;
                (self.in_room, self.opening) = (false, false);
                (self.room, self.members) = (None, None);
            }
            Event::LaunchState(_) | Event::Chat(_) | Event::Notice(_) => {}
        }
    }

    /// Keeps an event for a page that is away. States are kept by [`Self::remember`]; only what happened once is held.
    pub fn hold(&mut self, event: Event) {
        if matches!(event, Event::RoomState(_) | Event::Members(_) | Event::LaunchState(_)) {
            return;
        }
        if self.held.len() >= HELD_MAX {
            self.held.pop_front();
        }
        self.held.push_back(event);
    }

    /// What a page that came back has missed, in order.
    pub fn take_missed(&mut self) -> Vec<Event> {
        let members = self.members.clone().map(Event::Members);
        members.into_iter().chain(self.held.drain(..)).collect()
    }

    /// The key of this name, where it may still open a channel.
    pub fn key_named(&self, id: &str) -> Option<&LaunchKey> {
        [&self.key, &self.resume].into_iter().flatten().find(|key| proof::key_id(key) == id)
    }

    /// The relay's complete address for this launch; none without a relay or where it is barred.
    pub fn relay_url(&self) -> Option<Url> {
        let mut url = self.launch.relay.clone().filter(|_| !self.relay_barred)?;
        url.query_pairs_mut().append_pair("side", "app").append_pair("id", &relay::id(&self.launch.key));
        Some(url)
    }

    /// The relay's host and port, as a person reads it.
    pub fn relay_host(&self) -> Option<String> {
        let url = self.launch.relay.as_ref()?;
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    }
}
