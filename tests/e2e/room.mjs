// The room's window, driven by mouse and keys: what the page and a guest then see. The settings beside it, which show what
// holds in the room and leave it its devices. A loudspeaker that is not there, a camera that is pulled out. A server that goes
// and comes back, and one that comes back as another.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { readBarcode } from './lib/barcode.mjs';
import { keepConnections, openBrowser, received, videoPixels } from './lib/browser.mjs';
import { DevicePanels } from './lib/panels.mjs';
import { press, roomWindow, roomsOf, type } from './lib/room.mjs';
import {
  click,
  count,
  crop,
  doubleClick,
  focus,
  greenPicture,
  grey,
  hold,
  keys,
  move,
  pixels,
  place,
  resize,
  screenshot,
  windows,
} from './lib/screen.mjs';
import { ownServer } from './lib/server.mjs';
import { beginning, closeSettings, openSettings, section } from './lib/settings.mjs';
import { level, record, speak, unplugSound } from './lib/sound.mjs';
import { Walk, expect, out, programs, until } from './lib/walk.mjs';

const walk = new Walk();
/** In front: what lies behind another window cannot be grabbed. */
function shot(name, window) {
  focus(window);
  screenshot(path.join(out, `${name}.png`), window);
}
const data = process.env.BECKON_PROFILE;
const cameras = path.join(out, 'cameras');
for (const folder of [data, cameras]) fs.mkdirSync(folder, { recursive: true });

// Colours of the windows, light: --notice-soft, --alert-soft, --accent-soft, --accent, --danger, --primary.
const NOTICE = [0xfd, 0xf1, 0xd6];
const ALERT = [0xfd, 0xe7, 0xe5];
const OPEN = [0xdd, 0xf3, 0xec];
const ACCENT = [0x10, 0xa8, 0x7c];
const LEAVE = [0xd0, 0x36, 0x2c];
const CLOSE = [0x1f, 0x6f, 0xd6];
// --notice-soft, dark.
const WORDS = [0x37, 0x2b, 0x12];
// --side: how wide chat and member list are, pixels.
const SIDE = 320;
/** Everybody is back in the room within this time after its server is, ms. */
const BACK = 5000;

const server = await ownServer();
await server.start('beckond-data');

// Whoever owns this machine allows the page, and the person ticked "Always" when the browser asked.
const policy = path.join(out, 'policy.json');
fs.writeFileSync(policy, JSON.stringify({ allowOrigins: [server.origin] }));

let app;
/** Starts the app by hand: pages then find it. */
async function startApp(more) {
  const environment = { ...process.env, BECKON_POLICY: policy, ...more };
  app = spawn(path.join(programs, 'beckon'), [], { env: environment, stdio: 'ignore' });
  await until('the home window', () => windows('^Beckon$')[0], 20000);
}

async function stopApp() {
  const ended = new Promise((resolve) => app.once('exit', resolve));
  app.kill('SIGKILL');
  await ended;
}

const always = { protocol_handler: { allowed_origin_protocol_pairs: { [server.origin]: { beckon: true } } } };
const browser = await openBrowser('employee', ['--window-position=0,0', '--window-size=760,600'], always);
const page = browser.pages()[0];

await keepConnections(browser);
const { openRoom, told, forgetNotices, state, setMedia } = roomsOf(page, server.origin);

