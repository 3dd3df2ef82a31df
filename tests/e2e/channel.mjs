// What becomes of page and app around a room: a bad address, reload, duplicated tab, closed page, the app's orderly end; then the same
// page from a public https address, where browsers ask before a page may reach this machine.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';

import { agreeToOpen, answerConsent, hasThread, processes } from './lib/app.mjs';
import { openBrowser } from './lib/browser.mjs';
import { startSecureServer } from './lib/https.mjs';
import { pause } from './lib/pause.mjs';
import { active, keys, pixels, screenshot, windows } from './lib/screen.mjs';
import { closeSettings, openSettings, section } from './lib/settings.mjs';
import { Walk, expect, out, programs, server, until } from './lib/walk.mjs';

const walk = new Walk();
const shot = (name) => screenshot(path.join(out, `${name}.png`));
const rooms = () => windows('– Beckon$');
const phase = (page, wanted) =>
  page.locator(`[data-testid="status"][data-phase="${wanted}"]`).waitFor({ timeout: 20000 });
const logged = (page, event, text) =>
  page.locator(`[data-event="${event}"]`, { hasText: text }).first().waitFor({ timeout: 10000 });

// What the app and this walk's own server trust; the browser passes it on to the app it starts.
const secure = await startSecureServer();
process.env.SSL_CERT_FILE = secure.ca;

const browser = await openBrowser('channel', [
  '--ignore-certificate-errors',
  `--host-resolver-rules=MAP ${secure.name} 127.0.0.1`,
  `--ip-address-space-overrides=127.0.0.1:${secure.port}=public`,
]);
const page = browser.pages()[0];

/**
 * The walk's browser pretends to have the focus always, so that the time in which it asks counts as waiting; on a busy
 * machine that and the app's start take longer than pages wait.
 */
const patient = 'patience=20000';

/** How bright the browser is at its foot; its question darkens the page behind it. */
function brightness() {
  const { width, height, data } = pixels();
  let sum = 0;
  let count = 0;
  for (let y = Math.round(height * 0.8); y < height * 0.85; y += 4) {
    for (let x = Math.round(width * 0.05); x < width * 0.5; x += 4) {
      sum += data[(y * width + x) * 4];
      count += 1;
    }
  }
  return sum / count;
}

/** Clicks "call" and agrees to what the browser asks. */
async function launch(on) {
  await on.bringToFront();
  const button = on.getByTestId('call');
  await button.hover();
  const before = brightness();
  await button.click();
  await until("the browser's question", () => brightness() < before * 0.8, 4000);
  // Chromium takes no answer within the first half second, so that nobody agrees by accident.
  await pause(900);
  await agreeToOpen();
}

/** The same, and what the app asks where it does; the room is open then. */
async function call(on, consent) {
  await launch(on);
  if (consent) await answerConsent(consent);
  await phase(on, 'open');
}

/** Starts a program with an address of these bytes, in printf's notation; resolves to its exit status and last words. */
function start(program, address, env = {}) {
  const script = 'exec "$0" "$(printf "$1")"';
  const child = spawn('sh', ['-c', script, path.join(programs, program), address], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data) => (said = `${said}${data}`.slice(-2000)));
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, said })));
}

