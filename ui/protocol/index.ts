// Written by `cargo xtask types` from crates/protocol; do not edit.

/** A text that must not reach a log. */
export type Secret = string;

/**
 * What kind of room: everybody talks, or one talks to many.
 */
export type StyleType = "LiveRoom" | "RTCRoom";

/**
 * What the page wants done with the room.
 */
export type RoomAction = "createRoom" | "enterRoom";

/**
 * How many people the picture area is laid out for: one (the own side) and up to four others.
 */
export type Template = "1v1" | "1v2" | "1v3" | "1v4";

/**
 * What a member is in the room.
 */
export type Role = "creator" | "member" | "audience";

/**
 * One member of the room, as pages see it (`onMemberChange`).
 */
export type Member = { 
/**
 * The user's ID.
 */
userID: string, 
/**
 * Display name.
 */
userName: string, 
/**
 * Address of a picture, or empty.
 */
userAvatar: string, 
/**
 * What they are in the room.
 */
role: Role, };

/**
 * How many lines a picture has.
 */
export type Resolution = "180p" | "360p" | "480p" | "540p" | "720p" | "1080p";

/**
 * A picture's proportions.
 */
export type AspectRatio = "16:9" | "4:3";

/**
 * Pictures a second; read from a text or a number.
 */
export type FrameRate = "15" | "30";

/**
 * Size, shape and rate together.
 */
export type VideoPreset = { 
/**
 * Lines.
 */
resolution: Resolution, 
/**
 * Proportions.
 */
aspect: AspectRatio, 
/**
 * Pictures a second.
 */
fps: FrameRate, };

/**
 * How skin is to look.
 */
export type BeautyStyle = "smooth" | "natural" | "hazy";

/**
 * What the beauty filter is to do. All levels 0, as it begins: nothing at all.
 */
export type BeautySettings = { 
/**
 * How skin is to look.
 */
style?: BeautyStyle, 
/**
 * How much skin is smoothed, 0 … 9.
 */
strength?: number, 
/**
 * How much skin is brightened, 0 … 9.
 */
whitening?: number, 
/**
 * How much rosier skin becomes, 0 … 9.
 */
ruddy?: number, };

/**
 * An id chosen by the caller.
 */
export type Id = number | string;

/**
 * What a failed call returns.
 */
export type RpcError = { 
/**
 * A [`Code`].
 */
code: number, 
/**
 * What was wrong, where, and what to do.
 */
message: string, 
/**
 * The field that did not fit, when one did not.
 */
field?: string, };

/**
 * 128 random bits, used for one handshake; written as 22 base64url characters.
 */
export type Nonce = string;

/**
 * `hello`: the first message of a page.
 */
export type Hello = { 
/**
 * Which key the page knows ([`super::proof::key_id`]): the launch's, or the resume key of an earlier channel of
 * this launch. Each opens one channel.
 */
key: string, 
/**
 * The page's nonce.
 */
nonce: Nonce, 
/**
 * The highest version of the table ([`super::VERSION`]) the page knows.
 */
version: number, 
/**
 * The shim's own version, for the log.
 */
shim?: string, };

/**
 * What `hello` returns. A page that finds the proof wrong says nothing more: somebody else has the app's port.
 */
export type Challenge = { 
/**
 * The version of the table both will use.
 */
version: number, 
/**
 * The app's nonce.
 */
nonce: Nonce, 
/**
 * The app's proof ([`super::proof::Handshake::proof`]).
 */
proof: Secret, };

/**
 * `prove`: the second message of a page.
 */
export type Prove = { 
/**
 * The page's proof.
 */
proof: Secret, };

/**
 * What `prove` returns. Both sides now hold a fresh resume key ([`super::proof::Handshake::resume_key`]).
 */
export type Welcome = { 
/**
 * The app's version, only for origins that have consent; empty before.
 */
app: string, 
/**
 * Where the launch stands.
 */
state: LaunchState, 
/**
 * The room that is open for this page, after a reload.
 */
room?: RoomState, };

/**
 * Who joins. As `userdata` in the page API.
 */
