//! Machines that are not as this one: what their devices see and hear is known.

use std::any::Any;
use std::sync::Arc;

use beckon_media::audio_io::{DeviceListener, Render};
use beckon_media::{AudioSource, SourceError, VideoSource};
use beckon_session::{
    CameraChoice, Devices, MicrophoneChoice, ScreenShare, SessionEnv, SpeakerChoice, VideoSettings, VisibilityListener,
};

use crate::film::Film;
use crate::page::{PAGE, Page};
use crate::quiet::Quiet;

/// In what a machine differs from this one.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Unlike {
    /// On one of its screens a film runs, on another there is the page.
    pub film: bool,
    /// Its microphone stands in a quiet room.
    pub quiet: bool,
}

/// A machine like this one, but for that.
pub(crate) fn machine(unlike: Unlike) -> SessionEnv {
    let this = SessionEnv::system();
    match unlike == Unlike::default() {
        true => this,
        false => SessionEnv::with_devices(Arc::new(Machine { this: this.devices(), unlike })),
    }
}

struct Machine {
    this: Arc<dyn Devices>,
    unlike: Unlike,
}

impl Devices for Machine {
    fn camera(&self, choice: &CameraChoice, wanted: VideoSettings) -> Result<Box<dyn VideoSource>, SourceError> {
        self.this.camera(choice, wanted)
    }

    fn microphone(
        &self,
        choice: &MicrophoneChoice,
        listener: DeviceListener,
    ) -> Result<Box<dyn AudioSource>, SourceError> {
        if self.unlike.quiet { Ok(Box::new(Quiet(listener))) } else { self.this.microphone(choice, listener) }
    }

    fn speaker(
        &self,
        choice: &SpeakerChoice,
        render: Render,
        listener: DeviceListener,
    ) -> Result<Box<dyn Any + Send>, SourceError> {
        self.this.speaker(choice, render, listener)
    }

    fn screen(&self, share: &ScreenShare, listener: VisibilityListener) -> Result<Box<dyn VideoSource>, SourceError> {
        match self.unlike.film {
            true if share.label == PAGE => Ok(Box::new(Page)),
            true => Ok(Box::new(Film)),
            false => self.this.screen(share, listener),
        }
    }
}
