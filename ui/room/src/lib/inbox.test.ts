import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { inbox } from './inbox';

interface Told {
  room: string;
  chat: string;
  home: string;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('what is told before the page is there is handed out then, in order, and what comes after it at once', () => {
  const box = inbox<Told>();
  const taken: string[] = [];
  box.tell('room', 'connecting');
  box.tell('chat', 'hello');
  box.on('room', (phase) => taken.push(phase));
  box.tell('room', 'connected');
  box.on('chat', (text) => taken.push(text));
  expect(taken, 'the page is not whole yet').toEqual([]);
  vi.runAllTimers();
  expect(taken).toEqual(['connecting', 'hello', 'connected']);
  box.tell('chat', 'and you?');
  expect(taken.at(-1)).toBe('and you?');
});

test('a page that never comes does not gather all that is told', () => {
  const box = inbox<Told>();
  const taken: string[] = [];
  for (let n = 0; n < 1000; n += 1) box.tell('chat', `${n}`);
  box.on('chat', (text) => taken.push(text));
  vi.runAllTimers();
  expect([taken.length, taken[0], taken.at(-1)]).toEqual([200, '800', '999']);
});

test('what nobody takes is for other windows, and is not kept', () => {
  const box = inbox<Told>();
  const taken: string[] = [];
  box.tell('home', 'early');
  box.on('room', (phase) => taken.push(phase));
  vi.runAllTimers();
  box.tell('home', 'late');
  box.on('home', (home) => taken.push(home));
  vi.runAllTimers();
  expect(taken).toEqual([]);
});
