//! This machine's devices.

use std::any::Any;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use beckon_media::audio_io::{DeviceChoice, DeviceEvent, DeviceListener, Microphone, Mixer, Render, Speaker};
use beckon_media::camera::{CameraSource, list_cameras};
use beckon_media::file::MediaFile;
use beckon_media::frame::SAMPLE_RATE;
use beckon_media::screen::{ScreenSettings, ScreenSource};
use beckon_media::system_sound::SystemSound;
use beckon_media::testcard::{TestCardSource, ToneSource};
use beckon_media::urgency::Urgency;
use beckon_media::{AudioSource, MediaTime, RunningSource, SourceError, VideoSource};
use parking_lot::Mutex;

use crate::env::{Devices, VisibilityListener};
use crate::request::{CameraChoice, MicrophoneChoice, ScreenShare, SpeakerChoice, VideoSettings};

const FRAME: Duration = Duration::from_millis(10);
/// A clock further behind than this was asleep: it goes on from now.
const ASLEEP: Duration = Duration::from_millis(500);

/// Cameras, microphones, loudspeakers, files, test card and tone.
#[derive(Default)]
pub(crate) struct SystemDevices {
    /// Files in use: pictures and sound of one file keep time with one another.
    files: Mutex<HashMap<PathBuf, MediaFile>>,
}

impl SystemDevices {
    fn file(&self, path: &Path) -> Result<MediaFile, SourceError> {
        let mut files = self.files.lock();
        if let Some(file) = files.get(path) {
            return Ok(file.clone());
        }
        let file = MediaFile::open(path)?;
        files.insert(path.to_owned(), file.clone());
        Ok(file)
    }
}

fn absent(device: &str) -> SourceError {
    SourceError::Absent { device: device.to_owned() }
}

fn lacks(path: &Path, what: &str) -> SourceError {
    SourceError::File { path: path.display().to_string(), reason: format!("there are no {what} in it") }
}

impl Devices for SystemDevices {
    fn camera(&self, choice: &CameraChoice, wanted: VideoSettings) -> Result<Box<dyn VideoSource>, SourceError> {
        let VideoSettings { width, height, fps, .. } = wanted;
        let device = |id| Box::new(CameraSource::new(id, width, height, fps));
        Ok(match choice {
            CameraChoice::TestCard => Box::new(TestCardSource::new(width, height, fps)),
            CameraChoice::File(path) => Box::new(self.file(path)?.camera().ok_or_else(|| lacks(path, "pictures"))?),
            CameraChoice::Device(id) => device(Some(id.clone())),
            CameraChoice::Default => device(None),
            CameraChoice::None => return Err(absent("camera")),
        })
    }

    fn first_camera(&self) -> Option<String> {
        list_cameras().ok()?.into_iter().next().map(|camera| camera.id)
    }

    fn microphone(
        &self,
        choice: &MicrophoneChoice,
        listener: DeviceListener,
    ) -> Result<Box<dyn AudioSource>, SourceError> {
        let device = |choice| Box::new(Microphone::new(choice).on_event(listener));
        Ok(match choice {
            MicrophoneChoice::Tone => Box::new(ToneSource),
            MicrophoneChoice::File(path) => {
                Box::new(self.file(path)?.microphone().ok_or_else(|| lacks(path, "sounds"))?)
            }
            MicrophoneChoice::Default => device(DeviceChoice::Default),
            MicrophoneChoice::Device(id) => device(DeviceChoice::Id(id.clone())),
            MicrophoneChoice::None => return Err(absent("microphone")),
        })
    }

    fn screen(&self, share: &ScreenShare, listener: VisibilityListener) -> Result<Box<dyn VideoSource>, SourceError> {
        let settings = ScreenSettings::default();
        Ok(Box::new(ScreenSource::new(share.choice.clone(), &share.label, settings).on_visibility(listener)))
    }

    fn system_sound(&self) -> Result<Box<dyn AudioSource>, SourceError> {
        Ok(Box::new(SystemSound::new()))
    }

    fn speaker(
        &self,
        choice: &SpeakerChoice,
        render: Render,
        mut listener: DeviceListener,
    ) -> Result<Box<dyn Any + Send>, SourceError> {
        let choice = match choice {
            SpeakerChoice::Default => DeviceChoice::Default,
            SpeakerChoice::Device(id) => DeviceChoice::Id(id.clone()),
            SpeakerChoice::None => {
                let silent = unheard(render)?;
                listener(DeviceEvent::Opened {
                    label: String::new(),
                    rate: SAMPLE_RATE,
                    again: false,
                    stands_in: false,
                });
                return Ok(Box::new(silent));
            }
        };
        Ok(Box::new(Speaker::open_when_available(choice, render, listener)?))
    }

    fn watch(&self, mut plugged: Box<dyn FnMut(Vec<String>) + Send>) -> Option<Box<dyn Any + Send>> {
        let watch = beckon_media::devices::watch(move |list| {
            plugged(list.cameras.iter().map(|camera| camera.id.clone()).collect());
        });
        match watch {
            Ok(watch) => Some(Box::new(watch)),
            Err(error) => {
                tracing::warn!(%error, "a device that is plugged in is noticed when it is tried again");
                None
            }
        }
    }
}

/// Asks for sound every 10 ms and lets nobody hear it.
fn unheard(mut render: Render) -> Result<RunningSource, SourceError> {
    RunningSource::spawn("unheard", move |control| {
        Urgency::Sound.claim();
        let mut frame = [0.0; Mixer::FRAME_LEN];
        let mut due = MediaTime::now();
        while control.sleep_until(due) {
            render(&mut frame, due);
            due += FRAME;
            if MediaTime::now().saturating_since(due) > ASLEEP {
                due = MediaTime::now();
            }
        }
        Ok(())
    })
}
