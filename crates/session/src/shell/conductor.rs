//! The task that runs one session.

use std::sync::Arc;
use std::time::Duration;

use beckon_media::MediaTime;
use beckon_media::layout::TileId;
use beckon_media::urgency::Urgency;
use beckon_protocol::{Code, Secret};
use beckon_rtc::{
    ConnectError, ConnectOptions, DisconnectReason, Proxy, PublishError, PublishOptions, ReconnectPolicy, Room,
    RoomEvents,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::media::{Media, unpublish};
use super::service::Service;
use super::{Message, Meters};
use crate::chat::ChatPlaces;
use crate::core::{Command, Core, Device, Effect, Input, Joined, ScreenNews};
use crate::error::SessionError;
use crate::event::SessionEvent;
use crate::handle::Shared;
use crate::hub::Hub;
use crate::request::{Entry, SessionRequest};
use crate::screen_rate::ScreenPolicy;
use crate::view::RoomView;

/// The rtc layer comes back by itself within this time, or we enter anew with a new token.
const RTC_GIVES_UP_AFTER: Duration = Duration::from_secs(20);
/// What a network is taken to carry before it has been measured, bit/s, at most: a guess, our pictures at their best in the default size
/// ([`VideoSettings`](crate::request::VideoSettings)). Whoever has set a larger one begins no higher.
const MOST_AT_FIRST_BPS: u64 = 1_500_000;
/// A track stays in the room for so long after another one has taken its place: viewers keep its last picture until they have the
/// first of the new one, which they have to negotiate.
const REPLACED_STAYS: Duration = Duration::from_secs(2);

pub(crate) struct Conductor {
    core: Core,
    request: SessionRequest,
    messages: mpsc::UnboundedSender<Message>,
    view: watch::Sender<RoomView>,
    hub: Arc<Hub>,
    chat: Arc<ChatPlaces>,
    media: Media,
    meters: Arc<Meters>,
    /// Who is to be told once a device is closed that was given up.
    giving_up: Option<(Device, oneshot::Sender<()>)>,
    service: Option<Service>,
    attempt: u32,
    /// Logging in, entering or connecting.
    entering: Option<JoinHandle<()>>,
    room: Option<Live>,
}

/// The media room we are in.
struct Live {
    room: Room,
    events: JoinHandle<()>,
}

impl Conductor {
    pub(crate) fn new(
        core: Core,
        request: SessionRequest,
        messages: mpsc::UnboundedSender<Message>,
        view: watch::Sender<RoomView>,
        media: Media,
        shared: &Shared,
    ) -> Self {
        Self {
            core,
            request,
            messages,
            view,
            hub: shared.hub.clone(),
            chat: shared.chat.clone(),
            media,
            meters: shared.meters.clone(),
            giving_up: None,
            service: None,
            attempt: 0,
            entering: None,
            room: None,
        }
    }

    pub(crate) async fn run(mut self, first: Vec<Effect>, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let mut going = self.perform(first);
        while going {
            let message = match self.core.deadline() {
                Some(at) => {
                    let wait = at.saturating_since(MediaTime::now());
                    tokio::time::timeout(wait, inbox.recv()).await.unwrap_or(Some(Message::Input(Input::Timeout)))
                }
                None => inbox.recv().await,
            };
            // The conductor holds a sender itself, so the inbox never closes.
            let Some(message) = message else { break };
            let Some(input) = self.receive(message) else { continue };
            let effects = self.core.handle(MediaTime::now(), input);
            going = self.perform(effects);
            if let Some((device, closed)) = self.giving_up.take() {
                self.media.tell_closed(device, closed);
            }
        }
        self.media.end();
    }

    /// Takes what the state machine does not hold (rooms, tracks, tokens) out of a message.
    fn receive(&mut self, message: Message) -> Option<Input> {
        Some(match message {
            Message::Input(input) => {
                match &input {
                    Input::Room { attempt, event } if *attempt == self.attempt => {
                        self.media.room_event(&mut self.core, event);
                    }
                    Input::Command(command) => self.media.command(command),
                    _ => {}
                }
                input
            }
            Message::LoggedIn { attempt, outcome } => {
                let outcome = outcome.map(|token| {
                    if let Some(service) = &mut self.service {
                        service.set_token(token);
                    }
                });
                Input::LoggedIn { attempt, outcome }
            }
            Message::Connected { attempt, outcome: Err(error) } => Input::Joined { attempt, outcome: Err(error) },
            Message::Connected { attempt, outcome: Ok((room, events)) } if attempt == self.attempt => {
                tracing::debug!(attempt, "in the media room");
                let joined = Joined { room: room.info(), local: room.local(), others: room.participants() };
                self.meters.set_room(Some(room.clone()));
                self.room = Some(Live { room, events: self.forward(attempt, events) });
                Input::Joined { attempt, outcome: Ok(Box::new(joined)) }
            }
            // Of an attempt that was given up: dropping the room leaves it.
            Message::Connected { .. } => return None,
            Message::Published { attempt, device, outcome } => {
                if attempt != self.attempt || self.room.is_none() {
                    return None;
                }
                match outcome {
                    Ok(track) => {
                        let room = self.room.as_ref().map(|live| &live.room);
                        self.media.published(device, track, room);
                        Input::Published(device)
                    }
                    Err(error) => Input::PublishFailed { device, error: publish_error(&error) },
                }
            }
            Message::Replaced { track } => {
                let room = self.room.as_ref()?.room.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(REPLACED_STAYS).await;
                    unpublish(Some(&room), &track);
                });
                return None;
            }
            Message::GiveUp { device, closed } => {
                self.giving_up = Some((device, closed));
                Input::Command(Command::GiveUp(device))
            }
            Message::ScreenPublished { attempt, generation, outcome } => {
                let live = self.room.as_ref().filter(|_| attempt == self.attempt)?;
                match outcome {
                    Ok(track) => {
                        self.media.screen.published(generation, track, &live.room);
                        return None;
                    }
                    Err(error) => Input::Screen { generation, news: ScreenNews::Failed(publish_error(&error)) },
                }
            }
            Message::ScreenSoundPublished { attempt, generation, outcome } => {
                let live = self.room.as_ref().filter(|_| attempt == self.attempt)?;
                match outcome {
                    Ok(track) => self.media.screen.sound_published(generation, track, &live.room),
                    // The pictures are shared all the same.
                    Err(error) => tracing::warn!(%error, "the computer's sound is not shared"),
                }
                return None;
            }
        })
    }

    /// Does what is to be done; false when all is over.
    fn perform(&mut self, effects: Vec<Effect>) -> bool {
        let mut going = true;
        for effect in effects {
            match effect {
                Effect::LogIn { attempt } => self.log_in(attempt),
                Effect::Enter { attempt, create, room_id } => self.enter(attempt, create, room_id),
                Effect::Connect { attempt, url, token } => self.connect(attempt, &url, &token),
                Effect::DropRoom => self.drop_room(),
                Effect::Leave { service } => self.leave(service),
                Effect::SendSound(sends) => self.media.send_sound(sends),
                Effect::SendChat(text) => {
                    if let Some(live) = &self.room {
                        let sent = live.room.send_chat(text);
                        tracing::debug!(?sent, "room text");
                    }
                }
                Effect::ChatDelivered => self.chat.give_back(),
                Effect::Open { device, generation } => self.media.open(device, generation),
                Effect::Close(device) => self.media.close(device),
                Effect::Publish { device, synthetic } => self.publish(device, synthetic),
                Effect::SetMuted { device, muted } => {
                    self.media.set_muted(device, muted, self.room.as_ref().map(|live| &live.room));
                }
                Effect::ExpectScreen(expected) => {
                    if let Some(live) = &self.room {
                        let bps = if expected { ScreenPolicy::expected_bps() } else { 0 };
                        // A room that is over sends nothing.
                        let _ = live.room.expect_to_send(bps);
                    }
                }
                Effect::OpenScreen { generation, share } => self.media.screen.open(generation, share),
                Effect::CloseScreen => self.media.screen.close(self.room.as_ref().map(|live| &live.room)),
                Effect::PublishScreen { generation, sound } => self.publish_screen(generation, sound),
                Effect::Prefer { track, width, height } => {
                    if let Some(live) = &self.room {
                        let shown = width > 0 && height > 0;
                        // A track that has gone meanwhile needs no size.
                        let _ = live.room.set_video_preference(&track, width, height, shown);
                    }
                }
                Effect::Tell(event) => {
                    // The view first: who hears of a change must find it there.
                    self.show();
                    if let SessionEvent::Chat(chat) = &event {
                        self.meters.chat(chat);
                    }
                    self.hub.tell(event);
                }
                Effect::Finish => going = false,
            }
        }
        self.media.share_bandwidth();
        self.show();
        going
    }

    fn publish(&self, device: Device, synthetic: bool) {
        let Some(live) = &self.room else { return };
        let Some(options) = self.media.publish_options(device, synthetic) else { return };
        let (room, messages, attempt) = (live.room.clone(), self.messages.clone(), self.attempt);
        tokio::spawn(async move {
            let outcome = room.publish(options).await;
            let _ = messages.send(Message::Published { attempt, device, outcome });
        });
    }

    fn publish_screen(&self, generation: u32, sound: bool) {
        let Some(live) = &self.room else { return };
        let Some(options) = self.media.screen.publish_options() else { return };
        let (room, messages, attempt) = (live.room.clone(), self.messages.clone(), self.attempt);
        tokio::spawn(async move {
            let outcome = room.publish(options).await;
            let _ = messages.send(Message::ScreenPublished { attempt, generation, outcome });
            if sound {
                let outcome = room.publish(PublishOptions::screen_sound()).await;
                let _ = messages.send(Message::ScreenSoundPublished { attempt, generation, outcome });
            }
        });
    }

    fn show(&mut self) {
        let now = self.core.view();
        self.view.send_if_modified(|shown| {
            let changed = shown != now;
            if changed {
                shown.clone_from(now);
            }
            changed
        });
        self.meters.show(now);
        if let Some(tile) = self.core.own_tile() {
            self.media.set_own_tile(tile);
        }
        if let Some(tile) = self.core.view().local().and_then(|m| m.screen_tile) {
            self.media.set_own_screen_tile(TileId(tile));
        }
    }

    fn log_in(&mut self, attempt: u32) {
        tracing::debug!(attempt, "logging in");
        self.attempt = attempt;
        let service = match (&self.service, &self.request.entry) {
            (Some(service), _) => Ok(service.clone()),
            (None, Entry::Service(open)) => Service::new(open, self.request.proxy.as_ref()),
            (None, Entry::Direct { .. }) => Err(SessionError::of(Code::Internal)),
        };
        let messages = self.messages.clone();
        match service {
            Ok(service) => {
                self.service = Some(service.clone());
                self.entering(async move {
                    let outcome = service.log_in().await;
                    let _ = messages.send(Message::LoggedIn { attempt, outcome });
                });
            }
            Err(error) => {
                let _ = messages.send(Message::LoggedIn { attempt, outcome: Err(error) });
            }
        }
    }

    fn enter(&mut self, attempt: u32, create: bool, room_id: String) {
        tracing::debug!(attempt, create, "entering the room");
        self.attempt = attempt;
        let Some(service) = self.service.clone() else { return };
        let messages = self.messages.clone();
        self.entering(async move {
            let outcome = if create { service.create(room_id).await } else { service.enter(&room_id).await };
            let outcome = outcome.map(Box::new);
            let _ = messages.send(Message::Input(Input::Entered { attempt, outcome }));
        });
    }

    fn connect(&mut self, attempt: u32, url: &str, token: &Secret) {
        tracing::debug!(attempt, "connecting to the media server");
        self.attempt = attempt;
        let messages = self.messages.clone();
        let url = match url.parse() {
            Ok(url) => url,
            Err(error) => {
                let why = format!("the server named {url:?} as the room's address: {error}");
                let outcome = Err(SessionError::new(Code::ProtocolMismatch, why));
                let _ = messages.send(Message::Connected { attempt, outcome });
                return;
            }
        };
        let mut options = ConnectOptions::new(url, token.clone(), || MediaTime::now().0);
        options.force_tcp = self.request.force_tcp;
        options.on_thread = || Urgency::Sound.claim();
        options.start_bitrate_bps = self.request.video.max_bitrate_bps.min(MOST_AT_FIRST_BPS);
        options.reconnect = ReconnectPolicy { give_up_after: Some(RTC_GIVES_UP_AFTER), ..ReconnectPolicy::default() };
        options.proxy = self.request.proxy.as_ref().map(|p| Proxy::Socks5 {
            host: p.host.clone(),
            port: p.port,
            auth: p.auth.as_ref().map(|(user, password)| (user.clone(), password.clone())),
        });
        let proxied = options.proxy.is_some();
        self.entering(async move {
            let outcome = Room::connect(options).await.map_err(|e| connect_error(e, proxied));
            let _ = messages.send(Message::Connected { attempt, outcome });
        });
    }

    fn entering(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(earlier) = self.entering.replace(tokio::spawn(work)) {
            earlier.abort();
        }
    }

    fn forward(&self, attempt: u32, mut events: RoomEvents) -> JoinHandle<()> {
        let messages = self.messages.clone();
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                if messages.send(Message::Input(Input::Room { attempt, event })).is_err() {
                    break;
                }
            }
        })
    }

    fn drop_room(&mut self) {
        if let Some(entering) = self.entering.take() {
            entering.abort();
        }
        self.media.leave_room();
        self.meters.set_room(None);
        if let Some(live) = self.room.take() {
            live.events.abort();
            tokio::spawn(async move { live.room.close().await });
        }
    }

    fn leave(&mut self, tell_service: bool) {
        if let Some(entering) = self.entering.take() {
            entering.abort();
        }
        self.media.leave_room();
        self.meters.set_room(None);
        let live = self.room.take();
        let service = self.service.clone().filter(|_| tell_service);
        let room_id = self.core.view().room_id.clone();
        let messages = self.messages.clone();
        tokio::spawn(async move {
            if let Some(service) = service
                && let Err(error) = service.leave(&room_id).await
            {
                // The service finds out by itself when our connection is gone.
                tracing::debug!(%error, "could not tell the service that we left");
            }
            if let Some(live) = live {
                live.events.abort();
                live.room.close().await;
            }
            let _ = messages.send(Message::Input(Input::Left));
        });
    }
}

