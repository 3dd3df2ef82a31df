//! What is kept between runs, in the profile's folder: settings and allowed pages.

mod file;
mod settings;

pub use file::{JsonFile, ProfileError};
pub use settings::SettingsStore;
