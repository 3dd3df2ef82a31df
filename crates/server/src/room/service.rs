//! All rooms of the server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use beckon_protocol::{
    Secret,
    room::{AVATAR_MAX, Member, NAME_MAX, Role, RoomId, UserId},
    service::{CreateRoom, Room, RoomList},
};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use super::{
    RoomError,
    ending::Ending,
    engine::{EngineFailure, Occupant, RoomEngine, RoomNews, Ticket},
    rules::{EndReason, Full, Occupancy, Patience, Verdict, fresh_id},
};
use crate::account::Caller;
use crate::store::{RoomRecord, Store};

/// An engine that did not close a room is asked again after these times.
const CLOSE_AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];
/// Most rooms in one page of a list.
pub const LIST_MAX: usize = 100;

/// How rooms are run.
#[derive(Debug, Clone, Copy)]
pub struct RoomServiceConfig {
    /// How long rooms wait for people.
    pub patience: Patience,
    /// Most rooms one user may have at a time.
    pub per_user: usize,
    /// How often the engine is asked who is in, where it needs asking.
    pub poll: Duration,
}

/// How somebody is shown to the others.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// Display name; the user ID when empty.
    pub name: String,
    /// Address of a picture, or empty.
    pub avatar: String,
}

impl Person {
    fn check(&self) -> Result<(), RoomError> {
        within("userName", &self.name, NAME_MAX)?;
        within("userAvatar", &self.avatar, AVATAR_MAX)
    }
}

fn within(field: &'static str, text: &str, most: usize) -> Result<(), RoomError> {
    if text.len() > most { Err(RoomError::TooLong { field, length: text.len(), most }) } else { Ok(()) }
}

/// The way into a room.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The room.
    pub room: Room,
    /// What the user is in it.
    pub role: Role,
    /// The access token for the engine.
    pub token: Secret,
}

struct Live {
    record: RoomRecord,
    occupancy: Occupancy,
    /// Those who are being let in: for each the engine is asked to have the room ready, and may make it anew.
    coming: TaskTracker,
}

impl Live {
    fn new(record: RoomRecord) -> Self {
        let RoomRecord { style, template, creator_joined, .. } = record;
        let occupancy = Occupancy::new(record.creator.as_str(), style, template, creator_joined, Instant::now());
        Self { record, occupancy, coming: TaskTracker::new() }
    }

    fn is_of(&self, caller: &Caller) -> bool {
        self.record.app == caller.app && self.record.creator == caller.user
    }

    fn view(&self) -> Room {
        let record = &self.record;
        Room {
            room_id: record.id.to_string(),
            room_name: record.name.clone(),
            room_title: record.title.clone(),
            style: record.style,
            template: record.template,
            creator: record.creator.to_string(),
            members: self.occupancy.members(),
            created: record.created,
        }
    }

    fn member(&self, who: Occupant) -> (String, Member) {
        let role = match who.badge.role {
            // Only the record says who the creator is.
            _ if who.user == self.record.creator.as_str() => Role::Creator,
            Role::Audience => Role::Audience,
            Role::Creator | Role::Member => Role::Member,
        };
        let user_name = if who.name.is_empty() { who.user.clone() } else { who.name };
        (who.sid, Member { user_id: who.user, user_name, user_avatar: who.badge.avatar, role })
    }
}

/// The rooms, their rules, where they are kept and what they run on.
pub struct RoomService {
    config: RoomServiceConfig,
    store: Store,
    engine: Arc<dyn RoomEngine>,
    rooms: Mutex<HashMap<RoomId, Live>>,
}

impl RoomService {
    /// Takes up the rooms that are kept in the store.
    ///
    /// # Errors
    /// [`RoomError::Store`].
    pub async fn open(
        store: Store,
        engine: Arc<dyn RoomEngine>,
        config: RoomServiceConfig,
    ) -> Result<Arc<Self>, RoomError> {
        let mut rooms = HashMap::new();
        for record in store.rooms().await? {
            let id = record.id.clone();
            let live = Live::new(record);
            if let Err(error) = engine.open(&id, live.occupancy.most()).await {
                tracing::warn!(room = %id, %error, "a kept room could not be made ready; it will be when it is entered");
            }
            rooms.insert(id, live);
        }
        if !rooms.is_empty() {
            tracing::info!(rooms = rooms.len(), "took up the rooms that were open");
        }
        Ok(Arc::new(Self { config, store, engine, rooms: Mutex::new(rooms) }))
    }

