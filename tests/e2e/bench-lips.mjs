// Whether sound and picture stay together: flash and beep of the test card, as they leave the screen and the loudspeaker, in the app and
// in Chromium on the guest page, one after the other.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { answerConsent, endApp } from './lib/app.mjs';
import { alwaysOpen, openBrowser } from './lib/browser.mjs';
import { findPicture, frames, percentile } from './lib/glass.mjs';
import { pause } from './lib/pause.mjs';
import { peer } from './lib/peer.mjs';
import { move, pixels, resize, screenshot, windows } from './lib/screen.mjs';
import { out, server, until } from './lib/walk.mjs';

const minutes = Number(process.env.BECKON_MINUTES ?? 10);
const only = process.env.BECKON_ONLY;
/** Flash and beep last from each UNIX second for so long, ms (crates/media/src/testcard). */
const CLAP = 100;
/** What is further apart does not belong together, ms. */
const FURTHEST = 450;
/** Lip sync is found within seconds. */
const SETTLES = 10000;

/** The app in its room, opened by a click on the demo page. */
async function ours() {
  const other = await peer('lips-app', '640x360');
  const browser = await openBrowser('ours', [], alwaysOpen);
  const page = browser.pages()[0];
  await page.goto(`${server}/crm/?room=lips-app&action=enterRoom&template=1v1`, { waitUntil: 'networkidle' });
  await page.getByTestId('call').click();
  await answerConsent('always');
  await page.locator('[data-phase="open"]').waitFor({ timeout: 30000 });
  await page.goto('about:blank');
  const window = await until("the room's window", () => windows('– Beckon$')[0]);
  return {
    window,
    end: async () => {
      await endApp();
      // Not before: the app was started by the browser, and would be ended with it.
      await browser.close();
      await other.end();
    },
  };
}

/** Chromium in its room, on the guest page. */
async function theirs() {
  const other = await peer('lips-chromium', '640x360');
  const browser = await openBrowser('theirs');
  await browser.addInitScript(() => localStorage.setItem('name', 'Bench'));
  const page = browser.pages()[0];
  await page.goto(`${server}/join/lips-chromium`, { waitUntil: 'commit' });
  await page.getByTestId('join').click();
  const window = await until("Chromium's window", () => windows('Chromium$')[0]);
  return {
    window,
    end: async () => {
      await browser.close();
      await other.end();
    },
  };
}

/** Hands the beginning of each beep that leaves the loudspeaker to `take`, UNIX time in ms. Returns what ends it. */
function listen(take) {
  const child = spawn(process.env.BECKON_BEEPS, ['speaker.monitor'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop();
    lines.forEach((line) => take(Number(line)));
  });
  return () => child.kill();
}

/** Sound minus picture in ms, of each second of the minutes that follow: { minute, ms }. */
async function attend(name, window) {
  resize(window, 1280, 840);
  move(window, 100, 60);
  // The window may still be on its way to its place and size.
  let before;
  const rests = async () => {
    const found = findPicture(pixels());
    const still = found && JSON.stringify(found) === JSON.stringify(before);
    before = found;
    if (!still) await pause(500);
    return still && found;
  };
  const rect = await until("the peer's picture, at rest", rests, 30000);
  const claps = new Map();
  const second = (number) => claps.get(number) ?? claps.set(number, {}).get(number);
  const stopFrames = frames(rect, (captured, seen) => {
    // The first of a second may say that it is some microseconds older.
    const since = captured + 1;
    if (since % 1000 < CLAP) second(Math.floor(since / 1000)).seen ??= seen;
  });
  const stopBeeps = listen((heard) => (second(Math.floor(heard / 1000)).heard ??= heard));
  await pause(SETTLES);
  const begun = Date.now();
  await pause(minutes * 60000);
  await stopFrames();
  stopBeeps();
  screenshot(path.join(out, `${name}.png`));
  return [...claps.entries()]
    .map(([number, { seen, heard }]) => ({ minute: Math.floor((number * 1000 - begun) / 60000), ms: heard - seen }))
    .filter(({ minute, ms }) => minute >= 0 && minute < minutes && Math.abs(ms) <= FURTHEST);
}

const told = {};
for (const [name, open] of Object.entries({ app: ours, chromium: theirs })) {
  if (only && only !== name) continue;
  const { window, end } = await open();
  told[name] = await attend(name, window);
  await end();
}
fs.writeFileSync(path.join(out, 'lips.json'), `${JSON.stringify(told, null, 1)}\n`);

/** How many, from the least to the greatest, and how many of a hundred are within ±40 ms. */
const spread = (offsets) => {
  const ms = offsets.map((one) => one.ms);
  const within = (100 * ms.filter((one) => Math.abs(one) <= 40).length) / Math.max(1, ms.length);
  return `${ms.length} | ${[0, 5, 50, 95, 100].map((p) => percentile(ms, p).toFixed(0)).join(', ')} | ${within.toFixed(1)}`;
};
const row = (what, of) =>
  console.log(
    `| ${what} | ${Object.values(told)
      .map((all) => spread(all.filter(of)))
      .join(' | ')} |`,
  );
const head = (name) => `${name}: seconds | least, p5, p50, p95, most | within ±40 ms, %`;
console.log(
  `\n| sound minus picture, ms | ${Object.keys(told).map(head).join(' | ')} |\n|---${'|---|---|---'.repeat(Object.keys(told).length)}|`,
);
for (let minute = 0; minute < minutes; minute += 1) row(`minute ${minute + 1}`, (one) => one.minute === minute);
row('all', () => true);
