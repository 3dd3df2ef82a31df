// The built file in a real Chromium, against an app that is played.

import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import { type Browser, type Page, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type * as shim from '../EXEStarter.d.ts';
import { FakeApp, serve } from './app.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const ready = existsSync(executablePath) && existsSync(new URL('../dist/EXEStarter.js', import.meta.url));

declare global {
  interface Window {
    Beckon: typeof shim.Beckon;
    EXEStarter: typeof shim.EXEStarter;
    seen: unknown[];
    /** How long the last opening took by the page's own clock, in milliseconds. */
    took: number;
    launched: string;
    session: shim.Session;
  }
}

describe.skipIf(!ready)('EXEStarter.js in Chromium', () => {
  let browser: Browser;
  let page: Page;
  let server: Server;
  let origin: string;
  let relay: { open: boolean };
  let app: FakeApp;
  let port = 47700;

  beforeAll(async () => {
    ({ server, origin, relay } = await serve(() => app));
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
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
  const open = (options: { starts?: boolean; custom?: shim.Custom; patience?: number } = {}) =>
    page.evaluate(
      async ({ port, options }) => {
        window.seen = [];
        const begun = performance.now();
        try {
          const session = (window.session = await window.Beckon.open({
            userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
            roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
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
          const { code, field } = error as shim.BeckonError;
          return { code, field };
        } finally {
          window.took = performance.now() - begun;
        }
      },
      { port, options },
    );

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
    expect(await open({ starts: false })).toMatchObject({ code: -1 });
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
