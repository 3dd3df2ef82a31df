//! Error codes: the one table that pages, the room service and logs share.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $value:literal, $text:literal; )+) => {
        /// A stable code that a page (`errCode`, `onRoomClose.code`), an API client (`code`) or an admin sees.
        ///
        /// Zero is success, -1 … -9999 are the codes of the page API that predate Beckon, positive four-digit codes are ours:
        /// 1xxx launch and channel, 2xxx log-in, 3xxx rooms, 4xxx media and devices, 5xxx server and network.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $( $(#[doc = $doc])+ $name, )+ }

        impl Code {
            /// Every code, for tables and tests.
            pub const ALL: &'static [Code] = &[ $( Code::$name, )+ ];

            /// The number on the wire.
            pub const fn value(self) -> i32 { match self { $( Code::$name => $value, )+ } }

            /// The code with this number.
            pub const fn from_value(value: i32) -> Option<Self> { match value { $( $value => Some(Code::$name), )+ _ => None } }

            /// A short English sentence for logs and for developers.
            pub const fn text(self) -> &'static str { match self { $( Code::$name => $text, )+ } }

            /// The name of the code as TypeScript and documents write it.
            pub const fn name(self) -> &'static str { match self { $( Code::$name => stringify!($name), )+ } }
        }
    };
}