fn connect_error(error: ConnectError, proxied: bool) -> SessionError {
    let code = match &error {
        ConnectError::BadUrl { .. } | ConnectError::Protocol { .. } => Code::ProtocolMismatch,
        ConnectError::Refused { .. } => Code::TokenInvalid,
        ConnectError::NotFound { .. } => Code::RoomNotFound,
        ConnectError::Http { status, .. } if *status >= 500 => Code::ServerUnreachable,
        ConnectError::Http { .. } => Code::ProtocolMismatch,
        ConnectError::Unreachable { why, .. } if proxied && why.to_lowercase().contains("socks") => Code::ProxyFailed,
        ConnectError::Unreachable { .. } | ConnectError::TimedOut { .. } => Code::ServerUnreachable,
        ConnectError::Left(DisconnectReason::DuplicateIdentity) => Code::JoinedElsewhere,
        ConnectError::Left(DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed) => Code::RoomDestroyed,
        ConnectError::Left(DisconnectReason::ParticipantRemoved) => Code::Removed,
        ConnectError::Left(DisconnectReason::ServerShutdown) => Code::ServerStopping,
        ConnectError::Left(_) => Code::ConnectionLost,
        _ => Code::Internal,
    };
    SessionError::new(code, error.to_string())
}

fn publish_error(error: &PublishError) -> SessionError {
    let code = match error {
        PublishError::NotAllowed(_) => Code::Forbidden,
        PublishError::TimedOut(_) => Code::MediaUnreachable,
        PublishError::Closed => Code::ConnectionLost,
        _ => Code::ProtocolMismatch,
    };
    SessionError::new(code, error.to_string())
}
