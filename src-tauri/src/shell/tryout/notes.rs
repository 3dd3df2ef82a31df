//! Some notes on the loudspeaker.

use std::sync::Arc;

use beckon_session::{SessionEnv, SessionError, SessionHandle, tryout::SpeakerTryout};

use super::{OpenRoom, Shell, Tryouts, failed, in_room, level::METER, slot::Ask};

/// Who plays them.
pub enum Notes {
    /// An open room, whose echo canceller so knows them.
    Room(SessionHandle),
    /// We ourselves.
    Own(SpeakerTryout),
}

impl Notes {
    fn are_over(&self) -> bool {
        match self {
            Self::Room(session) => !session.plays_notes(),
            Self::Own(speaker) => speaker.is_over(),
        }
    }
}

impl Tryouts {
    /// Plays some notes: by this room, by whichever is open, or by ourselves.
    pub fn speaker(&self, shell: &Arc<Shell>, room: Option<Arc<OpenRoom>>) {
        let (ask, before) = self.update(shell, |state| state.speaker.open());
        let shell = shell.clone();
        tauri::async_runtime::spawn_blocking(move || {
            let _turn = shell.tryout.turns.speaker.lock();
            drop(before);
            let opened = shell.tryout.play(&shell, room, ask);
            let late = shell.tryout.update(&shell, |state| state.speaker.opened(ask, opened));
            drop(late);
            tauri::async_runtime::spawn(end(shell.clone()));
        });
    }

    fn play(
        &self,
        shell: &Arc<Shell>,
        room: Option<Arc<OpenRoom>>,
        ask: Ask,
    ) -> Result<(Notes, String), beckon_protocol::Code> {
        let room = room.or_else(|| in_room::live(shell)).filter(|room| room.session.view().borrow().speaker.running);
        if let Some(room) = room {
            room.session.play_notes();
            return Ok((Notes::Room(room.session.clone()), String::new()));
        }
        let told = Arc::downgrade(shell);
        let not_heard = move |error: SessionError| {
            if let Some(shell) = told.upgrade() {
                let lost = shell.tryout.update(&shell, |state| state.speaker.failed(ask, failed(&error)));
                // This is the loudspeaker's own thread, which its closing waits for.
                tauri::async_runtime::spawn_blocking(move || drop(lost));
            }
        };
        let opened = SpeakerTryout::play(&SessionEnv::system(), &shell.speaker(), not_heard);
        opened.map(|speaker| (Notes::Own(speaker), String::new())).map_err(|error| failed(&error))
    }
}

/// Closes the loudspeaker when its notes are over.
async fn end(shell: Arc<Shell>) {
    loop {
        tokio::time::sleep(METER).await;
        let (going, over) = shell.tryout.update(&shell, |state| match state.speaker.device() {
            Some(notes) if notes.are_over() => (false, state.speaker.close()),
            notes => (notes.is_some(), None),
        });
        if let Some(over) = over {
            tauri::async_runtime::spawn_blocking(move || drop(over));
        }
        if !going {
            return;
        }
    }
}
