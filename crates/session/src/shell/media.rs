//! All media of a session: devices, what goes out and what comes in.

use std::collections::HashMap;
use std::sync::Arc;

use beckon_media::SourceError;
use beckon_media::latest;
use beckon_media::layout::TileId;
use beckon_media::playout::Playout;
use beckon_media::voice::FarEnd;
use beckon_rtc::{
    LocalTrack, PublishMedia, PublishOptions, RemoteTrack, Room, RoomEvent, TrackKind, TrackSid, VideoLayer,
};
use parking_lot::Mutex;
use tokio::sync::{mpsc::UnboundedSender, oneshot};

use super::Message;
use super::audio_in::AudioRoom;
use super::audio_out::AudioOut;
use super::devices::{DeviceThread, Opened};
use super::meters::{Meters, ReceivedMeter};
use super::screen::Screen;
use super::video_in::VideoIn;
use super::video_out::VideoOut;
use crate::beauty::BeautyWish;
use crate::core::{Command, Core, Device, Input, SYNTHETIC, is_screen};
use crate::env::SessionEnv;
use crate::rate::{Relief, Sending, Strain, announced, share};
use crate::request::{CameraChoice, MicrophoneChoice, SessionRequest, SpeakerChoice, VideoSettings};
use crate::tiles::{Fanout, Tiles};
use crate::tryout::Notes;

/// Somebody's track that comes in.
struct Incoming {
    /// Whose it is, and whether it belongs to their screen: what is played in step.
    of: (String, bool),
    meter: Arc<ReceivedMeter>,
    /// Where its pictures are shown.
    fanout: Option<Arc<Fanout>>,
}

pub(crate) struct Media {
    choices: (CameraChoice, MicrophoneChoice, SpeakerChoice),
    settings: VideoSettings,
    measure: bool,
    /// Tells what is plugged in.
    _watch: Option<Opened>,
    messages: UnboundedSender<Message>,
    tiles: Arc<Tiles>,
    meters: Arc<Meters>,
    strain: Arc<Mutex<Strain>>,
    relief: Arc<Mutex<Relief>>,
    camera: DeviceThread<(CameraChoice, VideoSettings)>,
    microphone: DeviceThread<MicrophoneChoice>,
    speaker: DeviceThread<SpeakerChoice>,
    video_out: Arc<VideoOut>,
    audio_out: Arc<AudioOut>,
    audio_room: Arc<AudioRoom>,
    pub(crate) screen: Screen,
    /// Whether our tracks are to be muted: camera, microphone.
    muted: HashMap<Device, bool>,
    incoming: HashMap<TrackSid, Incoming>,
    playouts: HashMap<(String, bool), Arc<Mutex<Playout>>>,
    own_tile: Option<TileId>,
    /// The bandwidth estimate for everything we send, bit/s, once there is one.
    estimate: Option<u64>,
    /// Among what it was shared out last.
    shared: Option<(u64, Sending)>,
}

impl Media {
    pub(crate) fn new(
        request: &SessionRequest,
        env: &SessionEnv,
        messages: UnboundedSender<Message>,
        tiles: Arc<Tiles>,
        meters: Arc<Meters>,
        beauty: BeautyWish,
        notes: Notes,
    ) -> Self {
        let strain = Arc::<Mutex<Strain>>::default();
        let video_out = VideoOut::new(request.video, beauty, meters.video.clone(), strain.clone(), messages.clone());
        let far_end = FarEnd::new();
        let audio_out = AudioOut::new(request.sound, far_end.clone(), meters.clone(), strain.clone(), messages.clone());
        let audio_room =
            AudioRoom::new(meters.clone(), request.measure, far_end, notes, strain.clone(), &request.volumes);
        Self {
            choices: (request.camera.clone(), request.microphone.clone(), request.speaker.clone()),
            settings: request.video,
            measure: request.measure,
            _watch: env.devices.watch(plugged_in(messages.clone())),
            camera: camera_thread(env, messages.clone(), video_out.clone()),
            microphone: microphone_thread(env, messages.clone(), audio_out.clone()),
            speaker: speaker_thread(env, messages.clone(), audio_room.clone()),
            screen: Screen::new(env, messages.clone(), &meters, strain.clone()),
            messages,
            tiles,
            meters,
            strain,
            relief: Arc::default(),
            video_out,
            audio_out,
            audio_room,
            muted: HashMap::new(),
            incoming: HashMap::new(),
            playouts: HashMap::new(),
            own_tile: None,
            estimate: None,
            shared: None,
        }
    }

