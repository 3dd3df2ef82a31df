// A 1v1 call at 720p30, in the app and in Chromium on the guest page, with the same peer, on the same display, in turn; or, with
// a film of a face (BECKON_FACE) before the camera, in the app without and with the beauty filter.
import fs from 'node:fs';
import path from 'node:path';

import { answerConsent, endApp, processes } from './lib/app.mjs';
import { alwaysOpen, openBrowser } from './lib/browser.mjs';
import { cores, family, memory } from './lib/cost.mjs';
import { delays, findPicture, percentile, watch } from './lib/glass.mjs';
import { pause } from './lib/pause.mjs';
import { peer } from './lib/peer.mjs';
import { move, pixels, resize, screenshot, windows } from './lib/screen.mjs';
import { out, server, until } from './lib/walk.mjs';

const seconds = Number(process.env.BECKON_SECONDS ?? 20);
const runs = Number(process.env.BECKON_RUNS ?? 3);
const face = process.env.BECKON_FACE;
if (face) process.env.BECKON_CAMERA = `file:${face}`; // the app finds it in its environment
const size = { x: 100, y: 60, width: 1280, height: 840 };
const screen = { width: 1600, height: 1000 };
const unixNow = () => performance.timeOrigin + performance.now();

/** Does something and tells after how many ms the peer's picture was to be seen on the screen. */
async function timed(action) {
  const watched = watch(screen);
  await pause(400); // the grabber is at work
  const begun = unixNow();
  try {
    await action();
    // Seldom: each look, and above all a screenshot, would take the processor and the display from what is measured.
    const late = begun + 30000;
    do {
      await pause(500);
      if (unixNow() > late) throw new Error("the peer's picture is not on the screen after 30 s");
    } while (!watched.shows());
  } catch (error) {
    screenshot(path.join(out, 'failed.png'));
    await watched.end();
    throw error;
  }
  const seen = await watched.end();
  if (seen === null) throw new Error('the grabber missed the picture');
  // Beside the app's log (BECKON_LOG=debug) this is the way of a click.
  console.log(`  begun ${new Date(begun).toISOString()}, seen ${new Date(seen).toISOString()}`);
  return seen - begun;
}

async function measure(name, roots) {
  await pause(3000);
  const rect = await until("the peer's picture in its place", () => findPicture(pixels()), 10000);
  const used = await cores(roots, seconds);
  const mib = memory(family(roots));
  screenshot(path.join(out, `${name}.png`));
  const seen = await delays(rect, 8);
  return {
    cores: used.programs + used.display,
    programs: used.programs,
    display: used.display,
    memory_mib: mib,
    delay_p50_ms: percentile(seen, 50),
    delay_p95_ms: percentile(seen, 95),
    delays: seen.length,
  };
}

function fit(window) {
  resize(window, size.width, size.height);
  move(window, size.x, size.y);
}

const roomWindow = () => windows('– Beckon$')[0];
const appPids = () => new Set(processes().map(Number));

/** The demo page, ready for its click. */
async function crm(browser, room) {
  const page = browser.pages()[0];
  await page.goto(`${server}/crm/?room=${room}&action=enterRoom&template=1v1`, { waitUntil: 'networkidle' });
  return page;
}

async function click(page) {
  await page.getByTestId('call').click();
  await page.locator('[data-phase="open"]').waitFor({ timeout: 30000 });
}

async function closeRoom(page) {
  await page.getByTestId('close').click();
  await until("the room window's end", () => !roomWindow(), 10000);
}

/** A person who has used the app before: both questions, the browser's and the app's, were answered with "always". */
async function introduce() {
  const browser = await openBrowser('introduction', [], alwaysOpen);
  const other = await peer('introduction');
  const page = await crm(browser, 'introduction');
  await page.getByTestId('call').click();
  await answerConsent('always');
  await until("the room's window", roomWindow, 30000);
  await page.locator('[data-phase="open"]').waitFor({ timeout: 20000 });
  await closeRoom(page);
  await endApp();
  await browser.close();
  await other.end();
}

/**
 * The app: opened by a click on the page, first from nothing, then while it runs: by a launch, as for a page that was
 * never in a room, and without one, as for every next room. The browser shows an empty page while the costs are taken.
 */
