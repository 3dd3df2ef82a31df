// The way in: asks the room service for a place in the room.
import { Code, type Failure, type GuestEntrance, type GuestEntry } from '../../../protocol/index';
import { keep, kept } from './storage';

export type Problem = 'noRoom' | 'full' | 'notInvited' | 'tooMany' | 'unreachable';

/** Why the door stays shut; `problem` names the text to show. */
export class Refused extends Error {
  constructor(
    readonly problem: Problem,
    message: string,
  ) {
    super(message);
  }
}

/** Room and invitation out of the page's address, `/join/ROOM?i=INVITATION`. */
export function readAddress(path: string, query: string): { room: string; invitation: string } {
  const found = /^\/join\/([^/]+)\/?$/.exec(path);
  let room = '';
  try {
    room = decodeURIComponent(found?.[1] ?? '');
  } catch {
    // A broken escape is no room's name; the server will say that there is none.
  }
  return { room, invitation: new URLSearchParams(query).get('i') ?? '' };
}

/** Which text fits a code of the service. */
export function problemOf(code: unknown): Problem {
  switch (code) {
    case Code.RoomNotFound:
    case Code.RoomIdInvalid:
    case Code.RoomDestroyed:
      return 'noRoom';
    case Code.RoomFull:
      return 'full';
    case Code.TooManyAttempts:
      return 'tooMany';
    case Code.TokenInvalid:
    case Code.Forbidden:
      return 'notInvited';
    default:
      return 'unreachable';
  }
}

/**
 * The pass of this tab for a room: whoever tries again, or reloads, gets the seat they had. Where nothing is kept each try is
 * another guest's.
 */
const passName = (room: string) => `beckon.pass.${room}`;

/** Asks for a place. Throws `Refused`. */
export async function enter(room: string, invitation: string, userName: string): Promise<GuestEntrance> {
  const entry: GuestEntry = { roomID: room, invitation, userName, pass: kept('sessionStorage', passName(room)) ?? '' };
  let answer: Response;
  let body: unknown;
  try {
    answer = await fetch('/api/v1/guests', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(entry),
    });
    body = await answer.json();
  } catch (error) {
    throw new Refused('unreachable', String(error));
  }
  const said = body as Partial<GuestEntrance & Failure>;
  if (answer.ok && said.url && said.token && said.room) {
    if (said.pass) keep('sessionStorage', passName(room), said.pass);
    return said as GuestEntrance;
  }
  throw new Refused(problemOf(said.code), said.message ?? `HTTP ${answer.status}`);
}
