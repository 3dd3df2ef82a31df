//! Opens and closes devices, each on a thread of its own: drivers may take their time.

use std::any::Any;
use std::sync::mpsc;

use beckon_media::audio_io::{DeviceEvent, DeviceListener};
use beckon_media::{SourceError, SourceStatus};
use beckon_protocol::Code;
use tokio::sync::{mpsc::UnboundedSender, oneshot};

use super::Message;
use crate::core::{Device, DeviceNews, Input};
use crate::error::SessionError;

/// An open device; dropping it closes it.
pub(crate) type Opened = Box<dyn Any + Send>;

enum Job<C> {
    Open {
        generation: u32,
        choice: C,
    },
    Close,
    /// Close, and say when that is done.
    TellClosed(oneshot::Sender<()>),
}

/// One device's thread. Dropping it closes the device.
pub(crate) struct DeviceThread<C> {
    jobs: mpsc::Sender<Job<C>>,
}

/// Tells the state machine what became of one opening.
#[derive(Clone)]
pub(crate) struct Reporter {
    device: Device,
    generation: u32,
    messages: UnboundedSender<Message>,
}

impl Reporter {
    /// Which one device "System default" is in this room.
    pub(crate) fn means(&self, id: String) {
        self.tell(DeviceNews::Means(id));
    }

    pub(crate) fn opened(&self, label: String, synthetic: bool, stands_in: bool) {
        self.tell(DeviceNews::Opened { label, synthetic, stands_in });
    }

    pub(crate) fn failed(&self, error: &SourceError) {
        self.tell(DeviceNews::Failed(self.explain(error)));
    }

    /// For sources that end by themselves when something is wrong.
    pub(crate) fn ended(&self, status: SourceStatus) {
        match status {
            SourceStatus::Failed(error) => self.failed(&error),
            SourceStatus::Running | SourceStatus::Ended => {
                let code = self.code_of_loss();
                self.tell(DeviceNews::Failed(SessionError::of(code)));
            }
        }
    }

    /// For devices that come back by themselves.
    pub(crate) fn listener(&self, synthetic: bool) -> DeviceListener {
        let reporter = self.clone();
        Box::new(move |event| match event {
            DeviceEvent::Opened { label, stands_in, .. } => reporter.opened(label, synthetic, stands_in),
            DeviceEvent::Lost(error) => reporter.tell(DeviceNews::Lost(reporter.explain(&error))),
        })
    }

    fn tell(&self, news: DeviceNews) {
        let input = Input::Device { device: self.device, generation: self.generation, news };
        // After the end nobody wants to know.
        let _ = self.messages.send(Message::Input(input));
    }

    fn code_of_loss(&self) -> Code {
        match self.device {
            Device::Camera => Code::CameraLost,
            Device::Microphone => Code::MicrophoneLost,
            Device::Speaker => Code::SpeakerAbsent,
        }
    }

    fn explain(&self, error: &SourceError) -> SessionError {
        SessionError::new(code_of(error, self.device), error.to_string())
    }
}

/// What a person and a page are told of a device that does not work.
pub(crate) fn code_of(error: &SourceError, device: Device) -> Code {
    match (error, device) {
        (SourceError::File { .. }, _) => Code::MediaFile,
        (SourceError::Absent { .. }, Device::Camera) => Code::CameraAbsent,
        (SourceError::InUse { .. }, Device::Camera) => Code::CameraInUse,
        (SourceError::Denied { .. }, Device::Camera) => Code::CameraDenied,
        (SourceError::Unplugged { .. }, Device::Camera) => Code::CameraLost,
        (_, Device::Camera) => Code::CameraUnusable,
        (SourceError::Unplugged { .. }, Device::Microphone) => Code::MicrophoneLost,
        (SourceError::InUse { .. }, Device::Microphone) => Code::MicrophoneInUse,
        (SourceError::Denied { .. }, Device::Microphone) => Code::MicrophoneDenied,
        (_, Device::Microphone) => Code::MicrophoneAbsent,
        (_, Device::Speaker) => Code::SpeakerAbsent,
    }
}

