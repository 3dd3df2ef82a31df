// Bad networks: our client and Chromium with livekit-client receive the same pictures and sound at the same time, each
// behind a bad network of its own of the same kind, made by the same relay; then both send through it to a third.
import fs from 'node:fs';
import path from 'node:path';

import { pause } from './lib/pause.mjs';
import { out, until } from './lib/walk.mjs';
import { openChromium, theirs } from './net/chromium.mjs';
import { figures } from './net/figures.mjs';
import { endAll, network } from './net/network.mjs';
import { ours } from './net/ours.mjs';
import { print } from './net/table.mjs';

const only = (process.env.BECKON_ONLY ?? '').split(',').filter(Boolean);
/** How often each case runs; of its figures the median counts. */
const turns = Number(process.env.BECKON_TURNS ?? 1);

/** The cases: what happens to the network, step by step (seconds, then what the relay is told). */
const cases = [
  ...[0, 2, 5, 10, 20].map((share) => ({
    name: `${share} % loss`,
    steps: [[10, `set G delay=20 loss=${share / 100}`]],
  })),
  { name: '5 % loss in bursts of four', steps: [[10, 'set G delay=20 loss=0.05 burst=4']] },
  { name: 'jitter of 30 ms', steps: [[10, 'set G delay=50 jitter=30']] },
  { name: 'reordered and doubled', steps: [[10, 'set G delay=30 jitter=10 reorder=0.05 duplicate=0.05']] },
  ...[30, 100, 300].map((ms) => ({ name: `${ms} ms`, steps: [[8, `set G delay=${ms}`]] })),
  {
    name: '3 → 0.3 → 3 Mbit/s',
    steps: [
      [6, 'set G rate=3000000'],
      [14, 'set G rate=300000'],
      [14, 'set G rate=3000000'],
    ],
  },
  {
    name: '5 s black-out',
    steps: [
      [5, 'set G blackout'],
      [10, 'set G'],
    ],
  },
  { name: 'address change', steps: [[6, 'rebind G']] },
];
/** Whether a case is asked for: by its direction, its name, or parts of them. */
const wanted = (name) => only.length === 0 || only.some((part) => name.includes(part));

const rows = [];
const server = await network();
const browser = await openChromium();

/** Joins both, waits until both see what they are to see, and runs the cases. */
async function direction(name, up) {
  const chosen = cases.filter((one) => wanted(`${name} ${one.name}`));
  if (chosen.length === 0) return;
  const room = `net-${name}`;
  const gather = async (who, into) => into.push(...(await who.events()));
  const [seenByOurs, seenByTheirs, seenByAnn] = [[], [], []];
  await server.say('next ann');
  const ann = ours(server, room, 'ann', !up);
  await pause(2500);
  await server.say('next ours');
  const bob = ours(server, room, 'ours', up);
  await pause(2500);
  await server.say('next theirs');
  const cat = await theirs(browser, server, room, 'theirs', up);
  await cat.joined;
  const all = async () => {
    await gather(ann, seenByAnn);
    await gather(bob, seenByOurs);
    await gather(cat, seenByTheirs);
  };
  const lists = up
    ? [
        [seenByAnn, 'ours'],
        [seenByAnn, 'theirs'],
      ]
    : [
        [seenByOurs, 'ann'],
        [seenByTheirs, 'ann'],
      ];
  await until(
    `pictures ${name}`,
    async () => {
      await all();
      return lists.every(
        ([list, user]) => list.filter((e) => e.kind === 'picture' && e.user === user && e.frame !== null).length > 30,
      );
    },
    30000,
  );
  for (const { name: label, steps } of Array.from({ length: turns }, () => chosen).flat()) {
    for (const group of ['ours', 'theirs']) await server.say(`set ${group}`);
    await pause(6000);
    const begun = Date.now();
    const changes = [];
    for (const [seconds, command] of steps) {
      changes.push(Date.now());
      for (const group of ['ours', 'theirs']) await server.say(command.replace('G', group));
      await pause(seconds * 1000);
    }
    const ended = Date.now();
    await all();
    const row = { direction: name, label, begun, ended };
    [row.ours, row.theirs] = lists.map(([list, user]) => ({
      ...figures(list, user, begun, ended),
      // Two seconds to find out about a change; then it should be over.
      later_ms: Math.max(...changes.map((at, n) => figures(list, user, at + 2000, changes[n + 1] ?? ended).longest_ms)),
    }));
    rows.push(row);
    console.log(
      `  ${name} ${label}\n    ours     ${JSON.stringify(row.ours)}\n    Chromium ${JSON.stringify(row.theirs)}`,
    );
  }
  // All that was seen, for whoever wants to know why.
  for (const [who, list] of [
    ['ann', seenByAnn],
    ['ours', seenByOurs],
    ['theirs', seenByTheirs],
  ]) {
    fs.writeFileSync(path.join(out, `${name}-${who}.jsonl`), list.map((e) => `${JSON.stringify(e)}\n`).join(''));
  }
  for (const who of [bob, cat, ann]) await who.stop();
  await pause(1000);
}

/** No UDP passes at all: from joining to the first picture. */
async function blocked() {
  if (!wanted('UDP blocked')) return;
  const room = 'net-blocked';
  await server.say('next ann');
  const ann = ours(server, room, 'ann', true);
  await pause(3000);
  const first = async (who, begun) => {
    const seen = [];
    return until(
      'pictures over TCP',
      async () => {
        seen.push(...(await who.events()));
        const picture = seen.find((e) => e.kind === 'picture' && e.user === 'ann');
        return picture && Math.round(picture.at - begun);
      },
      40000,
    );
  };
  for (const group of ['blocked-ours', 'blocked-theirs']) await server.say(`set ${group} blackout`);
  await server.say('next blocked-ours');
  const begunOurs = Date.now();
  const bob = ours(server, room, 'ours', false);
  const mine = await first(bob, begunOurs);
  await server.say('next blocked-theirs');
  const begunTheirs = Date.now();
  const cat = await theirs(browser, server, room, 'theirs', false);
  const other = await first(cat, begunTheirs).catch(() => null);
  console.log(`  UDP blocked, joining to first picture: ours ${mine} ms, Chromium ${other ?? 'never'} ms`);
  rows.push({ direction: 'down', label: 'UDP blocked', ours: { first_ms: mine }, theirs: { first_ms: other } });
  for (const who of [bob, cat, ann]) await who.stop();
}

try {
  await direction('down', false);
  await direction('up', true);
  await blocked();
} finally {
  await browser.close();
  endAll();
  fs.writeFileSync(path.join(out, 'net.json'), `${JSON.stringify(rows, null, 2)}\n`);
}
print(rows, cases);
