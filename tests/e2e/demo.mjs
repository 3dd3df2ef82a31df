// The whole way, as an employee walks it: the CRM page, the browser's question, the app's question, the room, a guest in
// a browser, chat both ways, the end; then a second time with what goes wrong.
import fs from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';

import { agreeToOpen, answerConsent, consentWindow, processes } from './lib/app.mjs';
import { readBarcode } from './lib/barcode.mjs';
import { openBrowser, playSound, videoPixels } from './lib/browser.mjs';
import { pause } from './lib/pause.mjs';
import {
  count,
  crop,
  focus,
  greenPicture,
  keys,
  move,
  pixels,
  place,
  resize,
  screenshot,
  windows,
} from './lib/screen.mjs';
import { beeps, record, share } from './lib/sound.mjs';
import { Walk, expect, out, server, until } from './lib/walk.mjs';

/** The colour of the CRM page's call button. */
const CALL_BUTTON = [0x1d, 0x6b, 0x4f];
const walk = new Walk();
const shot = (name, window) => screenshot(path.join(out, `${name}.png`), window);
const roomWindow = () => windows('– Beckon$')[0];

const browser = await openBrowser('employee');
const page = browser.pages()[0];
const told = (id) => page.getByTestId(id);
page.on('pageerror', (error) => console.log(`  page: ${error.message}`));