    /// Remembers which devices were chosen before the state machine asks to open them; does what it does not decide.
    pub(crate) fn command(&mut self, command: &Command) {
        match command {
            Command::ChooseCamera(choice) => self.choices.0 = choice.clone(),
            Command::ChooseMicrophone(choice) => self.choices.1 = choice.clone(),
            Command::ChooseSpeaker(choice) => self.choices.2 = choice.clone(),
            Command::SetVideo(video) => {
                self.settings = *video;
                self.video_out.set_full(*video);
            }
            Command::SetSound(settings) => self.audio_out.set_settings(*settings),
            Command::SetVolume { user_id, percent } => self.audio_room.set_volume(user_id, *percent),
            _ => {}
        }
    }

    pub(crate) fn open(&self, device: Device, generation: u32) {
        match device {
            Device::Camera => self.camera.open(generation, (self.choices.0.clone(), self.settings)),
            Device::Microphone => self.microphone.open(generation, self.choices.1.clone()),
            Device::Speaker => self.speaker.open(generation, self.choices.2.clone()),
        }
    }

    pub(crate) fn close(&self, device: Device) {
        match device {
            Device::Camera => self.camera.close(),
            Device::Microphone => self.microphone.close(),
            Device::Speaker => self.speaker.close(),
        }
    }

    /// Says when a device that was closed is closed.
    pub(crate) fn tell_closed(&self, device: Device, closed: oneshot::Sender<()>) {
        match device {
            Device::Camera => self.camera.tell_closed(closed),
            Device::Microphone => self.microphone.tell_closed(closed),
            Device::Speaker => self.speaker.tell_closed(closed),
        }
    }

    pub(crate) fn publish_options(&self, device: Device, synthetic: bool) -> Option<PublishOptions> {
        let mut options = match device {
            Device::Camera => {
                let VideoSettings { width, height, max_bitrate_bps, .. } = self.settings;
                let layers: Vec<VideoLayer> = match announced(self.settings) {
                    one if one.len() == 1 => Vec::new(),
                    layers => layers.into_iter().map(VideoLayer::from).collect(),
                };
                // Those below the largest come on top of what it may take.
                let most = layers.iter().map(|l| l.max_bitrate_bps).sum::<u64>().max(max_bitrate_bps);
                let mut options = PublishOptions::camera(width, height, most);
                if let PublishMedia::Video(video) = &mut options.media {
                    video.layers = layers;
                }
                options
            }
            Device::Microphone => PublishOptions::microphone(),
            Device::Speaker => return None,
        };
        if synthetic && matches!(options.media, PublishMedia::Video(_)) {
            options.name = SYNTHETIC.to_owned();
        }
        Some(options)
    }

    pub(crate) fn published(&self, device: Device, track: LocalTrack, room: Option<&Room>) {
        let muted = self.muted.get(&device).copied().unwrap_or(false);
        match device {
            Device::Camera => {
                for former in self.video_out.published(track) {
                    unpublish(room, &former);
                }
            }
            Device::Microphone => self.audio_out.set_track(Some(track), room),
            Device::Speaker => return,
        }
        // It may have been closed while the server was asked.
        if muted {
            self.mute(device, muted, room);
        }
    }

    pub(crate) fn set_muted(&mut self, device: Device, muted: bool, room: Option<&Room>) {
        self.muted.insert(device, muted);
        self.mute(device, muted, room);
    }

    fn mute(&self, device: Device, muted: bool, room: Option<&Room>) {
        let (tracks, meter) = match device {
            Device::Camera => (self.video_out.tracks(), &self.video_out.meter),
            Device::Microphone => (self.audio_out.track().into_iter().collect(), &self.audio_out.meter),
            Device::Speaker => return,
        };
        meter.with(|m| m.track.muted = muted);
        for track in tracks {
            if let Some(room) = room
                && let Err(error) = room.set_muted(&track.sid(), muted)
            {
                tracing::warn!(%error, muted, "cannot mute or unmute our track");
            }
        }
    }

    /// Whether what our microphone hears may leave this machine.
    pub(crate) fn send_sound(&self, sends: bool) {
        self.audio_out.set_sends(sends);
    }

