//! The machine a session runs on.

use std::any::Any;
use std::sync::Arc;

use beckon_media::audio_io::{DeviceListener, Render};
use beckon_media::screen::Visibility;
use beckon_media::{AudioSource, SourceError, VideoSource};

use crate::request::{CameraChoice, MicrophoneChoice, ScreenShare, SpeakerChoice, VideoSettings};

/// Hears when a shared window is minimised and when it comes back.
pub type VisibilityListener = Box<dyn FnMut(Visibility) + Send>;

/// Opens devices. The system's are behind [`SessionEnv::system`]; a test brings its own.
pub trait Devices: Send + Sync {
    /// The camera of that choice, which is not [`CameraChoice::None`], as near to the wanted size as it can.
    ///
    /// # Errors
    /// Why there is none.
    fn camera(&self, choice: &CameraChoice, wanted: VideoSettings) -> Result<Box<dyn VideoSource>, SourceError>;

    /// The ID of the camera that [`CameraChoice::Default`] means now. None where there is none, or nobody can tell.
    fn first_camera(&self) -> Option<String> {
        None
    }

    /// The microphone of that choice, which is not [`MicrophoneChoice::None`]. One that survives the loss of its
    /// device tells `listener` of it.
    ///
    /// # Errors
    /// Why there is none.
    fn microphone(
        &self,
        choice: &MicrophoneChoice,
        listener: DeviceListener,
    ) -> Result<Box<dyn AudioSource>, SourceError>;

    /// Opens the loudspeaker of that choice, which asks `render` for sound until what is returned is dropped, and
    /// tells `listener` when it works and when it does not. [`SpeakerChoice::None`] asks at the same pace.
    ///
    /// # Errors
    /// Only when the machine cannot even ask at a pace.
    fn speaker(
        &self,
        choice: &SpeakerChoice,
        render: Render,
        listener: DeviceListener,
    ) -> Result<Box<dyn Any + Send>, SourceError>;

    /// Tells `plugged` the IDs of the cameras there are, soon and whenever anything is plugged in or out, until what is
    /// returned is dropped. None where nobody can tell: a device that failed is tried again after a while anyway.
    fn watch(&self, plugged: Box<dyn FnMut(Vec<String>) + Send>) -> Option<Box<dyn Any + Send>> {
        let _ = plugged;
        None
    }

    /// The screen, window or region that was chosen.
    ///
    /// # Errors
    /// Why it cannot be shared.
    fn screen(&self, share: &ScreenShare, listener: VisibilityListener) -> Result<Box<dyn VideoSource>, SourceError> {
        drop(listener);
        Err(SourceError::NotSupported {
            what: format!("sharing {}", share.label),
            reason: "these devices have no screen".to_owned(),
        })
    }

    /// What the other programs of this computer play, without what [`speaker`](Self::speaker) plays.
    ///
    /// # Errors
    /// Why it cannot be shared.
    fn system_sound(&self) -> Result<Box<dyn AudioSource>, SourceError> {
        Err(SourceError::NotSupported {
            what: "sharing the computer's sound".to_owned(),
            reason: "these devices have none".to_owned(),
        })
    }
}

/// What a session needs of the machine. Cheap to clone.
#[derive(Clone)]
pub struct SessionEnv {
    pub(crate) devices: Arc<dyn Devices>,
}

impl SessionEnv {
    /// This machine's cameras, microphones and files.
    pub fn system() -> Self {
        Self { devices: Arc::new(crate::shell::SystemDevices::default()) }
    }

    /// The devices, for others that stand in for some of them.
    pub fn devices(&self) -> Arc<dyn Devices> {
        self.devices.clone()
    }

    /// Other devices than the machine's.
    pub fn with_devices(devices: Arc<dyn Devices>) -> Self {
        Self { devices }
    }
}