    /// What rooms run on.
    pub fn engine(&self) -> &dyn RoomEngine {
        &*self.engine
    }

    /// How many rooms there are.
    pub fn count(&self) -> usize {
        self.rooms.lock().len()
    }

    /// Makes a room and lets its creator in. `now` is the UNIX time in s.
    ///
    /// The creator of a room of that ID comes back into it. They may count as in it still, as an app that died is missed only
    /// after a while: once they join, the older connection is put offline, as when they enter.
    ///
    /// # Errors
    /// [`RoomError`]: an ID that does not fit or is taken, too many rooms, fields too long, engine, store.
    pub async fn create(self: &Arc<Self>, caller: &Caller, wish: CreateRoom, now: i64) -> Result<Entry, RoomError> {
        within("roomName", &wish.room_name, NAME_MAX)?;
        within("roomTitle", &wish.room_title, NAME_MAX)?;
        let person = Person { name: wish.user_name.clone(), avatar: wish.user_avatar.clone() };
        person.check()?;
        let (rooms, caller) = (self.clone(), caller.clone());
        whole(async move { rooms.make(&caller, wish, &person, now).await }).await
    }

    async fn make(&self, caller: &Caller, wish: CreateRoom, person: &Person, now: i64) -> Result<Entry, RoomError> {
        let id: RoomId = if wish.room_id.is_empty() { fresh_id() } else { wish.room_id }.parse()?;
        let mut fresh = {
            let rooms = self.rooms.lock();
            match rooms.get(&id) {
                Some(live) if live.is_of(caller) => false,
                Some(_) => return Err(RoomError::Exists(id)),
                None => {
                    let count = rooms.values().filter(|live| live.is_of(caller)).count();
                    if count >= self.config.per_user {
                        return Err(RoomError::TooMany(count));
                    }
                    true
                }
            }
        };
        if fresh {
            let record = RoomRecord {
                id: id.clone(),
                app: caller.app,
                creator: caller.user.clone(),
                name: wish.room_name,
                title: wish.room_title,
                style: wish.style,
                template: wish.template,
                created: now,
                creator_joined: false,
            };
            fresh = self.keep(record).await?;
            // Who asks twice at a time gets what the other call made.
            if !fresh && !self.rooms.lock().get(&id).is_some_and(|live| live.is_of(caller)) {
                return Err(RoomError::Exists(id));
            }
        }
        let entry = self.let_in(&id, Some(caller), caller.user.as_str(), person).await;
        if fresh && let Err(error @ RoomError::Engine(_)) = entry {
            // Nobody can be in a room that the engine did not make.
            self.forget(&id, &[]).await?;
            return Err(error);
        }
        entry
    }

    /// Keeps a new room; false when its ID is taken.
    async fn keep(&self, record: RoomRecord) -> Result<bool, RoomError> {
        let kept = self.store.insert(&record).await?;
        if kept {
            tracing::info!(room = %record.id, app = record.app, creator = %record.creator, "room created");
            self.rooms.lock().insert(record.id.clone(), Live::new(record));
        }
        Ok(kept)
    }

    /// Lets a user into a room.
    ///
    /// # Errors
    /// [`RoomError`]: no such room, full, fields too long, engine.
    pub async fn enter(self: &Arc<Self>, caller: &Caller, room: &RoomId, person: &Person) -> Result<Entry, RoomError> {
        person.check()?;
        let (rooms, caller, room, person) = (self.clone(), caller.clone(), room.clone(), person.clone());
        whole(async move { rooms.let_in(&room, Some(&caller), caller.user.as_str(), &person).await }).await
    }

    /// Lets a guest into a room: one who was there before (`known`) under the same ID, onto the same seat.
    ///
    /// # Errors
    /// [`RoomError`] as [`RoomService::enter`].
    pub async fn enter_as_guest(
        self: &Arc<Self>,
        room: &RoomId,
        known: Option<UserId>,
        person: &Person,
    ) -> Result<(UserId, Entry), RoomError> {
        person.check()?;
        let guest = match known {
            Some(guest) => guest,
            None => format!("guest-{}", fresh_id()).parse()?,
        };
        let person = Person {
            name: if person.name.trim().is_empty() { "Guest".into() } else { person.name.clone() },
            ..person.clone()
        };
        let (rooms, room) = (self.clone(), room.clone());
        whole(async move {
            let entry = rooms.let_in(&room, None, guest.as_str(), &person).await?;
            Ok((guest, entry))
        })
        .await
    }

