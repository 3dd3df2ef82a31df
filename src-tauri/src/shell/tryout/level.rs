//! How loud the microphone is, told to the windows that show a meter.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use beckon_session::tryout::{MicrophoneTryout, TestCall};

use super::{Shell, Tryouts};
use crate::shell::windows;

/// How often a meter moves.
pub(super) const METER: Duration = Duration::from_millis(80);

/// The windows that show a meter.
#[derive(Default)]
pub struct Meters {
    labels: HashSet<String>,
    /// Somebody tells them already.
    told: bool,
}

impl Meters {
    /// The window of this label is gone.
    pub fn forget(&mut self, label: &str) {
        self.labels.remove(label);
    }
}

impl Tryouts {
    /// Tells a window the microphone's level, or no more.
    pub fn watch_level(&self, shell: &Arc<Shell>, label: &str, on: bool) {
        let mut state = self.state.lock();
        let meters = &mut state.meters;
        if on {
            meters.labels.insert(label.to_owned());
        } else {
            meters.labels.remove(label);
        }
        if on && !std::mem::replace(&mut meters.told, true) {
            tauri::async_runtime::spawn(tell(shell.clone()));
        }
    }

    /// Who wants to know, and the microphone's level for each: a room's window is told that of its room, the settings that
    /// of whatever is open. `None` when nobody wants to know any more.
    fn levels(&self, shell: &Shell) -> Option<Vec<(String, f32)>> {
        let rooms: Vec<_> = shell.rooms.lock().values().cloned().collect();
        let mut state = self.state.lock();
        let open = |label: &String| tauri::Manager::get_webview_window(&shell.app, label).is_some();
        state.meters.labels.retain(open);
        if state.meters.labels.is_empty() {
            state.meters.told = false;
            return None;
        }
        let own = state.microphone.device().map(MicrophoneTryout::level);
        let call = state.call.as_ref().map(TestCall::level);
        // Once for each: looking begins the next measurement.
        let in_rooms: HashMap<_, _> = rooms.iter().map(|room| (room.key, room.session.microphone_level())).collect();
        let loudest = own.into_iter().chain(call).chain(in_rooms.values().copied()).fold(0.0, f32::max);
        let level = |label: &String| match windows::room_of_label(label) {
            Some(key) => in_rooms.get(&key).copied().unwrap_or_default(),
            None => loudest,
        };
        Some(state.meters.labels.iter().map(|label| (label.clone(), level(label))).collect())
    }
}

/// Tells the windows that want to know.
async fn tell(shell: Arc<Shell>) {
    while let Some(levels) = shell.tryout.levels(&shell) {
        for (label, level) in levels {
            windows::tell(&shell, &label, "level", &level);
        }
        tokio::time::sleep(METER).await;
    }
}