export type UserData = { 
/**
 * The user's ID, given by the customer's backend.
 */
userID: string, 
/**
 * The name others see.
 */
userName?: string, 
/**
 * Address of a picture.
 */
userAvatar?: string, 
/**
 * The application the userSig was made for.
 */
sdkAppID: number | string, 
/**
 * Account type; only kept for pages that send it.
 */
accType?: string | number, 
/**
 * The proof of who the user is.
 */
userSig: Secret, };

/**
 * Which room. As `roomdata` in the page API.
 */
export type RoomData = { 
/**
 * The address of beckond, `https://HOST[:PORT]`; a `/weapp/…` path of older pages is taken too.
 */
serverDomain: string, 
/**
 * Make the room or enter it.
 */
roomAction: RoomAction, 
/**
 * The room's ID; optional for `createRoom`: the server assigns one.
 */
roomID?: string | number, 
/**
 * The room's name, for lists.
 */
roomName?: string, 
/**
 * What stands in the window's title.
 */
roomTitle?: string, 
/**
 * Address of a logo for the window.
 */
roomLogo?: string, 
/**
 * A call or a live room.
 */
type?: StyleType, 
/**
 * How the picture area is laid out.
 */
template?: Template, };

/**
 * Where a screen recording goes (`EnumDef.ScreenRecordType`).
 */
export type ScreenRecord = 0 | 1 | 2 | 3;

/**
 * Options; all optional. As `custom` in the page API.
 */
export type Custom = Partial<{ 
/**
 * Show the member list.
 */
userList: boolean, 
/**
 * Show the chat.
 */
IMList: boolean, 
/**
 * Show the whiteboard. There is none in this version: has no effect.
 */
whiteboard: boolean, 
/**
 * Offer screen sharing.
 */
screenShare: boolean, 
/**
 * Record on the server. Not done in this version; the page is told ([`Code::RecordingAbsent`]).
 */
record: boolean, 
/**
 * Where to get the installer. Only the shim uses it: it hands it on with "not installed".
 */
exeUrl: string, 
/**
 * SOCKS5 proxy: host name or address; empty for none.
 */
proxy_ip: string, 
/**
 * SOCKS5 proxy: port.
 */
proxy_port: number | string, 
/**
 * Only one room at a time; a second launch is told -2.
 */
singleton: boolean, 
/**
 * Record the mixed picture on the server (third generation of the page API). As `record`.
 */
mixRecord: boolean, 
/**
 * Record the window's picture. As `record`.
 */
screenRecord: ScreenRecord, 
/**
 * Where to push the recording, `rtmp://…`. As `record`.
 */
cloudRecordUrl: Secret, 
/**
 * Open the room with the camera on.
 */
camera: boolean, 
/**
 * Open the room with the microphone on.
 */
microphone: boolean, 
/**
 * What happens when the page goes away: the room stays open, or closes.
 */
closeWithPage: boolean, 
/**
 * Language of the window: `zh-CN`, `en`, or empty for the system's.
 */
language: string, 
/**
 * Size, shape and rate of our pictures at their best; without it, what the person set. What is left out of it is
 * 720p, 16:9 or 30.
 */
video: Partial<Omit<VideoPreset, 'fps'>> & { fps?: FrameRate | 15 | 30 }, 
/**
 * The beauty filter on our camera's pictures; without it, what the person set. What is left out of it is off.
 */
beauty: BeautySettings, }>;

/**
 * `room.open`: opens a room.
 */
export type RoomOpen = { 
/**
 * Who joins.
 */
userdata: UserData, 
/**
 * Which room.
 */
roomdata: RoomData, 
/**
 * Options.
 */
custom?: Custom, };

/**
 * What `room.open` returns, once the room is joined.
 */
export type RoomOpened = { 
/**
 * The room's ID, also where the server assigned it.
 */
roomID: string, };

/**
 * `room.close`: leaves the room and closes its window.
 */
export type RoomClose = { 
/**
 * The room; empty for the one that is open for this page.
 */
roomID?: string | number, };

/**
 * `chat.send`: sends a room text.
 */
export type ChatSend = { 
/**
 * The text, at most [`CHAT_MAX`] bytes.
 */
message: string, };

/**
 * `media.set`: turns devices on or off, and says how our pictures are made; what is left out stays as it is.
 */