async function ours(run) {
  const browser = await openBrowser(`ours-${run}`, [], alwaysOpen);
  const first = await peer(`ours-${run}-cold`);
  let page = await crm(browser, `ours-${run}-cold`);
  const cold = await timed(() => click(page));
  await closeRoom(page);
  await first.end();

  const second = await peer(`ours-${run}-launch`);
  page = await crm(browser, `ours-${run}-launch`);
  await page.evaluate(() => localStorage.clear());
  const launch = await timed(() => click(page));
  await closeRoom(page);
  await second.end();

  const other = await peer(`ours-${run}`);
  page = await crm(browser, `ours-${run}`);
  const warm = await timed(() => click(page));
  await page.goto('about:blank');
  fit(roomWindow());
  const pids = appPids();
  const figures = await measure(`ours-${run}`, ({ pid }) => pids.has(pid));
  await endApp();
  // Not before: the app was started by the browser, and would be ended with it.
  await browser.close();
  await other.end();
  return { ...figures, first_picture_ms: warm, first_picture_launch_ms: launch, first_picture_cold_ms: cold };
}

/** Chromium on the guest page: from nothing, then a second visit by the running browser. */
async function theirs(run) {
  const room = `theirs-${run}`;
  const other = await peer(room);
  const named = () => localStorage.setItem('name', 'Bench');
  const visit = async (page) => {
    await page.goto(`${server}/join/${room}`, { waitUntil: 'commit' });
    await page.getByTestId('join').click();
  };
  let browser;
  const cold = await timed(async () => {
    browser = await openBrowser(`theirs-${run}`, [
      `--window-size=${size.width},${size.height}`,
      `--window-position=${size.x},${size.y}`,
    ]);
    await browser.addInitScript(named);
    await visit(browser.pages()[0]);
  });
  const page = browser.pages()[0];
  await page.goto('about:blank');
  fit(await until("Chromium's window", () => windows('Chromium$')[0]));
  await pause(1500); // the peer has seen it leave
  const warm = await timed(() => visit(page));
  const figures = await measure(`theirs-${run}`, ({ name }) => name === 'chromium');
  await browser.close();
  await other.end();
  return { ...figures, first_picture_ms: warm, first_picture_launch_ms: warm, first_picture_cold_ms: cold };
}

/** The filter as the person set it: off, or at its strongest. */
function setBeauty(on) {
  const file = path.join(process.env.BECKON_PROFILE, 'settings.json');
  const settings = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
  const beauty = { on, style: 'smooth', strength: 9, whitening: 9, ruddy: 9 };
  fs.writeFileSync(file, JSON.stringify({ ...settings, beauty }));
}

/** The app with these settings; it reads them when it starts. */
async function filtered(name, on) {
  setBeauty(on);
  const browser = await openBrowser(name, [], alwaysOpen);
  const other = await peer(name);
  const page = await crm(browser, name);
  await timed(() => click(page));
  await page.goto('about:blank');
  fit(roomWindow());
  const pids = appPids();
  const figures = await measure(name, ({ pid }) => pids.has(pid));
  await endApp();
  await browser.close();
  await other.end();
  return figures;
}

const sides = face
  ? [
      ['filter off', (run) => filtered(`plain-${run}`, false)],
      ['filter on', (run) => filtered(`beauty-${run}`, true)],
    ]
  : [
      ['app', ours],
      ['Chromium', theirs],
    ];
const all = sides.map(() => []);
await introduce();
for (let run = 1; run <= runs; run += 1) {
  for (const [index, [name, side]] of sides.entries()) {
    all[index].push(await side(run));
    console.log(`  ${name.padEnd(10)}`, JSON.stringify(all[index].at(-1)));
  }
}
const named = Object.fromEntries(sides.map(([name], index) => [name, all[index]]));
fs.writeFileSync(path.join(out, 'call.json'), `${JSON.stringify(named, null, 2)}\n`);

/** Median, and from the least to the greatest where there are several. */
const told = (values, digits) => {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const range = values.length > 1 ? ` (${low.toFixed(digits)}–${high.toFixed(digits)})` : '';
  return `${percentile(values, 50).toFixed(digits)}${range}`;
};
console.log(`\n| figure | ${sides.map(([name]) => name).join(' | ')} | ratio of medians |\n|---|---|---|---|`);
for (const [label, field, digits] of [
  ["CPU, cores (with the display's share)", 'cores', 3],
  ['of it the display', 'display', 3],
  ['memory, MiB PSS', 'memory_mib', 0],
  ['capture to screen p50, ms', 'delay_p50_ms', 1],
  ['capture to screen p95, ms', 'delay_p95_ms', 1],
  ['click or navigation to first remote picture, program running, ms', 'first_picture_ms', 0],
  ['the same, the app launched by the browser, ms', 'first_picture_launch_ms', 0],
  ['the same, program not running, ms', 'first_picture_cold_ms', 0],
]) {
  if (!(field in all[0][0])) continue;
  const [a, b] = all.map((list) => list.map((figures) => figures[field]));
  console.log(
    `| ${label} | ${told(a, digits)} | ${told(b, digits)} | ${(percentile(a, 50) / percentile(b, 50)).toFixed(2)} |`,
  );
}
