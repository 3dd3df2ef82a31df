import { afterEach, expect, test, vi } from 'vitest';

import { Code } from '../../../protocol/index';
import { Refused, enter, problemOf, readAddress } from './entrance';

afterEach(() => vi.unstubAllGlobals());

/** A service that gives each call the next answer, and what it was asked. */
function service(...answers: { status?: number; body: object }[]): Record<string, string>[] {
  const asked: Record<string, string>[] = [];
  vi.stubGlobal('fetch', (_: string, { body }: { body: string }) => {
    asked.push(JSON.parse(body) as Record<string, string>);
    const { status = 200, body: answer } = answers.shift() ?? { status: 500, body: {} };
    return Promise.resolve(new Response(JSON.stringify(answer), { status }));
  });
  return asked;
}

function storage(): Map<string, string> {
  const kept = new Map<string, string>();
  vi.stubGlobal('sessionStorage', {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
  });
  return kept;
}

const entrance = { url: 'ws://s', token: 't', room: { roomID: 'r', roomTitle: '', roomName: '' } };

test('who tries again shows the pass they got, in the same room only', async () => {
  storage();
  const asked = service(
    { body: { ...entrance, pass: 'first' } },
    { body: { ...entrance, pass: 'second' } },
    { status: 409, body: { code: Code.RoomFull, message: 'full' } },
    { body: entrance },
  );
  expect((await enter('r', 'i', 'Wang')).token).toBe('t');
  await enter('r', 'i', 'Wang');
  await expect(enter('other', 'i', 'Wang')).rejects.toMatchObject({ problem: 'full' });
  await enter('r', 'i', 'Wang');
  expect(asked.map(({ roomID, pass }) => [roomID, pass])).toEqual([
    ['r', ''],
    ['r', 'first'],
    ['other', ''],
    ['r', 'second'],
  ]);
});

test('a browser without storage gets in all the same', async () => {
  const denied = () => {
    throw new DOMException('denied', 'SecurityError');
  };
  vi.stubGlobal('sessionStorage', { getItem: denied, setItem: denied });
  const asked = service({ body: { ...entrance, pass: 'p' } }, { status: 429, body: { code: Code.TooManyAttempts } });
  expect((await enter('r', '', '')).url).toBe('ws://s');
  await expect(enter('r', '', '')).rejects.toBeInstanceOf(Refused);
  expect(asked[1]?.['pass']).toBe('');
});

test('room and invitation come out of the address', () => {
  expect(readAddress('/join/crm-42', '?i=abc.def')).toEqual({ room: 'crm-42', invitation: 'abc.def' });
  expect(readAddress('/join/%E5%BC%A0', '')).toEqual({ room: '张', invitation: '' });
  expect(readAddress('/join/%zz', '').room).toBe('');
  expect(readAddress('/elsewhere', '').room).toBe('');
});

test('each refusal has its words', () => {
  expect(problemOf(Code.RoomNotFound)).toBe('noRoom');
  expect(problemOf(Code.RoomFull)).toBe('full');
  expect(problemOf(Code.Forbidden)).toBe('notInvited');
  expect(problemOf(Code.TooManyAttempts)).toBe('tooMany');
  expect(problemOf(undefined)).toBe('unreachable');
});