export type MediaSet = { 
/**
 * Camera on or off. A page may turn it off; turning it on asks the person unless the launch allowed it.
 */
camera?: boolean, 
/**
 * Microphone on or off.
 */
microphone?: boolean, 
/**
 * Sound of the others on or off.
 */
speaker?: boolean, 
/**
 * Size, shape and rate of our pictures at their best. What is left out of it is 720p, 16:9 or 30.
 */
video?: Partial<Omit<VideoPreset, 'fps'>> & { fps?: FrameRate | 15 | 30 }, 
/**
 * The beauty filter on our camera's pictures. What is left out of it is off; `{}` turns it off.
 */
beauty?: BeautySettings, };

/**
 * Where a launch stands.
 */
export type LaunchState = "awaitingConsent" | "ready" | "denied";

/**
 * Where a room stands.
 */
export type RoomPhase = "connecting" | "connected" | "reconnecting" | "ended";

/**
 * `room.state`: the room as it stands now; sent whole at each change.
 */
export type RoomState = { 
/**
 * The room's ID; empty until the server gave one.
 */
roomID: string, 
/**
 * Where it stands.
 */
phase: RoomPhase, 
/**
 * Own camera is on and sent.
 */
camera: boolean, 
/**
 * Own microphone is on and sent.
 */
microphone: boolean, 
/**
 * The others are heard.
 */
speaker: boolean, 
/**
 * A screen, window or part of the screen is shared.
 */
screen: boolean, 
/**
 * A link that lets guests in with a browser; empty where guests are not allowed.
 */
guestLink?: string, };

/**
 * `members`: the whole list, at each change.
 */
export type Members = { 
/**
 * The room's ID.
 */
roomID: string, 
/**
 * Everybody in the room, oneself included.
 */
members: Array<Member>, };

/**
 * `chat`: a room text arrived, or one's own was sent.
 */
export type Chat = { 
/**
 * The room's ID.
 */
roomID: string, 
/**
 * Who wrote it.
 */
userID: string, 
/**
 * Their name.
 */
userName: string, 
/**
 * Address of their picture, or empty.
 */
userAvatar: string, 
/**
 * The text.
 */
message: string, 
/**
 * When, UNIX time in ms.
 */
time: number, };

/**
 * `notice`: something the person sees in the window and the page may want to know (a device lost, quality bad …).
 */
export type Notice = { 
/**
 * The room's ID.
 */
roomID: string, 
/**
 * What it is.
 */
code: number, 
/**
 * In words.
 */
message: string, };

/**
 * `closed`: the room is over for this participant.
 */
export type Closed = { 
/**
 * The room's ID.
 */
roomID: string, 
/**
 * Why; 0 when the page asked for it.
 */
code: number, 
/**
 * In words.
 */
msg: string, };

/**
 * `launch.state`: the person answered the question, or a policy did.
 */
export type LaunchChanged = { 
/**
 * Where the launch stands now.
 */
state: LaunchState, 
/**
 * The app's version, once the page may know it.
 */
app: string, };

/**
 * Everything the app tells.
 */
export type Event = { "method": "launch.state", "params": LaunchChanged } | { "method": "room.state", "params": RoomState } | { "method": "members", "params": Members } | { "method": "chat", "params": Chat } | { "method": "notice", "params": Notice } | { "method": "closed", "params": Closed };

/**
 * A guest's wish to enter, from the page behind a link.
 */
export type GuestEntry = { 
/**
 * The room.
 */
roomID: string, 
/**
 * The invitation out of the link (`/join/{roomID}?i=…`), signed by the server; may be empty where open guest links are allowed.
 */
invitation?: Secret, 
/**
 * The name the guest gave.
 */
userName: string, 
/**
 * The pass out of an earlier [`GuestEntrance`]: its bearer comes back as the same guest, onto the same seat. One that
 * does not hold (any more) counts as none.
 */
pass?: Secret, };

/**
 * A room as the service tells it.
 */
export type Room = { 
/**
 * Its ID.
 */
roomID: string, 
/**
 * Name for lists.
 */
roomName: string, 
/**
 * Title for windows.
 */
roomTitle: string, 
/**
 * Call or live.
 */
type: StyleType, 
/**
 * Layout.
 */
template: Template, 
/**
 * The creator's user ID.
 */
creator: string, 
/**
 * Who is in it now.
 */
members: Array<Member>, 
/**
 * When it was made, UNIX time in s.
 */
created: number, };

