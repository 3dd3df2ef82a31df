//! Whether we may send at all: the audience of a live room only sees and hears, and none of its devices is opened.

use beckon_protocol::Code;
use beckon_protocol::room::Role;

use super::Core;
use super::devices::Hold;

impl Core {
    /// The room takes pictures and sound from us from now on, or does not.
    ///
    /// Who may again is not turned on by that: it is the person's to say so.
    pub(super) fn permit(&mut self, may: bool) {
        if self.may_publish == Some(may) {
            return;
        }
        self.may_publish = Some(may);
        let hold = if may { Hold::Free } else { Hold::Barred };
        self.camera.hold(hold, &mut self.out);
        self.microphone.hold(hold, &mut self.out);
        if !may {
            self.talk.set_wanted(false);
            self.camera_track.anew();
            self.microphone_track.anew();
            if self.screen.is_on() {
                self.screen.refuse(Code::Forbidden, &mut self.out);
            }
        }
    }

    pub(super) fn is_barred(&self) -> bool {
        self.may_publish == Some(false)
    }

    /// What we are in the room, as far as the service said: somebody of the audience who may send now is none any more.
    pub(super) fn own_role(&self) -> Option<Role> {
        match self.own.role {
            Some(Role::Audience) if self.may_publish == Some(true) => Some(Role::Member),
            role => role,
        }
    }
}
