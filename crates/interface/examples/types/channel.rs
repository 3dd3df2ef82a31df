//! The channel's types: `ui/protocol/index.ts`.

use std::fmt::Write;

use beckon_protocol::{
    Code, Secret, beauty,
    channel::{self, app, page, proof},
    launch, relay, room, rpc, service, video,
};
use ts_rs::{Config, TS};

use crate::declare;

/// The whole file.
pub fn file() -> String {
    let cfg = Config::new().with_large_int("number");
    let mut out = String::from(
        "// Written by `cargo xtask types` from crates/protocol; do not edit.\n\n\
         /** A text that must not reach a log. */\nexport type Secret = string;\n\n",
    );
    macro_rules! declare { ($($type:ty),+ $(,)?) => { $( declare::<$type>(&mut out, &cfg); )+ } }
    declare!(
        room::StyleType,
        room::RoomAction,
        room::Template,
        room::Role,
        room::Member,
        video::Resolution,
        video::AspectRatio,
        video::FrameRate,
        video::VideoPreset,
        beauty::BeautyStyle,
        beauty::BeautySettings,
        rpc::Id,
        rpc::RpcError,
        proof::Nonce,
        page::Hello,
        page::Challenge,
        page::Prove,
        page::Welcome,
        page::UserData,
        page::RoomData,
        page::ScreenRecord,
        page::Custom,
        page::RoomOpen,
        page::RoomOpened,
        page::RoomClose,
        page::ChatSend,
        page::MediaSet,
        app::LaunchState,
        app::RoomPhase,
        app::RoomState,
        app::Members,
        app::Chat,
        app::Notice,
        app::Closed,
        app::LaunchChanged,
        app::Event,
        service::GuestEntry,
        service::Room,
        service::Entrance,
        service::GuestEntrance,
        service::Failure,
        service::TestLogin,
    );
    // A secret is declared above as what it is on the wire.
    debug_assert_eq!(Secret::name(&cfg), "Secret");

    out.push_str("/** What a page may call: its parameters and its result. */\nexport interface Calls {\n");
    for (method, params, result) in page::Call::SIGNATURES {
        let _ = writeln!(out, "  '{method}': {{ params: {params}; result: {result} }};");
    }
    out.push_str("}\n\n/** Every code there is. */\nexport const Code = {\n");
    for code in Code::ALL {
        let _ = writeln!(out, "  /** {} */\n  {}: {},", code.text(), code.name(), code.value());
    }
    out.push_str(
        "} as const;\n\n/** Each code in words. */\nexport const codeText: Readonly<Record<number, string>> = {\n",
    );
    for code in Code::ALL {
        let _ = writeln!(out, "  [{}]: {:?},", code.value(), code.text());
    }
    out.push_str("};\n\n");
    let constants: [(&str, &str, String); 14] = [
        ("SCHEME", "The scheme of launch URLs.", format!("{:?}", launch::SCHEME)),
        ("LAUNCH_VERSION", "Version of the launch URL.", launch::VERSION.to_string()),
        ("LAUNCH_URL_MAX", "Longest launch URL, bytes.", launch::URL_MAX.to_string()),
        ("DEFAULT_PORTS", "Where the app listens on 127.0.0.1.", format!("{:?} as const", launch::DEFAULT_PORTS)),
        ("CHANNEL_VERSION", "Version of the table of calls.", channel::VERSION.to_string()),
        ("RELAY_PATH", "Path of the relay on the server.", format!("{:?}", relay::PATH)),
        ("CLOSE_WRONG_KEY", "WebSocket status: no valid key.", channel::CLOSE_WRONG_KEY.to_string()),
        (
            "CLOSE_FOREIGN_ORIGIN",
            "WebSocket status: not the launch's origin.",
            channel::CLOSE_FOREIGN_ORIGIN.to_string(),
        ),
        ("CLOSE_DENIED", "WebSocket status: consent denied.", channel::CLOSE_DENIED.to_string()),
        ("CLOSE_REPLACED", "WebSocket status: another socket took over.", channel::CLOSE_REPLACED.to_string()),
        ("USER_ID_MAX", "Longest user ID, bytes.", room::USER_ID_MAX.to_string()),
        ("NAME_MAX", "Longest name of a person or a room, bytes.", room::NAME_MAX.to_string()),
        ("AVATAR_MAX", "Longest address of a person's picture, bytes.", room::AVATAR_MAX.to_string()),
        ("CHAT_MAX", "Longest room text, bytes.", page::CHAT_MAX.to_string()),
    ];
    for (name, docs, value) in constants {
        let _ = writeln!(out, "/** {docs} */\nexport const {name} = {value};");
    }
    out
}
