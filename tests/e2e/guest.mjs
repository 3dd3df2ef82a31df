// The guest page as its visitors use it: in a browser on the desktop and at a phone's width, with a pointer and with the
// keyboard alone, in both languages, light and dark. Beckon's headless participant is the other side, and tells what it sees.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

import { openBrowser, playSound } from './lib/browser.mjs';
import { beeps, record, share } from './lib/sound.mjs';
import { Walk, expect, out, programs, server, until } from './lib/walk.mjs';

const walk = new Walk();
const room = 'visit';
const children = [];

/** Somebody in a room without a window; `told` is what they print, oldest first. */
function joins(room, user, ...more) {
  const child = spawn(path.join(programs, 'beckon-cli'), [
    ...['join', '--server', server, '--room', room, '--user', user, '--dev', '--size', '320x180', '--fps', '15'],
    ...['--for', '0', '--trace', '--report', 'none', ...more],
  ]);
  children.push(child);
  child.stderr.pipe(fs.createWriteStream(path.join(out, `${user}.log`)));
  const told = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line)));
  return { child, told };
}
const participant = (user, ...more) => joins(room, user, ...more);
const isIn = ({ told }) => until("somebody's joining", () => told.some(({ phase }) => phase === 'connected'), 20000);

// The host's loudspeaker is the page's: what is heard there while the page is silent comes from the host.
const host = participant('host', '--create', '--template', '1v4', '--speaker', 'default');
/** The guest as the host has them now: { camera, microphone }; undefined where they are not there. */
const guest = () => host.told.findLast(({ kind }) => kind === 'people')?.people.find(({ name }) => name === 'Grace 王');
const seen = (what, wanted) =>
  until(`at the host: ${JSON.stringify(wanted)} ${what}`, () => {
    const { camera, microphone } = guest() ?? {};
    return camera === wanted.camera && microphone === wanted.microphone;
  });
const pictures = () => host.told.filter(({ kind, user }) => kind === 'picture' && user.startsWith('guest-')).length;
const texts = (who) => who.told.filter(({ kind }) => kind === 'text').map(({ text }) => text);

const browser = await openBrowser('guest');
const page = browser.pages()[0];
const devtools = await browser.newCDPSession(page);
const at = (id) => page.getByTestId(id);
const phase = (wanted) => page.locator(`[data-testid="page"][data-phase="${wanted}"]`).waitFor({ timeout: 20000 });

/** A phone held upright, or the window as it is. */
async function phone(on) {
  const size = { width: 390, height: 844, deviceScaleFactor: 2, mobile: true };
  await (on
    ? devtools.send('Emulation.setDeviceMetricsOverride', size)
    : devtools.send('Emulation.clearDeviceMetricsOverride'));
  await page.waitForFunction((wanted) => (innerWidth === 390) === wanted, on);
}

/** Nothing is wider than the page, and what can be pressed can be hit with a thumb. Keeps a picture of it. */
async function look(name) {
  const found = await page.evaluate(() => {
    const wide = document.scrollingElement.scrollWidth > innerWidth;
    const outside = [];
    const small = [];
    for (const element of document.querySelectorAll('button, input')) {
      const { left, right, width, height } = element.getBoundingClientRect();
      if (!width) continue;
      const label = element.getAttribute('aria-label') || element.textContent || element.placeholder;
      if (left < 0 || right > innerWidth) outside.push(label);
      if (width < 40 || height < 40) small.push(`${label} ${width} × ${height}`);
    }
    return { wide, outside, small };
  });
  await page.screenshot({ path: path.join(out, `${name}.png`) });
  expect(!found.wide && !found.outside.length, `${name}: wider than the page: ${found.outside.join(', ')}`);
  expect(!found.small.length, `${name}: too small for a thumb: ${found.small.join(', ')}`);
}