try {
  let window;
  let guest;
  await startApp({ BECKON_CAMERA: 'testcard', BECKON_MICROPHONE: 'tone' });

  const plugIn = unplugSound();
  await walk.step('a room opens as its page wished it, and a guest joins', async () => {
    const beauty = { style: 'smooth', strength: 7 };
    window = await openRoom({ language: 'en', video: { resolution: '360p' }, beauty });
    const now = await state('all is on but the loudspeaker', (now) => now.camera && now.microphone && !now.speaker);
    expect(now.screen === false, 'nothing is shared yet');
    guest = await browser.newPage();
    await guest.goto(now.guestLink);
    await guest.getByTestId('name').fill('李四');
    await guest.getByTestId('join').click();
    await guest.locator('[data-phase="connected"]').waitFor({ timeout: 20000 });
  });

  const video = () => guest.locator('[data-testid="tile"][data-local="false"] video');
  const seenHeight = () => video().evaluate((element) => element.videoHeight);
  const seenMuted = () => guest.locator('[data-testid="tile"][data-local="false"] figcaption .hidden-label').count();

  await walk.step('the guest sees the size that the page chose', async () => {
    await video().waitFor({ timeout: 15000 });
    await until('a picture of 360 lines', async () => (await seenHeight()) === 360, 20000);
  });

  await walk.step(
    'without a loudspeaker page and person are told so, all else goes on, and one that is plugged in is taken',
    async () => {
      await until('the page is told', async () => (await told()).notices.includes(4007));
      await until('the words for it', () => count(window, ALERT, 2) > 5000);
      shot('01-no-loudspeaker', window);
      const before = { audio: await received(guest, 'audio'), video: await received(guest, 'video') };
      for (const [kind, some] of [
        ['audio', 25],
        ['video', 10],
      ])
        await until(`more ${kind} at the guest's`, async () => (await received(guest, kind)) > before[kind] + some);
      expect((await told()).state.phase === 'connected', 'the room stays connected');
      plugIn();
      await state('all is on', ({ camera, microphone, speaker }) => camera && microphone && speaker);
      await until('the page is told', async () => (await told()).notices.includes(0));
      await until("the words' end", () => count(window, ALERT, 2) < 500);
    },
  );

  await walk.step('the window says that camera and microphone are made up', async () => {
    await until('the words for it', () => count(roomWindow(), NOTICE, 2) > 10000);
    shot('01-room', window);
  });

  await walk.step('the mouse turns microphone, camera and loudspeaker off; page and guest see it', async () => {
    press('microphone');
    await state('no microphone', ({ microphone }) => !microphone);
    await until('the guest sees it', async () => (await seenMuted()) === 1);
    press('camera');
    await state('no camera', ({ camera }) => !camera);
    await video().waitFor({ state: 'detached', timeout: 15000 });
    press('speaker');
    await state('no loudspeaker', ({ speaker }) => !speaker);
    await until('nothing is made up any more', () => count(window, NOTICE, 2) < 500);
    shot('02-all-off', window);
    press('speaker');
    await state('the loudspeaker again', ({ speaker }) => speaker);
  });

  await walk.step('so do the keys, and the picker for sharing does not take them', async () => {
    type('v');
    await state('the camera', ({ camera }) => camera);
    await video().waitFor({ timeout: 15000 });
    type('s');
    // Its button is as the chat's, whose panel is open.
    await until('the picker', () => count(window, OPEN, 2) > 2500);
    keys('Tab');
    type('m');
    await state('the microphone', ({ microphone }) => microphone);
    await until('the guest sees it', async () => (await seenMuted()) === 0);
    shot('03-picker', window);
    keys('Escape');
    const closed = () => count(window, OPEN, 2) < 2500;
    await until("the picker's end", closed);
    // The keyboard is back at its button.
    keys('Return');
    await until('the picker again', () => !closed());
    keys('Escape');
    await until("the picker's end", closed);
  });

  await walk.step('what is typed in the chat reaches page and guest', async () => {
    // The window is wide enough for the chat to be open; the key closes it and opens it again, and what follows is text.
    type('c');
    await until("the chat's end", () => count(window, OPEN, 2) < 500);
    type('c');
    await until('the chat', () => count(window, OPEN, 2) > 500);
    keys('m', 'v', 's', 'p', 'c', 'Return');
    await until("the page's text", async () => (await told()).chats.includes('mvspc'));
    await guest.getByTestId('chat').click();
    await guest.getByText('mvspc').first().waitFor({ timeout: 10000 });
    const { camera, microphone } = (await told()).state;
    expect(camera && microphone, 'letters in the chat are text');
    shot('04-chat', window);
    keys('Escape');
    await until("the chat's end", () => count(window, OPEN, 2) < 500);
    // The keyboard is back at the button that opens it.
    keys('Return');
    await until('the chat', () => count(window, OPEN, 2) > 500);
    keys('h', 'i', 'Return');
    await until("the page's text", async () => (await told()).chats.includes('hi'));
    keys('Escape');
    await until("the chat's end", () => count(window, OPEN, 2) < 500);
  });

  await walk.step("toolbar, member list and a person's volume by the keyboard alone", async () => {
    // Back from the chat's button: leave, share, the loudspeaker's menu, the loudspeaker.
    keys('shift+Tab', 'shift+Tab', 'shift+Tab', 'shift+Tab', 'Return');
    await state('no loudspeaker', ({ speaker }) => !speaker);
    keys('Return');
    await state('the loudspeaker', ({ speaker }) => speaker);
    type('p');
    await until('the list', () => count(window, OPEN, 2) > 500);
    // From ourselves to the guest, to their volume; there the slider is one on.
    keys('Tab', 'Tab', 'Return', 'Tab', 'Right');
    const saved = path.join(data, 'settings.json');
    const volumes = () =>
      fs.existsSync(saved) ? JSON.stringify(JSON.parse(fs.readFileSync(saved, 'utf8')).volumes) : '';
    await until('a guest who is louder', () => /:105\b/.test(volumes()));
    shot('04-volume', window);
    keys('Escape');
    await until("the list's end", () => count(window, OPEN, 2) < 500);
    keys('Return');
    await until('the list again', () => count(window, OPEN, 2) > 500);
    type('c');
    keys('Escape');
    const { camera, microphone } = (await told()).state;
    expect(camera && microphone, 'nothing else was turned off by it');
  });

  await walk.step('a click on a picture shows whose it is in the list, a double click shows it large', async () => {
    /** Where pictures are: the guest's, as Chromium's test camera is green, and beside it our own. */
    const pictures = (panel) => {
      const guests = greenPicture(pixels(window));
      const right = place(window).width - (panel ? SIDE : 0);
      const own = { x: (guests.x + guests.width + right) / 2, y: guests.y + guests.height / 2 };
      return { own, guests: { x: guests.x + guests.width / 2, y: own.y, width: guests.width } };
    };
    const hit = (how, { x, y }) => how(place(window).x + x, place(window).y + y);
    /** How far down the list somebody is marked; none where nobody is. */
    const marked = () => {
      const { width, height } = place(window);
      const list = crop(pixels(window), { x: width - SIDE, y: 100, width: SIDE, height: height - 200 });
      const rows = [];
      for (let y = 0; y < list.height; y += 1)
        if (count({ data: list.data.subarray(y * SIDE * 4, (y + 1) * SIDE * 4) }, OPEN, 2) > SIDE / 3) rows.push(y);
      return rows.length > 20 ? (rows[0] + rows.at(-1)) / 2 : undefined;
    };
    focus(window);
    const usual = await until("the guest's picture, large", () => {
      const now = pictures();
      return now.guests.width > place(window).width / 2 && now;
    });
    const wide = () => pictures().guests.width > usual.guests.width * 0.9;
    const small = () => pictures().guests.width < usual.guests.width / 2;
    hit(click, usual.guests);
    const guests = await until('the guest in the list', marked);
    await until('the pictures beside it', () => !wide());
    shot('04-clicked', window);
    hit(click, pictures(true).own);
    await until('ourselves, who are first in it', () => marked() < guests - 20);
    type('p');
    await until("the list's end", () => count(window, OPEN, 2) < 500 && wide());
    // The list does not open under the second click.
    hit(doubleClick, usual.own);
    await until('our own picture, large', small);
    shot('04-own-large', window);
    expect(count(window, OPEN, 2) < 500, 'a double click opens no list');
    // The list knows of it: there, where we are first, one press takes it back.
    type('p');
    await until('the list', () => count(window, OPEN, 2) > 500);
    keys('Return', 'Escape');
    await until('the usual layout', wide);
    hit(doubleClick, usual.own);
    await until('our own picture, large', small);
    hit(doubleClick, usual.guests);
    await until('the usual layout', wide);
  });

  await walk.step('closing the window of a room with others in it asks first, and one can stay', async () => {
    const before = count(window, LEAVE, 3);
    focus(window);
    keys('alt+F4');
    await until('the question', () => Math.abs(count(window, LEAVE, 3) - before) > 200);
    shot('05-leave', window);
    keys('Escape');
    await until('the buttons again', () => Math.abs(count(window, LEAVE, 3) - before) < 100);
    expect(roomWindow() && (await told()).closed === undefined, 'the room goes on');
  });

  await walk.step('the page sets what the room does', async () => {
    await setMedia({ speaker: false, video: { resolution: '540p' } });
    await state('no loudspeaker', ({ speaker }) => !speaker);
    // Beside the chat our picture is so narrow that the layer of 270 lines suffices. It grows step by step, each some seconds after the
    // one before: as machine and network bear it.
    await guest.getByTestId('chat-close').click();
    await until('a picture of more than 360 lines', async () => (await seenHeight()) > 360, 60000);
    await setMedia({ speaker: true, microphone: false });
    await state('the loudspeaker, no microphone', ({ speaker, microphone }) => speaker && !microphone);
  });

  await walk.step('the settings show the filter that the page asked for, and it is turned off there', async () => {
    const settings = await openSettings(roomWindow());
    await until("the room's picture", () => count(settings, [0xdc, 0xe2, 0xea], 2) < 20000);
    section(settings, 'Down', 2);
    const on = () => count(settings, ACCENT, 3);
    await until('a filter that is on', () => on() > 700);
    shot('05-beauty-of-the-room', settings);
    const saved = path.join(data, 'settings.json');
    const own = () => (fs.existsSync(saved) ? JSON.parse(fs.readFileSync(saved, 'utf8')).beauty?.on === true : false);
    expect(!own(), 'the person has set no filter');
    keys('Tab', 'space');
    await until('a filter that is off', () => on() < 300);
    expect(!own(), 'nor do they now');
    await closeSettings(settings);
  });

  await walk.step(
    'the server goes: the window says so; it comes back, and within five seconds so are room and guest',
    async () => {
      type('Escape');
      await setMedia({ camera: false, microphone: false });
      await state('neither camera nor microphone', ({ camera, microphone }) => !camera && !microphone);
      await until('no words above the pictures', () => count(window, NOTICE, 2) < 500);
      await server.kill();
      await state('reconnecting', ({ phase }) => phase === 'reconnecting');
      await until('the words for it', () => count(window, NOTICE, 2) > 5000);
      shot('06-reconnecting', window);
      await guest.locator('[data-phase="reconnecting"]').waitFor();
      await setMedia({ camera: true });
      let last;
      const moves = () => {
        const image = pixels(window);
        const part = greenPicture(image);
        if (!part) return false;
        const [before, now] = [last, crop(image, part)];
        last = now;
        return (
          before?.data.length === now.data.length &&
          now.data.filter((value, at) => Math.abs(value - before.data[at]) > 40).length > 500
        );
      };
      await server.start('beckond-data');
      const up = Date.now();
      await Promise.all([
        state('connected again', ({ phase }) => phase === 'connected', BACK),
        guest.locator('[data-phase="connected"]').waitFor({ timeout: BACK }),
        until(
          "our picture of now at the guest's",
          async () => readBarcode(await videoPixels(video())).unixMs > up,
          BACK,
        ),
        until("the guest's picture, moving, in the window", moves, BACK),
      ]);
      walk.time('server_up_to_everybody_back', Date.now() - up);
      expect(Date.now() - up < BACK, `everybody was back after ${Date.now() - up} ms`);
      await setMedia({ camera: false });
      await until("the words' end", () => count(window, NOTICE, 2) < 500);
      expect((await told()).closed === undefined, 'the room has not ended');
    },
  );

  await walk.step(
    'a server that comes back as another ends the room: the window says why, and closes by Return',
    async () => {
      await server.kill();
      await state('reconnecting', ({ phase }) => phase === 'reconnecting');
      await server.start('other-data', []);
      const code = await until('the end', async () => (await told()).closed, 30000);
      expect(code >= 2000 && code < 6000, `the room ended with ${code}`);
      await until("the end's window", () => count(window, LEAVE, 3) < 50 && count(window, CLOSE, 3) > 1500);
      shot('07-ended', window);
      focus(window);
      keys('Return');
      await until("the window's end", () => !roomWindow());
      await guest.close();
    },
  );
  await stopApp();
  await server.kill();
  await server.start('beckond-data');

  // From here on with simulated cameras, which open once only, and with the sound server's microphone.
  fs.writeFileSync(path.join(cameras, 'video42'), '');
  fs.writeFileSync(
    path.join(data, 'settings.json'),
    JSON.stringify({ language: 'zh-CN', sound: { pushToTalk: true } }),
  );
  await startApp({
    LD_PRELOAD: process.env.BECKON_V4L2SIM,
    V4L2SIM_CONTROL: cameras,
    V4L2SIM_CAMERAS: '2',
    GTK_THEME: 'Adwaita:dark',
  });
  const open = () => fs.existsSync(path.join(cameras, 'open'));
  const shows = (seen, luma = 60, least = 20000) => count(seen, grey(luma), 6) > least;
  let settings;

  await walk.step(
    'a room with its camera off leaves it to the preview, and takes it when it is turned on',
    async () => {
      window = await openRoom({ language: 'zh-CN', camera: false });
      await state('the microphone alone', ({ camera, microphone }) => !camera && microphone);
      settings = await openSettings(roomWindow());
      await until('the closed preview', () => count(settings, [0x1b, 0x21, 0x2a], 2) > 20000);
      beginning(settings);
      keys('Tab', 'Tab', 'Tab', 'Return');
      await until('the preview', () => open() && shows(settings));
      shot('08-preview-beside-a-room', settings);
      type('v');
      await state('the camera', ({ camera }) => camera);
      focus(settings);
      await until("the room's picture in the settings", () => shows(settings));
      shot('09-the-room-has-it', settings);
      expect((await told()).notices.length === 0, `the page was told ${(await told()).notices}`);
    },
  );

  await walk.step('what the small arrows beside the devices open is used by the keyboard alone', async () => {
    const seen = (luma, least) => shows(roomWindow(), luma, least);
    const panels = new DevicePanels({ window: roomWindow(), data, shows: seen, shot });
    await panels.begin();
    await panels.microphone();
    await panels.camera();
    await panels.speaker();
  });

  await walk.step(
    'its camera is pulled out: the page is told, the other one stands in, and leaves when it is plugged in again',
    async () => {
      focus(roomWindow());
      fs.rmSync(path.join(cameras, 'video42'));
      await until('the page is told of the loss', async () => (await told()).notices.includes(4004));
      await until('the page is told of the other', async () => (await told()).notices.includes(4013));
      await until('its picture in the room', () => shows(roomWindow(), 110));
      await until('the words for it', () => count(roomWindow(), WORDS, 3) > 5000);
      shot('12-stands-in', roomWindow());
      fs.writeFileSync(path.join(cameras, 'video42'), '');
      await until("the first one's picture", () => shows(roomWindow()));
      await state('the camera', ({ camera }) => camera);
      const { phases, closed } = await told();
      expect(
        phases.at(-1) === 'connected' && !phases.includes('reconnecting') && closed === undefined,
        'the room stays connected',
      );
      await forgetNotices();
    },
  );

  await walk.step("the level of the room's microphone is shown, muted or not", async () => {
    const bar = () => count(settings, [0x37, 0xd0, 0xa0], 3); // --accent, dark
    const moves = async (name) => {
      const quiet = speak();
      await until('the bar', () => bar() > 800);
      if (name) shot(name, settings);
      quiet();
      await until("the bar's end", () => bar() < 200);
    };
    await moves();
    type('m');
    await state('no microphone', ({ microphone }) => !microphone);
    focus(settings);
    await moves('10-muted-level');
  });

  await walk.step('the held space bar lets one talk while muted', async () => {
    focus(roomWindow());
    const release = hold('space');
    try {
      await state('the microphone', ({ microphone }) => microphone);
    } finally {
      release();
    }
    await state('no microphone', ({ microphone }) => !microphone);
  });

  await walk.step('the room plays the notes, and there is no test call beside it', async () => {
    beginning(settings);
    // Camera, microphone, loudspeaker, its notes: the room's own devices have no buttons.
    keys('Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Return');
    await until('the notes', async () => level(await record('speaker.monitor', 0.4)) > -45, 20000);
    keys('Tab', 'Return');
    await until("the notes' end", async () => level(await record('speaker.monitor', 0.4)) < -60, 20000);
    expect(open() && shows(settings), "the camera stays the room's");
    resize(settings, 430, 760);
    await until('the narrow window', () => pixels(settings).width === 430);
    shot('11-narrow', settings);
  });

  await walk.step(
    'a second room begins without the devices; what it takes is off in the first, which says so',
    async () => {
      await closeSettings(settings);
      type('m');
      await state('camera and microphone', ({ camera, microphone }) => camera && microphone);
      await page.evaluate(async () => {
        const { Beckon, document, location } = globalThis;
        const second = (globalThis.second = { state: undefined });
        const userdata = { ...(await Beckon.testLogin(location.origin, 'second')), userName: 'Second' };
        document.querySelector('#open').onclick = async () => {
          const roomdata = {
            serverDomain: location.origin,
            roomAction: 'createRoom',
            roomTitle: 'Other',
            template: '1v1',
          };
          const custom = { language: 'en', singleton: false };
          second.session = await Beckon.open({ userdata, roomdata, custom, patience: 20000 });
          second.session.on('state', (now) => (second.state = now));
        };
      });
      await page.locator('#open').click();
      const second = (what, fits) =>
        until(
          `the second room: ${what}`,
          async () => {
            const now = await page.evaluate(() => globalThis.second.state);
            return now && fits(now);
          },
          20000,
        );
      const other = await until('the second window', () => windows('Other.* – Beckon$')[0]);
      move(other, 20, 300);
      resize(other, 620, 560);
      await second('connected without devices', (now) => now.phase === 'connected' && !now.camera && !now.microphone);
      focus(other);
      await until('its words', () => count(other, WORDS, 3) > 10000);
      shot('13-second-room', other);
      expect((await told()).notices.length === 0, `the first was told ${(await told()).notices}`);
      keys('v');
      await second('the camera', ({ camera }) => camera);
      await state('no camera, and the microphone still', ({ camera, microphone }) => !camera && microphone);
      await until('the page is told', async () => (await told()).notices.join() === '4017');
      await until('its picture in the second room', () => shows(other));
      shot('14-it-has-the-camera', other);
      await until("the first's words", () => count(roomWindow(), WORDS, 3) > 5000);
      shot('15-the-first-says-so', roomWindow());
      await page.evaluate(() => globalThis.second.session.close());
      await until("the second window's end", () => !windows('Other.* – Beckon$')[0]);
      await until('a closed camera', () => !open());
    },
  );

  await walk.step('the button leaves the room, and the page is told', async () => {
    press('leave');
    await until("the window's end", () => !roomWindow());
    expect((await until('the end', async () => (await told()).closed, 10000)) === 3008, 'the person left');
    await until('a closed camera', () => !open());
  });

  walk.finish();
} finally {
  fs.writeFileSync(path.join(out, 'page.txt'), JSON.stringify((await told().catch(() => null)) ?? null));
  await browser.close();
  app?.kill('SIGKILL');
  await server.kill();
}
