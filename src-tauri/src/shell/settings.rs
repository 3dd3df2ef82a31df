//! What the person set, carried out.

use std::sync::Arc;

use beckon_interface::settings::{DeviceSetting, Settings, SettingsChange};
use beckon_session::{CameraChoice, MicrophoneChoice, SpeakerChoice};

use super::{Shell, windows};
use crate::args::Options;

/// Devices that the command line chose.
#[derive(Debug, Default)]
pub struct ForcedDevices {
    camera: Option<CameraChoice>,
    microphone: Option<MicrophoneChoice>,
    speaker: Option<SpeakerChoice>,
}

impl ForcedDevices {
    /// As the command line has them.
    pub fn of(options: &Options) -> Self {
        Self {
            camera: options.camera.clone(),
            microphone: options.microphone.clone(),
            speaker: options.speaker.clone(),
        }
    }
}

/// The session's word for a choice.
macro_rules! choice {
    ($setting:expr, $kind:ident) => {
        match $setting {
            DeviceSetting::Default => $kind::Default,
            DeviceSetting::Device { id, .. } => $kind::Device(id),
        }
    };
}

impl Shell {
    /// The camera for rooms.
    pub fn camera(&self) -> CameraChoice {
        let forced = self.forced.lock().camera.clone();
        forced.unwrap_or_else(|| choice!(self.settings.get().devices.camera, CameraChoice))
    }

    /// The microphone for rooms.
    pub fn microphone(&self) -> MicrophoneChoice {
        let forced = self.forced.lock().microphone.clone();
        forced.unwrap_or_else(|| choice!(self.settings.get().devices.microphone, MicrophoneChoice))
    }

    /// The loudspeaker for rooms.
    pub fn speaker(&self) -> SpeakerChoice {
        let forced = self.forced.lock().speaker.clone();
        forced.unwrap_or_else(|| choice!(self.settings.get().devices.speaker, SpeakerChoice))
    }

    /// Keeps a change, brings it to every room that runs and tells every window.
    ///
    /// A page may have had wishes of its own for its room. What the person sets goes before them, also where it is what was
    /// set before.
    pub fn change_settings(self: &Arc<Self>, change: SettingsChange) {
        let (beauty, picture) =
            (matches!(change, SettingsChange::Beauty(_)), matches!(change, SettingsChange::Picture(_)));
        let (before, after) = self.settings.set(change);
        let rooms: Vec<_> = self.rooms.lock().values().cloned().collect();
        if beauty {
            rooms.iter().for_each(|room| room.session.set_beauty(after.beauty.wanted()));
            self.tryout.beauty(after.beauty.wanted());
        }
        // Whoever turns the mirror has said nothing of the rest.
        if picture && before.picture.mirror == after.picture.mirror {
            for room in &rooms {
                if let Err(error) = room.set_preset(after.picture.preset) {
                    tracing::error!(%error, "the pictures stay as they are");
                }
            }
        }
        if beauty || picture {
            rooms.iter().for_each(|room| windows::refresh_picture(self, room));
            self.tryout.room_changed(self);
        }
        if before == after {
            return;
        }
        self.apply(&before, &after);
        windows::refresh_settings(self, &after);
        if before.language != after.language {
            windows::refresh_language(self);
        }
    }

    /// Each section brings its own change to the rooms.
    fn apply(self: &Arc<Self>, before: &Settings, after: &Settings) {
        let rooms: Vec<_> = self.rooms.lock().values().cloned().collect();
        let (had, has) = (&before.devices, &after.devices);
        if had.camera != has.camera {
            self.forced.lock().camera = None;
            rooms.iter().for_each(|room| room.session.choose_camera(self.camera()));
            self.tryout.camera_chosen(self);
        }
        if had.microphone != has.microphone {
            self.forced.lock().microphone = None;
            rooms.iter().for_each(|room| room.session.choose_microphone(self.microphone()));
            self.tryout.microphone_chosen(self);
        }
        if had.speaker != has.speaker {
            self.forced.lock().speaker = None;
            rooms.iter().for_each(|room| room.session.choose_speaker(self.speaker()));
        }
        if before.sound != after.sound {
            rooms.iter().for_each(|room| room.session.set_sound(after.sound));
        }
        for (user, percent) in after.volumes.changed_since(&before.volumes) {
            rooms.iter().for_each(|room| room.session.set_volume(user, percent));
        }
        if before.picture.mirror != after.picture.mirror {
            for painter in rooms.iter().filter_map(|room| room.painter()) {
                painter.mirror(after.picture.mirror);
            }
            self.tryout.mirror(after.picture.mirror);
        }
        if before.picture.preset != after.picture.preset {
            self.tryout.preset_chosen(self);
        }
    }
}
