//! How a room ends that nobody may enter any more.

use std::sync::Arc;
use std::time::Duration;

use beckon_protocol::room::RoomId;
use tokio_util::task::TaskTracker;

use super::engine::RoomEngine;
use crate::store::{Store, StoreError};

/// A room on its way out. Everybody is sent out, and only then the ID is free again; otherwise a new room of the same ID could
/// be closed instead. It must run to its end: half done, the others would stay in a room that nobody knows.
pub(super) struct Ending {
    pub room: RoomId,
    /// Those who were being let in when it ended. The engine may make the room anew for each of them, and closes it once more
    /// when the last is through.
    pub coming: TaskTracker,
    pub engine: Arc<dyn RoomEngine>,
    pub store: Store,
    /// An engine that does not close it is asked again after these times.
    pub again: &'static [Duration],
}

impl Ending {
    /// Ends it, as far as somebody waits for that: nobody waits for those who were coming, or for an engine that is asked again.
    pub(super) async fn run(self) -> Result<(), StoreError> {
        self.coming.close();
        let late = !self.coming.is_empty();
        let closed = self.close().await;
        if late || !(closed || self.again.is_empty()) {
            tokio::spawn(self.finish(closed, late));
            return Ok(());
        }
        self.store.delete(&self.room).await
    }

    async fn finish(self, mut closed: bool, late: bool) {
        self.coming.wait().await;
        if late {
            closed = self.close().await;
        }
        for wait in self.again {
            if closed {
                break;
            }
            tokio::time::sleep(*wait).await;
            closed = self.close().await;
        }
        if let Err(error) = self.store.delete(&self.room).await {
            tracing::error!(room = %self.room, %error, "a room that is over is still in the store");
        }
    }

    /// Has the engine send everybody out. Whether it did.
    async fn close(&self) -> bool {
        let closed = self.engine.close(&self.room).await;
        if let Err(error) = &closed {
            tracing::warn!(room = %self.room, %error, "the engine did not close the room");
        }
        closed.is_ok()
    }
}