    /// Our own camera's pictures are shown on this tile.
    pub(crate) fn set_own_tile(&mut self, tile: TileId) {
        if self.own_tile != Some(tile) {
            self.own_tile = Some(tile);
            self.video_out.set_own(self.tiles.fanout(tile));
        }
    }

    /// What we share is shown on this tile, to whoever wants it.
    pub(crate) fn set_own_screen_tile(&mut self, tile: TileId) {
        self.screen.set_own(tile, &self.tiles);
    }

    /// Takes what the room tells about media.
    pub(crate) fn room_event(&mut self, core: &mut Core, event: &RoomEvent) {
        if self.screen.room_event(event) {
            return;
        }
        match event {
            RoomEvent::TrackSubscribed(track) => self.receive(core, track.clone()),
            RoomEvent::TrackUnsubscribed { sid, .. } => {
                self.audio_room.remove(sid);
                self.incoming.remove(sid);
                self.playouts.retain(|of, _| self.incoming.values().any(|incoming| incoming.of == *of));
            }
            RoomEvent::TrackMuted { sid, muted, .. } => {
                self.audio_room.set_muted(sid, *muted);
                if let Some(incoming) = self.incoming.get(sid) {
                    incoming.meter.with(|m| {
                        m.out.muted = *muted;
                        m.freezes.rest();
                    });
                    if let Some(fanout) = incoming.fanout.as_ref().filter(|_| *muted) {
                        fanout.clear();
                    }
                }
            }
            RoomEvent::KeyFrameRequested { sid, layer } if self.video_out.is(sid) => {
                self.video_out.key_frame(layer.as_deref());
            }
            RoomEvent::LayersWanted { sid, qualities } => self.video_out.layers_wanted(sid, *qualities),
            RoomEvent::TargetBitrate { total_bps } => {
                self.estimate = Some(*total_bps);
                self.shared = None;
                self.share_bandwidth();
            }
            // After a rejoin of the rtc layer the same track has another name. A camera that takes the place of another waits for its turn.
            RoomEvent::LocalTrackPublished(info) if info.kind == TrackKind::Audio => {
                self.audio_out.meter.with(|m| m.track.sid = info.sid.to_string());
            }
            RoomEvent::LocalTrackPublished(info) if self.video_out.is(&info.sid) => {
                self.video_out.meter.with(|m| m.track.sid = info.sid.to_string());
                self.video_out.anew();
            }
            _ => {}
        }
    }

    /// Shares the bandwidth out anew where something else is sent than before.
    pub(crate) fn share_bandwidth(&mut self) {
        let Some(total) = self.estimate else { return };
        let sending = Sending {
            voice: self.audio_out.sends_bps(),
            screen_sound: self.screen.sound_bps(),
            camera: self.video_out.most_bps(),
            screen: self.screen.needs(),
        };
        if self.shared.replace((total, sending)) == Some((total, sending)) {
            return;
        }
        let shares = share(total, &sending);
        self.audio_out.allot(shares.voice);
        self.screen.allot(shares.screen, shares.screen_sound);
        self.video_out.estimate(shares.camera);
    }

    fn receive(&mut self, core: &mut Core, track: RemoteTrack) {
        let identity = track.identity().to_string();
        let screen = is_screen(track.info().source);
        let of = (identity.clone(), screen);
        let playout = self.playouts.entry(of.clone()).or_default().clone();
        let (meter, claps) = self.meters.receive(track.clone());
        let mut incoming = Incoming { of, meter: meter.clone(), fanout: None };
        let sid = track.sid();
        match track.kind() {
            TrackKind::Audio => {
                if let Err(error) = self.audio_room.add(&track, playout, meter, claps) {
                    tracing::error!(%error, user = identity, "cannot hear somebody");
                }
            }
            TrackKind::Video => {
                let tile = core.tile(&identity, screen);
                let fanout = self.tiles.fanout(tile);
                incoming.fanout = Some(fanout.clone());
                let video = VideoIn {
                    track,
                    tile,
                    fanout,
                    playout,
                    meter,
                    claps,
                    meters: self.meters.clone(),
                    strain: self.strain.clone(),
                    relief: self.relief.clone(),
                    measure: self.measure,
                    messages: self.messages.clone(),
                };
                let spawned = std::thread::Builder::new().name("video-in".to_owned()).spawn(move || video.run());
                if let Err(error) = spawned {
                    tracing::error!(%error, user = identity, "cannot see somebody: no thread");
                }
            }
        }
        self.incoming.insert(sid, incoming);
    }

