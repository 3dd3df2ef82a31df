//! The application's end of a room.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};

use super::command::Command;
use super::core::unix_ms;
use crate::data::{ChatMessage, DataOptions, MAX_MESSAGE};
use crate::error::{ConnectError, PublishError, RoomError};
use crate::event::RoomEvent;
use crate::ids::TrackSid;
use crate::options::ConnectOptions;
use crate::participant::ParticipantInfo;
use crate::publication::{PublishMedia, PublishOptions};
use crate::stats::RoomStats;
use crate::track::LocalTrack;

/// How long closing may take before the driver is left to itself.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The room as last told by the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomInfo {
    /// The server's name for this instance of the room.
    pub sid: String,
    /// The room's name.
    pub name: String,
    /// Free text attached by the application.
    pub metadata: String,
    /// Participants in it.
    pub participants: u32,
    /// Whether the server records it.
    pub recording: bool,
}

/// What the driver keeps up to date for the handle to read.
#[derive(Debug, Default)]
pub(crate) struct RoomView {
    pub(crate) room: RoomInfo,
    pub(crate) local: Option<ParticipantInfo>,
    pub(crate) others: Vec<ParticipantInfo>,
    /// Names of our published tracks.
    pub(crate) published: Vec<TrackSid>,
    pub(crate) closed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct RoomShared {
    pub(crate) view: RwLock<RoomView>,
    pub(crate) stats: RwLock<RoomStats>,
    pub(crate) chat_count: AtomicU32,
}

/// A room we are in. Cheap to clone; the room is left when [`close`](Self::close) is called or the last clone and all
/// its tracks are dropped.
#[derive(Clone, Debug)]
pub struct Room {
    shared: Arc<RoomShared>,
    commands: mpsc::UnboundedSender<Command>,
}

/// What happens in a room, in order. Media does not come this way but through the tracks.
#[derive(Debug)]
pub struct RoomEvents {
    events: mpsc::UnboundedReceiver<RoomEvent>,
}

impl RoomEvents {
    pub(crate) fn new(events: mpsc::UnboundedReceiver<RoomEvent>) -> Self {
        Self { events }
    }

    /// The next event; `None` after [`RoomEvent::Disconnected`].
    pub async fn recv(&mut self) -> Option<RoomEvent> {
        self.events.recv().await
    }

    /// The next event if one is there.
    pub fn try_recv(&mut self) -> Option<RoomEvent> {
        self.events.try_recv().ok()
    }
}

impl Room {
    /// Joins a room. Returns when the server has let us in; media connections come up meanwhile, tracks can be
    /// published at once.
    ///
    /// # Errors
    /// [`ConnectError`]: the address is none, the server cannot be reached, refuses the token, answers something else or not
    /// within `connect_timeout`; or this machine has no thread or socket for the room. Nothing is left behind then.
    pub async fn connect(options: ConnectOptions) -> Result<(Self, RoomEvents), ConnectError> {
        super::driver::start(options).await
    }

    pub(crate) fn new(shared: Arc<RoomShared>, commands: mpsc::UnboundedSender<Command>) -> Self {
        Self { shared, commands }
    }

    /// Ourselves.
    pub fn local(&self) -> ParticipantInfo {
        self.shared.view.read().local.clone().unwrap_or_default()
    }

    /// Everybody else in the room, in order of joining.
    pub fn participants(&self) -> Vec<ParticipantInfo> {
        self.shared.view.read().others.clone()
    }

    /// The room itself.
    pub fn info(&self) -> RoomInfo {
        self.shared.view.read().room.clone()
    }

    /// Whether the room is over for us.
    pub fn is_closed(&self) -> bool {
        self.shared.view.read().closed
    }

    /// Publishes a track. Returns when the server has named it; its media goes out as soon as it is negotiated
    /// ([`LocalTrack::is_connected`]), which a key frame request announces for video.
    ///
    /// # Errors
    /// [`PublishError::BadOptions`] before the server is asked; the others are its answer, or that there was none in time. After
    /// [`PublishError::Closed`] the room is over, or was left while we waited.
    pub async fn publish(&self, options: PublishOptions) -> Result<LocalTrack, PublishError> {
        check(&options)?;
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Publish { options, reply }).map_err(|_| PublishError::Closed)?;
        answer.await.unwrap_or(Err(PublishError::Closed))
    }

    /// Stops publishing a track.
    ///
    /// # Errors
    /// [`RoomError::UnknownTrack`] when it is none of ours, [`RoomError::Closed`] when the room is over.
    pub fn unpublish(&self, sid: &TrackSid) -> Result<(), RoomError> {
        self.ours(sid)?;
        self.send(Command::Unpublish(sid.clone()))
    }

    /// Mutes or unmutes a track of ours.
    ///
    /// # Errors
    /// As [`Room::unpublish`].
    pub fn set_muted(&self, sid: &TrackSid, muted: bool) -> Result<(), RoomError> {
        self.ours(sid)?;
        self.send(Command::SetMuted { sid: sid.clone(), muted })
    }

    /// Says that so much more than our tracks have use for is about to be sent, in bits per second (0: nothing): what the network carries
    /// is found out meanwhile. Holds until something else is said, also after joining anew.
    ///
    /// # Errors
    /// [`RoomError::Closed`] when the room is over.
    pub fn expect_to_send(&self, bps: u64) -> Result<(), RoomError> {
        self.send(Command::ExpectToSend(bps))
    }