    async fn let_in(
        &self,
        id: &RoomId,
        caller: Option<&Caller>,
        user: &str,
        person: &Person,
    ) -> Result<Entry, RoomError> {
        let (room, role, most, _coming) = {
            let mut rooms = self.rooms.lock();
            let live = rooms
                .get_mut(id)
                .filter(|live| caller.is_none_or(|caller| caller.app == live.record.app))
                .ok_or_else(|| RoomError::NotFound(id.clone()))?;
            let now = Instant::now();
            let admitted = match caller {
                Some(_) => live.occupancy.admit(user, now),
                None => live.occupancy.admit_guest(user, now),
            };
            let role = admitted.map_err(|Full { seats }| RoomError::Full { room: id.clone(), seats })?;
            (live.view(), role, live.occupancy.most(), live.coming.token())
        };
        let name = if person.name.is_empty() { user } else { &person.name };
        let ticket = Ticket { room: id, user, name, avatar: &person.avatar, role };
        let opened = self.engine.open(id, most).await;
        // Has it ended meanwhile? What the engine may have made anew is closed with it, and no other room has its ID before.
        if opened.is_ok() && !self.rooms.lock().contains_key(id) {
            return Err(RoomError::NotFound(id.clone()));
        }
        match opened.and_then(|()| self.engine.token(&ticket)) {
            Ok(token) => Ok(Entry { room, role, token }),
            Err(error) => {
                if let Some(live) = self.rooms.lock().get_mut(id) {
                    live.occupancy.release(user);
                }
                Err(error.into())
            }
        }
    }

    /// Takes a user out of a room; the room ends when it is the creator's.
    ///
    /// # Errors
    /// [`RoomError::NotFound`], and those of engine and store.
    pub async fn leave(&self, caller: &Caller, room: &RoomId) -> Result<(), RoomError> {
        let creator = {
            let mut rooms = self.rooms.lock();
            let live = visible(&mut rooms, caller, room)?;
            live.occupancy.release(caller.user.as_str());
            live.record.creator == caller.user
        };
        if creator {
            self.end(room, EndReason::CreatorLeft).await
        } else {
            Ok(self.engine.remove(room, caller.user.as_str()).await?)
        }
    }

    /// Ends a room; only its creator may.
    ///
    /// # Errors
    /// [`RoomError::NotFound`], [`RoomError::NotCreator`], and those of the store.
    pub async fn destroy(&self, caller: &Caller, room: &RoomId) -> Result<(), RoomError> {
        if visible(&mut self.rooms.lock(), caller, room)?.record.creator != caller.user {
            return Err(RoomError::NotCreator(room.clone()));
        }
        self.end(room, EndReason::CreatorLeft).await
    }

    /// One room.
    ///
    /// # Errors
    /// [`RoomError::NotFound`].
    pub fn get(&self, caller: &Caller, room: &RoomId) -> Result<Room, RoomError> {
        visible(&mut self.rooms.lock(), caller, room).map(|live| live.view())
    }

    /// The rooms of the caller's application, newest first: page `index` (from 0) of at most `count`.
    pub fn list(&self, caller: &Caller, count: usize, index: usize) -> RoomList {
        let count = count.clamp(1, LIST_MAX);
        let rooms = self.rooms.lock();
        let mut own: Vec<&Live> = rooms.values().filter(|live| live.record.app == caller.app).collect();
        own.sort_by(|a, b| b.record.created.cmp(&a.record.created).then_with(|| a.record.id.cmp(&b.record.id)));
        RoomList {
            total: own.len() as u64,
            rooms: own.iter().skip(index.saturating_mul(count)).take(count).map(|live| live.view()).collect(),
        }
    }

    /// Takes in what the engine tells.
    pub async fn hear(&self, news: RoomNews) {
        let now = Instant::now();
        let (room, outcome) = match news {
            RoomNews::Joined { room, who } => {
                let first = self.with(&room, |live| {
                    let (sid, member) = live.member(who);
                    live.occupancy.joined(&sid, member)
                });
                (room, first.map(|first| (Verdict::Stays, first)))
            }
            RoomNews::Left { room, user, sid, how } => {
                let verdict = self.with(&room, |live| live.occupancy.left(&user, &sid, how, now));
                (room, verdict.map(|verdict| (verdict, false)))
            }
            RoomNews::Closed { room } => {
                let gone = self.with(&room, |live| live.occupancy.compare(Vec::new(), now));
                (room, gone.map(|_| (Verdict::Stays, false)))
            }
        };
        let Some(((verdict, creator_came), id)) = outcome.zip(room.parse::<RoomId>().ok()) else { return };
        if creator_came {
            self.note_creator(&id).await;
        }
        if let Verdict::Ends(reason) = verdict {
            self.end_and_log(&id, reason).await;
        }
    }

