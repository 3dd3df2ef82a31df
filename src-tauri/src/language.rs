//! Which language a window speaks, on this system.

use beckon_interface::{Language, LanguageChoice};
use beckon_media::compositor;

/// What the page wished, else what the person set, else this system's.
pub fn here(wish: &str, set: LanguageChoice) -> Language {
    Language::choose(wish, set, sys_locale::get_locale().as_deref())
}

/// For the words drawn on the stage.
pub fn on_stage(language: Language) -> compositor::Language {
    match language {
        Language::Chinese => compositor::Language::Chinese,
        Language::English => compositor::Language::English,
    }
}
