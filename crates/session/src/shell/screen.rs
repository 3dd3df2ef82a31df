//! Opens and closes what we share.

use std::sync::Arc;
use std::thread;

use beckon_media::layout::TileId;
use beckon_media::screen::Visibility;
use beckon_media::{RunningSource, SourceError, SourceStatus, latest};
use beckon_rtc::{LocalTrack, PublishMedia, PublishOptions, Room, RoomEvent, TrackSid, TrackSource};
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedSender;

use super::Message;
use super::media::unpublish;
use super::meters::{Meters, SentMeter};
use super::screen_out::ScreenOut;
use super::screen_sound::ScreenSound;
use crate::core::{Input, ScreenNews};
use crate::env::{Devices, SessionEnv};
use crate::error::SessionError;
use crate::rate::{ScreenNeeds, Strain};
use crate::request::ScreenShare;
use crate::screen_rate::{FULL_HD, ScreenPolicy};
use crate::tiles::Tiles;

/// The one screen we share at a time.
pub(crate) struct Screen {
    devices: Arc<dyn Devices>,
    messages: UnboundedSender<Message>,
    meter: Arc<SentMeter>,
    sound_meter: Arc<SentMeter>,
    /// What else suffers when this machine has too much to do.
    strain: Arc<Mutex<Strain>>,
    /// What its sound may take, bit/s, for the next share too.
    sound_allotted: Option<u64>,
    live: Option<Live>,
}

struct Live {
    generation: u32,
    share: ScreenShare,
    out: Arc<ScreenOut>,
    sound: Arc<ScreenSound>,
    source: Arc<Mutex<Source>>,
    tile: Option<TileId>,
}

/// It opens on a thread of its own, and may be closed before it is open.
enum Source {
    Opening,
    Running(#[expect(dead_code, reason = "held: dropping them stops them")] (RunningSource, Option<RunningSource>)),
    Closed,
}

impl Screen {
    pub(crate) fn new(
        env: &SessionEnv,
        messages: UnboundedSender<Message>,
        meters: &Meters,
        strain: Arc<Mutex<Strain>>,
    ) -> Self {
        let (meter, sound_meter) = (meters.screen.clone(), meters.screen_sound.clone());
        Self { devices: env.devices.clone(), messages, meter, sound_meter, strain, sound_allotted: None, live: None }
    }

    pub(crate) fn open(&mut self, generation: u32, share: ScreenShare) {
        let reporter = Reporter::new(generation, self.messages.clone());
        let out = ScreenOut::new(share.motion, self.meter.clone(), self.strain.clone(), reporter.clone());
        let sound = ScreenSound::new(self.sound_meter.clone(), reporter.clone());
        if let Some(bps) = self.sound_allotted {
            sound.allot(bps);
        }
        let source = Arc::new(Mutex::new(Source::Opening));
        self.meter.with(|m| {
            m.track.label.clone_from(&share.label);
            m.track.muted = false;
        });
        let opening = Opening {
            devices: self.devices.clone(),
            reporter: reporter.clone(),
            share: share.clone(),
            out: out.clone(),
            sound: sound.clone(),
            source: source.clone(),
        };
        if let Err(error) = thread::Builder::new().name("screen-open".to_owned()).spawn(move || opening.run()) {
            let source_name = share.label.clone();
            reporter.failed(&SourceError::Thread { source_name, reason: error.to_string() });
        }
        self.live = Some(Live { generation, share, out, sound, source, tile: None });
    }

    pub(crate) fn close(&mut self, room: Option<&Room>) {
        let Some(live) = self.live.take() else { return };
        for track in [live.out.track(), live.sound.track()].into_iter().flatten() {
            if let Some(room) = room
                && let Err(error) = room.unpublish(&track.sid())
            {
                tracing::debug!(%error, "what we shared was not in the room any more");
            }
        }
        let source = std::mem::replace(&mut *live.source.lock(), Source::Closed);
        // Stopping waits for the source's thread: not on this one.
        let stopped = thread::Builder::new().name("screen-close".to_owned()).spawn(move || drop(source));
        if let Err(error) = stopped {
            tracing::warn!(%error, "the screen was closed without a thread of its own");
        }
    }

    pub(crate) fn publish_options(&self) -> Option<PublishOptions> {
        let share = &self.live.as_ref()?.share;
        let size = if share.width == 0 || share.height == 0 { FULL_HD } else { (share.width, share.height) };
        let layers = ScreenPolicy::layers(share.motion, size);
        let most = layers.iter().map(|layer| layer.max_bitrate_bps).sum();
        let mut options = PublishOptions::screen(size.0, size.1, most);
        if let PublishMedia::Video(video) = &mut options.media {
            video.layers = layers.into();
        }
        Some(options)
    }

    pub(crate) fn published(&self, generation: u32, track: LocalTrack, room: &Room) {
        match &self.live {
            Some(live) if live.generation == generation => live.out.set_track(Some(track)),
            // It was stopped while the server was asked.
            _ => {
                if let Err(error) = room.unpublish(&track.sid()) {
                    tracing::debug!(%error, "what we do not share any more was not in the room");
                }
            }
        }
    }

    /// As [`published`](Self::published), for the sound that goes with it.
    pub(crate) fn sound_published(&self, generation: u32, track: LocalTrack, room: &Room) {
        match &self.live {
            Some(live) if live.generation == generation => {
                // Where the pictures had to be published again it may be there still.
                if let Some(former) = live.sound.track() {
                    unpublish(Some(room), &former);
                }
                live.sound.set_track(Some(track));
            }
            _ => {
                if let Err(error) = room.unpublish(&track.sid()) {
                    tracing::debug!(%error, "the sound we do not share any more was not in the room");
                }
            }
        }
    }