impl<C: Send + 'static> DeviceThread<C> {
    /// A thread that opens with `open`, which reports success by itself and failure by its result.
    pub(crate) fn spawn(
        device: Device,
        messages: UnboundedSender<Message>,
        mut open: impl FnMut(C, &Reporter) -> Result<Opened, SourceError> + Send + 'static,
    ) -> Self {
        let (jobs, todo) = mpsc::channel();
        let name = match device {
            Device::Camera => "camera",
            Device::Microphone => "microphone",
            Device::Speaker => "speaker",
        };
        let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut opened: Option<Opened> = None;
            while let Ok(job) = todo.recv() {
                // The device that is open goes first: the next may be the same one.
                drop(opened.take());
                match job {
                    Job::Open { generation, choice } => {
                        let reporter = Reporter { device, generation, messages: messages.clone() };
                        match open(choice, &reporter) {
                            Ok(device) => opened = Some(device),
                            Err(error) => reporter.failed(&error),
                        }
                    }
                    Job::Close => {}
                    // Whoever asked may not want to know any more.
                    Job::TellClosed(closed) => drop(closed.send(())),
                }
            }
        });
        if let Err(error) = spawned {
            // Without its thread the device never opens; the jobs below go nowhere.
            tracing::error!(name, %error, "no thread for a device");
        }
        Self { jobs }
    }

    pub(crate) fn open(&self, generation: u32, choice: C) {
        // The thread lives as long as this sender.
        let _ = self.jobs.send(Job::Open { generation, choice });
    }

    pub(crate) fn close(&self) {
        let _ = self.jobs.send(Job::Close);
    }

    /// Closes it where it is open, and says when that is done.
    pub(crate) fn tell_closed(&self, closed: oneshot::Sender<()>) {
        let _ = self.jobs.send(Job::TellClosed(closed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_of_a_device_has_the_code_that_says_what_to_do() {
        use Code::{
            CameraAbsent, CameraDenied, CameraInUse, CameraLost, CameraUnusable, MediaFile, MicrophoneAbsent,
            MicrophoneDenied, MicrophoneInUse, MicrophoneLost, SpeakerAbsent,
        };
        let (device, reason) = (|| "a device".to_owned(), || "a reason".to_owned());
        // Of the camera, the microphone, the loudspeaker.
        let table = [
            (SourceError::Absent { device: device() }, [CameraAbsent, MicrophoneAbsent, SpeakerAbsent]),
            (SourceError::InUse { device: device() }, [CameraInUse, MicrophoneInUse, SpeakerAbsent]),
            (SourceError::Denied { device: device() }, [CameraDenied, MicrophoneDenied, SpeakerAbsent]),
            (SourceError::Unplugged { device: device() }, [CameraLost, MicrophoneLost, SpeakerAbsent]),
            (
                SourceError::Unsupported { device: device(), offered: String::new() },
                [CameraUnusable, MicrophoneAbsent, SpeakerAbsent],
            ),
            (
                SourceError::Device { device: device(), reason: reason() },
                [CameraUnusable, MicrophoneAbsent, SpeakerAbsent],
            ),
            (
                SourceError::Thread { source_name: device(), reason: reason() },
                [CameraUnusable, MicrophoneAbsent, SpeakerAbsent],
            ),
            (SourceError::File { path: "film.mp4".to_owned(), reason: reason() }, [MediaFile; 3]),
        ];
        for (error, codes) in table {
            let given = [Device::Camera, Device::Microphone, Device::Speaker].map(|of| code_of(&error, of));
            assert_eq!(given, codes, "{error}");
        }
    }

    #[test]
    fn a_source_that_ends_by_itself_is_a_device_that_was_lost_unless_it_says_why() {
        let table = [
            (Device::Camera, SourceStatus::Ended, Code::CameraLost),
            (Device::Microphone, SourceStatus::Ended, Code::MicrophoneLost),
            (Device::Speaker, SourceStatus::Ended, Code::SpeakerAbsent),
            (
                Device::Camera,
                SourceStatus::Failed(SourceError::Denied { device: "Cam".to_owned() }),
                Code::CameraDenied,
            ),
        ];
        for (device, status, code) in table {
            let (messages, mut told) = tokio::sync::mpsc::unbounded_channel();
            Reporter { device, generation: 3, messages }.ended(status);
            let Ok(Message::Input(Input::Device { device: of, generation: 3, news: DeviceNews::Failed(error) })) =
                told.try_recv()
            else {
                panic!("{device:?}: nothing is told of it");
            };
            assert_eq!((of, error.code), (device, code));
        }
    }
}
