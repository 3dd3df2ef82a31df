//! This machine's devices.

use beckon_media::testcard::{TestCardSource, ToneSource};
use beckon_media::{AudioSource, SourceError, VideoSource};

use crate::env::Devices;
use crate::request::{CameraChoice, MicrophoneChoice, VideoSettings};

/// Cameras, microphones, files, test card and tone.
pub(crate) struct SystemDevices;

fn absent(device: &str) -> SourceError {
    SourceError::Absent { device: device.to_owned() }
}

impl Devices for SystemDevices {
    fn camera(&self, choice: &CameraChoice, wanted: VideoSettings) -> Result<Box<dyn VideoSource>, SourceError> {
        match choice {
            CameraChoice::TestCard => Ok(Box::new(TestCardSource::new(wanted.width, wanted.height, wanted.fps))),
            _ => Err(absent("camera")),
        }
    }

    fn microphone(&self, choice: &MicrophoneChoice) -> Result<Box<dyn AudioSource>, SourceError> {
        match choice {
            MicrophoneChoice::Tone => Ok(Box::new(ToneSource)),
            _ => Err(absent("microphone")),
        }
    }
}