    /// Takes in or leaves out somebody's track.
    ///
    /// # Errors
    /// [`RoomError::UnknownTrack`] when nobody else publishes it (any more), [`RoomError::Closed`] when the room is over.
    pub fn set_subscribed(&self, sid: &TrackSid, subscribed: bool) -> Result<(), RoomError> {
        self.theirs(sid)?;
        self.send(Command::SetSubscribed { sid: sid.clone(), subscribed })
    }

    /// Tells the server how large (in pixels) somebody's video is shown, so that it sends the layer that fits, and
    /// whether it is shown at all.
    ///
    /// # Errors
    /// As [`Room::set_subscribed`].
    pub fn set_video_preference(
        &self,
        sid: &TrackSid,
        width: u32,
        height: u32,
        enabled: bool,
    ) -> Result<(), RoomError> {
        self.theirs(sid)?;
        self.send(Command::SetVideoPreference { sid: sid.clone(), width, height, enabled })
    }

    /// Sends a data message of at most 15 000 bytes. While a connection is being won back reliable messages wait,
    /// others are dropped.
    ///
    /// # Errors
    /// [`RoomError::TooLarge`], where nothing is sent, and [`RoomError::Closed`] when the room is over. That it arrives is not
    /// promised: the message may still be dropped on the way.
    pub fn send_data(&self, options: DataOptions, payload: Bytes) -> Result<(), RoomError> {
        if payload.len() > MAX_MESSAGE {
            return Err(RoomError::TooLarge { size: payload.len(), limit: MAX_MESSAGE });
        }
        self.send(Command::SendData { options, payload })
    }

    /// Sends a chat message to everybody; returns it as the others will see it.
    ///
    /// # Errors
    /// [`RoomError::Closed`] when the room is over.
    pub fn send_chat(&self, text: impl Into<String>) -> Result<ChatMessage, RoomError> {
        let count = self.shared.chat_count.fetch_add(1, Ordering::Relaxed);
        let message = ChatMessage {
            id: format!("{:016x}-{count}", rand::random::<u64>()),
            from: self.local().identity,
            text: text.into(),
            time_ms: unix_ms(),
            edited: false,
        };
        self.send(Command::SendChat(message.clone()))?;
        Ok(message)
    }

    /// Changes our name, metadata and attributes, as far as the token allows. Attributes with an empty value go away. While a
    /// connection is being won back the changes wait.
    ///
    /// # Errors
    /// [`RoomError::Closed`] when the room is over. What the token does not allow is refused by the server, and no error here.
    pub fn update_self(
        &self,
        name: impl Into<String>,
        metadata: impl Into<String>,
        attributes: HashMap<String, String>,
    ) -> Result<(), RoomError> {
        self.send(Command::UpdateSelf { name: name.into(), metadata: metadata.into(), attributes })
    }

    /// Figures, refreshed about once a second. After the end they are those of the end.
    pub fn stats(&self) -> RoomStats {
        self.shared.stats.read().clone()
    }

    /// Leaves the room. Returns when the server has been told, or after two seconds.
    pub async fn close(&self) {
        if self.commands.send(Command::Close).is_ok() {
            // Either way the room is left: the driver ends by itself.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.commands.closed()).await;
        }
    }

    fn send(&self, command: Command) -> Result<(), RoomError> {
        if self.is_closed() {
            return Err(RoomError::Closed);
        }
        self.commands.send(command).map_err(|_| RoomError::Closed)
    }

    fn ours(&self, sid: &TrackSid) -> Result<(), RoomError> {
        if self.shared.view.read().published.contains(sid) {
            Ok(())
        } else {
            Err(RoomError::UnknownTrack(sid.to_string()))
        }
    }

    fn theirs(&self, sid: &TrackSid) -> Result<(), RoomError> {
        let view = self.shared.view.read();
        if view.others.iter().any(|p| p.tracks.iter().any(|t| t.sid == *sid)) {
            Ok(())
        } else {
            Err(RoomError::UnknownTrack(sid.to_string()))
        }
    }
}

fn check(options: &PublishOptions) -> Result<(), PublishError> {
    let PublishMedia::Video(video) = &options.media else { return Ok(()) };
    if video.width == 0 || video.height == 0 {
        return Err(PublishError::BadOptions("a video track needs a width and a height"));
    }
    if video.layers.len() > 3 {
        return Err(PublishError::BadOptions("at most three layers"));
    }
    let known = |rid: &str| matches!(rid, "q" | "h" | "f");
    if video.layers.iter().any(|l| !known(&l.rid)) {
        return Err(PublishError::BadOptions("a layer is named q, h or f"));
    }
    if video.layers.windows(2).any(|w| w[0].width > w[1].width || w[0].rid == w[1].rid) {
        return Err(PublishError::BadOptions("layers go from smallest to largest, each with its own name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::VideoLayer;

    fn layer(rid: &str, width: u32) -> VideoLayer {
        VideoLayer { rid: rid.into(), width, height: width / 2, max_bitrate_bps: 100_000 }
    }

    fn camera(layers: Vec<VideoLayer>) -> PublishOptions {
        let mut options = PublishOptions::camera(640, 320, 500_000);
        if let PublishMedia::Video(v) = &mut options.media {
            v.layers = layers;
        }
        options
    }

    #[test]
    fn layers_in_the_wrong_order_are_refused_before_the_server_hears_of_them() {
        assert!(check(&camera(vec![layer("q", 160), layer("h", 320), layer("f", 640)])).is_ok());
        assert!(check(&camera(vec![layer("f", 640), layer("q", 160)])).is_err());
        assert!(check(&camera(vec![layer("x", 640)])).is_err());
        assert!(check(&PublishOptions::camera(0, 0, 1)).is_err());
    }
}
