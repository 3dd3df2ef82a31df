//! What the person set, kept in `settings.json` of the profile.
//!
//! One section, one struct, one file. A section is read by itself: one that cannot be read (a newer version wrote it, or
//! somebody's hand) gets its defaults, and the others stay as they are.

mod beauty;
mod devices;
mod picture;
mod volumes;

use beckon_session::SoundSettings;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use ts_rs::TS;

use crate::LanguageChoice;
pub use beauty::Beauty;
pub use devices::{DeviceSetting, Devices};
pub use picture::Picture;
pub use volumes::{Volume, Volumes};

/// Everything in `settings.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub struct Settings {
    /// Which language the windows speak.
    #[serde(deserialize_with = "section")]
    pub language: LanguageChoice,
    /// Camera, microphone, loudspeaker.
    #[serde(deserialize_with = "section")]
    pub devices: Devices,
    /// How our pictures are taken and shown.
    #[serde(deserialize_with = "section")]
    pub picture: Picture,
    /// The beauty filter on our pictures.
    #[serde(deserialize_with = "section")]
    pub beauty: Beauty,
    /// What is done to our sound, and when it is sent.
    #[serde(deserialize_with = "section")]
    pub sound: SoundSettings,
    /// How loud single people are.
    #[serde(deserialize_with = "section")]
    pub volumes: Volumes,
}

/// One section, as a window sets it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "section", content = "value")]
pub enum SettingsChange {
    /// Which language the windows speak.
    Language(LanguageChoice),
    /// Camera, microphone, loudspeaker.
    Devices(Devices),
    /// How our pictures are taken and shown.
    Picture(Picture),
    /// The beauty filter on our pictures.
    Beauty(Beauty),
    /// What is done to our sound, and when it is sent.
    Sound(SoundSettings),
    /// How loud one person is.
    Volume(Volume),
}

impl Settings {
    /// The settings with one section set anew.
    pub fn set(&mut self, change: SettingsChange) {
        match change {
            SettingsChange::Language(language) => self.language = language,
            SettingsChange::Devices(devices) => self.devices = devices,
            SettingsChange::Picture(picture) => self.picture = picture,
            SettingsChange::Beauty(beauty) => self.beauty.set(beauty),
            SettingsChange::Sound(sound) => self.sound = sound,
            SettingsChange::Volume(volume) => self.volumes.set(volume),
        }
    }
}

/// Reads one section by itself.
fn section<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_else(|error| {
        tracing::warn!(%error, section = std::any::type_name::<T>(), "unreadable settings; their defaults hold");
        T::default()
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use beckon_protocol::video::VideoPreset;

    #[test]
    fn a_section_that_cannot_be_read_leaves_the_others_as_they_are() {
        let text = r#"{"language":"zh-CN","devices":{"camera":{"kind":"hologram"}},"picture":{"mirror":false},
            "beauty":{"on":true,"strength":11},"x":1}"#;
        let settings: Settings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.language, LanguageChoice::Chinese);
        assert_eq!(settings.devices, Devices::default());
        assert!(!settings.picture.mirror);
        assert_eq!(settings.beauty, Beauty::default());
        assert_eq!(settings.picture.preset, VideoPreset::default());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut settings = Settings::default();
        let usb = DeviceSetting::Device { id: "usb".into(), label: "USB camera".into() };
        settings.set(SettingsChange::Devices(Devices { camera: usb, ..Devices::default() }));
        settings.set(SettingsChange::Language(LanguageChoice::English));
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }

    #[test]
    fn a_change_names_its_section() {
        let text = r#"{"section":"picture","value":{"mirror":false}}"#;
        let change: SettingsChange = serde_json::from_str(text).unwrap();
        assert_eq!(change, SettingsChange::Picture(Picture { mirror: false, ..Picture::default() }));
    }
}
