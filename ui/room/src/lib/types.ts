/** What the app's Rust side sends to its windows. The room itself is `RoomView` of `crates/session`. */

export type Language = 'zh-CN' | 'en';
export type LanguageChoice = 'system' | Language;
export type Phase = 'connecting' | 'connected' | 'reconnecting' | 'ended';
export type Role = 'creator' | 'member' | 'audience';
export type Quality = 'unknown' | 'excellent' | 'good' | 'poor' | 'lost';

export interface Member {
  sid: string;
  userID: string;
  userName: string;
  userAvatar: string;
  role: Role;
  isLocal: boolean;
  tile: number;
  screenTile: number | null;
  camera: boolean;
  cameraConnecting: boolean;
  microphone: boolean;
  speaking: boolean;
  level: number;
  quality: Quality;
  synthetic: boolean;
}

export interface Device {
  on: boolean;
  running: boolean;
  label: string;
  synthetic: boolean;
  problem: number | null;
}

export interface Notice {
  code: number;
  message: string;
}

export interface RoomView {
  phase: Phase;
  end: { code: number; message: string } | null;
  roomID: string;
  roomName: string;
  roomTitle: string;
  roomLogo: string;
  guestLink: string;
  members: Member[];
  camera: Device;
  microphone: Device;
  speaker: Device;
  notices: Notice[];
}

export interface Chat {
  roomID: string;
  userID: string;
  userName: string;
  userAvatar: string;
  message: string;
  /** UNIX time in ms. */
  time: number;
}

export interface RoomBoot {
  view: 'room';
  language: Language;
  room: RoomView;
  chat: Chat[];
  panels: { members: boolean; chat: boolean };
}

export interface Question {
  /** Goes back with the answer: a late click must not answer the next question. */
  number: number;
  /** Scheme, host and port, as ASCII: what cannot be imitated. */
  origin: string;
  /** The host in its own script, where that differs from `origin`. */
  unicodeHost: string | null;
  /** The page came over https, or from this machine. */
  secure: boolean;
  /** The relay that vouches for the origin, if the page did not come directly. */
  relay: string | null;
  asks: 'room' | 'camera' | 'microphone' | 'cameraAndMicrophone';
}

export interface AllowedPage {
  origin: string;
  relay?: string | undefined;
  /** UNIX time in s. */
  since: number;
}

export interface Home {
  version: string;
  language: LanguageChoice;
  allowed: AllowedPage[];
  /** Allowed by the owner of the machine; cannot be taken back here. */
  policy: string[];
  /** Why the last start did not work. */
  trouble: { code: number; message: string } | null;
}

export type Boot =
  | RoomBoot
  | { view: 'consent'; language: Language; question: Question }
  | { view: 'home'; language: Language; home: Home };

export type Answer = 'once' | 'always' | 'no';

/** Where the page leaves room for the pictures, in CSS pixels. An empty rectangle hides them. */
export interface StagePlace {
  x: number;
  y: number;
  width: number;
  height: number;
  dark: boolean;
}