    /// Whoever taps this tile sees what we share.
    pub(crate) fn set_own(&mut self, tile: TileId, tiles: &Tiles) {
        if let Some(live) = &mut self.live
            && live.tile != Some(tile)
        {
            live.tile = Some(tile);
            live.out.set_own(tiles.fanout(tile));
        }
    }

    /// Takes what the room tells about our screen's track. Returns false for what is about others.
    pub(crate) fn room_event(&self, event: &RoomEvent) -> bool {
        let ours = |sid: &TrackSid| self.live.as_ref().map(|live| &live.out).filter(|out| out.is(sid));
        match event {
            RoomEvent::KeyFrameRequested { sid, layer } => {
                ours(sid).map(|out| out.key_frame(layer.as_deref())).is_some()
            }
            RoomEvent::LayersWanted { sid, qualities } => ours(sid).map(|out| out.set_wanted(*qualities)).is_some(),
            RoomEvent::LocalTrackPublished(info) if info.source == TrackSource::ScreenShare => {
                if let Some(live) = &self.live {
                    // After a rejoin of the rtc layer the same track has another name, and everybody needs a key frame.
                    self.meter.with(|m| m.track.sid = info.sid.to_string());
                    live.out.anew();
                }
                true
            }
            RoomEvent::LocalTrackPublished(info) if info.source == TrackSource::ScreenShareAudio => {
                self.sound_meter.with(|m| m.track.sid = info.sid.to_string());
                true
            }
            // By whoever else: what we take out ourselves is forgotten before.
            RoomEvent::LocalTrackUnpublished { sid } => {
                if let Some(live) = self.live.as_ref().filter(|live| live.out.is(sid)) {
                    live.out.set_track(None);
                    Reporter::new(live.generation, self.messages.clone()).tell(ScreenNews::Unpublished);
                }
                false
            }
            _ => false,
        }
    }

    /// What its pictures have use for; `None` while they are not sent.
    pub(crate) fn needs(&self) -> Option<ScreenNeeds> {
        let live = self.live.as_ref()?;
        live.out.track().filter(|track| !track.is_muted())?;
        Some(ScreenNeeds { most: live.out.full_bps(), moves: live.out.is_moving() })
    }

    /// What its sound is sent with, bit/s; `None` while it is not.
    pub(crate) fn sound_bps(&self) -> Option<u32> {
        self.live.as_ref()?.sound.sends_bps()
    }

    /// Its pictures and its sound may take so much, bit/s.
    pub(crate) fn allot(&mut self, bps: u64, sound_bps: u64) {
        self.sound_allotted = Some(sound_bps);
        if let Some(live) = &self.live {
            live.out.estimate(bps);
            live.sound.allot(sound_bps);
        }
    }

    /// The room is left or lost.
    pub(crate) fn leave_room(&mut self) {
        self.sound_allotted = None;
        if let Some(live) = &self.live {
            live.out.set_track(None);
            live.sound.set_track(None);
        }
    }
}

struct Opening {
    devices: Arc<dyn Devices>,
    reporter: Reporter,
    share: ScreenShare,
    out: Arc<ScreenOut>,
    sound: Arc<ScreenSound>,
    source: Arc<Mutex<Source>>,
}

impl Opening {
    fn run(self) {
        let reporter = self.reporter.clone();
        if let Err(error) = self.open() {
            reporter.failed(&error);
        }
    }

    fn open(self) -> Result<(), SourceError> {
        let Self { devices, reporter, share, out, sound, source } = self;
        let seen = reporter.clone();
        let listener = Box::new(move |visibility| {
            seen.tell(ScreenNews::Minimised(visibility == Visibility::Minimised));
        });
        let screen = devices.screen(&share, listener)?;
        let (pictures, taken) = latest::channel();
        let running = screen.start(pictures)?;
        thread::Builder::new()
            .name("screen-out".to_owned())
            .spawn(move || out.run(&taken))
            .map_err(|e| SourceError::Thread { source_name: "screen-out".to_owned(), reason: e.to_string() })?;
        let heard = share.sound.then(|| sound.listen(&*devices)).and_then(|listening| {
            // Pictures without sound are better than nothing; the banner says that there is none.
            listening.map_err(|error| tracing::warn!(%error, "the computer's sound is not shared")).ok()
        });
        let mut slot = source.lock();
        if matches!(*slot, Source::Closed) {
            return Ok(());
        }
        reporter.tell(ScreenNews::Opened { sound: heard.is_some() });
        running.on_end(move |status| match status {
            SourceStatus::Failed(error) => reporter.failed(&error),
            SourceStatus::Running | SourceStatus::Ended => {
                reporter.failed(&SourceError::Gone { what: share.label.clone() });
            }
        });
        *slot = Source::Running((running, heard));
        Ok(())
    }
}

/// Tells the state machine what becomes of one share.
#[derive(Clone)]
pub(super) struct Reporter {
    generation: u32,
    messages: UnboundedSender<Message>,
}

impl Reporter {
    pub(super) fn new(generation: u32, messages: UnboundedSender<Message>) -> Self {
        Self { generation, messages }
    }

    pub(super) fn tell(&self, news: ScreenNews) {
        // After the end nobody wants to know.
        let _ = self.messages.send(Message::Input(Input::Screen { generation: self.generation, news }));
    }

    fn failed(&self, error: &SourceError) {
        self.tell(ScreenNews::Failed(SessionError::of_screen(error)));
    }
}
