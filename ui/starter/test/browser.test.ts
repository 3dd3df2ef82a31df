// The built file in a real Chromium, against an app that is played.

import type { Server } from 'node:http';
import { type Browser, type Page, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type * as shim from '../EXEStarter.d.ts';
import { CHROMIUM, skipped } from '../../test/skip.ts';
import { FakeApp, built, serve } from './app.ts';

declare global {
  interface Window {
    Beckon: typeof shim.Beckon;
    EXEStarter: typeof shim.EXEStarter;
    RtcRoom: typeof shim.RtcRoom;
    LiveRoom: typeof shim.LiveRoom;
    seen: unknown[];
    /** How long the last opening took by the page's own clock, in milliseconds. */
    took: number;
    launched: string;
    session: shim.Session;
  }
}

describe.skipIf(skipped('EXEStarter.js in Chromium', [CHROMIUM, built]))('EXEStarter.js in Chromium', () => {
  let browser: Browser;
  let page: Page;
  let server: Server;
  let origin: string;
  let relay: { open: boolean };
  let app: FakeApp;
  // Below the ports that systems give to outgoing connections (32768 and up): Chromium's own would meet these.
  let port = 21700;

  beforeAll(async () => {
    ({ server, origin, relay } = await serve(() => app));
    browser = await chromium.launch({ executablePath: CHROMIUM.file, args: ['--no-sandbox'] });
    // The first page starts processes of its own: their time is no test's.
    const first = await browser.newPage();
    await first.goto(origin);
    await first.close();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });
  beforeEach(async () => {
    app = new FakeApp();
    relay.open = false;
    port += 4;
    page = await (await browser.newContext()).newPage();
    await page.exposeFunction('launchedWith', (key: string, port: number) => {
      app.keys.add(key);
      // An app takes a moment to start.
      setTimeout(() => port && void app.listen(port), 200);
    });
    await page.goto(origin);
  });
  afterEach(async () => {
    await app.die();
    await page.context().close();
  });

  /** Opens a room; resolves to what came of it. */
  const open = (
    options: { starts?: boolean; custom?: shim.Custom; patience?: number; roomID?: string; port?: number } = {},
  ) =>
    page.evaluate(
      async ({ port, options }) => {
        window.seen = [];
        const begun = performance.now();
        try {
          const session = (window.session = await window.Beckon.open({
            userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
            roomdata: {
              serverDomain: location.origin,
              roomAction: 'createRoom',
              ...(options.roomID ? { roomID: options.roomID } : {}),
            },
            custom: options.custom ?? {},
            ports: [port, port + 1],
            onProgress: (progress) => window.seen.push(progress),
            ...(options.patience ? { patience: options.patience } : {}),
            launch: (url) => {
              window.launched = url;
              const key = /k=([\w-]+)/.exec(url)?.[1];
              const { launchedWith } = window as unknown as { launchedWith: (key: unknown, port: number) => void };
              launchedWith(key, options.starts === false ? 0 : port);
            },
          }));
          return { roomID: session.roomID, road: session.road, app: session.app };
        } catch (error) {
          const { code, field, exeUrl } = error as shim.BeckonError;
          return { code, field, exeUrl };
        } finally {
          window.took = performance.now() - begun;
        }
      },
      { port: options.port ?? port, options },
    );

  /** Opens a second room beside the first; it has an app of its own to talk to. */
  const openSecond = async () => {
    const second = new FakeApp();
    const place = port + 2;
    await second.listen(place);
    await page.exposeFunction('secondLaunched', (key: string) => void second.keys.add(key));
    await page.evaluate(() => {
      const page = window as unknown as Record<string, unknown>;
      page['launchedWith'] = page['secondLaunched'];
    });
    const opened = await open({ roomID: 'second', port: place, custom: { singleton: false } });
    expect(opened).toMatchObject({ roomID: 'second' });
    return second;
  };

  it('opens a room over loopback and hands over what the launch URL does not hold', async () => {
    expect(await open()).toEqual({ roomID: 'given', road: 'loopback', app: '1.2.3' });
    expect(await page.evaluate(() => window.seen)).toEqual(['launching', 'connected', 'joining']);
    const url = await page.evaluate(() => window.launched);
    expect(url).not.toContain('userSig');
    expect(url.length).toBeLessThan(300);
    expect(app.calls.map((call) => call.method)).toEqual(['hello', 'prove', 'room.open']);
    expect(app.calls[2]?.params['userdata']).toEqual({ userID: 'u', sdkAppID: 1, userSig: 's' });
  });

  it('says "not installed" within 5 s when nothing answers', async () => {
    const exeUrl = 'https://crm.example.com/beckon.msi';
    expect(await open({ starts: false, custom: { exeUrl } })).toEqual({ code: -1, field: undefined, exeUrl });
    expect(await page.evaluate(() => window.took)).toBeLessThan(5000);
  });

  it('waits for consent as long as it takes', async () => {
    app.consent = false;
    const opened = open({ patience: 2000 });
    await expect.poll(() => app.calls.length).toBe(3);
    await page.waitForTimeout(3000); // longer than the patience
    expect(await page.evaluate(() => window.seen)).toEqual(['launching', 'connected', 'awaitingConsent']);
    app.allow();
    expect(await opened).toMatchObject({ roomID: 'given', app: '1.2.3' });
  });

  it("gives a program that has the app's port neither key nor log-in, and finds the app behind it", async () => {
    const thief = new FakeApp();
    const answers: ((challenge: { nonce: string; proof: string }) => unknown)[] = [
      (challenge) => ({ ...challenge, proof: 'x'.repeat(43) }),
      () => null,
      () => ({}),
    ];
    let asked = 0;
    // It knows everything but the key, and passes for the app as well as it can.
    thief.forge = (challenge) => answers[asked++ % answers.length]?.(challenge);
    await thief.listen(port);
    await page.exposeFunction('launchedBehind', (key: string, port: number) => {
      thief.keys.add(key); // so that it answers at all
      app.keys.add(key);
      void app.listen(port);
    });
    await page.evaluate('window.launchedWith = (key, port) => window.launchedBehind(key, port + 1)');
    expect(await open()).toMatchObject({ roomID: 'given', road: 'loopback' });
    const key = await page.evaluate(() => /k=([\w-]+)/.exec(window.launched)?.[1] ?? '');
    expect(asked).toBeGreaterThan(0);
    expect(thief.calls.every((call) => call.method === 'hello')).toBe(true);
    expect(thief.heard).not.toContain(key);
    expect(app.heard).not.toContain(key);
    await thief.die();
  });

  it('is not held up by a program that has the port and says nothing', async () => {
    const silent = new FakeApp();
    silent.serve = () => {};
    await silent.listen(port);
    await page.evaluate(
      '{ const launched = window.launchedWith; window.launchedWith = (key, port) => launched(key, port + 1); }',
    );
    expect(await open()).toMatchObject({ roomID: 'given' });
    await silent.die();
  });

  it('leaves the room to the tab that was duplicated', async () => {
    await open();
    const stored = await page.evaluate(() => ({ ...sessionStorage }));
    const copy = await page.context().newPage();
    await copy.goto(origin);
    for (const secure of [true, false]) {
      // Plain http pages have no locks; they ask each other.
      const hide = 'delete Navigator.prototype.locks';
      if (!secure) {
        await page.addInitScript(hide);
        await copy.addInitScript(hide);
        await page.reload();
        expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('given');
        Object.assign(stored, await page.evaluate(() => ({ ...sessionStorage })));
        await copy.reload();
      }
      await copy.evaluate((stored) => Object.assign(sessionStorage, stored), stored);
      expect(await copy.evaluate(() => window.Beckon.resume())).toBeNull();
      expect(await copy.evaluate(() => sessionStorage.length)).toBe(0);
    }
    await page.evaluate(async () => window.Beckon.session?.sendChat('mine'));
    expect(app.calls.at(-1)?.params).toEqual({ message: 'mine' });
    // Still its own after one more reload.
    await page.reload();
    expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('given');
  });

  it('takes the relay where loopback does not answer', async () => {
    relay.open = true;
    expect(await open({ starts: false })).toMatchObject({ roomID: 'given', road: 'relay' });
  });

  it('refuses wrong parameters before launching', async () => {
    const refused = await page.evaluate(
      () =>
        new Promise((fail) =>
          window.EXEStarter.createExeAsRoom({
            userdata: { userID: '', sdkAppID: 1, userSig: 's' },
            roomdata: { serverDomain: 'https://x', roomAction: 'createRoom' },
            fail,
          }),
        ),
    );
    expect(refused).toMatchObject({ errCode: -9998 });
    expect(app.calls).toEqual([]);
  });

  it('tells the second opening -2 and shows the room', async () => {
    await open();
    expect(await open()).toMatchObject({ code: -2 });
    // The page hears its -2 at once; the wish to show the room is still on its way to the app.
    await expect.poll(() => app.calls.at(-1)?.method).toBe('window.focus');
  });

  it('keeps two rooms of one page apart', async () => {
    await open({ roomID: 'first', custom: { singleton: false } });
    const second = await openSecond();
    const ids = () => page.evaluate(() => window.Beckon.sessions.map((session) => session.roomID));
    expect(await ids()).toEqual(['first', 'second']);
    expect(await page.evaluate(() => window.Beckon.session?.roomID)).toBe('second');

    // Both are found again, and both are heard.
    await page.reload();
    await page.evaluate(
      () =>
        new Promise<void>((done) => {
          window.seen = [];
          window.EXEStarter.setListener({
            onRecvRoomIMMsg: ({ roomID, message }) => window.seen.push([roomID, message]),
            onRoomClose: ({ roomID, code }) => window.seen.push([roomID, code]),
          });
          void window.Beckon.resume().then(() => done());
        }),
    );
    expect(await ids()).toEqual(['first', 'second']);
    const chat = { userID: 'v', userName: 'V', userAvatar: '', time: 0 };
    app.tell('chat', { ...chat, roomID: 'first', message: 'one' });
    second.tell('chat', { ...chat, roomID: 'second', message: 'two' });
    const seen = () => page.evaluate(() => window.seen.map((event) => JSON.stringify(event)).sort());
    await expect.poll(seen).toEqual(['["first","one"]', '["second","two"]']);

    // The end of one is not the end of the other, which a reload finds.
    const close = (roomID: string) =>
      page.evaluate(
        (roomID) =>
          new Promise((done) => window.EXEStarter.closeExeAsRoom({ data: { roomID }, success: done, fail: done })),
        roomID,
      );
    expect(await close('elsewhere')).toMatchObject({ errCode: 1009 });
    expect(await close('first')).toMatchObject({ errCode: 0, roomID: 'first' });
    expect(app.room).toBeUndefined();
    expect(second.room).toMatchObject({ roomID: 'second' });
    expect(await ids()).toEqual(['second']);
    await expect.poll(seen).toContain('["first",0]');
    await page.reload();
    expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('second');
    expect(await ids()).toEqual(['second']);
    await second.die();
  });

  it('lets all rooms go at once, and finds them again', async () => {
    await open({ roomID: 'first', custom: { singleton: false } });
    const second = await openSecond();
    const gone = () => Promise.all([app, second].map(({ socket }) => socket?.readyState === 3));
    expect(await gone()).toEqual([false, false]);
    await page.evaluate(() => window.EXEStarter.unload());
    await expect.poll(gone).toEqual([true, true]);
    expect(await page.evaluate(() => window.Beckon.sessions.length)).toBe(0);
    expect([app.room, second.room]).toMatchObject([{ roomID: 'first' }, { roomID: 'second' }]);
    expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('second');
    expect(await page.evaluate(() => window.Beckon.sessions.length)).toBe(2);
    await second.die();
  });

  it('tells why the app does not take its address', async () => {
    app.unfit = { code: 1002, message: 'the launch URL is of version 2' };
    expect(await open()).toMatchObject({ code: 1002 });
    expect(await page.evaluate(() => window.seen)).not.toContain('awaitingConsent');
    expect(await page.evaluate(() => window.Beckon.session)).toBeNull();
  });

  it('closes its room where the app tells of the end before it answers', async () => {
    app.closedFirst = true;
    await open();
    expect(await page.evaluate(() => window.session.close().then(() => window.session.closed))).toBe(true);
    expect(app.room).toBeUndefined();
  });

  it('closes a room that another page of its origin opened', async () => {
    await open();
    app.others.add('of another page');
    const closed = await page.evaluate(() => window.Beckon.close('of another page'));
    expect(closed).toBe('of another page');
    expect(app.others.size).toBe(0);
    expect(await page.evaluate(() => window.Beckon.session?.roomID)).toBe('given');
  });

  it('closes a room that a reloaded page is just finding again', async () => {
    await open({ roomID: 'r' });
    for (const listens of [false, true]) {
      if (listens) await open({ roomID: 'r' });
      await page.reload();
      const closed = await page.evaluate(
        (listens) =>
          new Promise((done) => {
            if (listens) window.EXEStarter.setListener({});
            window.EXEStarter.closeExeAsRoom({ data: { roomID: 'r' }, success: done, fail: done });
          }),
        listens,
      );
      expect(closed).toMatchObject({ errCode: 0, roomID: 'r' });
      expect(app.room).toBeUndefined();
    }
    const none = await page.evaluate(() => new Promise((done) => window.EXEStarter.closeExeAsRoom({ fail: done })));
    expect(none).toMatchObject({ errCode: 1009 });
  });

  it('does not take its own opening for a room from before a reload', async () => {
    app.consent = false;
    const opened = open();
    await expect.poll(() => app.calls.length).toBe(3);
    expect(await page.evaluate(() => window.Beckon.resume())).toBeNull();
    expect(app.calls.length).toBe(3);
    app.allow();
    expect(await opened).toMatchObject({ roomID: 'given' });
  });

  it.each(['EXEStarter', 'RtcRoom', 'LiveRoom'] as const)('serves all calls of %s', async (kind) => {
    await page.evaluate(
      ({ kind, port }) => {
        window.seen = [];
        // The older calls leave the ports and the launch to the script.
        const { open } = window.Beckon;
        const launch = (url: string) => {
          const { launchedWith } = window as unknown as { launchedWith: (key: unknown, port: number) => void };
          launchedWith(/k=([\w-]+)/.exec(url)?.[1], port);
        };
        window.Beckon.open = (options) => open({ ...options, ports: [port], launch });
        const note =
          (name: string) =>
          ({ cmd, code, msg, roomStatus }: shim.RoomEvent) =>
            window.seen.push({ name, cmd, code, msg, roomStatus });
        window[kind].setListener({
          onRecvData: note('data'),
          onRecvEvent: note('event'),
          onRoomClose: (closed) => window.seen.push(closed),
        });
      },
      { kind, port },
    );
    const opened = await page.evaluate(
      (kind) =>
        new Promise((done) => {
          const request: shim.ExeRequest = {
            userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
            roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
            success: done,
            fail: done,
          };
          if (kind === 'EXEStarter') window.EXEStarter.createExeAsRoom(request);
          else window[kind].startEXE(request);
        }),
      kind,
    );
    expect(opened).toEqual({ errCode: 0, errMsg: 'success', roomID: 'given' });
    const type = { EXEStarter: undefined, RtcRoom: 'RTCRoom', LiveRoom: 'LiveRoom' }[kind];
    const asked = app.calls.find((call) => call.method === 'room.open')?.params as { roomdata: { type?: string } };
    expect(asked.roomdata.type).toBe(type);
    const seen = (cmd: string) =>
      page.evaluate((cmd) => window.seen.filter((event) => (event as shim.RoomEvent).cmd === cmd), cmd);
    const entered = { cmd: 'roomStatus', code: 0, msg: 'success', roomStatus: 0 };
    await expect
      .poll(() => seen('roomStatus'))
      .toEqual([
        { name: 'data', ...entered },
        { name: 'event', ...entered },
      ]);
    app.tell('notice', { roomID: 'given', code: 4004, message: 'the camera was unplugged' });
    const notice = { cmd: 'notice', code: 4004, msg: 'the camera was unplugged' };
    await expect
      .poll(() => seen('notice'))
      .toMatchObject([
        { name: 'data', ...notice },
        { name: 'event', ...notice },
      ]);

    // The page goes, and another one of the same tab comes: the room is still its own, and is closed there.
    await page.evaluate((kind) => window[kind].unload(), kind);
    await expect.poll(() => app.socket?.readyState).toBe(3);
    await page.reload();
    const closed = await page.evaluate(
      (kind) =>
        new Promise((done) => {
          window.seen = [];
          window[kind].setListener({
            onRecvEvent: ({ cmd, roomStatus }) => cmd === 'roomStatus' && window.seen.push(roomStatus),
            onRoomClose: (closed) => window.seen.push(closed),
          });
          const request = { data: { roomID: 'given' }, success: done, fail: done };
          if (kind === 'EXEStarter') window.EXEStarter.closeExeAsRoom(request);
          else window[kind].stopEXE(request);
        }),
      kind,
    );
    expect(closed).toEqual({ errCode: 0, errMsg: 'success', roomID: 'given' });
    await expect
      .poll(() => page.evaluate(() => window.seen))
      .toEqual([0, 1, { roomID: 'given', code: 0, msg: 'success' }]);
  });

  it('goes on telling a page whose own functions throw', async () => {
    const thrown: string[] = [];
    page.on('pageerror', ({ message }) => thrown.push(message));
    await page.evaluate((port) => {
      window.seen = [];
      const { open } = window.Beckon;
      window.Beckon.open = (options) =>
        open({
          ...options,
          ports: [port],
          launch: (url) => {
            const { launchedWith } = window as unknown as { launchedWith: (key: unknown, port: number) => void };
            launchedWith(/k=([\w-]+)/.exec(url)?.[1], port);
          },
        });
      window.EXEStarter.setListener({
        onRecvData: () => {
          throw new Error('in the listener');
        },
        onRecvRoomIMMsg: ({ message }) => window.seen.push(message),
        onRoomClose: ({ code }) => window.seen.push(code),
      });
      window.EXEStarter.createExeAsRoom({
        userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
        roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
        success: () => {
          window.seen.push('success');
          throw new Error('in success');
        },
      });
    }, port);
    await expect.poll(() => page.evaluate(() => window.seen)).toEqual(['success']);
    app.tell('chat', { roomID: 'given', userID: 'v', userName: 'V', userAvatar: '', message: '你好', time: 0 });
    app.tell('closed', { roomID: 'given', code: 3005, msg: 'over' });
    await expect.poll(() => page.evaluate(() => window.seen)).toEqual(['success', '你好', 3005]);
    expect(thrown).toContain('in success');
    expect(thrown).toContain('in the listener');
  });

  it('tells the older calls why a room did not open, and that none is open', async () => {
    const refused = await page.evaluate(
      () => new Promise((done) => window.RtcRoom.stopEXE({ data: { roomID: 'r' }, success: done, fail: done })),
    );
    expect(refused).toEqual({ errCode: 1009, errMsg: 'no room is open' });
    const wrong = await page.evaluate(
      () => new Promise((done) => window.LiveRoom.startEXE({ success: done, fail: done } as never)),
    );
    expect(wrong).toMatchObject({ errCode: -9998 });
    // Where the page has the installer comes back with "not installed".
    const away = await page.evaluate(() => {
      const { open } = window.Beckon;
      window.Beckon.open = (options) => open({ ...options, launch: () => {}, ports: [1], patience: 1 });
      return new Promise((done) =>
        window.EXEStarter.createExeAsRoom({
          userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
          roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
          custom: { exeUrl: 'https://x/beckon.msi' },
          success: done,
          fail: done,
        }),
      );
    });
    expect(away).toMatchObject({ errCode: -1, exeUrl: 'https://x/beckon.msi' });
  });

  it('fetches test log-ins, and says why there are none', async () => {
    const logIn = (userID: string) =>
      page.evaluate(
        (userID) =>
          new Promise((done) =>
            window.EXEStarter.getLoginInfo({ serverDomain: location.origin, userID, success: done, fail: done }),
          ),
        userID,
      );
    expect(await logIn('zhang san')).toMatchObject({ userID: 'zhang san', userSig: 'made by the server' });
    expect(await logIn('')).toEqual({ errCode: 2009, errMsg: 'off' });
  });

  it('passes what a page sets on to the app, and the answer back', async () => {
    await open();
    await page.evaluate(() => window.session.setMedia({ camera: false, video: { resolution: '540p' } }));
    expect(app.calls.at(-1)).toEqual({
      method: 'media.set',
      params: { camera: false, video: { resolution: '540p' } },
    });
    app.refusing = { code: 5999, message: 'the pictures stay as they are' };
    const refused = await page.evaluate(() =>
      window.session.setMedia({ camera: true }).catch(({ code, message }: shim.BeckonError) => ({ code, message })),
    );
    expect(refused).toEqual(app.refusing);
  });

  it('brings events to the older listeners and closes', async () => {
    await page.evaluate(() => {
      window.seen = [];
      window.EXEStarter.setListener({
        onMemberChange: (members) => window.seen.push(['members', members.length]),
        onRecvRoomIMMsg: (message) => window.seen.push(['chat', message.message]),
        onRoomClose: ({ roomID, code }) => window.seen.push(['closed', roomID, code]),
      });
    });
    await open();
    await page.evaluate(() => {
      window.seen = [];
      window.EXEStarter.setListener({
        onMemberChange: (members) => window.seen.push(['members', members.length]),
        onRecvRoomIMMsg: (message) => window.seen.push(['chat', message.message]),
        onRoomClose: ({ roomID, code }) => window.seen.push(['closed', roomID, code]),
      });
    });
    const member = { userID: 'u', userName: 'U', userAvatar: '', role: 'creator' };
    app.tell('members', { roomID: 'given', members: [member] });
    app.tell('chat', { roomID: 'given', userID: 'v', userName: 'V', userAvatar: '', message: '你好', time: 0 });
    const closed = await page.evaluate(
      () => new Promise((success, fail) => window.EXEStarter.closeExeAsRoom({ success, fail })),
    );
    expect(closed).toMatchObject({ errCode: 0, roomID: 'given' });
    await expect.poll(() => page.evaluate(() => window.seen.length)).toBe(3);
    expect(await page.evaluate(() => window.seen)).toEqual([
      ['members', 1],
      ['chat', '你好'],
      ['closed', 'given', 0],
    ]);
  });

  it('finds its room again after a reload', async () => {
    await open();
    await page.reload();
    const resumed = await page.evaluate(async () => {
      const session = await window.Beckon.resume();
      return session && { roomID: session.roomID, phase: session.state?.phase };
    });
    expect(resumed).toEqual({ roomID: 'given', phase: 'connected' });
    // And a page that had none has none.
    expect(await page.evaluate(() => (sessionStorage.clear(), window.Beckon.session?.roomID))).toBe('given');
  });

  it('opens the next room without a launch while the app stands by', async () => {
    await open();
    await page.evaluate(() => window.session.close());
    await page.goto(origin);
    app.calls = [];
    expect(await open()).toEqual({ roomID: 'given', road: 'loopback', app: '1.2.3' });
    expect(await page.evaluate(() => window.launched)).toBeUndefined();
    expect(await page.evaluate(() => window.seen)).toEqual(['connected', 'joining']);
    expect(app.calls.map((call) => call.method)).toEqual(['hello', 'prove', 'room.open']);
    // A reload comes back to this room, not to the one before.
    await page.goto(origin);
    expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('given');
  });

  it('launches for the next room where the app is gone or knows the page no more', async () => {
    await open();
    await page.evaluate(() => window.session.close());
    app.keys.clear();
    expect(await open({ starts: false })).toEqual({ roomID: 'given', road: 'loopback', app: '1.2.3' });
    expect(await page.evaluate(() => window.launched)).toContain('beckon:');
    await page.evaluate(() => window.session.close());
    await app.die();
    await page.evaluate(() => (window.launched = ''));
    expect(await open()).toEqual({ roomID: 'given', road: 'loopback', app: '1.2.3' });
    expect(await page.evaluate(() => window.launched)).toContain('beckon:');
  });

  it('tells -2000 when the app dies', async () => {
    await open();
    await page.evaluate(() => window.session.on('closed', (closed) => window.seen.push(closed)));
    await app.die();
    const last = () => page.evaluate(() => window.seen.at(-1));
    await expect.poll(last, { timeout: 9000 }).toMatchObject({ roomID: 'given', code: -2000 });
    expect(await page.evaluate(() => window.Beckon.session)).toBeNull();
  });

  it('comes back by itself when only the socket broke', async () => {
    await open();
    app.socket?.terminate();
    await expect.poll(() => app.calls.filter((call) => call.method === 'prove').length).toBe(2);
    // The page has its session back once it has read the welcome.
    const sent = () =>
      page.evaluate(() =>
        window.session.sendChat('still here').then(
          () => true,
          () => false,
        ),
      );
    await expect.poll(sent).toBe(true);
    expect(app.calls.at(-1)).toEqual({ method: 'chat.send', params: { message: 'still here' } });
  });

  it('works by import, with and without names', async () => {
    await page.goto(`${origin}/module`);
    // As text: the test runner would rewrite `import` in a function.
    const names = await page.evaluate(`(async () => {
      await import('/starter/EXEStarter.js');
      const module = await import('/starter/EXEStarter.mjs');
      return [module.Beckon === globalThis.Beckon, module.Template.Template1V4, typeof EXEStarter.createExeAsRoom];
    })()`);
    expect(names).toEqual([true, '1v4', 'function']);
  });
});
