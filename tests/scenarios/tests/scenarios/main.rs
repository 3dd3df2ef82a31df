//! Scenarios: real servers, real participants, real media over loopback.
#![allow(clippy::unwrap_used)]

mod calls;
mod ffi_sdk;
mod go_sdk;
mod livekit;
mod livekit_networks;
mod networks;
mod overload;
mod presets;
mod recovery;
mod refusals;
mod rules;
mod screens;
mod webrtc;

/// The server each scenario starts.
const SERVER: &str = env!("CARGO_BIN_EXE_server-under-test");