try {
  await walk.step('the CRM page opens', async () => {
    await page.goto(`${server}/crm/`);
    await told('call').waitFor();
    // The page knows its button before the screen shows it.
    await until('the call button on the screen', () => count('root', CALL_BUTTON, 3) > 2000);
    shot('01-crm');
  });

  let clicked = 0;
  await walk.step("a click brings the browser's question", async () => {
    clicked = performance.now();
    await told('call').click();
    await pause(1200);
    shot('02-browser-asks');
    agreeToOpen();
  });

  await walk.step('the app asks before anything opens', async () => {
    await consentWindow();
    walk.time('click_to_question', performance.now() - clicked);
    await pause(900);
    shot('03-app-asks');
    expect(
      (await told('error').count()) === 0,
      'the page must not say that the app is missing while the person is asked',
    );
  });

  let answered = 0;
  await walk.step('after a yes the room opens', async () => {
    answered = performance.now();
    await answerConsent('always');
    await until("the room's window", roomWindow, 20000);
    walk.time('yes_to_window', performance.now() - answered);
    await told('status').and(page.locator('[data-phase="open"]')).waitFor({ timeout: 20000 });
    walk.time('yes_to_joined', performance.now() - answered);
    await told('guest-link').waitFor();
    await pause(1500);
    shot('04-alone-in-the-room');
  });

  let guest;
  await walk.step('a guest joins from a browser by the link', async () => {
    const link = await told('guest-link').getAttribute('href');
    const opened = browser.waitForEvent('page');
    await page.evaluate((url) => window.open(url, 'guest', 'popup,width=760,height=560,left=820,top=420'), link);
    guest = await opened;
    await guest.getByTestId('name').fill('李四');
    await guest.getByTestId('join').click();
    await guest.locator('[data-phase="connected"]').waitFor({ timeout: 20000 });
  });

  const remote = () => guest.locator('[data-testid="tile"][data-local="false"] video').first();
  await walk.step("the guest sees the app's picture move, and hears its tone", async () => {
    await remote().waitFor({ timeout: 15000 });
    const first = await until(
      "a bar code on the guest's page",
      async () => readBarcode(await videoPixels(remote())),
      20000,
    );
    const second = await until('a later one', async () => {
      const code = readBarcode(await videoPixels(remote()));
      return code && code.frame > first.frame + 5 && code;
    });
    expect(second.unixMs > first.unixMs, 'the capture time must go forward');
    await until("sound at the guest's", async () =>
      guest.evaluate(() =>
        [...document.querySelectorAll('audio')].some((audio) => {
          const track = audio.srcObject?.getAudioTracks()[0];
          return track && track.readyState === 'live' && !track.muted && audio.currentTime > 0.5;
        }),
      ),
    );
  });

  await walk.step("the app shows the guest's picture move", async () => {
    const window = roomWindow();
    focus(window);
    const guests = await until(
      "Chromium's green test picture in the app's window",
      () => {
        const picture = greenPicture(pixels(window));
        return picture?.width > 300 && picture;
      },
      20000,
    );
    // Our own picture, which moves too, lies over the guest's at its right.
    const part = { ...guests, width: Math.round(guests.width * 0.6) };
    const before = crop(pixels(window), part);
    await until('movement in it', () => {
      const now = crop(pixels(window), part);
      let changed = 0;
      for (let at = 0; at < now.data.length; at += 4)
        if (Math.abs(now.data[at + 1] - before.data[at + 1]) > 40) changed += 1;
      return changed > 500;
    });
    shot('05-talking');
  });

  await walk.step("the app plays the guest's beeps, the guest's browser the app's tone", async () => {
    // Both play to the same loudspeaker: what is heard while the guest's browser is silent comes from the app.
    await playSound(guest, false);
    await until(
      "the guest's beeps, and nothing else",
      async () => beeps(await record('speaker.monitor', 2.2)) >= 3,
      20000,
    );
    await playSound(guest, true);
    await until("the app's tone", async () => share(await record('speaker.monitor', 1), 440) > 0.1, 20000);
  });

  await walk.step('chat goes both ways', async () => {
    await guest.getByTestId('chat').click();
    await guest.getByTestId('chat-input').fill('你好，我是李四');
    await guest.getByTestId('chat-send').click();
    await page.getByText('你好，我是李四').first().waitFor({ timeout: 10000 });
    await told('chat-input').fill('Hello from the page');
    await told('chat-send').click();
    await guest.getByText('Hello from the page').first().waitFor({ timeout: 10000 });
    await pause(400);
    shot('06-chat');
  });

  await walk.step('the members are told to the page', async () => {
    await told('members').getByText('李四').first().waitFor({ timeout: 5000 });
  });

  await walk.step("the page's logo and its person's picture are shown in the window", async () => {
    const window = roomWindow();
    focus(window);
    keys('p');
    const count = ([red, green, blue], part) => {
      const { width, height, data } = pixels(window);
      let found = 0;
      for (let y = Math.round(part.y0 * height); y < part.y1 * height; y += 1) {
        for (let x = Math.round(part.x0 * width); x < part.x1 * width; x += 1) {
          const at = (y * width + x) * 4;
          if (Math.abs(data[at] - red) < 6 && Math.abs(data[at + 1] - green) < 6 && Math.abs(data[at + 2] - blue) < 6)
            found += 1;
        }
      }
      return found;
    };
    // The dark leaf of ui/crm/src/pictures/leaf.svg in the header; the yellow ground of agent.svg in the member list.
    await until('the logo', () => count([0x1f, 0x8a, 0x4c], { x0: 0, y0: 0, x1: 0.15, y1: 0.1 }) > 60);
    await until('the picture', () => count([0xe9, 0xb4, 0x4c], { x0: 0.7, y0: 0.05, x1: 1, y1: 0.5 }) > 100);
    shot('07-members', window);
    keys('p');
  });

  await walk.step('a narrow window keeps its controls', async () => {
    const window = roomWindow();
    const before = place(window);
    focus(window); // what lies behind another window cannot be grabbed
    resize(window, 460, 640);
    await pause(1200);
    shot('08-narrow', window);
    resize(window, before.width, before.height);
    await pause(600);
  });

  await walk.step('a second click is told that a room is open', async () => {
    const code = await page.evaluate(
      (roomID) =>
        new Promise((resolve) =>
          globalThis.EXEStarter.createExeAsRoom({
            userdata: { userID: 'x', sdkAppID: 1, userSig: 'x' },
            roomdata: { serverDomain: location.origin, roomAction: 'enterRoom', roomID },
            success: () => resolve(0),
            fail: ({ errCode }) => resolve(errCode),
          }),
        ),
      'another',
    );
    expect(code === -2, `errCode is ${code}, not -2`);
  });

  await walk.step('the page closes the room', async () => {
    await page.bringToFront();
    await told('close').click();
    await until("the window's end", () => !roomWindow(), 8000);
    await guest.locator('[data-phase="ended"]').waitFor({ timeout: 10000 });
    await pause(300);
    shot('09-closed');
    await guest.close();
  });

  await walk.step('the next room needs no launch and no question', async () => {
    const launches = async () => (await page.evaluate(() => document.body.innerText)).split('launching').length;
    const before = await launches();
    await told('call').waitFor();
    await page.bringToFront();
    const begun = performance.now();
    await told('call').click();
    await until("the room's window", roomWindow, 15000);
    walk.time('click_to_window_standing_by', performance.now() - begun);
    await told('status').and(page.locator('[data-phase="open"]')).waitFor({ timeout: 15000 });
    walk.time('click_to_joined_standing_by', performance.now() - begun);
    expect(windows('a page asks').length === 0, 'an always-allowed page must not be asked about again');
    expect((await launches()) === before, 'the app stands by, and was launched all the same');
    move(roomWindow(), 300, 200);
  });

  await walk.step('the app is killed: the page is told', async () => {
    const pids = processes();
    expect(pids.length > 0, "the app's process is not found");
    for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
    await page.getByText('-2000').first().waitFor({ timeout: 15000 });
    shot('10-app-killed');
  });

  walk.finish();
} finally {
  fs.writeFileSync(path.join(out, 'page.txt'), await page.evaluate(() => document.body.innerText).catch(() => ''));
  await browser.close();
}
