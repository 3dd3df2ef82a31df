//! The driver.
use std::sync::Arc;
use tokio::sync::mpsc;

use super::handle::{Room, RoomEvents, RoomShared};
use crate::error::ConnectError;
use crate::options::ConnectOptions;

pub(super) async fn start(options: ConnectOptions) -> Result<(Room, RoomEvents), ConnectError> {
    let (commands, _) = mpsc::unbounded_channel();
    let (_, events) = mpsc::unbounded_channel();
    let _ = (Room::new(Arc::new(RoomShared::default()), commands), RoomEvents::new(events));
    Err(ConnectError::Local(options.url.to_string()))
}
