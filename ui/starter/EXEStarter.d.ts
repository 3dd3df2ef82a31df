// Types of EXEStarter.js. As a script it sets these names as globals; `import { Beckon } from '…/EXEStarter.mjs'`
// (or a bundler that reads EXEStarter.js) gives the same by name.

/** Style of a room. */
export declare const StyleType: { readonly LiveRoom: 'LiveRoom'; readonly RTCRoom: 'RTCRoom' };
/** What to do with the room. */
export declare const RoomAction: { readonly CreateRoom: 'createRoom'; readonly EnterRoom: 'enterRoom' };
/** How the picture area is laid out. */
export declare const Template: {
  readonly Template1V1: '1v1';
  readonly Template1V2: '1v2';
  readonly Template1V3: '1v3';
  readonly Template1V4: '1v4';
};
export type StyleTypeValue = 'LiveRoom' | 'RTCRoom';
export type RoomActionValue = 'createRoom' | 'enterRoom';
export type TemplateValue = '1v1' | '1v2' | '1v3' | '1v4';

/** Who joins. */
export interface UserData {
  /** The user's ID, given by your backend. */
  userID: string;
  /** The name others see. */
  userName?: string;
  /** Address of a picture. */
  userAvatar?: string;
  /** The application the userSig was made for. */
  sdkAppID: number | string;
  /** Kept for older pages. */
  accType?: string | number;
  /** The proof of who the user is, made by your backend. */
  userSig: string;
}

/** Which room. */
export interface RoomData {
  /** The whole address of the server, `https://HOST[:PORT]`; a `/weapp/…` path of older pages is taken too. */
  serverDomain: string;
  /** Make the room or enter it. */
  roomAction: RoomActionValue;
  /** Needed to enter; to create, the server assigns one when it is left out. */
  roomID?: string | number;
  roomName?: string;
  /** What stands in the window's title. */
  roomTitle?: string;
  /** Address of a logo for the window. */
  roomLogo?: string;
  type?: StyleTypeValue;
  template?: TemplateValue;
}

/** Size, shape and rate of our pictures. What is left out is 720p, 16:9 or 30. */
export interface Video {
  resolution?: '180p' | '360p' | '480p' | '540p' | '720p' | '1080p';
  aspect?: '16:9' | '4:3';
  fps?: '15' | '30' | 15 | 30;
}

/** The beauty filter; levels from 0 to 9. What is left out is off. */
export interface Beauty {
  style?: 'smooth' | 'natural' | 'hazy';
  /** How much skin is smoothed. */
  strength?: number;
  /** How much skin is brightened. */
  whitening?: number;
  /** How much rosier skin becomes. */
  ruddy?: number;
}

/** Devices on or off, and how our pictures are made; what is left out stays as it is. */
export interface MediaSet {
  camera?: boolean;
  microphone?: boolean;
  speaker?: boolean;
  video?: Video;
  beauty?: Beauty;
}

/** Options; all may be left out. */
export interface Custom {
  /** Show the member list (true). */
  userList?: boolean;
  /** Show the chat (true). */
  IMList?: boolean;
  /** Taken for older pages; this version has no whiteboard. */
  whiteboard?: boolean;
  /** Offer screen sharing (true). */
  screenShare?: boolean;
  /** Record on the server (false). This version does not record: the page gets a `notice` with code 4030. */
  record?: boolean;
  /** Where to get the installer; comes back with the error -1, for the page to offer. */
  exeUrl?: string;
  /** SOCKS5 proxy. */
  proxy_ip?: string;
  proxy_port?: number | string;
  /** Only one room at a time; a second one is told -2 (true). */
  singleton?: boolean;
  /** As `record`. */
  mixRecord?: boolean;
  /** As `record`. */
  screenRecord?: 0 | 1 | 2 | 3;
  /** Where a recording would go; as `record`. */
  cloudRecordUrl?: string;
  /** Begin with the camera on (true). */
  camera?: boolean;
  /** Begin with the microphone on (true). */
  microphone?: boolean;
  /** Close the room when the page goes away (false: it stays open). */
  closeWithPage?: boolean;
  /** `zh-CN`, `en`, or empty for the system's. */
  language?: string;
  /** How pictures are sent at their best; without it, what the person set. */
  video?: Video;
  /** The beauty filter on the camera's pictures; without it, what the person set. */
  beauty?: Beauty;
}

export interface Member {
  userID: string;
  userName: string;
  userAvatar: string;
  role: 'creator' | 'member' | 'audience';
}

export interface RoomState {
  roomID: string;
  phase: 'connecting' | 'connected' | 'reconnecting' | 'ended';
  camera: boolean;
  microphone: boolean;
  /** The others are heard. */
  speaker: boolean;
  /** A screen, window or part of the screen is shared. */
  screen: boolean;
  /** A link that lets guests in with a browser. */
  guestLink?: string;
}

export interface Chat {
  roomID: string;
  userID: string;
  userName: string;
  userAvatar: string;
  message: string;
  /** UNIX time, ms. */
  time: number;
}

export interface Notice {
  roomID: string;
  code: number;
  message: string;
}

export interface Closed {
  roomID: string;
  /** 0: as asked; -2000: the channel to the app was lost; else why the room ended. */
  code: number;
  msg: string;
}

/** Loopback on this machine, or the server's relay. */
export type Road = 'loopback' | 'relay';

export interface SessionEvents {
  /** The room as it stands. */
  state: RoomState;
  /** Everybody in the room, the whole list. */
  members: Member[];
  /** A text arrived or was sent. */
  chat: Chat;
  /** A lost device, a machine with too much to do, a recording that is wished and not made (4030) … */
  notice: Notice;
  /** The room is over; nothing follows. */
  closed: Closed;
}

