//! When our microphone is heard: the button, the key that is held, and the hint for those who talk while muted.

use super::{Core, Effect};
use crate::sound::SoundSettings;
use crate::view::TalkView;

/// What decides whether our sound is sent.
#[derive(Debug)]
pub(super) struct Talk {
    settings: SoundSettings,
    /// The button says on.
    wanted: bool,
    held: bool,
    talks_muted: bool,
    /// What the shell was told last.
    sends: bool,
}

impl Talk {
    pub(super) fn new(settings: SoundSettings, wanted: bool) -> Self {
        Self { settings, wanted, held: false, talks_muted: false, sends: false }
    }

    pub(super) fn set_wanted(&mut self, wanted: bool) {
        self.wanted = wanted;
        // Whoever mutes with the key held down means it.
        self.held &= wanted;
    }

    pub(super) fn hold(&mut self, held: bool) {
        self.held = held && self.settings.push_to_talk;
    }

    pub(super) fn set_settings(&mut self, settings: SoundSettings) {
        self.settings = settings;
        self.held &= settings.push_to_talk;
        self.talks_muted &= settings.mute_hint;
    }

    /// Another microphone was chosen, which is on or off.
    pub(super) fn chosen(&mut self, on: bool) {
        self.wanted = on && (self.wanted || !self.held);
    }

    pub(super) fn talks_muted(&mut self, talks: bool) {
        self.talks_muted = talks && self.settings.mute_hint;
    }

    fn on(&self) -> bool {
        self.wanted || self.held
    }
}

impl Core {
    /// Brings the microphone to where button, key and settings want it.
    pub(super) fn apply_talk(&mut self) {
        self.microphone.set_stays_open(self.talk.settings.stays_open(), &mut self.out);
        self.microphone.set_on(self.talk.on(), &mut self.out);
    }

    /// What the microphone hears is sent exactly while it is on and runs.
    pub(super) fn sync_sound(&mut self) {
        let sends = self.microphone.is_running();
        if sends != self.talk.sends {
            self.talk.sends = sends;
            // A hint is over once we are heard, and when nothing listens any more.
            self.talk.talks_muted = false;
            self.out.push(Effect::SendSound(sends));
        }
        if !self.microphone.is_ready() {
            self.talk.talks_muted = false;
        }
    }

    pub(super) fn talk_view(&self) -> TalkView {
        TalkView {
            ready: self.microphone.is_ready(),
            push_to_talk: self.talk.settings.push_to_talk,
            held: self.talk.held,
            muted: self.talk.talks_muted,
        }
    }
}
