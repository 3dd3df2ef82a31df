use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use tempfile::TempDir;
use url::Url;

use super::*;

/// An engine that notes what it is asked.
#[derive(Default)]
struct Noting {
    told: Mutex<Vec<&'static str>>,
    /// While somebody holds it, no room is made ready.
    held: tokio::sync::Mutex<()>,
    /// No room is made at all.
    refuses: AtomicBool,
}

#[async_trait]
impl RoomEngine for Noting {
    async fn open(&self, _room: &RoomId, _most: u32) -> Result<(), EngineFailure> {
        self.told.lock().push("opening");
        let _held = self.held.lock().await;
        if self.refuses.load(Ordering::Relaxed) {
            self.told.lock().push("refused");
            return Err(EngineFailure::Refused { what: "create the room", reason: "busy".into() });
        }
        self.told.lock().push("open");
        Ok(())
    }

    async fn close(&self, _room: &RoomId) -> Result<(), EngineFailure> {
        self.told.lock().push("closed");
        Ok(())
    }

    async fn remove(&self, _room: &RoomId, _user: &str) -> Result<(), EngineFailure> {
        Ok(())
    }

    async fn occupants(&self, _rooms: &[RoomId]) -> Result<Vec<(RoomId, Vec<Occupant>)>, EngineFailure> {
        Ok(Vec::new())
    }

    fn token(&self, _ticket: &Ticket<'_>) -> Result<Secret, EngineFailure> {
        Ok(Secret::new("token"))
    }

    fn client_url(&self) -> Option<&Url> {
        None
    }

    fn needs_asking(&self) -> bool {
        false
    }
}

/// The rooms of a server that has none yet; its store lies in the folder.
async fn rooms() -> (Arc<RoomService>, Arc<Noting>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let engine = Arc::new(Noting::default());
    let patience = Patience { abandoned_after: Duration::from_secs(300), creator_grace: Duration::from_secs(60) };
    let config = RoomServiceConfig { patience, per_user: 20, poll: Duration::from_secs(5) };
    (RoomService::open(store, engine.clone(), config).await.unwrap(), engine, folder)
}

fn caller(user: &str) -> Caller {
    Caller { app: 1, user: user.parse().unwrap() }
}

fn wish(id: &str) -> CreateRoom {
    CreateRoom { room_id: id.into(), ..CreateRoom::default() }
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    waited.await.expect("it does not come");
}

#[tokio::test]
async fn who_is_let_in_while_the_room_ends_finds_none_and_leaves_none_behind() {
    let (rooms, engine, _folder) = rooms().await;
    let (host, other) = (caller("host"), caller("other"));
    rooms.create(&host, wish("r"), 0).await.unwrap();
    engine.told.lock().clear();

    let id: RoomId = "r".parse().unwrap();
    let held = engine.held.lock().await;
    let entering = tokio::spawn({
        let (rooms, id) = (rooms.clone(), id.clone());
        async move { rooms.enter(&caller("guest"), &id, &Person::default()).await }
    });
    eventually(async || *engine.told.lock() == ["opening"]).await;
    rooms.destroy(&host, &id).await.unwrap();
    assert_eq!(*engine.told.lock(), ["opening", "closed"], "those who are in are sent out at once");
    let taken = rooms.create(&other, wish("r"), 0).await;
    assert!(matches!(taken, Err(RoomError::Exists(_))), "the engine may still make the old room: {taken:?}");

    drop(held);
    let entered = entering.await.unwrap();
    assert!(matches!(entered, Err(RoomError::NotFound(_))), "{entered:?}");
    eventually(async || *engine.told.lock() == ["opening", "closed", "open", "closed"]).await;
    eventually(async || rooms.create(&other, wish("r"), 0).await.is_ok()).await;
}

#[tokio::test]
async fn who_does_not_wait_to_be_let_in_leaves_none_behind_either() {
    let (rooms, engine, _folder) = rooms().await;
    let (host, other, guest) = (caller("host"), caller("other"), caller("guest"));
    rooms.create(&host, wish("r"), 0).await.unwrap();
    engine.told.lock().clear();

    let (id, person): (RoomId, Person) = ("r".parse().unwrap(), Person::default());
    let held = engine.held.lock().await;
    let mut entering = Box::pin(rooms.enter(&guest, &id, &person));
    assert!(entering.as_mut().now_or_never().is_none(), "it is held");
    eventually(async || *engine.told.lock() == ["opening"]).await;
    drop(entering);
    rooms.destroy(&host, &id).await.unwrap();
    let taken = rooms.create(&other, wish("r"), 0).await;
    assert!(matches!(taken, Err(RoomError::Exists(_))), "the engine may still make the old room: {taken:?}");

    drop(held);
    eventually(async || *engine.told.lock() == ["opening", "closed", "open", "closed"]).await;
    eventually(async || rooms.create(&other, wish("r"), 0).await.is_ok()).await;
}

#[tokio::test]
async fn a_room_that_the_engine_does_not_make_goes_though_nobody_waits_for_it() {
    let (rooms, engine, _folder) = rooms().await;
    let (host, other) = (caller("host"), caller("other"));
    engine.refuses.store(true, Ordering::Relaxed);
    let held = engine.held.lock().await;
    let mut creating = Box::pin(rooms.create(&host, wish("r"), 0));
    assert!(creating.as_mut().now_or_never().is_none(), "it is held");
    eventually(async || *engine.told.lock() == ["opening"]).await;
    drop(creating);
    assert_eq!(rooms.count(), 1);

    drop(held);
    eventually(async || rooms.count() == 0).await;
    engine.refuses.store(false, Ordering::Relaxed);
    eventually(async || rooms.create(&other, wish("r"), 0).await.is_ok()).await;
}

#[tokio::test]
async fn a_room_whose_creator_goes_away_while_it_is_made_can_be_had_all_the_same() {
    let (rooms, _engine, _folder) = rooms().await;
    let host = caller("host");
    let mut creating = Box::pin(rooms.create(&host, wish("r"), 0));
    assert!(creating.as_mut().now_or_never().is_none(), "the store is still to answer");
    drop(creating);
    eventually(async || rooms.count() == 1).await;
    assert_eq!(rooms.create(&host, wish("r"), 0).await.unwrap().role, Role::Creator);
    let id: RoomId = "r".parse().unwrap();
    assert_eq!(rooms.enter(&caller("guest"), &id, &Person::default()).await.unwrap().role, Role::Member);
}

#[tokio::test]
async fn a_creator_who_still_counts_as_in_comes_back_and_nobody_else_gets_the_id() {
    let (rooms, _engine, _folder) = rooms().await;
    let host = caller("host");
    rooms.create(&host, wish("r"), 0).await.unwrap();
    let who = Occupant { sid: "PA_1".into(), user: "host".into(), name: String::new(), badge: Default::default() };
    rooms.hear(RoomNews::Joined { room: "r".into(), who }).await;
    // Their app died, which is not known yet.
    assert_eq!(rooms.create(&host, wish("r"), 0).await.unwrap().role, Role::Creator);
    let taken = rooms.create(&caller("other"), wish("r"), 0).await;
    assert!(matches!(taken, Err(RoomError::Exists(_))), "{taken:?}");
    assert_eq!(rooms.count(), 1);
}
