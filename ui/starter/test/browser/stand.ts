// What the tests in a browser stand on: one Chromium, and for each test a page, and an app that is played.

import type { Server } from 'node:http';
import { type Browser, type Page, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type * as shim from '../../EXEStarter.d.ts';
import { CHROMIUM } from '../../../test/skip.ts';
import { FakeApp, type Relay, serve } from '../app.ts';

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

let browser: Browser;
let server: Server;
/** The page under test. */
export let page: Page;
export let origin: string;
/** The server's relay, closed at first. */
export let relay: Relay;
/** The app that a launch starts. */
export let app: FakeApp;
/**
 * Where it listens. Below the ports that systems give to outgoing connections (32768 and up): Chromium's own would meet
 * these.
 */
export let port = 21700;

/** Makes it ready for the tests around the call. */
export function stand(): void {
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
    Object.assign(relay, { open: false, drops: 0, came: 0 });
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
}

/** Opens a room; resolves to what came of it. */
export const open = (
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
export const openSecond = async () => {
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
