//! Several rooms of this program: one of them has the camera, and one the microphone.

use super::Core;
use super::input::Device;
use crate::request::SessionRequest;

impl Core {
    /// Another room of this program takes the camera or the microphone, and the person is told.
    pub(super) fn give_up(&mut self, device: Device) {
        let was_on = match device {
            Device::Camera => self.camera.give_up(&mut self.out),
            Device::Microphone => {
                self.talk.set_wanted(false);
                self.microphone.give_up(&mut self.out)
            }
            // Several rooms may be heard at once.
            Device::Speaker => false,
        };
        if was_on && let Some(code) = self.device(device).given_up() {
            self.notice(code, code.text());
        }
    }

    /// Begins with off what another room of this program has.
    pub(super) fn begin_given_up(&mut self, request: &SessionRequest) {
        let taken = [(request.camera_elsewhere, Device::Camera), (request.microphone_elsewhere, Device::Microphone)];
        for (_, device) in taken.into_iter().filter(|(elsewhere, _)| *elsewhere) {
            self.give_up(device);
        }
    }
}
