//! What a person tries before, or beside, a room: their camera, their microphone, their loudspeaker, and a call with
//! themselves.
//!
//! Each of these opens a device when it is made and closes it when it is dropped; none is made but on the person's
//! wish. The opening calls block until the device works or is known not to: not for an async thread.

mod call;
mod camera;
mod microphone;
mod recording;
mod speaker;

pub use call::{TestCall, TestCallDevices, TestCallStage};
pub use camera::CameraTryout;
pub(crate) use microphone::LevelMeter;
pub use microphone::MicrophoneTryout;
pub(crate) use speaker::Notes;
pub use speaker::SpeakerTryout;

use beckon_media::SourceError;

use crate::core::Device;
use crate::error::SessionError;
use crate::shell::code_of;

/// What a person is told of a device that does not work.
fn explain(error: &SourceError, device: Device) -> SessionError {
    SessionError::new(code_of(error, device), error.to_string())
}
