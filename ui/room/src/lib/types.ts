// Written by `cargo xtask types` from crates/interface and crates/session; do not edit.

import type { AspectRatio, BeautyStyle, Chat, FrameRate, Resolution, Role, RoomPhase, StyleType, Template, VideoPreset } from '../../../protocol/index.ts';
export type { AspectRatio, BeautyStyle, Chat, FrameRate, Resolution, Role, RoomPhase, StyleType, Template, VideoPreset };

/**
 * A language we speak.
 */
export type Language = "zh-CN" | "en";

/**
 * Which language the windows speak where the page that opens a room has no wish.
 */
export type LanguageChoice = "system" | "zh-CN" | "en";

/**
 * How good somebody's connection is.
 */
export type Quality = "unknown" | "excellent" | "good" | "poor" | "lost";

/**
 * One member, with their tile.
 */
export type MemberView = { 
/**
 * The server's name for this stay; changes when they rejoin. Empty before we are in.
 */
sid: string, 
/**
 * Who it is.
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
role: Role, 
/**
 * Ourselves.
 */
isLocal: boolean, 
/**
 * Their camera tile, [`MemberView::tile_id`]; stays the same over rejoins.
 */
tile: number, 
/**
 * The tile of the screen they share, if they do.
 */
screenTile: number | null, 
/**
 * Their camera is on.
 */
camera: boolean, 
/**
 * The camera is on, but no picture has come yet.
 */
cameraConnecting: boolean, 
/**
 * Their microphone is on.
 */
microphone: boolean, 
/**
 * They speak now.
 */
speaking: boolean, 
/**
 * Loudness while speaking, 0 … 1.
 */
level: number, 
/**
 * Their connection.
 */
quality: Quality, 
/**
 * Their camera is no camera (test card, file): the window says so.
 */
synthetic: boolean, 
/**
 * How loud we hear them, percent: 100 is as they are.
 */
volume: number, };

/**
 * One of our own devices.
 */
export type DeviceView = { 
/**
 * The person wants it on.
 */
on: boolean, 
/**
 * It runs. `on` without `running` and without `problem`: it is being opened.
 */
running: boolean, 
/**
 * Its name, once it runs.
 */
label: string, 
/**
 * It is no real device.
 */
synthetic: boolean, 
/**
 * It is another one than was chosen, as that one is not there.
 */
standsIn: boolean, 
/**
 * Why it does not run, or why nobody gets what it takes.
 */
problem: number | null, };

/**
 * Our talking, beyond the microphone being on or off.
 */
export type TalkView = { 
/**
 * Muted, and the microphone is open all the same because the person wants the hint or push-to-talk. Nothing that
 * it hears is sent.
 */
ready: boolean, 
/**
 * Push-to-talk is set: holding the key lets us talk while muted.
 */
pushToTalk: boolean, 
/**
 * The key is held.
 */
held: boolean, 
/**
 * We talk, and nobody hears it: we are muted.
 */
muted: boolean, };

/**
 * What we share.
 */
export type ScreenView = { 
/**
 * Something is shared, or about to be.
 */
on: boolean, 
/**
 * Its pictures are taken.
 */
running: boolean, 
/**
 * What people call it.
 */
label: string, 
/**
 * The window is minimised: viewers keep its last picture.
 */
minimised: boolean, 
/**
 * The computer's sound is shared with it.
 */
sound: boolean, 
/**
 * Why the last share ended without having been stopped; until the next begins or the person has taken note.
 */
ended: number | null, };

/**
 * Something the person should know, as long as it holds.
 */
export type NoticeView = { 
/**
 * What it is; the window has the words for it in the person's language.
 */
code: number, 
/**
 * In English words, with the details.
 */
message: string, };

/**
 * How the room ended.
 */
export type EndView = { 
/**
 * Why; 0 when the page asked for it.
 */
code: number, 
/**
 * In English words.
 */
message: string, };

/**
 * The room as it stands now.
 */
