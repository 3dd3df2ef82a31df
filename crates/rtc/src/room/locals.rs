//! Our own tracks, and what the application asks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use livekit_protocol as proto;
use proto::data_packet::{Kind, Value};
use proto::signal_request::Message as Request;
use tokio::sync::oneshot;

use super::command::{Command, LocalKey};
use super::convert;
use super::core::{Core, Effect};
use crate::data::{DataMessage, DataOptions, encode_chat};
use crate::error::PublishError;
use crate::event::{DisconnectReason, RoomEvent};
use crate::ids::{Identity, TrackSid};
use crate::publication::{PublishOptions, TrackInfo};
use crate::track::{LocalShared, LocalTrack};

/// How long the server may take to name a track.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

/// A track of ours.
pub(super) struct Local {
    cid: String,
    options: PublishOptions,
    /// Known once the server has named it for the first time.
    shared: Option<Arc<LocalShared>>,
    /// The server's words about it in the present session.
    published: Option<proto::TrackInfo>,
    /// Its name in the session before, until it has one in this.
    former: Option<TrackSid>,
    due: Option<Instant>,
    reply: Option<oneshot::Sender<Result<LocalTrack, PublishError>>>,
}

impl Local {
    /// The name under which it is known.
    pub(super) fn sid(&self) -> Option<TrackSid> {
        self.published.as_ref().map(|t| t.sid.as_str().into()).or_else(|| self.former.clone())
    }

    pub(super) fn as_published(&self) -> Option<proto::TrackPublishedResponse> {
        let track = proto::TrackInfo { muted: self.is_muted(), ..self.published.clone()? };
        Some(proto::TrackPublishedResponse { cid: self.cid.clone(), track: Some(track) })
    }

    /// What the server is to know of it in this session.
    fn as_muted(&self) -> Option<proto::MuteTrackRequest> {
        let sid = self.published.as_ref()?.sid.clone();
        Some(proto::MuteTrackRequest { sid, muted: self.is_muted() })
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    fn is_muted(&self) -> bool {
        self.shared.as_ref().map_or(self.options.muted, |s| s.muted.load(Ordering::Acquire))
    }
}

impl Core {
    fn by_sid(&mut self, sid: &TrackSid) -> Option<(LocalKey, &mut Local)> {
        self.locals.iter_mut().find(|(_, l)| l.sid().as_ref() == Some(sid)).map(|(k, l)| (*k, l))
    }

    fn identity(&self) -> Identity {
        self.roster.local().identity.clone()
    }