/** The same state in the dark, and in the light again. */
async function lookTwice(name) {
  await look(name);
  await page.emulateMedia({ colorScheme: 'dark' });
  await look(`${name}-dark`);
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Goes to an element by the Tab key alone, and presses a key there. */
async function press(id, key) {
  for (let steps = 0; steps < 20; steps += 1) {
    const here = await page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
    if (here === id) return page.keyboard.press(key);
    await page.keyboard.press('Tab');
  }
  throw new Error(`the Tab key does not lead to ${id}`);
}

try {
  await walk.step('the lobby, in both languages, on a phone', async () => {
    await isIn(host);
    await page.emulateMedia({ colorScheme: 'light' });
    await page.goto(`${server}/join/${room}`);
    await phone(true);
    await page.locator('video').waitFor();
    await lookTwice('01-lobby');
    await at('language').click();
    await page.getByRole('button', { name: '加入', exact: true }).waitFor();
    await lookTwice('02-lobby-zh');
    await at('language').click();
    await at('lobby-camera').click();
    await page.locator('video').waitFor({ state: 'detached' });
    await look('03-lobby-without-camera');
    await at('lobby-camera').click();
    await page.locator('video').waitFor();
  });

  await walk.step('a guest joins, is seen and heard, and hears', async () => {
    await at('name').fill('Grace 王');
    await at('join').click();
    await phase('connected');
    await seen('joins', { camera: true, microphone: true });
    await until('pictures at the host', () => pictures() > 5, 20000);
    await page.locator('[data-testid="tile"][data-identity="host"] video').waitFor();
    await until(
      "the host's tone from the page",
      async () => share(await record('speaker.monitor', 1), 440) > 0.1,
      20000,
    );
    await playSound(page, false);
    await until("the guest's beeps from the host", async () => beeps(await record('speaker.monitor', 2.2)) >= 3, 20000);
    await playSound(page, true);
    await lookTwice('04-call');
  });

  await walk.step('microphone and camera go off and on by a click', async () => {
    await at('microphone').click();
    await seen('muted', { camera: true, microphone: false });
    await at('camera').click();
    await seen('without a camera', { camera: false, microphone: false });
    expect((await at('camera').getAttribute('aria-pressed')) === 'false', 'the button says that the camera is off');
    await lookTwice('05-all-off');
    await at('microphone').click();
    await at('camera').click();
    await seen('with both again', { camera: true, microphone: true });
    const before = pictures();
    await until('pictures again', () => pictures() > before + 5);
  });

  await walk.step('a device that does not go on says why, until it does', async () => {
    await page.evaluate(() => {
      const { navigator, DOMException } = globalThis;
      const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      globalThis.refuse = (name) => {
        navigator.mediaDevices.getUserMedia = name ? () => Promise.reject(new DOMException('made up', name)) : real;
      };
    });
    for (const [name, words] of [
      ['NotAllowedError', 'browser does not give'],
      ['NotReadableError', 'Another program'],
    ]) {
      await at('camera').click();
      await seen('without a camera', { camera: false, microphone: true });
      await page.locator('[data-testid="camera"][aria-pressed="false"]').waitFor();
      await page.evaluate((why) => globalThis.refuse(why), name);
      await at('camera').click();
      await at('camera-trouble').filter({ hasText: words }).waitFor({ timeout: 10000 });
      if (name === 'NotAllowedError') await lookTwice('05-camera-refused');
      await page.evaluate(() => globalThis.refuse());
      await at('camera').click();
      await at('camera-trouble').waitFor({ state: 'detached' });
      await seen('with both again', { camera: true, microphone: true });
    }
  });

  await walk.step('texts go both ways', async () => {
    const other = participant('bob', '--say', 'hello from bob');
    await page.locator('.unread').waitFor({ timeout: 20000 });
    await look('06-unread');
    await at('chat').click();
    await at('chat-message').filter({ hasText: 'hello from bob' }).waitFor();
    await at('chat-input').fill('and to you 你好');
    await at('chat-send').click();
    const after = await page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
    expect(after === 'chat-input', `after a text the keyboard is at ${after}`);
    for (const [who, name] of [
      [host, 'host'],
      [other, 'bob'],
    ])
      await until(`the text at ${name}'s`, () => texts(who).some((text) => text.endsWith('and to you 你好')));
    await lookTwice('07-chat');
    await at('chat-close').click();
    await at('chat-input').waitFor({ state: 'detached' });
    await until('three tiles', async () => (await at('tile').count()) === 3);
    await look('08-three');
    await phone(false);
    await look('09-three-wide');
    await at('chat').click();
    await look('10-chat-wide');
    await at('chat-close').click();
    await phone(true);
  });

  await walk.step('a guest leaves by a click, and has a way back in', async () => {
    await at('leave').click();
    await phase('ended');
    await until("the guest's going at the host", () => guest() === undefined);
    expect((await at('ending').textContent()) === 'You left the call', 'the page says what happened');
    await lookTwice('11-left');
    await at('again').click();
    await phase('connected');
    await seen('again', { camera: true, microphone: true });
    await at('leave').click();
    await phase('ended');
  });

  await walk.step('all of it with the keyboard alone', async () => {
    await page.reload();
    await phase('lobby');
    await page.locator('video').waitFor();
    // The name has the focus, and is the one of before.
    await page.keyboard.press('Enter');
    await phase('connected');
    await seen('again', { camera: true, microphone: true });
    await press('microphone', 'Space');
    await seen('muted', { camera: true, microphone: false });
    await press('camera', 'Enter');
    await seen('without a camera', { camera: false, microphone: false });
    await page.keyboard.press('m');
    await page.keyboard.press('v');
    await seen('with both again', { camera: true, microphone: true });
    await press('chat', 'Enter');
    await press('chat-input', 'w');
    await page.keyboard.type('ithout a mouse');
    await page.keyboard.press('Enter');
    await until("the text at the host's", () => texts(host).some((text) => text.endsWith('without a mouse')));
    await look('12-keyboard');
    await press('chat-close', 'Enter');
    await at('chat-input').waitFor({ state: 'detached' });
    const back = await page.evaluate(() => document.activeElement?.getAttribute('data-testid'));
    expect(back === 'chat', `after the chat the keyboard is at ${back}`);
    await page.keyboard.press('Enter');
    await at('chat-input').waitFor();
    await page.keyboard.press('Escape');
    await at('chat-input').waitFor({ state: 'detached' });
    await press('leave', 'Enter');
    await phase('ended');
    await until("the guest's going at the host", () => guest() === undefined);
    await press('again', 'Enter');
    await phase('connected');
    await seen('again', { camera: true, microphone: true });
  });

  await walk.step('the host ends the call; a link that leads nowhere says so', async () => {
    host.child.kill('SIGINT');
    await phase('ended');
    await until('what happened', async () => (await at('ending').textContent()) === 'The call is over');
    await look('13-over');
    await page.goto(`${server}/join/nowhere`);
    await page.locator('video').waitFor();
    await at('language').click();
    await at('join').click();
    await phase('problem');
    await lookTwice('14-nowhere-zh');
  });

  await walk.step(
    'where the places of a live room are taken, a guest is audience, whose devices stay closed',
    async () => {
      const anchor = joins('stage', 'anchor', '--create', '--live', '--template', '1v1');
      await isIn(anchor);
      await isIn(joins('stage', 'speaker', '--live'));
      await page.goto(`${server}/join/stage`);
      await page.locator('video').waitFor();
      await at('join').click();
      await at('audience').waitFor({ timeout: 20000 });
      await page.locator('[data-testid="tile"][data-identity="anchor"] video').waitFor();
      await until('two tiles', async () => (await at('tile').count()) === 2);
      await page.keyboard.press('m');
      await page.keyboard.press('v');
      for (const id of ['microphone', 'camera', 'share'])
        expect((await at(id).count()) === 0, `there is no ${id} to turn on`);
      for (const id of ['microphone', 'camera'])
        expect((await at(`${id}-trouble`).count()) === 0, `no trouble with a ${id}`);
      await lookTwice('15-audience-zh');
      const { people } = anchor.told.findLast(({ kind }) => kind === 'people');
      expect(
        people.every(({ user, camera }) => user === 'anchor' || user === 'speaker' || !camera),
        'nothing of theirs is sent',
      );
      anchor.child.kill('SIGINT');
      await phase('ended');
    },
  );

  walk.finish();
} finally {
  await browser.close();
  for (const child of children) child.kill('SIGKILL');
}
