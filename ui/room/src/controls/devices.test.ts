import { expect, test } from 'vitest';
import type { DeviceView } from '../lib/types';
import { absent, chosen, connected, held, listens } from './devices';

const there = [
  { id: 'a', label: 'Built-in', default: true },
  { id: 'b', label: 'USB', default: false },
];
const usb = { kind: 'device', id: 'b', label: 'USB' } as const;

test('a choice goes into the box and comes out of it as the same', () => {
  expect(chosen(held(usb), there)).toEqual(usb);
  expect(chosen(held({ kind: 'default' }), there)).toEqual({ kind: 'default' });
  expect(chosen('gone', there), 'pulled out while the list was open').toBeNull();
});

test('a device that is set and away is still shown, and no other is', () => {
  expect(absent(usb, there)).toBeNull();
  expect(absent(usb, [])?.label).toBe('USB');
  expect(absent({ kind: 'default' }, [])).toBeNull();
});

test('each kind has its own list, empty until it is known', () => {
  const list = { cameras: there, microphones: [], speakers: [] };
  expect(connected(list, 'camera')).toBe(there);
  expect(connected(list, 'speaker')).toEqual([]);
  expect(connected(null, 'camera')).toEqual([]);
});

test('a microphone is listened to only while it is open', () => {
  const on: DeviceView = { on: true, running: true, label: '', synthetic: false, standsIn: false, problem: null };
  const talk = { ready: false, pushToTalk: false, held: false, muted: false };
  expect(listens({ microphone: on, talk })).toBe(true);
  expect(listens({ microphone: { ...on, running: false }, talk })).toBe(false);
  expect(listens({ microphone: { ...on, problem: 4004 }, talk })).toBe(false);
  const off = { ...on, on: false, running: false };
  expect(listens({ microphone: off, talk })).toBe(false);
  expect(listens({ microphone: off, talk: { ...talk, ready: true } }), 'muted and open, as was set').toBe(true);
});
