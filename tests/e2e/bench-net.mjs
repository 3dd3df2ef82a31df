// Bad networks: our client and Chromium with livekit-client receive the same pictures and sound at the same time, each
// behind a bad network of its own of the same kind, made by the same relay; then both send through it to a third.
/* global LivekitClient -- in the page */
import { execFileSync, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import readline from 'node:readline';

import { chromium } from 'playwright-core';

import { percentile } from './lib/glass.mjs';
import { library, token } from './lib/livekit.mjs';
import { pause } from './lib/pause.mjs';
import { out, programs, until } from './lib/walk.mjs';

const only = (process.env.BECKON_ONLY ?? '').split(',').filter(Boolean);
/** How often each case runs; of its figures the median counts. */
const turns = Number(process.env.BECKON_TURNS ?? 1);
const children = [];

// Both send a voice: Opus protects that against loss, but no tone.
const voice = path.join(out, 'voice.wav');
execFileSync('espeak-ng', [
  '-v',
  'en-gb',
  '-s',
  '155',
  '-w',
  voice,
  'The network between us is not what it should be, and still every word of this is to be understood. ' +
    'Please write down the number of the order, and read it back to me; then we go through the list once more. ',
]);

/** A child whose lines of output go to `line`. */
function start(name, args, line, env = {}) {
  const child = spawn(path.join(programs, name), args, { env: { ...process.env, ...env } });
  child.stderr.pipe(fs.createWriteStream(path.join(out, `${name}-${children.length}.log`)));
  readline.createInterface({ input: child.stdout }).on('line', line);
  children.push(child);
  return child;
}

async function freeUdp() {
  const socket = dgram.createSocket('udp4');
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

async function freeTcp() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The relay, and a server whose media clients reach through it. */
async function network() {
  const [media, http, tcp] = [await freeUdp(), await freeTcp(), await freeTcp()];
  let announced;
  const answers = [];
  const relay = start('impair', ['--to', `127.0.0.1:${media}`], (line) => {
    if (line.startsWith('listening ')) announced = line.split(':').at(-1);
    else answers.shift()?.(JSON.parse(line));
  });
  await until('the relay', () => announced);
  const say = (command) =>
    new Promise((resolve, reject) => {
      answers.push((answer) => (answer.error ? reject(new Error(answer.error)) : resolve(answer)));
      relay.stdin.write(`${command}\n`);
    });
  start(
    'beckond',
    [
      ...['--dev', '--listen', `127.0.0.1:${http}`, '--data', path.join(out, 'data')],
      ...['--media-udp', String(media), '--media-tcp', String(tcp)],
    ],
    () => {},
    { BECKON_MEDIA__ANNOUNCE_UDP_PORT: announced },
  );
  await until('the server', async () => (await fetch(`http://127.0.0.1:${http}/healthz`)).ok);
  return { say, url: `http://127.0.0.1:${http}` };
}

/** One of ours in a room; what it sees and hears gathers in `events`. */
function ours(server, room, user, sends) {
  const events = [];
  let over = false;
  const child = start(
    'beckon-cli',
    [
      ...['join', '--url', server.url, '--token', token(room, user), '--for', '0s', '--trace', '--report', 'none'],
      ...['--camera', sends ? 'testcard' : 'none', '--microphone', sends ? `file:${voice}` : 'none'],
      ...['--size', '1280x720', '--fps', '30', '--bitrate', '1500000'],
      // The last line of one that is told to end may be cut.
    ],
    (line) => over || events.push(JSON.parse(line)),
  );
  const stop = async () => {
    over = true;
    child.kill('SIGINT');
  };
  return { events: async () => events.splice(0), stop };
}

/** What runs in the page: joins, and notes every picture shown and the counters of the sound. */
async function inPage({ url, token, sends, voice }) {
  const { Room, RoomEvent, VideoPresets, LocalVideoTrack, LocalAudioTrack, Track } = LivekitClient;
  const room = new Room({ adaptiveStream: false, dynacast: true });
  window.room = room;
  window.noted = [];
  const unix = (at) => performance.timeOrigin + at;
  const crc = (bytes) =>
    bytes.reduce((crc, byte) => {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
      return crc;
    }, 0xffff);
  const bytesOf = (word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff);
  /** What the painter does: a card with the bar code, at 30 pictures a second, over a picture that moves; I420. */
  function paint({ data: writable }) {
    const [width, height, rate] = [1280, 720, 30];
    const writer = writable.getWriter();
    const background = new Uint8Array((width * height * 3) / 2);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) background[y * width + x] = 60 + ((x + y) * 90) / (width + height);
    }
    background.fill(135, width * height, (width * height * 5) / 4);
    background.fill(120, (width * height * 5) / 4);
    const data = new Uint8Array(background.length);
    /** Fills a rectangle whose sides are even. */
    function fill(x, y, wide, high, [luma, blue, red]) {
      for (let row = y; row < y + high; row += 1)
        data.fill(luma, row * width + x, row * width + Math.min(width, x + wide));
      [
        [width * height, blue],
        [(width * height * 5) / 4, red],
      ].forEach(([plane, chroma]) => {
        for (let row = y / 2; row < (y + high) / 2; row += 1) {
          data.fill(chroma, plane + (row * width + x) / 2, plane + (row * width + Math.min(width, x + wide)) / 2);
        }
      });
    }
    let frame = 0;
    setInterval(() => {
      frame += 1;
      const time = Math.round((performance.timeOrigin + performance.now()) * 10);
      data.set(background);
      for (let n = 0; n < 12; n += 1) {
        const [sin, cos] = [Math.sin((n * Math.PI) / 6), Math.cos((n * Math.PI) / 6)];
        fill(((frame * (n + 2) + n * 100) % width) & ~1, 160 + n * 40, 160, 34, [130, 128 + 60 * cos, 128 + 60 * sin]);
      }
      fill(0, 0, width, 150, [16, 128, 128]);
      const first = 0xb2000000 + (frame & 0xffffff);
      const [high, low] = [Math.floor(time / 65536) >>> 0, time % 65536];
      const sum = crc([...bytesOf(first), ...bytesOf(high), low >> 8, low & 0xff]);
      [first, high, low * 65536 + sum].forEach((word, row) => {
        for (let cell = 0; cell < 32; cell += 1) {
          if ((Math.floor(word / 2 ** (31 - cell)) & 1) === 0) continue;
          const [from, to] = [cell, cell + 1].map((edge) => Math.round((40 + 37.5 * edge) / 2) * 2);
          fill(from, 30 * (row + 1), to - from, 30, [235, 128, 128]);
        }
      });
      const picture = new VideoFrame(data, {
        format: 'I420',
        codedWidth: width,
        codedHeight: height,
        timestamp: Math.round(performance.now() * 1000),
      });
      writer.write(picture).catch(() => picture.close());
    }, 1000 / rate);
  }
  const strip = new OffscreenCanvas(256, 24);
  const reader = strip.getContext('2d', { willReadFrequently: true });
  /** The bar code's frame and time, off the upper eighth of the picture (crates/media/src/barcode.rs). */
  function code(video) {
    reader.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 6, 0, 0, 256, 24);
    const { data } = reader.getImageData(0, 0, 256, 24);
    const words = [0, 1, 2].map((row) => {
      let word = 0;
      for (let cell = 0; cell < 32; cell += 1) {
        const x = Math.round(8 + 7.5 * (cell + 0.5));
        word = word * 2 + (data[(Math.round(6 * (row + 1.5) - 0.5) * 256 + x) * 4 + 1] >= 128 ? 1 : 0);
      }
      return word;
    });
    const [first, high, last] = words;
    const bytes = [...bytesOf(first), ...bytesOf(high), (last >>> 24) & 0xff, (last >>> 16) & 0xff];
    if (first >>> 24 !== 0xb2 || crc(bytes) !== (last & 0xffff)) return null;
    return { frame: first & 0xffffff, unixMs: (high * 65536 + (last >>> 16)) / 10 };
  }
  room.on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
    const element = track.attach();
    document.body.append(element);
    if (track.kind !== 'video') return;
    const shown = (at) => {
      const read = code(element);
      window.noted.push({
        kind: 'picture',
        user: participant.identity,
        at: unix(at),
        width: element.videoWidth,
        frame: read?.frame ?? null,
        delay: read ? unix(at) - read.unixMs : null,
      });
      element.requestVideoFrameCallback(shown);
    };
    element.requestVideoFrameCallback(shown);
  });
  setInterval(async () => {
    for (const participant of room.remoteParticipants.values()) {
      for (const { track } of participant.audioTrackPublications.values()) {
        const stats = await track?.receiver?.getStats();
        for (const s of stats?.values() ?? []) {
          if (s.type !== 'inbound-rtp') continue;
          window.noted.push({
            kind: 'sound',
            user: participant.identity,
            at: unix(performance.now()),
            pieces: s.totalSamplesReceived / 480,
            madeUp: s.concealedSamples / 480,
          });
        }
      }
    }
    const pair = [...((await room.engine?.pcManager?.subscriber?.getStats()) ?? new Map()).values()];
    const chosen = pair.find((s) => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded');
    const local = pair.find((s) => s.id === chosen?.localCandidateId);
    window.noted.push({
      kind: 'link',
      at: unix(performance.now()),
      transport: local?.protocol ?? '',
      phase: room.state,
    });
  }, 100);
  await room.connect(url, token);
  if (!sends) return;
  // Painted by a thread of its own, as a camera's pictures are: a canvas of the page's would take more time than to send them.
  const generator = new MediaStreamTrackGenerator({ kind: 'video' });
  const painter = new Worker(
    URL.createObjectURL(new Blob([`const crc = ${crc}; const bytesOf = ${bytesOf}; onmessage = (${paint});`])),
  );
  const { writable } = generator;
  painter.postMessage(writable, [writable]);
  const audio = new AudioContext();
  const into = audio.createMediaStreamDestination();
  const wav = Uint8Array.from(atob(voice), (c) => c.charCodeAt(0));
  const speech = new AudioBufferSourceNode(audio, { buffer: await audio.decodeAudioData(wav.buffer), loop: true });
  speech.connect(into);
  speech.start();
  await room.localParticipant.publishTrack(new LocalVideoTrack(generator, undefined, true), {
    source: Track.Source.Camera,
    videoCodec: 'h264',
    simulcast: true,
    videoEncoding: { maxBitrate: 1_500_000, maxFramerate: 30 },
    videoSimulcastLayers: [VideoPresets.h180, VideoPresets.h360],
  });
  const [sound] = into.stream.getAudioTracks();
  await room.localParticipant.publishTrack(new LocalAudioTrack(sound, undefined, true), {
    source: Track.Source.Microphone,
  });
}