/** An open room. What happened before a listener was set is told to the first one. */
export interface Session {
  readonly roomID: string;
  /** The way this page reached the app. */
  readonly road: Road;
  /** The app's version. */
  readonly app: string;
  readonly state: RoomState | undefined;
  readonly members: readonly Member[];
  readonly closed: boolean;
  /** Listens; returns what stops it. */
  on<E extends keyof SessionEvents>(event: E, listener: (detail: SessionEvents[E]) => void): () => void;
  /** Leaves the room and closes its window. */
  close(): Promise<void>;
  sendChat(message: string): Promise<void>;
  /** Turns devices on or off, and says how pictures are made. */
  setMedia(set: MediaSet): Promise<void>;
  /** Brings the room's window to the front. */
  focus(): Promise<void>;
  /** Lets the room go its own way; a reload of the page finds it again. */
  detach(): void;
}

/** Where an opening stands: the URL was opened (not where the app stands by) · the app answered · the person is asked · the room is being joined. */
export type Progress = 'launching' | 'connected' | 'awaitingConsent' | 'joining';

export interface OpenOptions {
  userdata: UserData;
  roomdata: RoomData;
  custom?: Custom;
  onProgress?: (progress: Progress) => void;
  /** Where the app shall listen on 127.0.0.1. */
  ports?: readonly number[];
  /** Opens the launch URL in another way than by a hidden frame. */
  launch?: (url: string) => void;
  /** Milliseconds of the page's attention before "not installed" (4300). */
  patience?: number;
}

/** What a failed call rejects with. */
export interface BeckonError extends Error {
  /** -1 not installed · -2 already open · -2000 channel lost · -9998, -9999 parameters · positive: see the documentation. */
  readonly code: number;
  /** The parameter that does not fit. */
  readonly field?: string;
  /** With -1: where to get the installer, as the page said (`custom.exeUrl`). */
  readonly exeUrl?: string;
}

export interface TestLogin {
  sdkAppID: number;
  accType: string;
  userID: string;
  userSig: string;
}

export declare const Beckon: {
  readonly version: string;
  /** Opens a room in the app. */
  open(options: OpenOptions): Promise<Session>;
  /** After a reload: the room that this page had open, or null. With several (`singleton: false`) all come back: `sessions`. */
  resume(): Promise<Session | null>;
  /**
   * Closes the room of this ID that this page opened, or, as long as it has a room itself, another page of its origin;
   * without an ID the one that was opened last. Waits for rooms that a reload is about to find again. Gives the room's ID.
   */
  close(roomID?: string | number): Promise<string>;
  /** The open session, if there is one; with several, the one that was opened last. */
  readonly session: Session | null;
  /** All open sessions of this page, the oldest first. */
  readonly sessions: readonly Session[];
  /** Test log-in values; only where the server's owner turned them on. Your own backend makes the real ones. */
  testLogin(serverDomain: string, userID?: string): Promise<TestLogin>;
};

export interface ExeResult {
  errCode: 0;
  errMsg: string;
  roomID: string;
}
export interface ExeFailure {
  errCode: number;
  errMsg: string;
  /** With -1: where to get the installer, as the page said (`custom.exeUrl`). */
  exeUrl?: string;
}
export interface RoomEvent {
  roomID: string;
  /** `roomStatus` (open: `roomStatus` 0; over: 1, or the code where that is negative) · `roomState` (with `state`) · `notice`. */
  cmd: string;
  code: number;
  msg: string;
  [more: string]: unknown;
}
export interface ExeListener {
  onRoomClose?: (event: { roomID: string; code: number; msg: string }) => void;
  onMemberChange?: (members: Member[]) => void;
  onRecvRoomIMMsg?: (message: Omit<Chat, 'time'>) => void;
  /** First generation. */
  onRecvData?: (event: RoomEvent) => void;
  /** Third generation. */
  onRecvEvent?: (event: RoomEvent) => void;
}
export interface ExeRequest {
  userdata: UserData;
  roomdata: RoomData;
  custom?: Custom;
  success?: (result: ExeResult) => void;
  fail?: (failure: ExeFailure) => void;
}
export interface ExeCloseRequest {
  data?: { roomID?: string | number };
  success?: (result: ExeResult) => void;
  fail?: (failure: ExeFailure) => void;
}

/** The first generation's calls. */
export declare const EXEStarter: {
  createExeAsRoom(request: ExeRequest): void;
  closeExeAsRoom(request?: ExeCloseRequest): void;
  setListener(listener: ExeListener): void;
  unload(): void;
  /** Test log-in values from `serverDomain` + `utils/get_login_info`. */
  getLoginInfo(request: {
    serverDomain: string;
    userID?: string;
    success?: (login: TestLogin) => void;
    fail?: (failure: ExeFailure) => void;
  }): void;
  readonly StyleType: typeof StyleType;
  readonly RoomAction: typeof RoomAction;
  readonly Template: typeof Template;
};

/** The third generation's calls. */
export interface RoomKind {
  startEXE(request: ExeRequest): void;
  stopEXE(request?: ExeCloseRequest): void;
  setListener(listener: ExeListener): void;
  unload(): void;
}
export declare const RtcRoom: RoomKind;
export declare const LiveRoom: RoomKind;
export declare const EnumDef: {
  readonly RoomAction: typeof RoomAction;
  readonly Template: typeof Template;
  readonly ScreenRecordType: { readonly None: 0; readonly ToServer: 1; readonly ToClient: 2; readonly ToBoth: 3 };
};