    /// The room is left or lost: nothing goes out or comes in.
    pub(crate) fn leave_room(&mut self) {
        self.video_out.leave_room();
        (self.estimate, self.shared) = (None, None);
        self.screen.leave_room();
        self.audio_out.set_track(None, None);
        self.audio_room.clear();
        self.incoming.clear();
        self.playouts.clear();
        self.muted.clear();
    }

    /// It is all over: whoever taps pictures learns of it.
    pub(crate) fn end(&self) {
        self.tiles.end();
    }
}

/// Takes a track of ours out of the room.
pub(super) fn unpublish(room: Option<&Room>, track: &LocalTrack) {
    if let Some(room) = room
        && let Err(error) = room.unpublish(&track.sid())
    {
        tracing::debug!(%error, "a track of ours was not in the room any more");
    }
}

/// Brings to the state machine what is plugged in.
fn plugged_in(messages: UnboundedSender<Message>) -> Box<dyn FnMut(Vec<String>) + Send> {
    Box::new(move |cameras| {
        // After the end nobody wants to know.
        let _ = messages.send(Message::Input(Input::Plugged { cameras }));
    })
}

fn camera_thread(
    env: &SessionEnv,
    messages: UnboundedSender<Message>,
    out: Arc<VideoOut>,
) -> DeviceThread<(CameraChoice, VideoSettings)> {
    let devices = env.devices.clone();
    // Nobody is to be on air with another camera than before without a word, as one that was plugged in meanwhile may be the first now.
    let mut first = None;
    DeviceThread::spawn(Device::Camera, messages, move |(choice, settings), reporter| {
        let choice = match choice {
            CameraChoice::Default => {
                first = first.take().or_else(|| devices.first_camera());
                // It takes its place back, like one that was chosen.
                if let Some(id) = &first {
                    reporter.means(id.clone());
                }
                first.clone().map_or(choice, CameraChoice::Device)
            }
            chosen => chosen,
        };
        let source = devices.camera(&choice, settings)?;
        let info = source.describe();
        let (pictures, taken) = latest::channel();
        let running = source.start(pictures)?;
        let encoder = out.clone();
        std::thread::Builder::new()
            .name("video-out".to_owned())
            .spawn(move || encoder.run(&taken))
            .map_err(|e| SourceError::Thread { source_name: "video-out".to_owned(), reason: e.to_string() })?;
        out.meter.with(|m| m.track.label.clone_from(&info.label));
        reporter.opened(info.label, info.synthetic, info.stands_in);
        let ended = reporter.clone();
        running.on_end(move |status| ended.ended(status));
        Ok(Box::new(running) as Opened)
    })
}

fn microphone_thread(
    env: &SessionEnv,
    messages: UnboundedSender<Message>,
    out: Arc<AudioOut>,
) -> DeviceThread<MicrophoneChoice> {
    let devices = env.devices.clone();
    DeviceThread::spawn(Device::Microphone, messages, move |choice, reporter| {
        let synthetic = matches!(choice, MicrophoneChoice::Tone | MicrophoneChoice::File(_));
        let source = devices.microphone(&choice, reporter.listener(synthetic))?;
        let info = source.describe();
        let sink = out
            .sink(synthetic)
            .map_err(|e| SourceError::Device { device: "Opus".to_owned(), reason: e.to_string() })?;
        // Before it starts: what its own listener tells later is better.
        out.meter.with(|m| m.track.label.clone_from(&info.label));
        let running = source.start(sink)?;
        if info.synthetic {
            reporter.opened(info.label, true, false);
        }
        let ended = reporter.clone();
        running.on_end(move |status| ended.ended(status));
        Ok(Box::new(running) as Opened)
    })
}

fn speaker_thread(
    env: &SessionEnv,
    messages: UnboundedSender<Message>,
    room: Arc<AudioRoom>,
) -> DeviceThread<SpeakerChoice> {
    let devices = env.devices.clone();
    DeviceThread::spawn(Device::Speaker, messages, move |choice, reporter| {
        devices.speaker(&choice, room.render(), reporter.listener(false)).map(|speaker| speaker as Opened)
    })
}