/** Chromium in a room. */
async function theirs(browser, server, room, user, sends) {
  const page = await browser.newPage({ bypassCSP: true });
  page.on('pageerror', (error) => console.error(`  Chromium: ${error.message}`));
  // A page that really comes from the server: Chromium lets one made up by the test speak to no port of this machine.
  await page.goto(`${server.url}/healthz`);
  await page.addScriptTag({ content: library });
  const joined = page.evaluate(inPage, {
    url: server.url.replace('http', 'ws'),
    token: token(room, user),
    sends,
    voice: fs.readFileSync(voice, 'base64'),
  });
  return {
    joined,
    events: () => page.evaluate(() => window.noted.splice(0)),
    stop: async () => {
      await page.evaluate(() => window.room.disconnect()).catch(() => {});
      await page.close();
    },
  };
}

/** Figures of one receiver in a span of time (UNIX ms), of what `user` sends. */
function figures(events, user, from, to) {
  const within = events.filter((e) => e.at >= from && e.at <= to && e.user === user);
  const pictures = within.filter((e) => e.kind === 'picture');
  // A picture counts when it is another one than before.
  const times = pictures
    .filter((e, n) => n === 0 || e.frame === null || e.frame !== pictures[n - 1].frame)
    .map((e) => e.at);
  const gaps = [from, ...times, to].slice(1).map((at, n) => at - [from, ...times][n]);
  const freezes = gaps.filter((gap) => gap >= 200);
  const delays = pictures.map((e) => e.delay).filter((d) => d !== null);
  // How old what is on the screen is, looked at a hundred times a second: who leaves out late pictures shows the one before longer.
  const coded = events.filter((e) => e.kind === 'picture' && e.user === user && e.at <= to && e.delay !== null);
  const ages = [];
  for (let at = from, n = -1; at < to; at += 10) {
    while (n + 1 < coded.length && coded[n + 1].at <= at) n += 1;
    if (n >= 0) ages.push(at - coded[n].at + coded[n].delay);
  }
  const sound = within.filter((e) => e.kind === 'sound');
  const pieces = sound.length > 1 ? sound.at(-1).pieces - sound[0].pieces : 0;
  const madeUp = sound.length > 1 ? sound.at(-1).madeUp - sound[0].madeUp : 0;
  // A hole: looks (ten a second) one after the other between which nearly all the sound was made up, or nothing was played at all.
  let [hole, longestHole] = [0, 0];
  for (let n = 1; n < sound.length; n += 1) {
    const real = sound[n].pieces - sound[n - 1].pieces - (sound[n].madeUp - sound[n - 1].madeUp);
    const whole = (sound[n].at - sound[n - 1].at) / 10;
    hole = real < whole / 5 ? hole + sound[n].at - sound[n - 1].at : 0;
    longestHole = Math.max(longestHole, hole);
  }
  return {
    shown: times.length,
    freezes: freezes.length,
    frozen_ms: Math.round(freezes.reduce((a, b) => a + b, 0)),
    longest_ms: Math.round(Math.max(...gaps)),
    p50_ms: delays.length ? Math.round(percentile(delays, 50)) : null,
    p95_ms: delays.length ? Math.round(percentile(delays, 95)) : null,
    age_p50_ms: ages.length ? Math.round(percentile(ages, 50)) : null,
    age_p95_ms: ages.length ? Math.round(percentile(ages, 95)) : null,
    hole_ms: sound.length > 1 ? Math.round(longestHole) : null,
    made_up_percent: pieces > 0 ? Math.round((madeUp / pieces) * 1000) / 10 : null,
    width: pictures.at(-1)?.width ?? 0,
  };
}

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
const browser = await chromium.launch({
  executablePath: process.env.BECKON_CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: [
    '--no-sandbox',
    '--autoplay-policy=no-user-gesture-required',
    '--disable-background-timer-throttling',
    '--disable-renderer-backgrounding',
    '--disable-backgrounding-occluded-windows',
  ],
});

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
  for (const child of children) child.kill('SIGTERM');
  fs.writeFileSync(path.join(out, 'net.json'), `${JSON.stringify(rows, null, 2)}\n`);
}
/** The middle one of several runs, figure by figure. */
function middle(runs) {
  return Object.fromEntries(
    Object.keys(runs[0]).map((figure) => {
      const values = runs.map((run) => run[figure]).filter((value) => value !== null);
      return [figure, values.length > 0 ? percentile(values, 50) : null];
    }),
  );
}
const cell = ({
  shown,
  freezes,
  frozen_ms,
  longest_ms,
  later_ms,
  p50_ms,
  p95_ms,
  age_p50_ms,
  age_p95_ms,
  made_up_percent,
  hole_ms,
}) =>
  [
    shown,
    `${freezes} / ${frozen_ms}`,
    `${longest_ms} / ${later_ms}`,
    `${p50_ms ?? '–'} / ${p95_ms ?? '–'}`,
    `${age_p50_ms ?? '–'} / ${age_p95_ms ?? '–'}`,
    `${made_up_percent ?? '–'} / ${hole_ms ?? '–'}`,
  ].join(' | ');
