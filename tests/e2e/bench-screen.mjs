// How old a shared screen is when a viewer sees it: our client and Chromium with livekit-client share the same display in
// turn, over the same server, to the same kind of viewer.
/* global LivekitClient -- in the page */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

import { chromium } from 'playwright-core';

import { cores } from './lib/cost.mjs';
import { percentile } from './lib/glass.mjs';
import { library, token } from './lib/livekit.mjs';
import { pause } from './lib/pause.mjs';
import { screenshot } from './lib/screen.mjs';
import { out, programs, server, until } from './lib/walk.mjs';

const seconds = Number(process.env.BECKON_SECONDS ?? 10);
const runs = Number(process.env.BECKON_RUNS ?? 3);
/** What both may send at most, bit/s: what ours takes for text of this size. */
const BITRATE = 3_500_000;
const FPS = 30;
/** From the first picture until a coder, its bandwidth and the viewer's buffer have settled, s. */
const SETTLE = 6;

const children = new Set();
process.once('exit', () => children.forEach((child) => child.kill()));

function start(name, program, args) {
  const child = spawn(program, args);
  child.stderr.pipe(fs.createWriteStream(path.join(out, `${name}.log`)));
  children.add(child);
  child.once('exit', () => children.delete(child));
  return {
    child,
    end: async () => {
      child.kill('SIGINT');
      await until(`the end of ${name}`, () => child.exitCode !== null || child.signalCode !== null, 10000);
    },
  };
}

const join = (room, user) => [
  'join',
  '--url',
  server,
  '--token',
  token(room, user),
  '--for',
  '0s',
  '--report',
  'none',
  '--camera',
  'none',
  '--microphone',
  'none',
];

/** Watches the room; pictures of the shared screen gather in `pictures`. */
function viewer(room) {
  const { child, end } = start(`viewer-${room}`, path.join(programs, 'beckon-cli'), [
    ...join(room, 'viewer'),
    '--trace',
  ]);
  const pictures = [];
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line);
    if (event.kind === 'picture' && event.source === 'screen') pictures.push(event);
  });
  return { pictures, end, pid: child.pid };
}

async function ours(room) {
  const { child, end } = start(`sharer-${room}`, path.join(programs, 'beckon-cli'), [
    ...join(room, 'sharer'),
    '--screen',
    'monitor',
  ]);
  child.stdout.resume();
  return { roots: ({ pid }) => pid === child.pid, end };
}

async function theirs(room) {
  const browser = await chromium.launch({
    executablePath: process.env.BECKON_CHROMIUM ?? '/usr/bin/chromium',
    headless: false,
    args: [
      ...[
        '--no-sandbox',
        '--test-type',
        '--no-first-run',
        '--disable-background-timer-throttling',
        '--disable-renderer-backgrounding',
      ],
      // The window lies under what is shared.
      '--disable-backgrounding-occluded-windows',
      '--auto-select-desktop-capture-source=Entire screen',
    ],
  });
  const page = await browser.newPage({ bypassCSP: true });
  page.on('pageerror', (error) => console.error(`  Chromium: ${error.message}`));
  // A page that really comes from the server: Chromium lets one made up by the test speak to no port of this machine.
  await page.goto(`${server}/healthz`);
  await page.addScriptTag({ content: library });
  const shared = await page.evaluate(
    async ({ url, access, bitrate, fps }) => {
      const room = new LivekitClient.Room({ adaptiveStream: false, dynacast: true });
      window.room = room;
      await room.connect(url, access);
      const publication = await room.localParticipant.setScreenShareEnabled(
        true,
        { audio: false, resolution: { width: 1920, height: 1080, frameRate: fps } },
        { videoCodec: 'h264', screenShareEncoding: { maxBitrate: bitrate, maxFramerate: fps } },
      );
      return publication.track.mediaStreamTrack.getSettings();
    },
    { url: server.replace('http', 'ws'), access: token(room, 'sharer'), bitrate: BITRATE, fps: FPS },
  );
  if (shared.displaySurface !== 'monitor') throw new Error(`Chromium shares a ${shared.displaySurface}`);
  return { roots: ({ name }) => name === 'chromium', end: () => browser.close() };
}

/** One share: what its viewer saw, and what it cost. */
async function measure(name, share, how) {
  const seen = viewer(name);
  const sharer = await share(name);
  // Last, so that it lies above everything else.
  const painter = start(`painter-${name}`, process.env.BECKON_PAINTER, ['code', how, '600']);
  painter.child.stdout.resume();
  try {
    await until('the screen at its viewer', () => seen.pictures.some(({ frame }) => frame !== null), 30000);
    await pause(SETTLE * 1000);
    seen.pictures.length = 0;
    const costs = [sharer.roots, ({ pid }) => pid === seen.pid].map((roots) => cores(roots, seconds));
    const [own, other] = await Promise.all(costs);
    const pictures = seen.pictures.filter(({ frame }, n, all) => frame !== null && frame !== all[n - 1]?.frame);
    screenshot(path.join(out, `${name}.png`));
    // All that was seen, for whoever wants to know why.
    fs.writeFileSync(path.join(out, `${name}.jsonl`), seen.pictures.map((e) => `${JSON.stringify(e)}\n`).join(''));
    const delays = pictures.map(({ delay }) => delay);
    return {
      p50_ms: percentile(delays, 50),
      p95_ms: percentile(delays, 95),
      fps: pictures.length / seconds,
      unread: seen.pictures.filter(({ frame }) => frame === null).length,
      width: seen.pictures.at(-1)?.width ?? 0,
      cores: own.programs,
      viewer_cores: other.programs,
      display_cores: own.display,
    };
  } catch (error) {
    screenshot(path.join(out, 'failed.png'));
    throw error;
  } finally {
    painter.child.kill();
    await sharer.end();
    await seen.end();
  }
}

const sides = [
  ['ours', ours],
  ['Chromium', theirs],
];
const rows = [];
for (const [how, what] of [
  ['still', 'a bar code that changes above text that stands still'],
  ['scroll', 'a bar code above text that scrolls'],
]) {
  const all = sides.map(() => []);
  for (let run = 1; run <= runs; run += 1) {
    for (const [index, [name, share]] of sides.entries()) {
      all[index].push(await measure(`${how}-${name}-${run}`, share, how));
      console.log(`  ${how} ${name.padEnd(9)}`, JSON.stringify(all[index].at(-1)));
    }
  }
  rows.push({ what, all });
}
fs.writeFileSync(path.join(out, 'screen.json'), `${JSON.stringify(rows, null, 2)}\n`);
for (const { what, all } of rows) {
  console.log(`\n1920×1080, ${what}, at most ${BITRATE / 1e6} Mbit/s and ${FPS} a second:\n`);
  console.log(`| figure | ${sides.map(([name]) => name).join(' | ')} | ratio of medians |\n|---|---|---|---|`);
  for (const [label, field, digits] of [
    ['drawn to seen p50, ms', 'p50_ms', 1],
    ['drawn to seen p95, ms', 'p95_ms', 1],
    ['pictures a second at the viewer', 'fps', 1],
    ['width of the last picture', 'width', 0],
    ['CPU of who shares, cores', 'cores', 3],
    ['CPU of who watches, cores', 'viewer_cores', 3],
    ['CPU of the display, cores', 'display_cores', 3],
  ]) {
    const [a, b] = all.map((list) =>
      percentile(
        list.map((figures) => figures[field]),
        50,
      ),
    );
    console.log(`| ${label} | ${a.toFixed(digits)} | ${b.toFixed(digits)} | ${(a / b).toFixed(2)} |`);
  }
}