export type RoomView = { 
/**
 * Where it stands.
 */
phase: RoomPhase, 
/**
 * We have been in the room: what follows a loss is a reconnect, what ends it is no failed start.
 */
joined: boolean, 
/**
 * How it ended, once it has.
 */
end: EndView | null, 
/**
 * The room's ID; empty until the server gave one.
 */
roomID: string, 
/**
 * The room's name.
 */
roomName: string, 
/**
 * What stands in the window's title.
 */
roomTitle: string, 
/**
 * Address of a logo for the window, or empty.
 */
roomLogo: string, 
/**
 * Call or live.
 */
type: StyleType, 
/**
 * How the picture area is laid out.
 */
template: Template, 
/**
 * A link that lets guests in; empty where they are not allowed.
 */
guestLink: string, 
/**
 * The room takes pictures and sound from us. The audience of a live room only sees, hears and writes.
 */
mayPublish: boolean, 
/**
 * Everybody, the creator first, then in order of joining.
 */
members: Array<MemberView>, 
/**
 * Our camera.
 */
camera: DeviceView, 
/**
 * Our microphone.
 */
microphone: DeviceView, 
/**
 * Our loudspeaker.
 */
speaker: DeviceView, 
/**
 * Our talking.
 */
talk: TalkView, 
/**
 * What we share.
 */
screen: ScreenView, 
/**
 * What the person should know now.
 */
notices: Array<NoticeView>, };

/**
 * How much of steady noise is taken out of our sound.
 */
export type NoiseSuppression = "off" | "low" | "medium" | "high";

/**
 * What is done to our sound, and when it is sent. Holds at once, also in a room.
 *
 * The parts of the processing are on by default. The two that keep the microphone open while it is muted are off:
 * a muted microphone is a closed one unless the person wants it otherwise.
 */
export type SoundSettings = { 
/**
 * Take away what our loudspeaker plays.
 */
echoCancellation: boolean, 
/**
 * Take away steady noise.
 */
noiseSuppression: NoiseSuppression, 
/**
 * Bring quiet and loud voices to the same level.
 */
automaticGain: boolean, 
/**
 * Cut rumble below the voice.
 */
highPass: boolean, 
/**
 * Tell when we talk while muted. For that a muted microphone stays open; what it hears is judged here, by its
 * loudness, and goes nowhere.
 */
muteHint: boolean, 
/**
 * While muted, holding a key lets us talk. For that a muted microphone stays open, so that the first word is
 * heard; what it hears before goes nowhere.
 */
pushToTalk: boolean, };

/**
 * One choice.
 */
export type DeviceSetting = { "kind": "default" } | { "kind": "device", 
/**
 * What it is known by, from one start to the next.
 */
id: string, 
/**
 * Its name when it was chosen, to call it by while it is not there.
 */
label: string, };

/**
 * Camera, microphone and loudspeaker for every room.
 */
export type Devices = { 
/**
 * Where our pictures come from.
 */
camera: DeviceSetting, 
/**
 * Where our sound comes from.
 */
microphone: DeviceSetting, 
/**
 * Where the others' sound goes.
 */
speaker: DeviceSetting, };

/**
 * Our camera's pictures.
 */
export type Picture = { 
/**
 * Size, shape and rate they are sent at, where the network carries it.
 */
preset: VideoPreset, 
/**
 * We see ourselves as in a mirror. Others never do.
 */
mirror: boolean, };

/**
 * Off until the person turns it on; the levels stay while it is off.
 */
export type Beauty = { 
/**
 * Pictures are filtered.
 */
on: boolean, 
/**
 * How skin is to look.
 */
style: BeautyStyle, 
/**
 * How much skin is smoothed, 0 … 9.
 */
strength: number, 
/**
 * How much skin is brightened, 0 … 9.
 */
whitening: number, 
/**
 * How much rosier skin becomes, 0 … 9.
 */
ruddy: number, };

/**
 * One person's volume, as a window sets it.
 */
export type Volume = { 
/**
 * Whose.
 */
userID: string, 
/**
 * 0 … 200.
 */
percent: number, };

/**
 * By user ID, in percent; who is not in it is as loud as they are.
 */
export type Volumes = { [key in string]: number };

/**
 * Everything in `settings.json`.
 */
export type Settings = { 
/**
 * Which language the windows speak.
 */
language: LanguageChoice, 
/**
 * Camera, microphone, loudspeaker.
 */
devices: Devices, 
/**
 * How our pictures are taken and shown.
 */
picture: Picture, 
/**
 * The beauty filter on our pictures.
 */
beauty: Beauty, 
/**
 * What is done to our sound, and when it is sent.
 */
sound: SoundSettings, 
/**
 * How loud single people are.
 */
volumes: Volumes, };

