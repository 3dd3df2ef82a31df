/** A made-up app, for the work on the pages in a browser: `npm run dev -w room`, then `?view=room&phase=connected…`. */
import type { Events, Host } from './host';
import type {
  Boot,
  Chat,
  DeviceList,
  DeviceView,
  Home,
  Language,
  MemberView,
  OwnPicture,
  Permissions,
  Question,
  RoomPhase,
  RoomView,
  ScreenOffer,
  ScreenView,
  Settings,
  TryoutView,
} from './types';

const query = new URLSearchParams(location.search);
/** Whoever wrote the policy wrote it twice. */
const twice = <T>(list: T[]): T[] => (query.has('twice') ? [...list, ...list] : list);
const say = (...what: unknown[]) => console.info('mock', ...what);

/** A made-up face and a made-up logo, as a page may send them. */
const drawn = (body: string, width = 64) =>
  `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} 64">${body}</svg>`)}`;
const face = drawn(
  '<rect width="64" height="64" fill="#7a9cc6"/><circle cx="32" cy="25" r="12" fill="#f3d6bf"/><path d="M8 64a24 24 0 0 1 48 0Z" fill="#2f4a6d"/>',
);
const logo = drawn(
  '<path d="M8 56C8 24 24 8 56 8c0 32-16 48-48 48Z" fill="#2f9e58"/><text x="70" y="46" font-family="sans-serif" font-size="40" font-weight="700" fill="#2f9e58">Leaf</text>',
  180,
);
/** Of these members: one with a picture, one whose picture does not come, the others without. */
const avatars = query.has('avatars') ? ['', face, 'https://nowhere.invalid/a.png'] : [];

function member(n: number, userName: string, more: Partial<MemberView> = {}): MemberView {
  return {
    sid: `PA_${n}`,
    userID: `user${n}`,
    userName,
    userAvatar: avatars[n] ?? '',
    role: n === 0 ? 'creator' : 'member',
    isLocal: n === 0,
    tile: n + 1,
    screenTile: null,
    camera: true,
    cameraConnecting: false,
    microphone: true,
    speaking: false,
    level: 0,
    quality: 'good',
    synthetic: false,
    volume: n === 2 ? 60 : 100,
    ...more,
  };
}

const noScreen: ScreenView = { on: false, running: false, label: '', minimised: false, sound: false, ended: null };

const offers: ScreenOffer[] = [
  { kind: 'monitor', id: 'HDMI-1', title: 'HDMI-1', width: 1920, height: 1080 },
  { kind: 'monitor', id: 'DP-2', title: 'DP-2', width: 1080, height: 1920 },
  { kind: 'window', id: '1', title: '季度报表.xlsx – Spreadsheet', width: 1200, height: 800 },
  {
    kind: 'window',
    id: '2',
    title: 'A window with a remarkably long title that has to be cut',
    width: 640,
    height: 480,
  },
  { kind: 'window', id: '3', title: 'Terminal', width: 800, height: 500 },
];

/** A made-up small picture. */
function picture(offer: { id: string }): ImageData {
  const [width, height] = offer.id === 'DP-2' ? [112, 200] : [320, 180];
  const image = new ImageData(width, height);
  const tint = [...offer.id].reduce(
    (sum, letter) => sum + letter.charCodeAt(0) * 37,
    Math.floor(Date.now() / 1000) * 9,
  );
  for (let at = 0; at < image.data.length; at += 4) {
    const [x, y] = [(at / 4) % width, Math.floor(at / 4 / width)];
    image.data.set([(x + tint) % 256, (y * 2 + tint) % 256, 160, 255], at);
  }
  return image;
}

const names = ['李雷', 'Maria Fernández', '王小明', 'Nguyễn Văn An', 'A person with a remarkably long display name'];

function room(): RoomView {
  const phase = (query.get('phase') ?? 'connected') as RoomPhase;
  const count = Number(query.get('members') ?? 3);
  const code = Number(query.get('code') ?? 3005);
  const device: DeviceView = {
    on: true,
    running: true,
    label: 'Camera',
    synthetic: query.has('synthetic'),
    standsIn: false,
    problem: null,
  };
  return {
    phase,
    joined: true,
    type: 'RTCRoom',
    template: '1v2',
    end: phase === 'ended' ? { code, message: '' } : null,
    roomID: 'crm-4711',
    roomName: 'Renewal',
    roomTitle: '合同续签 · Contract renewal',
    roomLogo: query.has('logo') ? logo : '',
    mayPublish: !query.has('audience'),
    guestLink: 'https://meet.example.com/join/crm-4711?i=x',
    members: names.slice(0, count).map((name, n) =>
      member(n, name, {
        speaking: n === 1,
        microphone: n !== 2,
        screenTile: n > 0 && query.has('screens') ? 100 + n : null,
        quality: n === 2 && query.has('screens') ? 'poor' : 'good',
      }),
    ),
    camera: device,
    microphone: { ...device, on: !query.has('muted'), label: 'Microphone' },
    speaker: { ...device, synthetic: false },
    talk: {
      ready: query.has('muted') && (query.has('push') || query.has('hint')),
      pushToTalk: query.has('push'),
      held: query.has('held'),
      muted: query.has('hint'),
    },
    screen: query.has('sharing')
      ? {
          ...noScreen,
          on: true,
          running: true,
          label: '季度报表.xlsx – Spreadsheet',
          minimised: query.has('minimised'),
          sound: query.has('sound'),
        }
      : { ...noScreen, ended: query.has('gone') ? 4020 : null },
    notices: query.has('notice') ? [{ code: 4004, message: 'the camera was unplugged' }] : [],
  };
}

function chat(): Chat[] {
  const line = (n: number, message: string, minutes: number): Chat => ({
    roomID: 'crm-4711',
    userID: `user${n}`,
    userName: names[n] ?? '',
    userAvatar: avatars[n] ?? '',
    message,
    time: Date.UTC(2026, 10, 20, 9, minutes),
  });
  return [
    line(1, 'Hello, can you see the contract?', 1),
    line(0, '看到了，第三页的日期要改一下。', 2),
    line(1, 'Which one? The start of the term or the date of signature? I have both open here.', 3),
    line(0, '起始日期', 3),
  ];
}

function devices(): DeviceList {
  const entry = (id: string, label: string, standard = false) => ({ id, label, default: standard });
  return {
    cameras: query.has('nocamera') ? [] : [entry('cam', 'Integrated camera', true), entry('usbcam', 'USB camera')],
    microphones: [entry('builtin', 'Built-in microphone', true), entry('usb', 'USB headset')],
    speakers: [entry('out', 'Built-in speakers', true), entry('usb-out', 'USB headset')],
  };
}

/** As the room's page may have asked for it. */
function ownPicture(): OwnPicture {
  return {
    preset: { resolution: query.has('asked') ? '360p' : '720p', aspect: '16:9', fps: '30' },
    beauty: { on: query.has('asked') || query.has('beauty'), style: 'smooth', strength: 5, whitening: 2, ruddy: 1 },
  };
}

/** The made-up app. */
export function mock(): Host {
  const handlers: { [K in keyof Events]?: (payload: Events[K]) => void } = {};
  const language = (query.get('lang') ?? 'en') as Language;
  let view = room();
  const change = (next: Partial<RoomView>) => {
    view = { ...view, ...next };
    handlers.room?.(view);
  };
  const setVolume = (userID: string, volume: number) =>
    change({ members: view.members.map((m) => (m.userID === userID ? { ...m, volume } : m)) });
  const question: Question = {
    number: 1,
    origin: query.has('idn') ? 'https://xn--fiqs8s.example.com' : 'https://crm.example.com',
    unicodeHost: query.has('idn') ? '中国.example.com' : null,
    secure: !query.has('plain'),
    relay: query.has('relay') ? 'meet.example.com' : null,
    asks: (query.get('asks') ?? 'room') as Question['asks'],
  };
  const permissions: Permissions = {
    allowed: query.has('empty')
      ? []
      : [
          { origin: 'https://crm.example.com', relay: null, since: 1_795_000_000 },
          { origin: 'http://localhost:8080', relay: 'meet.example.com', since: 1_796_000_000 },
        ],
    policy: twice(query.has('policy') ? ['https://*.corp.example'] : []),
    faults: query.has('blocked')
      ? ['/etc/beckon/policy.json is no JSON: trailing comma at line 3 column 1']
      : query.has('fault')
        ? twice([
            'denyOrigins: "old.corp.example" is no origin such as https://crm.example.com',
            '"denyOrigin" is no field',
          ])
        : [],
    blocked: query.has('blocked'),
  };
  const home: Home = {
    version: '0.1.0',
    language: 'system',
    permissions,
    trouble: query.has('trouble') ? { code: 1001, message: '' } : null,
  };
  let settings: Settings = {
    language: 'system',
    devices: {
      camera: query.has('absent') ? { kind: 'device', id: 'gone', label: 'Desk camera' } : { kind: 'default' },
      microphone: { kind: 'device', id: 'usb', label: 'USB headset' },
      speaker: { kind: 'default' },
    },
    picture: { preset: { resolution: '720p', aspect: '16:9', fps: '30' }, mirror: true },
    beauty: { on: query.has('beauty'), style: 'smooth', strength: 5, whitening: 2, ruddy: 1 },
    sound: {
      echoCancellation: true,
      noiseSuppression: 'medium',
      automaticGain: true,
      highPass: true,
      muteHint: false,
      pushToTalk: query.has('push'),
    },
    volumes: {},
  };
  let meter: ReturnType<typeof setInterval> | undefined;
  const wrote = (n: number, message: string) =>
    handlers.chat?.({
      roomID: view.roomID,
      userID: `user${n}`,
      userName: names[n] ?? '',
      userAvatar: '',
      message,
      time: Date.now(),
    });
  // Texts that come in while the page is open.
  if (query.has('writes')) for (const wait of [500, 1500]) setTimeout(() => wrote(1, 'One moment'), wait);
  let tryout: TryoutView = {
    camera: query.has('fails')
      ? { state: 'failed', code: Number(query.get('fails')) }
      : query.has('preview')
        ? { state: 'on', label: 'Integrated camera' }
        : { state: 'off' },
    microphone: query.has('preview') ? { state: 'on', label: 'USB headset' } : { state: 'off' },
    speaker: { state: 'off' },
    call: { stage: 'idle' },
    room: query.has('inroom')
      ? {
          camera: query.has('roomcamera') ? { state: 'on', label: 'Integrated camera' } : { state: 'off' },
          microphone: { state: 'on', label: 'USB headset' },
          muted: query.has('muted'),
          picture: ownPicture(),
        }
      : null,
  };
  const trial = (change: Partial<TryoutView>): void => {
    tryout = { ...tryout, ...change };
    handlers.tryout?.(tryout);
  };
  const boots: Record<string, Boot> = {
    room: {
      view: 'room',
      language,
      room: view,
      chat: query.has('quiet') ? [] : chat(),
      panels: { members: !query.has('nomembers'), chat: !query.has('nochat'), screen: !query.has('noscreen') },
      settings,
      picture: ownPicture(),
    },
    consent: { view: 'consent', language, question },
    home: { view: 'home', language, home },
    settings: {
      view: 'settings',
      language,
      settings,
      tryout,
      permissions,
      version: '0.1.0',
      log: {
        path: '/home/mei/.local/share/org.beckon.app/beckon.log',
        fault: query.has('nolog') ? 'Permission denied (os error 13)' : null,
      },
      section: query.get('section') ?? '',
    },
  };
  const done = async (...what: unknown[]) => say(...what);
  return {
    boot: async () => {
      if (query.has('noboot')) throw 'the room is over';
      return boots[query.get('view') ?? 'room'] as Boot;
    },
    on: (event, handler) => {
      Object.assign(handlers, { [event]: handler });
    },
    setCamera: async (on) => change({ camera: { ...view.camera, on } }),
    setMicrophone: async (on) => change({ microphone: { ...view.microphone, on } }),
    setSpeaker: async (on) => change({ speaker: { ...view.speaker, on } }),
    holdToTalk: async (held) =>
      change({ talk: { ...view.talk, held }, microphone: { ...view.microphone, on: held || !query.has('muted') } }),
    screenOffers: async () => ({
      offers: query.has('none') || query.has('dialog') ? [] : offers,
      region: !query.has('noregion') && !query.has('dialog'),
      sound: !query.has('nosound'),
      dialog: query.has('dialog') ? { again: query.get('dialog') === 'again' } : null,
    }),
    screenThumbnail: async (_kind, id) => (id === '3' ? null : picture({ id })),
    screenPicked: () => done('picked'),
    startScreen: async (kind, id, how) => {
      say('share', kind, id, how);
      if (query.has('refuses')) throw Object.assign(new Error('the window is gone'), { code: 4020 });
      const label = offers.find((offer) => offer.id === id)?.title ?? '';
      change({ screen: { ...noScreen, on: true, running: true, label, sound: how.sound } });
    },
    startRegion: async (how) => {
      const label = 'part of the screen (640 × 360)';
      change({ screen: { ...noScreen, on: true, running: true, label, sound: how.sound } });
      return true;
    },
    askScreen: async (again, how) => {
      say('ask', again, how);
      await new Promise((answered) => setTimeout(answered, Number(query.get('thinks') ?? 1000)));
      if (query.has('refuses')) throw Object.assign(new Error('access to the screen is denied'), { code: 4021 });
      if (query.has('cancels')) return false;
      change({ screen: { ...noScreen, on: true, running: true, label: 'a window', sound: how.sound } });
      return true;
    },
    stopScreen: async () => change({ screen: noScreen }),
    sendChat: async (message) => {
      if (query.has('slow')) await new Promise((sent) => setTimeout(sent, 500));
      wrote(0, message);
      if (query.has('ends')) change({ phase: 'ended', end: { code: 3005, message: '' } });
    },
    leave: () => done('leave'),
    stay: () => done('stay'),
    placeStage: (place) => done('place', place),
    focusTile: (tile) => {
      handlers.front?.(tile);
      return done('focus', tile);
    },
    answer: (number, answer) => done('answer', number, answer),
    revoke: (origin) => done('revoke', origin),
    showSettings: (section) => done('settings', section),
    settingsSet: async (change) => {
      if (change.section === 'volume') {
        const { userID, percent } = change.value;
        return setVolume(userID, percent);
      }
      say('set', change);
      settings = { ...settings, [change.section]: change.value };
      handlers.settings?.(settings);
      if (change.section === 'beauty' || change.section === 'picture') {
        const picture = { preset: settings.picture.preset, beauty: settings.beauty };
        handlers.picture?.(picture);
        if (tryout.room) trial({ room: { ...tryout.room, picture } });
      }
    },
    devicesList: async () => devices(),
    tryCamera: async (on) => trial({ camera: on ? { state: 'on', label: 'Integrated camera' } : { state: 'off' } }),
    tryMicrophone: async (on) => trial({ microphone: on ? { state: 'on', label: 'USB headset' } : { state: 'off' } }),
    trySpeaker: async () => {
      trial({ speaker: { state: 'on', label: '' } });
      handlers.notes?.(tryout.speaker);
    },
    testCall: async (on) => trial({ call: on ? { stage: 'recording' } : { stage: 'idle' } }),
    failed: (what) => done('failed', what),
    watchLevel: async (on) => {
      say('watch', on);
      clearInterval(meter);
      if (on) meter = setInterval(() => handlers.level?.(0.4 + 0.3 * Math.sin(Date.now() / 150)), 80);
    },
  };
}
