import { AVATAR_MAX, Code, NAME_MAX, USER_ID_MAX } from '../../protocol/index.ts';
import type { OpenOptions } from '../EXEStarter.d.ts';
import { failure } from './error.ts';
import { serverBase } from './launch.ts';

type Fields = Record<string, unknown>;

const missing = (field: string) => failure(Code.MissingParameter, `\`${field}\` is missing`, field);
const wrong = (field: string, why: string) => failure(Code.WrongParameter, `\`${field}\` ${why}`, field);

/** The options without what a page set to null: that is left out. */
export function withoutNulls(options: OpenOptions): OpenOptions {
  const { userdata, roomdata, custom, ...own } = options ?? {};
  return { ...own, ...(strip({ userdata, roomdata, custom }) as Pick<OpenOptions, 'userdata' | 'roomdata'>) };
}

function strip(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const set: Fields = {};
  for (const [name, field] of Object.entries(value))
    if (field !== null && field !== undefined) set[name] = strip(field);
  return set;
}

/**
 * Refuses, before the app is started, what it would refuse anyway.
 * @throws BeckonError -9998 or -9999, with the field.
 */
export function check(options: OpenOptions): void {
  const { userdata: user, roomdata: room, custom } = (options ?? {}) as Partial<OpenOptions>;
  if (!user) throw missing('userdata');
  if (!room) throw missing('roomdata');
  for (const field of ['userID', 'sdkAppID', 'userSig'] as const) if (!user[field]) throw missing(`userdata.${field}`);
  text('userdata.userID', user.userID, USER_ID_MAX);
  if (/[\s\p{Cc}]/u.test(user.userID)) throw wrong('userdata.userID', 'may not contain spaces');
  text('userdata.userSig', user.userSig);
  text('userdata.userName', user.userName, NAME_MAX);
  text('userdata.userAvatar', user.userAvatar, AVATAR_MAX);
  textOrNumber('userdata.accType', user.accType);
  if (!/^\d+$/.test(String(user.sdkAppID).trim())) throw wrong('userdata.sdkAppID', 'must be a number');

  if (!room.serverDomain) throw missing('roomdata.serverDomain');
  serverOf('roomdata.serverDomain', room.serverDomain);
  if (!room.roomAction) throw missing('roomdata.roomAction');
  oneOf('roomdata.roomAction', room.roomAction, ['createRoom', 'enterRoom']);
  textOrNumber('roomdata.roomID', room.roomID);
  const roomID = String(room.roomID ?? '');
  if (!roomID && room.roomAction === 'enterRoom') throw missing('roomdata.roomID');
  if (roomID && !/^[\w.-]{1,64}$/.test(roomID)) {
    throw wrong('roomdata.roomID', "must be 1 to 64 letters, digits, '-', '_' or '.'");
  }
  text('roomdata.roomName', room.roomName, NAME_MAX);
  text('roomdata.roomTitle', room.roomTitle, NAME_MAX);
  text('roomdata.roomLogo', room.roomLogo);
  oneOf('roomdata.type', room.type, ['LiveRoom', 'RTCRoom']);
  oneOf('roomdata.template', room.template, ['1v1', '1v2', '1v3', '1v4']);
  if (custom !== undefined) checkCustom(custom as Fields);
}

/** The server that `field` names; without `http://` or `https://` it would be a path of the page's own. */
export function serverOf(field: string, serverDomain: string): URL {
  try {
    return serverBase(serverDomain);
  } catch {
    throw wrong(field, 'must be an http or https address');
  }
}

/** As the app reads them (crates/protocol/src/channel/page.rs, `Custom`). */
const switches =
  'userList IMList whiteboard screenShare record singleton mixRecord camera microphone closeWithPage'.split(' ');
const texts = ['exeUrl', 'proxy_ip', 'cloudRecordUrl', 'language'];

function checkCustom(custom: Fields): void {
  object('custom', custom);
  for (const name of switches) oneOf(`custom.${name}`, custom[name], [true, false]);
  for (const name of texts) text(`custom.${name}`, custom[name]);
  if (custom['proxy_ip'] && !custom['proxy_port']) throw missing('custom.proxy_port');
  textOrNumber('custom.proxy_port', custom['proxy_port']);
  const port = Number(custom['proxy_port'] ?? 0);
  if (!(Number.isInteger(port) && port >= 0 && port < 65536))
    throw wrong('custom.proxy_port', 'must be from 1 to 65535');
  oneOf('custom.screenRecord', custom['screenRecord'], [0, 1, 2, 3]);

  const levels = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  record('custom.video', custom['video'], {
    resolution: ['180p', '360p', '480p', '540p', '720p', '1080p'],
    aspect: ['16:9', '4:3'],
    fps: ['15', '30', 15, 30],
  });
  record('custom.beauty', custom['beauty'], {
    style: ['smooth', 'natural', 'hazy'],
    strength: levels,
    whitening: levels,
    ruddy: levels,
  });
}

function object(field: string, value: unknown): void {
  if (typeof value !== 'object' || Array.isArray(value)) throw wrong(field, 'must be an object');
}

function record(field: string, value: unknown, allowed: Record<string, readonly unknown[]>): void {
  if (value === undefined) return;
  object(field, value);
  for (const [name, one] of Object.entries(value as Fields)) {
    const names = Object.keys(allowed);
    if (!names.includes(name)) throw wrong(`${field}.${name}`, `is none of ${names.join(', ')}`);
    oneOf(`${field}.${name}`, one, allowed[name] ?? []);
  }
}

function text(field: string, value: unknown, most = Infinity): void {
  if (value === undefined) return;
  if (typeof value !== 'string') throw wrong(field, 'must be a text');
  const { length } = new TextEncoder().encode(value);
  if (length > most) throw wrong(field, `has ${length} bytes; at most ${most} are taken`);
}

function textOrNumber(field: string, value: unknown): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return;
  if (value !== undefined && typeof value !== 'string') throw wrong(field, 'must be a text or a whole number');
}

function oneOf(field: string, value: unknown, allowed: readonly unknown[]): void {
  if (value !== undefined && !allowed.includes(value)) throw wrong(field, `must be one of ${allowed.join(', ')}`);
}
