//! What the app and its windows say to each other: `ui/room/src/lib/types.ts`.

use beckon_interface::{Language, LanguageChoice, boot, devices, place, screen, settings};
use beckon_session as session;
use ts_rs::Config;

use crate::declare;

/// The whole file.
pub fn file() -> String {
    let cfg = Config::new().with_large_int("number");
    let mut out = String::from(
        "// Written by `cargo xtask types` from crates/interface and crates/session; do not edit.\n\n\
         import type { AspectRatio, BeautyStyle, Chat, FrameRate, Resolution, Role, RoomPhase, StyleType, Template, VideoPreset } from '../../../protocol/index.ts';\n\
         export type { AspectRatio, BeautyStyle, Chat, FrameRate, Resolution, Role, RoomPhase, StyleType, Template, VideoPreset };\n\n",
    );
    macro_rules! declare { ($($type:ty),+ $(,)?) => { $( declare::<$type>(&mut out, &cfg); )+ } }
    declare!(
        Language,
        LanguageChoice,
        session::Quality,
        session::MemberView,
        session::DeviceView,
        session::TalkView,
        session::ScreenView,
        session::NoticeView,
        session::EndView,
        session::RoomView,
        session::NoiseSuppression,
        session::SoundSettings,
        settings::DeviceSetting,
        settings::Devices,
        settings::Picture,
        settings::Beauty,
        settings::Volume,
        settings::Volumes,
        settings::Settings,
        settings::SettingsChange,
        devices::DeviceKind,
        devices::DeviceEntry,
        devices::DeviceList,
        devices::Trial,
        devices::TestCallView,
        devices::InRoom,
        devices::OwnPicture,
        devices::TryoutView,
        screen::ScreenKind,
        screen::ScreenOffer,
        screen::ScreenDialog,
        screen::ScreenOffers,
        screen::ScreenHow,
        boot::Panels,
        boot::RoomBoot,
        boot::Question,
        boot::QuestionAsks,
        boot::Answer,
        boot::ConsentBoot,
        boot::AllowedPage,
        boot::Permissions,
        boot::Trouble,
        boot::Home,
        boot::HomeBoot,
        boot::Log,
        boot::SettingsBoot,
        boot::Boot,
        place::StagePlace,
    );
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