/**
 * One section, as a window sets it.
 */
export type SettingsChange = { "section": "language", "value": LanguageChoice } | { "section": "devices", "value": Devices } | { "section": "picture", "value": Picture } | { "section": "beauty", "value": Beauty } | { "section": "sound", "value": SoundSettings } | { "section": "volume", "value": Volume };

/**
 * What a device is for.
 */
export type DeviceKind = "camera" | "microphone" | "speaker";

/**
 * A device that can be chosen.
 */
export type DeviceEntry = { 
/**
 * What it is known by ([`crate::settings::DeviceSetting::Device`]).
 */
id: string, 
/**
 * Its name.
 */
label: string, 
/**
 * It is the system's default.
 */
default: boolean, };

/**
 * Every device that is plugged in.
 */
export type DeviceList = { 
/**
 * Cameras.
 */
cameras: Array<DeviceEntry>, 
/**
 * Microphones.
 */
microphones: Array<DeviceEntry>, 
/**
 * Loudspeakers.
 */
speakers: Array<DeviceEntry>, };

/**
 * One device that is tried out in the settings window.
 */
export type Trial = { "state": "off" } | { "state": "opening" } | { "state": "on", 
/**
 * Its name.
 */
label: string, } | { "state": "failed", 
/**
 * Why.
 */
code: number, };

/**
 * Where a test call stands.
 */
export type TestCallView = { "stage": "idle" } | { "stage": "recording" } | { "stage": "playing" } | { "stage": "over", 
/**
 * What did not work.
 */
problems: Array<number>, };

/**
 * What holds in an open room. It has the first right to the devices: what it has on is shown, and not opened here.
 */
export type InRoom = { 
/**
 * Its camera.
 */
camera: Trial, 
/**
 * Its microphone; where the person wants that, it is open while it is muted, too.
 */
microphone: Trial, 
/**
 * Its microphone is muted, so that nobody hears what its level shows.
 */
muted: boolean, 
/**
 * How it has our pictures.
 */
picture: OwnPicture, };

/**
 * How a room has our pictures: its page may have asked for something else than what the person set.
 */
export type OwnPicture = { 
/**
 * Size, shape and rate.
 */
preset: VideoPreset, 
/**
 * The beauty filter.
 */
beauty: Beauty, };

/**
 * What is tried out in the settings window.
 */
export type TryoutView = { 
/**
 * The camera, looked at by the person alone.
 */
camera: Trial, 
/**
 * The microphone, whose loudness is shown.
 */
microphone: Trial, 
/**
 * The loudspeaker, which plays some notes.
 */
speaker: Trial, 
/**
 * A call with oneself.
 */
call: TestCallView, 
/**
 * The room that is open, if one is.
 */
room: InRoom | null, };

/**
 * What kind of thing is shared.
 */
export type ScreenKind = "monitor" | "window";

/**
 * Something that can be shared.
 */
export type ScreenOffer = { 
/**
 * Its kind.
 */
kind: ScreenKind, 
/**
 * The system's name or number for it.
 */
id: string, 
/**
 * What people call it.
 */
title: string, 
/**
 * Width in pixels.
 */
width: number, 
/**
 * Height in pixels.
 */
height: number, };

/**
 * The desktop's own dialog about what to share.
 */
export type ScreenDialog = { 
/**
 * What was shared last may be had again, without the dialog where the desktop knows it still.
 */
again: boolean, };

/**
 * Everything that can be shared now.
 */
export type ScreenOffers = { 
/**
 * Monitors first, then windows.
 */
offers: Array<ScreenOffer>, 
/**
 * A region can be drawn with the mouse here.
 */
region: boolean, 
/**
 * The computer's sound can be shared here.
 */
sound: boolean, 
/**
 * This desktop lists nothing: it asks the person itself.
 */
dialog: ScreenDialog | null, };

/**
 * How it is to be shared.
 */
export type ScreenHow = { 
/**
 * It shows a film rather than text.
 */
motion: boolean, 
/**
 * Share the computer's sound with it.
 */
sound: boolean, };

/**
 * Which panels the page that opened the room wants.
 */
export type Panels = { 
/**
 * The member list.
 */
members: boolean, 
/**
 * The chat.
 */
chat: boolean, 
/**
 * Sharing the screen.
 */
screen: boolean, };