try {
  await walk.step(
    'an address that is no text is refused and shown, at a cold start and to the app that runs',
    async () => {
      const bytes = 'beckon:launch?v=1&k=AAAAAAAAAAAAAAAAAAAAAA&p=47610&o=\\377\\376';
      const log = path.join(process.env.BECKON_PROFILE, 'beckon.log');
      const refusals = () => fs.readFileSync(log, 'utf8').split('a launch address was refused').length - 1;
      for (const program of ['beckon-open', 'beckon']) {
        let ended;
        const app = start(program, bytes).then((end) => (ended = end));
        await until(
          "the app's window",
          () => {
            if (ended) throw new Error(`${program} ended with ${ended.code}: ${ended.said}`);
            return windows('^Beckon$').length === 1;
          },
          20000,
        );
        expect(refusals() > 0, `${program}: nothing of it in the log`);
        const before = refusals();
        const second = await start(program, bytes);
        expect(second.code === 0, `${program} beside the running app ended with ${second.code}: ${second.said}`);
        await until('the second refusal', () => refusals() > before);
        if (program === 'beckon-open') {
          const [window] = windows('^Beckon$');
          await until("words in the app's window", () => pixels(window).data.filter((part) => part < 80).length > 1000);
          shot('00-refused');
        }
        for (const pid of processes()) process.kill(Number(pid), 'SIGTERM');
        await app;
        fs.truncateSync(log);
      }
    },
  );

  await walk.step(
    'a page whose address is of a later version is told so by the app; no key and no log-in is in the log',
    async () => {
      await page.goto(`${server}/crm/?${patient}`);
      let given;
      await page.exposeFunction('handOver', (url) => given(url));
      const { userSig } = await (await fetch(`${server}/weapp/utils/get_login_info?userID=careful`)).json();
      // The page hands its address to this walk, which gives it to the system.
      const open = async () => {
        const address = new Promise((resolve) => (given = resolve));
        const answer = page.evaluate(async (userSig) => {
          const { sdkAppID, accType } = await globalThis.Beckon.testLogin(location.origin, 'careful');
          const userdata = { sdkAppID, accType, userID: 'careful', userSig };
          const roomdata = { serverDomain: location.origin, roomAction: 'createRoom' };
          const launch = (url) => void globalThis.handOver(url);
          const opened = globalThis.Beckon.open({ userdata, roomdata, launch, patience: 20000 });
          return opened.then(
            () => ({ code: 0 }),
            (error) => ({ code: error.code, text: error.message }),
          );
        }, userSig);
        return { address: await address, answer };
      };
      const key = (address) => new URL(address).searchParams.get('k');
      const asBytes = (address) => address.replaceAll('%', '%%');

      const newer = await open();
      const app = start('beckon-open', asBytes(newer.address.replace('v=1', 'v=2')), { BECKON_LOG: 'trace' });
      const { code, text } = await newer.answer;
      expect(code === 1002 && text.includes('version 2'), `the page heard ${code}: ${text}`);

      const good = await open();
      await start('beckon-open', asBytes(good.address));
      await answerConsent('once');
      const opened = await good.answer;
      expect(opened.code === 0, `the room was not opened: ${opened.code}, ${opened.text}`);
      for (const pid of processes()) process.kill(Number(pid), 'SIGTERM');
      const { said } = await app;
      const log = fs.readFileSync(path.join(process.env.BECKON_PROFILE, 'beckon.log'), 'utf8');
      expect(log.includes('TRACE'), 'the app does not log everything');
      for (const secret of [key(newer.address), key(good.address), userSig, 'ice-pwd', 'IceCreds']) {
        const line = `${log}\n${said}`.split('\n').find((line) => line.includes(secret));
        expect(line === undefined, `a secret is in the log: ${line}`);
      }
    },
  );

  const allowed = () => {
    const list = path.join(process.env.BECKON_PROFILE, 'allowed-pages.json');
    return fs.existsSync(list) ? JSON.parse(fs.readFileSync(list, 'utf8')).allowed : [];
  };

  await walk.step('a page that is told no hears it; no room opens, and no camera', async () => {
    await page.goto(`${server}/crm/?${patient}`);
    await launch(page);
    await answerConsent('no');
    await page.locator('[data-testid="error"][data-code="1005"]').waitFor({ timeout: 20000 });
    expect(rooms().length === 0 && !hasThread('camera'), 'a room was opened all the same');
    expect(allowed().length === 0, 'a no is no yes for later');
    shot('00-no');
  });

  await walk.step('the page may ask again, and opens a room', async () => {
    await call(page, 'always');
    expect(rooms().length === 1 && hasThread('camera'), 'one room has one window, and a camera');
    expect(allowed().length === 1, 'the yes is remembered');
  });

  await walk.step('a reloaded page has its room again and goes on hearing of it', async () => {
    await page.reload();
    await logged(page, 'resume', 'roomID');
    await phase(page, 'open');
    await page.getByTestId('chat-input').fill('after the reload');
    await page.getByTestId('chat-send').click();
    await logged(page, 'chat', 'after the reload');
    shot('01-reloaded');
  });

  await walk.step('a duplicated tab leaves the room to the first', async () => {
    // The browser copies the tab's storage, as it does for "Duplicate".
    const opened = browser.waitForEvent('page');
    await page.evaluate(() => window.open(location.href));
    const copy = await opened;
    await copy.waitForFunction(() => globalThis.Beckon);
    const resumed = await copy.evaluate(async () => (await globalThis.Beckon.resume())?.roomID ?? '');
    expect(resumed === '', `the copy took the room ${resumed}`);
    await phase(copy, 'idle');
    await copy.close();
    await phase(page, 'open');
    await page.getByTestId('chat-input').fill('still mine');
    await page.getByTestId('chat-send').click();
    await logged(page, 'chat', 'still mine');
  });

  await walk.step('another page is told by the app that a room is open, and sees it', async () => {
    // A page that has no session of its own: only the app can know.
    const second = await browser.newPage();
    await second.goto(`${server}/crm/?user=second&${patient}`);
    await launch(second);
    await second.locator('[data-testid="error"][data-code="-2"]').waitFor({ timeout: 20000 });
    await until('the room in front', () => active() === rooms()[0]);
    expect(rooms().length === 1, 'no second window');
    await second.close();
    await phase(page, 'open');
  });

  await walk.step(
    'what was allowed for always is taken back in the settings: the room stays, and the next click asks',
    async () => {
      const settings = await openSettings(rooms()[0]);
      section(settings, 'Down', 5);
      keys('Tab');
      shot('02-allowed-pages');
      keys('Return');
      await until('an empty list', () => allowed().length === 0);
      await closeSettings(settings);
      await phase(page, 'open');
      await page.bringToFront();
      await page.getByTestId('close').click();
      await phase(page, 'over');
      await call(page, 'always');
      expect(allowed().length === 1, 'the new yes is remembered');
    },
  );

  await walk.step('the app ends when the system asks, and says so first', async () => {
    const begun = performance.now();
    for (const pid of processes()) process.kill(Number(pid), 'SIGTERM');
    await until("the app's end", () => processes().length === 0, 4000);
    walk.time('sigterm_to_end', performance.now() - begun);
    await logged(page, 'closed', '3008');
    await phase(page, 'over');
    shot('03-app-ended');
  });

  await walk.step('a closed page takes its room along if it wished so, and leaves it if not', async () => {
    const going = await browser.newPage();
    const wish = (user, close) => `${server}/crm/?user=${user}&singleton=0&closeWithPage=${close}&${patient}`;
    await going.goto(wish('going', 1));
    await call(going);
    const staying = await browser.newPage();
    await staying.goto(wish('staying', 0));
    await call(staying);
    await until('two rooms', () => rooms().length === 2);
    const [first] = rooms();
    await going.close();
    await staying.close();
    // A closed page may be a reloaded one for 15 s.
    await until('the end of the room that goes with its page', () => rooms().length === 1, 25000);
    expect(first !== undefined && processes().length > 0, 'the other room stays, and the app with it');
    for (const pid of processes()) process.kill(Number(pid), 'SIGTERM');
    await until("the app's end", () => processes().length === 0, 4000);
  });

  const devtools = await browser.newCDPSession(page);
  const permission = (setting) =>
    devtools.send('Browser.setPermission', {
      permission: { name: 'loopback-network' },
      setting,
      origin: secure.origin,
    });
  const road = () => page.getByTestId('road').getAttribute('data-road');

  await walk.step('a public page is not asked for loopback while the relay works, all of it over TLS', async () => {
    await page.goto(`${secure.origin}/crm/?${patient}`);
    expect((await page.evaluate(() => isSecureContext)) === true, 'the page came over TLS');
    await call(page, 'always');
    expect((await road()) === 'relay', `the page took ${await road()}`);
    shot('04-by-relay');
    await page.getByTestId('close').click();
    await phase(page, 'over');
  });

  await walk.step('where the person allowed it, the page goes over loopback', async () => {
    await permission('granted');
    await page.reload();
    // Another road, another asker: what was allowed through the relay holds for that relay only.
    await call(page, 'always');
    expect((await road()) === 'loopback', `the page took ${await road()}`);
    await page.getByTestId('close').click();
    await phase(page, 'over');
  });

  await walk.step('where the person blocked it, the page goes by the relay again', async () => {
    await permission('denied');
    await page.reload();
    await call(page);
    expect((await road()) === 'relay', `the page took ${await road()}`);
    await page.getByTestId('close').click();
    await phase(page, 'over');
  });

  walk.finish();
} finally {
  fs.writeFileSync(path.join(out, 'page.txt'), await page.evaluate(() => document.body.innerText).catch(() => ''));
  await browser.close();
  for (const pid of processes()) process.kill(Number(pid), 'SIGTERM');
  secure.stop();
}
