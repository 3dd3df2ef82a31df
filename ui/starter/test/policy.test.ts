// What the built file says in a real Chromium where the page's own Content-Security-Policy keeps it from the app.

import type { Server } from 'node:http';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as shim from '../EXEStarter.d.ts';
import { CHROMIUM, skipped } from '../../test/skip.ts';
import { FakeApp, built, serve } from './app.ts';

const away = skipped('a page with a Content-Security-Policy', [CHROMIUM, built]);

describe.skipIf(away)('a page with a Content-Security-Policy', () => {
  let browser: Browser;
  let server: Server;
  let origin: string;

  beforeAll(async () => {
    ({ server, origin } = await serve(() => new FakeApp()));
    browser = await chromium.launch({ executablePath: CHROMIUM.file, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** What the page's developer reads of us when no app is found, twice. */
  async function warnings(policy: string): Promise<string[]> {
    const page = await browser.newPage();
    const read: string[] = [];
    page.on(
      'console',
      (line) => line.type() === 'warning' && line.text().startsWith('Beckon:') && read.push(line.text()),
    );
    await page.goto(`${origin}/?policy=${encodeURIComponent(policy)}`);
    for (let tries = 0; tries < 2; tries++) {
      const code = await page.evaluate(() =>
        (window as unknown as { Beckon: typeof shim.Beckon }).Beckon.open({
          userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
          roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
          // Nobody listens there.
          ports: [1024],
          patience: 600,
          launch: () => {},
        }).then(
          () => 0,
          (error: shim.BeckonError) => error.code,
        ),
      );
      expect(code).toBe(-1);
    }
    await page.close();
    return read;
  }

  it('reads once what it has to allow', async () => {
    const { host } = new URL(origin);
    const line = `Beckon: the page's Content-Security-Policy blocks the way to the app. Add: connect-src ws://127.0.0.1:* ws://${host}`;
    expect(await warnings("default-src 'none'; script-src 'self'")).toEqual([line]);
    expect(await warnings("connect-src 'self'")).toEqual([line]);
  });

  it('reads nothing of it where the way is open', async () => {
    const { host } = new URL(origin);
    expect(await warnings(`script-src 'self'; connect-src ws://127.0.0.1:* ws://${host}`)).toEqual([]);
  });
});