    fn with<T>(&self, room: &str, change: impl FnOnce(&mut Live) -> T) -> Option<T> {
        let id: RoomId = room.parse().ok()?;
        self.rooms.lock().get_mut(&id).map(change)
    }

    async fn note_creator(&self, room: &RoomId) {
        let first = match self.rooms.lock().get_mut(room) {
            Some(live) => !std::mem::replace(&mut live.record.creator_joined, true),
            None => false,
        };
        if first && let Err(error) = self.store.creator_joined(room).await {
            tracing::error!(%room, %error, "could not keep that the creator came");
        }
    }

    /// Asks an engine that needs asking who is in each room.
    pub async fn ask_engine(&self) {
        let ids: Vec<RoomId> = self.rooms.lock().keys().cloned().collect();
        let answer = match self.engine.occupants(&ids).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "could not ask the engine who is in the rooms");
                return;
            }
        };
        let now = Instant::now();
        for (id, occupants) in answer {
            let creator_came = self.with(id.as_str(), |live| {
                let list = occupants.into_iter().map(|who| live.member(who)).collect();
                live.occupancy.compare(list, now)
            });
            if creator_came == Some(true) {
                self.note_creator(&id).await;
            }
        }
    }

    /// Ends the rooms that have waited long enough.
    pub async fn sweep(&self) {
        let now = Instant::now();
        let due: Vec<(RoomId, EndReason)> = self
            .rooms
            .lock()
            .iter()
            .filter_map(|(id, live)| match live.occupancy.check(now, self.config.patience) {
                Verdict::Ends(reason) => Some((id.clone(), reason)),
                Verdict::Stays => None,
            })
            .collect();
        for (id, reason) in due {
            self.end_and_log(&id, reason).await;
        }
    }

    /// Sweeps and asks until it is dropped.
    pub async fn run(self: Arc<Self>) {
        let mut sweep = tokio::time::interval(Duration::from_secs(1));
        let mut ask = tokio::time::interval(self.config.poll.max(Duration::from_millis(100)));
        ask.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = sweep.tick() => self.sweep().await,
                _ = ask.tick(), if self.engine.needs_asking() => self.ask_engine().await,
            }
        }
    }

    async fn end_and_log(&self, room: &RoomId, reason: EndReason) {
        if let Err(error) = self.end(room, reason).await {
            tracing::error!(%room, %error, "a room did not end cleanly");
        }
    }

    async fn end(&self, room: &RoomId, reason: EndReason) -> Result<(), RoomError> {
        tracing::info!(%room, ?reason, "room ends");
        self.forget(room, &CLOSE_AGAIN).await
    }

    /// Nobody enters any more, and the room ends, also where whoever asked for it goes away.
    async fn forget(&self, room: &RoomId, again: &'static [Duration]) -> Result<(), RoomError> {
        let Some(Live { coming, .. }) = self.rooms.lock().remove(room) else { return Ok(()) };
        let (engine, store) = (self.engine.clone(), self.store.clone());
        let ending = Ending { room: room.clone(), coming, engine, store, again };
        match tokio::spawn(ending.run()).await {
            Ok(deleted) => Ok(deleted?),
            // The server stops; the room is in its store still, and ends after the next start.
            Err(_) => Ok(()),
        }
    }

    /// Closes the store; rooms stay in it for the next start.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

/// Makes a room or lets somebody in, to the end also where whoever asked for it goes away. Half done, an ID would be taken by a room that
/// nobody can enter; and what the engine was asked for when nobody waited for it any more it could make after the room has ended.
async fn whole<T: Send + 'static>(
    asked: impl Future<Output = Result<T, RoomError>> + Send + 'static,
) -> Result<T, RoomError> {
    match tokio::spawn(asked).await {
        Ok(done) => done,
        // Tasks end early only when the server stops.
        Err(_) => Err(EngineFailure::Closed.into()),
    }
}

fn visible<'a>(rooms: &'a mut HashMap<RoomId, Live>, caller: &Caller, id: &RoomId) -> Result<&'a mut Live, RoomError> {
    rooms.get_mut(id).filter(|live| live.record.app == caller.app).ok_or_else(|| RoomError::NotFound(id.clone()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
