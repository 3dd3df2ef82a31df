import { DisconnectReason, RoomEvent } from 'livekit-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { Call, changedTheirMind } from './call.svelte';

/** The rooms that were made, the newest at the end. */
const rooms = vi.hoisted((): Played[] => []);

/** What the tests play of a room. */
interface Played {
  connected: () => void;
  refused: (error: Error) => void;
  /** Which devices were turned on and off. */
  turned: string[];
  gone: boolean;
  tell: (event: string, detail?: unknown) => void;
  /** A text of somebody comes in. */
  text: (whole: Promise<string>) => void;
}

vi.mock('livekit-client', async (original) => {
  class Room implements Played {
    connected = () => {};
    refused: (error: Error) => void = () => {};
    turned: string[] = [];
    gone = false;
    canPlaybackAudio = true;
    remoteParticipants = new Map();
    localParticipant = {
      identity: 'me',
      isLocal: true,
      getTrackPublication: () => undefined,
      setMicrophoneEnabled: (on: boolean) => this.turn('microphone', on),
      setCameraEnabled: (on: boolean) => this.turn('camera', on),
    };
    private readonly listeners: [string, (detail?: unknown) => void][] = [];

    constructor() {
      rooms.push(this);
    }

    on(event: string, listener: (detail?: unknown) => void) {
      this.listeners.push([event, listener]);
      return this;
    }

    tell(event: string, detail?: unknown) {
      for (const [name, listener] of this.listeners) if (name === event) listener(detail);
    }

    text: (whole: Promise<string>) => void = () => {};

    registerTextStreamHandler(_: string, read: (reader: object, from: object) => void) {
      this.text = (whole) => read({ readAll: () => whole }, { identity: 'other' });
    }

    async startAudio() {
      throw new DOMException('play() failed', 'NotAllowedError');
    }

    connect() {
      return new Promise<void>((done, fail) => ([this.connected, this.refused] = [done, fail]));
    }

    /** As livekit-client does: who is still connecting is told that as a failure. */
    async disconnect() {
      if (this.gone) return;
      this.gone = true;
      this.refused(new Error('Client initiated disconnect'));
      this.tell(RoomEvent.Disconnected, DisconnectReason.CLIENT_INITIATED);
    }

    private async turn(device: string, on: boolean) {
      this.turned.push(`${device} ${on ? 'on' : 'off'}`);
    }
  }
  return { ...(await original<typeof import('livekit-client')>()), Room };
});

/** Lets the room service answer the oldest question that is open. */
let answer: () => void;
const both = { camera: true, microphone: true };

beforeEach(() => {
  rooms.length = 0;
  const asked: (() => void)[] = [];
  const entrance = { url: 'ws://s', token: 't', room: { roomID: 'r', roomTitle: '', roomName: '' } };
  answer = () => asked.shift()?.();
  vi.stubGlobal(
    'fetch',
    () => new Promise((done) => asked.push(() => done(new Response(JSON.stringify(entrance), { status: 200 })))),
  );
});
afterEach(() => vi.unstubAllGlobals());

/** The newest room, once there are as many. */
async function room(count = 1): Promise<Played> {
  await vi.waitFor(() => expect(rooms.length).toBe(count));
  return rooms.at(-1) as Played;
}

test('who joins is in the room with the devices they want', async () => {
  const call = new Call();
  const joined = call.join('r', '', 'Wang', { camera: false, microphone: true });
  answer();
  (await room()).connected();
  await joined;
  expect([call.phase, rooms[0]?.turned]).toEqual(['connected', ['microphone on']]);
});

test('who leaves before the service has answered joins nothing', async () => {
  const call = new Call();
  const joined = call.join('r', '', 'Wang', both);
  await call.leave();
  expect([call.phase, call.ending]).toEqual(['ended', 'ended']);
  answer();
  await joined;
  expect([call.phase, rooms.length]).toEqual(['ended', 0]);
});

test('who leaves while the room is connected has left, and no server is to blame', async () => {
  const call = new Call();
  const joined = call.join('r', '', 'Wang', both);
  answer();
  const played = await room();
  await call.leave();
  await joined;
  expect([call.phase, call.ending, call.refusal, played.gone]).toEqual(['ended', 'ended', undefined, true]);
  expect(played.turned).toEqual([]);
});

test('a room that is connected just as the guest leaves is left, with all devices closed', async () => {
  const call = new Call();
  const joined = call.join('r', '', 'Wang', both);
  answer();
  const played = await room();
  played.connected();
  await call.leave();
  await joined;
  expect([call.phase, played.gone, played.turned]).toEqual(['ended', true, []]);
});

test('who joins again at once is in one room, and what the first try brings does not matter', async () => {
  const call = new Call();
  const first = call.join('r', '', 'Wang', both);
  await call.leave();
  const second = call.join('r', '', 'Wang', call.wish);
  answer();
  await first;
  answer();
  const played = await room();
  played.connected();
  await second;
  expect([call.phase, rooms.length]).toEqual(['connected', 1]);
});

test('a room of before that ends late does not end the one of now', async () => {
  const call = new Call();
  const first = call.join('r', '', 'Wang', both);
  answer();
  const before = await room();
  before.connected();
  await first;
  before.tell(RoomEvent.Disconnected, DisconnectReason.SERVER_SHUTDOWN);
  expect([call.phase, call.ending]).toEqual(['ended', 'endedLost']);
  const second = call.join('r', '', 'Wang', call.wish);
  before.tell(RoomEvent.Disconnected, DisconnectReason.SERVER_SHUTDOWN);
  answer();
  (await room(2)).connected();
  await second;
  expect(call.phase).toBe('connected');
});

test('a server that does not take the guest is told of, and the room is let go', async () => {
  const call = new Call();
  const joined = call.join('r', '', 'Wang', both);
  answer();
  const played = await room();
  played.refused(new Error('could not establish signal connection'));
  await joined;
  expect([call.phase, call.refusal?.problem, played.gone]).toEqual(['problem', 'unreachable', true]);
});

test('a text that does not come whole and a browser that plays no sound are no more than noted', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const call = new Call();
  const joined = call.join('r', '', 'Wang', { camera: false, microphone: false });
  answer();
  const played = await room();
  played.connected();
  await joined;
  played.text(Promise.reject(new Error('the stream ended early')));
  played.text(Promise.resolve('hello'));
  await vi.waitFor(() => expect(call.messages.map(({ from, text }) => [from, text])).toEqual([['other', 'hello']]));
  await call.playSound();
  expect(warned).toHaveBeenCalledTimes(2);
  warned.mockRestore();
});

test('who joins again finds the devices as they were left', async () => {
  const call = new Call();
  const joined = call.join('r', '', 'Wang', both);
  answer();
  (await room()).connected();
  await joined;
  await call.setCamera(false);
  await call.leave();
  const again = call.join('r', '', 'Wang', call.wish);
  answer();
  (await room(2)).connected();
  await again;
  expect(rooms[1]?.turned).toEqual(['microphone on']);
});

test('closing the browser’s question is no failure, a system that forbids it is one', () => {
  expect(changedTheirMind(new DOMException('Permission denied', 'NotAllowedError'))).toBe(true);
  expect(changedTheirMind(new DOMException('Permission denied by user', 'NotAllowedError'))).toBe(true);
  expect(changedTheirMind(new DOMException('Permission denied by system', 'NotAllowedError'))).toBe(false);
  expect(changedTheirMind(new DOMException('Could not start video source', 'NotReadableError'))).toBe(false);
  expect(changedTheirMind(new Error('no server'))).toBe(false);
});