/**
 * The way into a room: where to connect, and as whom.
 */
export type Entrance = { 
/**
 * The room.
 */
room: Room, 
/**
 * The LiveKit server to connect to, `ws://…` or `wss://…` (without `/rtc`).
 */
url: string, 
/**
 * The LiveKit access token.
 */
token: Secret, 
/**
 * What this user is in the room.
 */
role: Role, 
/**
 * A link that lets guests in, `https://HOST/join/{roomID}?i=…`; empty where guests are not allowed.
 */
guestLink: string, };

/**
 * The way in for a guest.
 */
export type GuestEntrance = { 
/**
 * With this the same guest comes in again; signed by the server, for this room.
 */
pass: Secret, 
/**
 * The room.
 */
room: Room, 
/**
 * The LiveKit server to connect to, `ws://…` or `wss://…` (without `/rtc`).
 */
url: string, 
/**
 * The LiveKit access token.
 */
token: Secret, 
/**
 * What this user is in the room.
 */
role: Role, 
/**
 * A link that lets guests in, `https://HOST/join/{roomID}?i=…`; empty where guests are not allowed.
 */
guestLink: string, };

/**
 * What every failed call returns.
 */
export type Failure = { 
/**
 * A [`Code`].
 */
code: number, 
/**
 * What was wrong, where, and what to do.
 */
message: string, 
/**
 * The field that did not fit.
 */
field?: string, };

/**
 * Test log-in values (`GET /weapp/utils/get_login_info`); only where the server's owner turned it on.
 */
export type TestLogin = { 
/**
 * 0.
 */
code: number, 
/**
 * "success".
 */
message: string, 
/**
 * The application.
 */
sdkAppID: number, 
/**
 * Account type.
 */
accType: string, 
/**
 * The user.
 */
userID: string, 
/**
 * A userSig for the user.
 */
userSig: Secret, };

/** What a page may call: its parameters and its result. */
export interface Calls {
  'hello': { params: Hello; result: Challenge };
  'prove': { params: Prove; result: Welcome };
  'room.open': { params: RoomOpen; result: RoomOpened };
  'room.close': { params: RoomClose; result: null };
  'chat.send': { params: ChatSend; result: null };
  'media.set': { params: MediaSet; result: null };
  'window.focus': { params: Record<string, never>; result: null };
}

