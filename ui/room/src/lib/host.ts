import type {
  Answer,
  Boot,
  Chat,
  DeviceList,
  Home,
  Language,
  OwnPicture,
  Permissions,
  Question,
  RoomView,
  ScreenHow,
  ScreenKind,
  ScreenOffers,
  Settings,
  SettingsChange,
  StagePlace,
  Trial,
  TryoutView,
} from './types';
import { inbox } from './inbox';

/** What the app tells its windows. */
export interface Events {
  room: RoomView;
  chat: Chat;
  /** A tile of this member was clicked. */
  member: { userID: string };
  /** This tile is in front by the person's wish; null where the layout chooses. */
  front: number | null;
  /** The person wants to close the room's window; its page asks first where that ends the room for others. */
  leave: null;
  question: Question;
  home: Home;
  permissions: Permissions;
  language: Language;
  settings: Settings;
  devices: DeviceList;
  tryout: TryoutView;
  /** How a room has our pictures; told to its window. */
  picture: OwnPicture;
  /** The notes that try the loudspeaker out; told to rooms' windows, as all of `tryout` is to the settings. */
  notes: Trial;
  /** Of the microphone: 0 is −60 dB of full scale or less, 1 is full scale. */
  level: number;
  /** Show this section of the settings. */
  section: string;
}

/** Their names: all of them, or it does not compile. */
const EVENTS: Record<keyof Events, true> = {
  room: true,
  chat: true,
  member: true,
  front: true,
  leave: true,
  question: true,
  home: true,
  permissions: true,
  language: true,
  settings: true,
  devices: true,
  tryout: true,
  picture: true,
  notes: true,
  level: true,
  section: true,
};

/** What a window may ask of the app. Each command acts on the window that calls it, and on no other. */
export interface Host {
  boot(): Promise<Boot>;
  on<K extends keyof Events>(event: K, handler: (payload: Events[K]) => void): void;
  setCamera(on: boolean): Promise<void>;
  setMicrophone(on: boolean): Promise<void>;
  setSpeaker(on: boolean): Promise<void>;
  /** The push-to-talk key is down or up. */
  holdToTalk(held: boolean): Promise<void>;
  screenOffers(): Promise<ScreenOffers>;
  /** A small picture; null while there is none. */
  screenThumbnail(kind: ScreenKind, id: string): Promise<ImageData | null>;
  /** The picker is closed. */
  screenPicked(): Promise<void>;
  startScreen(kind: ScreenKind, id: string, how: ScreenHow): Promise<void>;
  /** Lets the person draw a region; false when they thought better of it. */
  startRegion(how: ScreenHow): Promise<boolean>;
  /** Has the desktop ask the person in its own dialog, or give what it gave last; false when they want to share nothing. */
  askScreen(again: boolean, how: ScreenHow): Promise<boolean>;
  stopScreen(): Promise<void>;
  sendChat(text: string): Promise<void>;
  leave(): Promise<void>;
  /** The person thought better of leaving. */
  stay(): Promise<void>;
  placeStage(place: StagePlace): Promise<void>;
  focusTile(tile: number | null): Promise<void>;
  answer(question: number, answer: Answer): Promise<void>;
  revoke(origin: string, relay: string | null): Promise<void>;
  /** Opens the settings window at a section, or wherever it was. */
  showSettings(section: string): Promise<void>;
  settingsSet(change: SettingsChange): Promise<void>;
  /** What is plugged in; from then on changes come as events. */
  devicesList(): Promise<DeviceList>;
  tryCamera(on: boolean): Promise<void>;
  tryMicrophone(on: boolean): Promise<void>;
  trySpeaker(): Promise<void>;
  testCall(on: boolean): Promise<void>;
  watchLevel(on: boolean): Promise<void>;
  /** Something failed in this page; for the app's log. */
  failed(what: string): Promise<void>;
}

async function tauri(): Promise<Host> {
  const { invoke } = await import('@tauri-apps/api/core');
  const { listen } = await import('@tauri-apps/api/event');
  const { metadata } = (globalThis as unknown as { __TAURI_INTERNALS__: { metadata: Metadata } }).__TAURI_INTERNALS__;
  const target = { kind: 'WebviewWindow', label: metadata.currentWebview.label } as const;
  const box = inbox<Events>();
  const names = Object.keys(EVENTS) as (keyof Events)[];
  const listening = names.map((name) => listen<never>(name, (e) => box.tell(name, e.payload), { target }));
  return {
    boot: async () => {
      // The app tells only who listens already: what changed after the first words, and before that, would be lost.
      await Promise.all(listening);
      return invoke<Boot>('boot');
    },
    on: box.on,
    setCamera: (on) => invoke('set_camera', { on }),
    setMicrophone: (on) => invoke('set_microphone', { on }),
    setSpeaker: (on) => invoke('set_speaker', { on }),
    holdToTalk: (held) => invoke('hold_to_talk', { held }),
    screenOffers: () => invoke('screen_offers'),
    screenThumbnail: async (kind, id) => thumbnail(await invoke<ArrayBuffer>('screen_thumbnail', { kind, id })),
    screenPicked: () => invoke('screen_picked'),
    startScreen: (kind, id, how) => invoke('start_screen', { kind, id, how }),
    startRegion: (how) => invoke('start_region', { how }),
    askScreen: (again, how) => invoke('ask_screen', { again, how }),
    stopScreen: () => invoke('stop_screen'),
    sendChat: (text) => invoke('send_chat', { text }),
    leave: () => invoke('leave'),
    stay: () => invoke('stay'),
    placeStage: (place) => invoke('place_stage', { place }),
    focusTile: (tile) => invoke('focus_tile', { tile }),
    answer: (number, answer) => invoke('answer', { number, answer }),
    revoke: (origin, relay) => invoke('revoke', { origin, relay }),
    showSettings: (section) => invoke('show_settings', { section }),
    settingsSet: (change) => invoke('settings_set', { change }),
    devicesList: () => invoke('devices_list'),
    tryCamera: (on) => invoke('try_camera', { on }),
    tryMicrophone: (on) => invoke('try_microphone', { on }),
    trySpeaker: () => invoke('try_speaker'),
    testCall: (on) => invoke('test_call', { on }),
    watchLevel: (on) => invoke('watch_level', { on }),
    failed: (what) => invoke('page_failed', { what }),
  };
}

/** Width and height as 16-bit numbers, then the pixels. */
function thumbnail(bytes: ArrayBuffer): ImageData | null {
  if (bytes.byteLength < 4) return null;
  const [width, height] = new Uint16Array(bytes, 0, 2);
  if (!width || !height || bytes.byteLength !== 4 + width * height * 4) return null;
  return new ImageData(new Uint8ClampedArray(bytes, 4), width, height);
}

interface Metadata {
  currentWebview: { label: string };
}

/** The app around this page; in a browser, for the work on the pages themselves, a made-up one. */
export async function connect(): Promise<Host> {
  if ('__TAURI_INTERNALS__' in globalThis) return tauri();
  if (import.meta.env.DEV) return (await import('./mock')).mock();
  throw new Error('this page belongs into the Beckon app');
}
