import { Code } from '../../protocol/index.ts';
import type { OpenOptions } from '../EXEStarter.d.ts';
import { failure } from './error.ts';
import { serverBase } from './launch.ts';

const missing = (field: string) => failure(Code.MissingParameter, `\`${field}\` is missing`, field);
const wrong = (field: string, why: string) => failure(Code.WrongParameter, `\`${field}\` ${why}`, field);

/**
 * Refuses, before the app is started, what it would refuse anyway.
 * @throws BeckonError -9998 or -9999, with the field.
 */
export function check(options: OpenOptions): void {
  const { userdata: user, roomdata: room, custom } = (options ?? {}) as Partial<OpenOptions>;
  if (!user) throw missing('userdata');
  if (!room) throw missing('roomdata');
  for (const field of ['userID', 'sdkAppID', 'userSig'] as const) if (!user[field]) throw missing(`userdata.${field}`);
  if (typeof user.userID !== 'string') throw wrong('userdata.userID', 'must be a text');
  if (/[\s\p{Cc}]/u.test(user.userID)) throw wrong('userdata.userID', 'may not contain spaces');
  if (typeof user.userSig !== 'string') throw wrong('userdata.userSig', 'must be a text');
  if (!/^\d+$/.test(String(user.sdkAppID).trim())) throw wrong('userdata.sdkAppID', 'must be a number');

  if (!room.serverDomain) throw missing('roomdata.serverDomain');
  let server: URL;
  try {
    server = serverBase(room.serverDomain);
  } catch {
    throw wrong('roomdata.serverDomain', 'must be an http or https address');
  }
  if (!/^https?:$/.test(server.protocol)) throw wrong('roomdata.serverDomain', 'must be an http or https address');
  if (!room.roomAction) throw missing('roomdata.roomAction');
  oneOf('roomdata.roomAction', room.roomAction, ['createRoom', 'enterRoom']);
  const roomID = String(room.roomID ?? '');
  if (!roomID && room.roomAction === 'enterRoom') throw missing('roomdata.roomID');
  if (roomID && !/^[\w.-]{1,64}$/.test(roomID)) {
    throw wrong('roomdata.roomID', "must be 1 to 64 letters, digits, '-', '_' or '.'");
  }
  if (room.type !== undefined) oneOf('roomdata.type', room.type, ['LiveRoom', 'RTCRoom']);
  if (room.template !== undefined) oneOf('roomdata.template', room.template, ['1v1', '1v2', '1v3', '1v4']);

  if (!custom) return;
  if (custom.proxy_ip && !custom.proxy_port) throw missing('custom.proxy_port');
  const port = Number(custom.proxy_port ?? 0);
  if (!(Number.isInteger(port) && port >= 0 && port < 65536))
    throw wrong('custom.proxy_port', 'must be from 1 to 65535');
  if (custom.screenRecord !== undefined) oneOf('custom.screenRecord', custom.screenRecord, [0, 1, 2, 3]);
}

function oneOf(field: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) throw wrong(field, `must be one of ${allowed.join(', ')}`);
}