/** Every code there is. */
export const Code = {
  /** success */
  Ok: 0,
  /** the Beckon app is not installed or was not allowed to start */
  NotInstalled: -1,
  /** a room is already open in the app */
  AlreadyOpen: -2,
  /** the channel between the page and the app was lost */
  ChannelLost: -2000,
  /** a required parameter is missing */
  MissingParameter: -9998,
  /** a parameter has a wrong value */
  WrongParameter: -9999,
  /** the launch URL is malformed */
  LaunchInvalid: 1001,
  /** the launch URL is of an unknown version; update the app */
  LaunchVersion: 1002,
  /** the page's origin is not the one this launch was made for */
  ForeignOrigin: 1003,
  /** the launch key is wrong, already used or expired */
  WrongKey: 1004,
  /** the person or a policy did not allow this page to open a room */
  ConsentDenied: 1005,
  /** the message is not valid JSON-RPC 2.0 */
  BadMessage: 1006,
  /** the channel has no such method */
  UnknownMethod: 1007,
  /** the message is larger than the channel takes */
  MessageTooLarge: 1008,
  /** no room is open */
  NoRoom: 1009,
  /** messages come faster than the channel takes them */
  TooManyMessages: 1010,
  /** the userSig is malformed */
  SigMalformed: 2001,
  /** the userSig has expired; ask your own backend for a fresh one */
  SigExpired: 2002,
  /** the userSig's signature is wrong */
  SigWrong: 2003,
  /** the userSig was made for another sdkAppID */
  SigWrongApp: 2004,
  /** the userSig was made for another userID */
  SigWrongUser: 2005,
  /** the server has no application with this sdkAppID */
  UnknownApp: 2006,
  /** too many failed log-ins; wait before the next */
  TooManyAttempts: 2007,
  /** the token is missing, wrong or has expired; log in again */
  TokenInvalid: 2008,
  /** test log-ins are turned off on this server */
  TestLoginOff: 2009,
  /** this user may not do this */
  Forbidden: 2010,
  /** there is no such room */
  RoomNotFound: 3001,
  /** the room is full */
  RoomFull: 3002,
  /** a room with this ID exists already */
  RoomExists: 3003,
  /** the room ID must be 1 to 64 letters, digits, '-', '_' or '.' */
  RoomIdInvalid: 3004,
  /** the room was destroyed */
  RoomDestroyed: 3005,
  /** the same user joined from somewhere else */
  JoinedElsewhere: 3006,
  /** the participant was removed from the room */
  Removed: 3007,
  /** the person left the room */
  LeftByUser: 3008,
  /** no camera is connected */
  CameraAbsent: 4001,
  /** another program uses the camera */
  CameraInUse: 4002,
  /** the system does not let the app use the camera */
  CameraDenied: 4003,
  /** the camera was unplugged or stopped answering */
  CameraLost: 4004,
  /** no microphone was found */
  MicrophoneAbsent: 4005,
  /** the microphone was unplugged or stopped answering */
  MicrophoneLost: 4006,
  /** no loudspeaker was found */
  SpeakerAbsent: 4007,
  /** no usable encoder or decoder was found */
  CodecUnavailable: 4008,
  /** the media file cannot be read */
  MediaFile: 4009,
  /** the camera sends no usable pictures */
  CameraUnusable: 4010,
  /** another program uses the microphone */
  MicrophoneInUse: 4011,
  /** the system does not let the app use the microphone */
  MicrophoneDenied: 4012,
  /** the chosen camera is not connected; another one is used */
  CameraReplaced: 4013,
  /** the chosen microphone is not connected; another one is used */
  MicrophoneReplaced: 4014,
  /** the chosen loudspeaker is not connected; another one is used */
  SpeakerReplaced: 4015,
  /** this computer has too much to do; pictures are smaller for now */
  MachineBusy: 4016,
  /** another room of the app has the camera; it is off here */
  CameraElsewhere: 4017,
  /** another room of the app has the microphone; it is off here */
  MicrophoneElsewhere: 4018,
  /** our sound cannot be encoded */
  SoundCodecUnavailable: 4019,
  /** what was shared is gone: its window was closed or its monitor unplugged */
  ScreenGone: 4020,
  /** the screen cannot be shared on this system */
  ScreenUnavailable: 4021,
  /** no part of the screen can be drawn now; close open menus, or share a window */
  RegionRefused: 4022,
  /** pictures cannot be shown in the room's window */
  StageUnavailable: 4023,
  /** the shared screen cannot be encoded */
  ScreenCodecUnavailable: 4024,
  /** the computer's sound cannot be encoded */
  ScreenSoundCodecUnavailable: 4025,
  /** this version does not record; nothing is recorded */
  RecordingAbsent: 4030,
  /** the server does not answer */
  ServerUnreachable: 5001,
  /** the connection to the room was lost and could not be mended */
  ConnectionLost: 5002,
  /** media cannot reach the server */
  MediaUnreachable: 5003,
  /** the server answered what this app does not understand; versions may differ */
  ProtocolMismatch: 5004,
  /** the server is stopping */
  ServerStopping: 5005,
  /** the SOCKS5 proxy does not answer or refuses */
  ProxyFailed: 5006,
  /** something failed inside; the log has the details */
  Internal: 5999,
} as const;

