//! A camera that is looked at.

use std::sync::Arc;
use std::time::Duration;

use beckon_media::latest::{self, RecvError};
use beckon_media::{LatestReceiver, RunningSource, SourceError, SourceStatus, VideoFrame};
use beckon_protocol::{Code, beauty::BeautySettings};

use super::explain;
use crate::beauty::{BeautyStep, BeautyWish};
use crate::core::Device;
use crate::env::SessionEnv;
use crate::error::SessionError;
use crate::request::{CameraChoice, VideoSettings};
use crate::tiles::Fanout;

/// The camera's end wakes the thread; nothing else has to.
const LONG: Duration = Duration::from_secs(3600);

/// A camera that is open, and whose pictures are shown to the person alone.
pub struct CameraTryout {
    label: String,
    stands_in: bool,
    pictures: Arc<Fanout>,
    beauty: BeautyWish,
    _running: RunningSource,
}

impl CameraTryout {
    /// Opens the camera. `ended` is called once, when it breaks off.
    ///
    /// # Errors
    /// Why it cannot be opened, with the code that a room would show.
    pub fn open(
        env: &SessionEnv,
        choice: &CameraChoice,
        wanted: VideoSettings,
        beauty: BeautySettings,
        ended: impl FnOnce(SessionError) + Send + 'static,
    ) -> Result<Self, SessionError> {
        let failed = |error: SourceError| explain(&error, Device::Camera);
        let source = env.devices.camera(choice, wanted).map_err(failed)?;
        let info = source.describe();
        let (pictures, taken) = latest::channel();
        let running = source.start(pictures).map_err(failed)?;
        let fanout = Arc::new(Fanout::default());
        let shown = fanout.clone();
        let beauty = BeautyWish::new(beauty);
        let mut step = BeautyStep::new(beauty.clone());
        std::thread::Builder::new()
            .name("camera-tryout".to_owned())
            .spawn(move || {
                loop {
                    match taken.recv_timeout(LONG) {
                        Ok(picture) => {
                            shown.send(&step.take(picture));
                        }
                        Err(RecvError::Empty) => {}
                        Err(RecvError::Closed) => break,
                    }
                }
            })
            .map_err(|e| {
                failed(SourceError::Thread { source_name: "camera-tryout".to_owned(), reason: e.to_string() })
            })?;
        running.on_end(move |status| {
            ended(match status {
                SourceStatus::Failed(error) => explain(&error, Device::Camera),
                SourceStatus::Running | SourceStatus::Ended => SessionError::of(Code::CameraLost),
            });
        });
        Ok(Self { label: info.label, stands_in: info.stands_in, pictures: fanout, beauty, _running: running })
    }

    /// Its name.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// It stands in for the chosen one, which is not there.
    pub fn stands_in(&self) -> bool {
        self.stands_in
    }

    /// Filters its pictures differently from the next one on.
    pub fn set_beauty(&self, settings: BeautySettings) {
        self.beauty.set(settings);
    }

    /// Its pictures, as others would see them (not mirrored). Each call gives a receiver of its own.
    pub fn pictures(&self) -> LatestReceiver<VideoFrame> {
        self.pictures.tap()
    }
}