/** In how many cases ours is better, the same, worse. */
function verdict(compared, figure, least) {
  const signs = compared.map(({ ours, theirs }) => Math.sign(ours[figure] - theirs[figure]) * (least ? -1 : 1));
  return [1, 0, -1].map((sign) => signs.filter((of) => of === sign).length).join(' / ');
}
const measured = rows.filter((row) => row.ours.shown !== undefined);
const compared = [];
for (const name of ['down', 'up']) {
  console.log(
    `\n${name}:\n\n| case | shown | freezes / ms | longest, ms / 2 s after a change | delay p50 / p95, ms | age of what is seen p50 / p95, ms | sound made up, % / longest hole, ms | shown, ratio |\n|---|---|---|---|---|---|---|---|`,
  );
  for (const { name: label } of cases) {
    const runs = measured.filter((row) => row.direction === name && row.label === label);
    if (runs.length === 0) continue;
    const [a, b] = [middle(runs.map((row) => row.ours)), middle(runs.map((row) => row.theirs))];
    compared.push({ ours: a, theirs: b });
    console.log(
      `| ${label}, ours | ${cell(a)} | ${(a.shown / Math.max(1, b.shown)).toFixed(2)} |\n| ${label}, Chromium | ${cell(b)} | |`,
    );
  }
}
console.log(
  `\nOurs better / the same / worse, of ${compared.length}: shown ${verdict(compared, 'shown', false)}, ` +
    `time frozen ${verdict(compared, 'frozen_ms', true)}, age p50 ${verdict(compared, 'age_p50_ms', true)}, p95 ${verdict(compared, 'age_p95_ms', true)}`,
);