codes! {
    /// Success; as a close code: the room ended as asked.
    Ok = 0, "success";
    /// The app did not answer the page: not installed, or its start was refused in the browser's dialog.
    NotInstalled = -1, "the Beckon app is not installed or was not allowed to start";
    /// A room is already open and the page asked for a single one.
    AlreadyOpen = -2, "a room is already open in the app";
    /// The channel between page and app was lost.
    ChannelLost = -2000, "the channel between the page and the app was lost";
    /// A required parameter is missing.
    MissingParameter = -9998, "a required parameter is missing";
    /// A parameter has a wrong value.
    WrongParameter = -9999, "a parameter has a wrong value";
    /// The launch URL does not parse.
    LaunchInvalid = 1001, "the launch URL is malformed";
    /// The launch URL is of a version this app does not know.
    LaunchVersion = 1002, "the launch URL is of an unknown version; update the app";
    /// The page's origin is not the one the app was launched for.
    ForeignOrigin = 1003, "the page's origin is not the one this launch was made for";
    /// The key is wrong, was used before or has expired.
    WrongKey = 1004, "the launch key is wrong, already used or expired";
    /// The person (or a policy) said no to this page.
    ConsentDenied = 1005, "the person or a policy did not allow this page to open a room";
    /// A message on the channel is not valid JSON-RPC 2.0.
    BadMessage = 1006, "the message is not valid JSON-RPC 2.0";
    /// The channel does not know this method.
    UnknownMethod = 1007, "the channel has no such method";
    /// A message is larger than the channel takes.
    MessageTooLarge = 1008, "the message is larger than the channel takes";
    /// The call needs an open room.
    NoRoom = 1009, "no room is open";
    /// Messages come faster than the channel takes them.
    TooManyMessages = 1010, "messages come faster than the channel takes them";
    /// The userSig does not unpack or lacks fields.
    SigMalformed = 2001, "the userSig is malformed";
    /// The userSig has expired.
    SigExpired = 2002, "the userSig has expired; ask your own backend for a fresh one";
    /// The userSig's signature does not verify.
    SigWrong = 2003, "the userSig's signature is wrong";
    /// The userSig was made for another application.
    SigWrongApp = 2004, "the userSig was made for another sdkAppID";
    /// The userSig was made for another user.
    SigWrongUser = 2005, "the userSig was made for another userID";
    /// The server has no application with this sdkAppID.
    UnknownApp = 2006, "the server has no application with this sdkAppID";
    /// Too many failed log-ins from this address or for this user.
    TooManyAttempts = 2007, "too many failed log-ins; wait before the next";
    /// The token is missing, wrong or has expired.
    TokenInvalid = 2008, "the token is missing, wrong or has expired; log in again";
    /// Test log-ins are turned off on this server.
    TestLoginOff = 2009, "test log-ins are turned off on this server";
    /// This user may not do this.
    Forbidden = 2010, "this user may not do this";
    /// There is no such room.
    RoomNotFound = 3001, "there is no such room";
    /// The room has as many participants as it may have.
    RoomFull = 3002, "the room is full";
    /// A room with this ID exists already.
    RoomExists = 3003, "a room with this ID exists already";
    /// The room ID has characters or a length the server does not take.
    RoomIdInvalid = 3004, "the room ID must be 1 to 64 letters, digits, '-', '_' or '.'";
    /// The room was destroyed, by its creator leaving or by the server.
    RoomDestroyed = 3005, "the room was destroyed";
    /// The same userID joined from somewhere else.
    JoinedElsewhere = 3006, "the same user joined from somewhere else";
    /// The participant was removed from the room.
    Removed = 3007, "the participant was removed from the room";
    /// The person left through the app's own button.
    LeftByUser = 3008, "the person left the room";
    /// No camera is connected.
    CameraAbsent = 4001, "no camera is connected";
    /// Another program uses the camera.
    CameraInUse = 4002, "another program uses the camera";
    /// The system does not let the app use the camera.
    CameraDenied = 4003, "the system does not let the app use the camera";
    /// The camera was unplugged or stopped answering.
    CameraLost = 4004, "the camera was unplugged or stopped answering";
    /// No microphone or no sound device.
    MicrophoneAbsent = 4005, "no microphone was found";
    /// The microphone was unplugged or stopped answering.
    MicrophoneLost = 4006, "the microphone was unplugged or stopped answering";
    /// No loudspeaker or headset.
    SpeakerAbsent = 4007, "no loudspeaker was found";
    /// No usable encoder or decoder.
    CodecUnavailable = 4008, "no usable encoder or decoder was found";
    /// A media file cannot be read.
    MediaFile = 4009, "the media file cannot be read";
    /// The camera is there, but sends no picture that can be used.
    CameraUnusable = 4010, "the camera sends no usable pictures";
    /// Another program uses the microphone for itself alone.
    MicrophoneInUse = 4011, "another program uses the microphone";
    /// The system does not let the app use the microphone.
    MicrophoneDenied = 4012, "the system does not let the app use the microphone";
    /// The camera that was chosen is not connected; another one stands in for it.
    CameraReplaced = 4013, "the chosen camera is not connected; another one is used";
    /// The microphone that was chosen is not connected; another one stands in for it.
    MicrophoneReplaced = 4014, "the chosen microphone is not connected; another one is used";
    /// The loudspeaker that was chosen is not connected; another one stands in for it.
    SpeakerReplaced = 4015, "the chosen loudspeaker is not connected; another one is used";
    /// This machine has too much to do: pictures are smaller, so that sound does not suffer.
    MachineBusy = 4016, "this computer has too much to do; pictures are smaller for now";
    /// Another room of the app has the camera.
    CameraElsewhere = 4017, "another room of the app has the camera; it is off here";
    /// Another room of the app has the microphone.
    MicrophoneElsewhere = 4018, "another room of the app has the microphone; it is off here";
    /// No usable encoder for sound.
    SoundCodecUnavailable = 4019, "our sound cannot be encoded";
    /// What was shared is gone: its window was closed, its monitor unplugged.
    ScreenGone = 4020, "what was shared is gone: its window was closed or its monitor unplugged";
    /// The screen cannot be shared on this system, or the system does not let the app do it.
    ScreenUnavailable = 4021, "the screen cannot be shared on this system";
    /// No part of the screen can be drawn now: another program holds the mouse or the keyboard.
    RegionRefused = 4022, "no part of the screen can be drawn now; close open menus, or share a window";
    /// The window has no surface to draw pictures on.
    StageUnavailable = 4023, "pictures cannot be shown in the room's window";
    /// No usable encoder for a shared screen.
    ScreenCodecUnavailable = 4024, "the shared screen cannot be encoded";
    /// No usable encoder for the sound that goes with a shared screen.
    ScreenSoundCodecUnavailable = 4025, "the computer's sound cannot be encoded";
    /// The page wishes a recording, which this version does not make.
    RecordingAbsent = 4030, "this version does not record; nothing is recorded";
    /// The server does not answer.
    ServerUnreachable = 5001, "the server does not answer";
    /// The connection was lost and could not be mended.
    ConnectionLost = 5002, "the connection to the room was lost and could not be mended";
    /// Media cannot reach the server.
    MediaUnreachable = 5003, "media cannot reach the server";
    /// The server answered what this app does not understand.
    ProtocolMismatch = 5004, "the server answered what this app does not understand; versions may differ";
    /// The server is stopping.
    ServerStopping = 5005, "the server is stopping";
    /// The proxy does not answer or refuses.
    ProxyFailed = 5006, "the SOCKS5 proxy does not answer or refuses";
    /// Something failed inside; the log has it.
    Internal = 5999, "something failed inside; the log has the details";
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i32(self.value())
    }
}

impl<'de> Deserialize<'de> for Code {
    /// A number this version does not know reads as [`Code::Internal`]: a newer peer must not break an older one.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i32::deserialize(deserializer).map(|value| Self::from_value(value).unwrap_or(Self::Internal))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.text(), self.value())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_and_read_back() {
        for code in Code::ALL {
            assert_eq!(Code::from_value(code.value()), Some(*code));
        }
    }

    #[test]
    fn an_unknown_number_reads_as_internal() {
        let code: Code = serde_json::from_str("123456").unwrap();
        assert_eq!(code, Code::Internal);
    }
}
