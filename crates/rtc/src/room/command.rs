//! What the application asks of the driver.

use std::collections::HashMap;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::data::{ChatMessage, DataOptions};
use crate::error::PublishError;
use crate::ids::TrackSid;
use crate::publication::PublishOptions;
use crate::track::LocalTrack;

/// Our own name for a track of ours; stays the same over rejoins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LocalKey(pub(crate) u32);

#[derive(Debug)]
pub(crate) enum Command {
    Publish { options: PublishOptions, reply: oneshot::Sender<Result<LocalTrack, PublishError>> },
    Unpublish(TrackSid),
    SetMuted { sid: TrackSid, muted: bool },
    ExpectToSend(u64),
    SetSubscribed { sid: TrackSid, subscribed: bool },
    SetVideoPreference { sid: TrackSid, width: u32, height: u32, enabled: bool },
    SendData { options: DataOptions, payload: Bytes },
    SendChat(ChatMessage),
    UpdateSelf { name: String, metadata: String, attributes: HashMap<String, String> },
    RequestKeyFrame(TrackSid),
    WantKeyFrame { track: LocalKey, layer: usize },
    Close,
}