/**
 * A room as its window first shows it.
 */
export type RoomBoot = { 
/**
 * What the window speaks.
 */
language: Language, 
/**
 * The room as it stands.
 */
room: RoomView, 
/**
 * The texts so far.
 */
chat: Array<Chat>, 
/**
 * Which panels there are.
 */
panels: Panels, 
/**
 * What the person set.
 */
settings: Settings, 
/**
 * How it has our pictures.
 */
picture: OwnPicture, };

/**
 * A question to the person, made ready to be shown.
 */
export type Question = { 
/**
 * Goes back with the answer: a late click must not answer the next question.
 */
number: number, 
/**
 * Scheme, host and port, as ASCII: what cannot be imitated.
 */
origin: string, 
/**
 * The host in its own script, where that differs from `origin`.
 */
unicodeHost: string | null, 
/**
 * The page came over https, or from this machine.
 */
secure: boolean, 
/**
 * The relay that vouches for the origin, if the page did not come directly.
 */
relay: string | null, 
/**
 * What it wants.
 */
asks: QuestionAsks, };

/**
 * What a page wants.
 */
export type QuestionAsks = "room" | "camera" | "microphone" | "cameraAndMicrophone";

/**
 * What the person said. Closing the window or pressing Escape is a no.
 */
export type Answer = "once" | "always" | "no";

/**
 * The question's window.
 */
export type ConsentBoot = { 
/**
 * What the window speaks.
 */
language: Language, 
/**
 * The question.
 */
question: Question, };

/**
 * A page the person said "always" to.
 */
export type AllowedPage = { 
/**
 * Scheme, host and port.
 */
origin: string, 
/**
 * The relay that vouched for it, if the page did not come directly.
 */
relay: string | null, 
/**
 * Since when, UNIX time in s.
 */
since: number, };

/**
 * Pages that may open rooms without a question.
 */
export type Permissions = { 
/**
 * Those the person said "always" to, in that order.
 */
allowed: Array<AllowedPage>, 
/**
 * Those the owner of the machine allows; they cannot be taken back here.
 */
policy: Array<string>, 
/**
 * What of the owner's rules is not understood and left out, in English words.
 */
faults: Array<string>, 
/**
 * Nothing of the owner's rules can be read, and no page may open a room.
 */
blocked: boolean, };

/**
 * Why a start did not work.
 */
export type Trouble = { 
/**
 * Its code.
 */
code: number, 
/**
 * In English words.
 */
message: string, };

/**
 * What the home window shows.
 */
export type Home = { 
/**
 * The app's version.
 */
version: string, 
/**
 * The language that was set.
 */
language: LanguageChoice, 
/**
 * Who may.
 */
permissions: Permissions, 
/**
 * Why the last start did not work.
 */
trouble: Trouble | null, };

/**
 * The home window.
 */
export type HomeBoot = { 
/**
 * What the window speaks.
 */
language: Language, 
/**
 * What it shows.
 */
home: Home, };

/**
 * The app's log.
 */
export type Log = { 
/**
 * Its file.
 */
path: string, 
/**
 * Why nothing can be written there, in the system's words.
 */
fault: string | null, };

/**
 * The settings window.
 */
export type SettingsBoot = { 
/**
 * What the window speaks.
 */
language: Language, 
/**
 * What the person set.
 */
settings: Settings, 
/**
 * What is tried out.
 */
tryout: TryoutView, 
/**
 * Who may.
 */
permissions: Permissions, 
/**
 * The app's version.
 */
version: string, 
/**
 * Where the log is.
 */
log: Log, 
/**
 * The section to show first; empty for the first.
 */
section: string, };

/**
 * The first words to a page.
 */
export type Boot = { "view": "room" } & RoomBoot | { "view": "consent" } & ConsentBoot | { "view": "home" } & HomeBoot | { "view": "settings" } & SettingsBoot;

/**
 * The place of the stage in CSS pixels of the page. An empty rectangle hides the pictures.
 */
export type StagePlace = { 
/**
 * Left edge.
 */
x: number, 
/**
 * Top edge.
 */
y: number, 
/**
 * Width.
 */
width: number, 
/**
 * Height.
 */
height: number, 
/**
 * The page is dark.
 */
dark: boolean, };