    /// The application asks for something.
    pub(super) fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Publish { options, reply } => self.publish(now, options, reply),
            Command::Unpublish(sid) => self.forget_local(&sid),
            Command::SetMuted { sid, muted } => self.set_muted(&sid, muted),
            Command::ExpectToSend(bps) => {
                self.expected = bps;
                self.effects.push_back(Effect::Expect(bps));
            }
            Command::SetSubscribed { sid, subscribed } => self.set_subscribed(sid, subscribed),
            Command::SetVideoPreference { sid, width, height, enabled } => {
                self.set_video_preference(sid, width, height, enabled);
            }
            Command::SendData { options, payload } => self.send_user_data(options, payload.to_vec()),
            Command::SendChat(message) => {
                let mut packets = encode_chat(&message).into_iter().peekable();
                while let Some(value) = packets.next() {
                    let ends = packets.peek().is_none().then(|| message.id.clone());
                    self.packet(true, &[], value, ends);
                }
            }
            Command::UpdateSelf { name, metadata, attributes } => self.update_self(name, metadata, attributes),
            Command::RequestKeyFrame(sid) => self.effects.push_back(Effect::RequestKey(sid)),
            Command::WantKeyFrame { track, layer } => self.key_requested(track, Some(layer)),
            Command::Close => self.close(DisconnectReason::ClientInitiated),
        }
    }

    fn publish(
        &mut self,
        now: Instant,
        options: PublishOptions,
        reply: oneshot::Sender<Result<LocalTrack, PublishError>>,
    ) {
        self.next_local += 1;
        let key = LocalKey(self.next_local);
        // Unique among all clients of a room, and of characters a media description allows.
        let cid = format!("bk-{:016x}-{}", rand::random::<u64>(), key.0);
        let due = Some(now + PUBLISH_TIMEOUT);
        if self.is_live() {
            self.send(Request::AddTrack(convert::add_track(&options, &cid, options.muted)));
        }
        self.locals
            .insert(key, Local { cid, options, shared: None, published: None, former: None, due, reply: Some(reply) });
    }

    /// After joining anew: all tracks once more.
    pub(super) fn republish(&mut self, now: Instant) {
        for local in self.locals.values_mut() {
            // What is said of it meanwhile is said by its old name.
            local.former = local.sid();
            local.published = None;
            if let Some(shared) = &local.shared {
                shared.carrier.set(false);
            }
        }
        self.resend_pending(now);
    }

    /// Asks again for tracks the server has not named.
    pub(super) fn resend_pending(&mut self, now: Instant) {
        let requests: Vec<_> = self
            .locals
            .values_mut()
            .filter(|l| l.published.is_none())
            .map(|l| {
                l.due = Some(now + PUBLISH_TIMEOUT);
                convert::add_track(&l.options, &l.cid, l.is_muted())
            })
            .collect();
        for request in requests {
            self.send(Request::AddTrack(request));
        }
    }

    /// After a resume: of a mute that went into a connection that was lost, or fell between two, the server knows nothing.
    pub(super) fn resend_mutes(&mut self) {
        let mutes: Vec<_> = self.locals.values().filter_map(Local::as_muted).collect();
        for mute in mutes {
            self.send(Request::Mute(mute));
        }
    }

    pub(super) fn track_published(&mut self, published: proto::TrackPublishedResponse) {
        let Some(track) = published.track else { return };
        let Some(info) = convert::track(&track) else { return };
        let lines = self.lines.clone();
        let Some((key, local)) = self.locals.iter_mut().find(|(_, l)| l.cid == published.cid) else { return };
        let key = *key;
        if local.published.is_some() {
            // Told again, as some servers do after the media came.
            local.published = Some(track);
            return self.refresh(key, info);
        }
        (local.due, local.former) = (None, None);
        // It may have been muted, or not any more, since it was asked for.
        let muted = local.is_muted();
        let mute = (muted != track.muted).then(|| proto::MuteTrackRequest { sid: track.sid.clone(), muted });
        let info = TrackInfo { muted, ..info };
        local.published = Some(track);
        let shared = match &local.shared {
            Some(shared) => {
                *shared.info.write() = info.clone();
                shared.clone()
            }
            None => {
                let shared = Arc::new(LocalShared::new(key, local.options.clone(), info.clone()));
                local.shared = Some(shared.clone());
                shared
            }
        };
        let cid = local.cid.clone();
        if let Some(reply) = local.reply.take()
            && let Some(commands) = lines.commands.upgrade()
        {
            let handle = LocalTrack { shared: shared.clone(), media: lines.media, commands };
            // Nobody waits any more: the track stays published, as the handle's drop is no wish to unpublish.
            let _ = reply.send(Ok(handle));
        }
        self.effects.push_back(Effect::AddTrack { shared, cid });
        self.emit(RoomEvent::LocalTrackPublished(info));
        if let Some(mute) = mute {
            self.send(Request::Mute(mute));
        }
        self.sync_view();
    }

    fn refresh(&mut self, key: LocalKey, info: TrackInfo) {
        if let Some(shared) = self.locals.get(&key).and_then(|l| l.shared.as_ref()) {
            // It may have been muted, or not any more, since the server wrote that.
            let muted = shared.muted.load(Ordering::Acquire);
            *shared.info.write() = TrackInfo { muted, ..info };
        }
        self.sync_view();
    }

    /// A request of ours was refused.
    pub(super) fn request_refused(&mut self, response: proto::RequestResponse) {
        use proto::request_response::{Reason, Request as Asked};
        if response.reason() == Reason::Ok || response.reason() == Reason::Queued {
            return;
        }
        let why = if response.message.is_empty() {
            response.reason().as_str_name().to_lowercase()
        } else {
            response.message.clone()
        };
        match response.request {
            Some(Asked::AddTrack(asked)) => {
                let key = self.locals.iter().find(|(_, l)| l.cid == asked.cid).map(|(k, _)| *k);
                if let Some(key) = key {
                    self.drop_local(key, PublishError::NotAllowed(why));
                }
            }
            _ => tracing::warn!("the server refused a request: {why}"),
        }
    }

    pub(super) fn expire_publishing(&mut self, now: Instant) {
        let late: Vec<_> =
            self.locals.iter().filter(|(_, l)| l.due.is_some_and(|t| now >= t)).map(|(k, _)| *k).collect();
        for key in late {
            // While the connection is being won back the server cannot answer; it is asked again afterwards.
            if self.is_live() {
                self.drop_local(key, PublishError::TimedOut(PUBLISH_TIMEOUT));
            } else if let Some(local) = self.locals.get_mut(&key) {
                local.due = Some(now + PUBLISH_TIMEOUT);
            }
        }
    }

    /// The server would not take this track's media.
    pub(super) fn track_rejected(&mut self, key: LocalKey) {
        self.drop_local(key, PublishError::Rejected("no common codec for it".into()));
    }

    /// A track of ours ends: by our wish or the server's.
    pub(super) fn forget_local(&mut self, sid: &TrackSid) {
        if let Some((key, _)) = self.by_sid(sid) {
            self.drop_local(key, PublishError::Closed);
        }
    }

    fn drop_local(&mut self, key: LocalKey, error: PublishError) {
        let Some(mut local) = self.locals.remove(&key) else { return };
        if let Some(shared) = &local.shared {
            shared.gone.store(true, Ordering::Release);
            shared.carrier.set(false);
            self.effects.push_back(Effect::RemoveTrack(key));
        }
        if let Some(reply) = local.reply.take() {
            let _ = reply.send(Err(error));
        }
        if let Some(sid) = local.sid() {
            self.emit(RoomEvent::LocalTrackUnpublished { sid });
        }
        self.sync_view();
    }

    pub(super) fn drop_locals(&mut self) {
        let keys: Vec<_> = self.locals.keys().copied().collect();
        for key in keys {
            self.drop_local(key, PublishError::Closed);
        }
    }

    fn set_muted(&mut self, sid: &TrackSid, muted: bool) {
        let live = self.is_live();
        let Some((key, local)) = self.by_sid(sid) else { return };
        let Some(shared) = &local.shared else { return };
        shared.muted.store(muted, Ordering::Release);
        shared.info.write().muted = muted;
        let named = local.published.is_some();
        shared.require_key();
        // Without a name in this session the server is told when it gives one, without a connection when there is one again.
        if live && named {
            self.send(Request::Mute(proto::MuteTrackRequest { sid: sid.to_string(), muted }));
        }
        self.effects.push_back(Effect::WishChanged);
        if !muted {
            self.key_requested(key, None);
        }
        let identity = self.identity();
        self.emit(RoomEvent::TrackMuted { identity, sid: sid.clone(), muted });
        self.sync_view();
    }

    pub(super) fn muted_by_server(&mut self, sid: &TrackSid, muted: bool) {
        let Some((_, local)) = self.by_sid(sid) else { return };
        if local.is_muted() == muted {
            return;
        }
        if let Some(shared) = &local.shared {
            shared.muted.store(muted, Ordering::Release);
            shared.info.write().muted = muted;
            shared.require_key();
        }
        let identity = self.identity();
        self.effects.push_back(Effect::WishChanged);
        self.emit(RoomEvent::TrackMuted { identity, sid: sid.clone(), muted });
        self.sync_view();
    }

    // Servers that do not know codecs fill only the deprecated list.
    #[allow(deprecated)]
    pub(super) fn layers_wanted(&mut self, update: proto::SubscribedQualityUpdate) {
        let sid: TrackSid = update.track_sid.as_str().into();
        let by_codec = update.subscribed_codecs.iter().find(|c| c.codec.to_lowercase().contains("h264"));
        let list = by_codec.map_or(&update.subscribed_qualities, |c| &c.qualities);
        let mut qualities = [false; 3];
        for q in list {
            if let Some(slot) = usize::try_from(q.quality).ok().and_then(|n| qualities.get_mut(n)) {
                *slot = q.enabled;
            }
        }
        if let Some((_, local)) = self.by_sid(&sid) {
            if let Some(shared) = &local.shared {
                shared.watch(qualities);
            }
            self.effects.push_back(Effect::WishChanged);
            self.emit(RoomEvent::LayersWanted { sid, qualities });
        }
    }

    /// A receiver, or we ourselves after a drop, need a key frame of a track of ours.
    pub(super) fn key_requested(&mut self, key: LocalKey, layer: Option<usize>) {
        let Some(local) = self.locals.get(&key) else { return };
        let (Some(sid), Some(shared)) = (local.sid(), &local.shared) else { return };
        if shared.options.kind() == crate::publication::TrackKind::Audio {
            return;
        }
        let wanted: Vec<_> = match layer {
            Some(n) => vec![shared.rid(n).map(str::to_owned)],
            None => (0..shared.needs_key.len()).map(|n| shared.rid(n).map(str::to_owned)).collect(),
        };
        for layer in wanted {
            self.emit(RoomEvent::KeyFrameRequested { sid: sid.clone(), layer });
        }
    }

    fn send_user_data(&mut self, options: DataOptions, payload: Vec<u8>) {
        let value = Value::User(proto::UserPacket { payload, topic: options.topic, ..proto::UserPacket::default() });
        self.packet(options.reliable, &options.destinations, value, None);
    }

    fn packet(&mut self, reliable: bool, to: &[Identity], value: Value, ends: Option<String>) {
        let mut packet = proto::DataPacket {
            destination_identities: to.iter().map(ToString::to_string).collect(),
            participant_identity: self.identity().to_string(),
            value: Some(value),
            ..proto::DataPacket::default()
        };
        // Also in the older place, for servers that read only that.
        #[allow(deprecated)]
        packet.set_kind(if reliable { Kind::Reliable } else { Kind::Lossy });
        self.effects.push_back(Effect::Packet { reliable, packet, ends });
    }

    /// A data packet came in.
    pub(super) fn data(&mut self, reliable: bool, packet: proto::DataPacket) {
        let Some(value) = packet.value else { return };
        let named: Identity = packet.participant_identity.as_str().into();
        let from = Some(named)
            .filter(|i| !i.is_empty())
            .or_else(|| self.roster.identity_of(&packet.participant_sid.as_str().into()));
        let chat = match (value, from) {
            (Value::User(user), from) => {
                #[allow(deprecated)]
                let from = from
                    .or_else(|| Some(user.participant_identity.as_str().into()).filter(|i: &Identity| !i.is_empty()));
                if let Some(from) = &from
                    && let Some(chat) = self.chat.legacy(from, user.topic.as_deref(), &user.payload)
                {
                    Some(chat)
                } else {
                    self.emit(RoomEvent::Data(DataMessage {
                        from,
                        topic: user.topic,
                        reliable,
                        payload: user.payload.into(),
                    }));
                    None
                }
            }
            (Value::ChatMessage(message), Some(from)) => self.chat.message(from, message),
            (Value::StreamHeader(header), Some(from)) => self.chat.header(from, header),
            (Value::StreamChunk(chunk), Some(from)) => {
                self.chat.chunk(from, chunk);
                None
            }
            (Value::StreamTrailer(trailer), Some(from)) => self.chat.trailer(from, trailer),
            _ => None,
        };
        if let Some(chat) = chat {
            self.emit(RoomEvent::Chat(chat));
        }
    }
}