/** Each code in words. */
export const codeText: Readonly<Record<number, string>> = {
  [0]: "success",
  [-1]: "the Beckon app is not installed or was not allowed to start",
  [-2]: "a room is already open in the app",
  [-2000]: "the channel between the page and the app was lost",
  [-9998]: "a required parameter is missing",
  [-9999]: "a parameter has a wrong value",
  [1001]: "the launch URL is malformed",
  [1002]: "the launch URL is of an unknown version; update the app",
  [1003]: "the page's origin is not the one this launch was made for",
  [1004]: "the launch key is wrong, already used or expired",
  [1005]: "the person or a policy did not allow this page to open a room",
  [1006]: "the message is not valid JSON-RPC 2.0",
  [1007]: "the channel has no such method",
  [1008]: "the message is larger than the channel takes",
  [1009]: "no room is open",
  [1010]: "messages come faster than the channel takes them",
  [2001]: "the userSig is malformed",
  [2002]: "the userSig has expired; ask your own backend for a fresh one",
  [2003]: "the userSig's signature is wrong",
  [2004]: "the userSig was made for another sdkAppID",
  [2005]: "the userSig was made for another userID",
  [2006]: "the server has no application with this sdkAppID",
  [2007]: "too many failed log-ins; wait before the next",
  [2008]: "the token is missing, wrong or has expired; log in again",
  [2009]: "test log-ins are turned off on this server",
  [2010]: "this user may not do this",
  [3001]: "there is no such room",
  [3002]: "the room is full",
  [3003]: "a room with this ID exists already",
  [3004]: "the room ID must be 1 to 64 letters, digits, '-', '_' or '.'",
  [3005]: "the room was destroyed",
  [3006]: "the same user joined from somewhere else",
  [3007]: "the participant was removed from the room",
  [3008]: "the person left the room",
  [4001]: "no camera is connected",
  [4002]: "another program uses the camera",
  [4003]: "the system does not let the app use the camera",
  [4004]: "the camera was unplugged or stopped answering",
  [4005]: "no microphone was found",
  [4006]: "the microphone was unplugged or stopped answering",
  [4007]: "no loudspeaker was found",
  [4008]: "no usable encoder or decoder was found",
  [4009]: "the media file cannot be read",
  [4010]: "the camera sends no usable pictures",
  [4011]: "another program uses the microphone",
  [4012]: "the system does not let the app use the microphone",
  [4013]: "the chosen camera is not connected; another one is used",
  [4014]: "the chosen microphone is not connected; another one is used",
  [4015]: "the chosen loudspeaker is not connected; another one is used",
  [4016]: "this computer has too much to do; pictures are smaller for now",
  [4017]: "another room of the app has the camera; it is off here",
  [4018]: "another room of the app has the microphone; it is off here",
  [4019]: "our sound cannot be encoded",
  [4020]: "what was shared is gone: its window was closed or its monitor unplugged",
  [4021]: "the screen cannot be shared on this system",
  [4022]: "no part of the screen can be drawn now; close open menus, or share a window",
  [4023]: "pictures cannot be shown in the room's window",
  [4024]: "the shared screen cannot be encoded",
  [4025]: "the computer's sound cannot be encoded",
  [4030]: "this version does not record; nothing is recorded",
  [5001]: "the server does not answer",
  [5002]: "the connection to the room was lost and could not be mended",
  [5003]: "media cannot reach the server",
  [5004]: "the server answered what this app does not understand; versions may differ",
  [5005]: "the server is stopping",
  [5006]: "the SOCKS5 proxy does not answer or refuses",
  [5999]: "something failed inside; the log has the details",
};

/** The scheme of launch URLs. */
export const SCHEME = "beckon";
/** Version of the launch URL. */
export const LAUNCH_VERSION = 1;
/** Longest launch URL, bytes. */
export const LAUNCH_URL_MAX = 300;
/** Where the app listens on 127.0.0.1. */
export const DEFAULT_PORTS = [47610, 47611, 47612, 47613] as const;
/** Version of the table of calls. */
export const CHANNEL_VERSION = 1;
/** Path of the relay on the server. */
export const RELAY_PATH = "/relay";
/** WebSocket status: no valid key. */
export const CLOSE_WRONG_KEY = 4401;
/** WebSocket status: not the launch's origin. */
export const CLOSE_FOREIGN_ORIGIN = 4403;
/** WebSocket status: consent denied. */
export const CLOSE_DENIED = 4405;
/** WebSocket status: another socket took over. */
export const CLOSE_REPLACED = 4409;
/** Longest user ID, bytes. */
export const USER_ID_MAX = 128;
/** Longest name of a person or a room, bytes. */
export const NAME_MAX = 256;
/** Longest address of a person's picture, bytes. */
export const AVATAR_MAX = 2048;
/** Longest room text, bytes. */
export const CHAT_MAX = 8192;
