// How a page finds the app and opens a room.

import { expect, it } from 'vitest';
import { FakeApp } from '../app.ts';
import { app, open, origin, page, port, relay } from './stand.ts';

export function opening(): void {
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

  it('takes the relay where loopback does not answer', async () => {
    relay.open = true;
    expect(await open({ starts: false })).toMatchObject({ roomID: 'given', road: 'relay' });
  });

  it('goes to a relay that dropped it once more, and not twice', async () => {
    relay.open = true;
    relay.drops = 1;
    expect(await open({ starts: false })).toMatchObject({ roomID: 'given', road: 'relay' });
    expect(relay.came).toBe(2);
  });

  it('opens the room for a page whose onProgress throws', async () => {
    const thrown: string[] = [];
    page.on('pageerror', ({ message }) => thrown.push(message));
    const opened = await page.evaluate(async (port) => {
      const session = await window.Beckon.open({
        userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
        roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
        ports: [port],
        onProgress: (progress) => {
          throw new Error(progress);
        },
        launch: (url) => {
          const { launchedWith } = window as unknown as { launchedWith: (key: unknown, port: number) => void };
          launchedWith(/k=([\w-]+)/.exec(url)?.[1], port);
        },
      });
      return session.roomID;
    }, port);
    expect(opened).toBe('given');
    await expect.poll(() => thrown).toEqual(['launching', 'connected', 'joining']);
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

  it('tells why the app does not take its address', async () => {
    app.unfit = { code: 1002, message: 'the launch URL is of version 2' };
    expect(await open()).toMatchObject({ code: 1002 });
    expect(await page.evaluate(() => window.seen)).not.toContain('awaitingConsent');
    expect(await page.evaluate(() => window.Beckon.session)).toBeNull();
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
}
