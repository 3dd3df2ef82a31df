// Capture to glass: reads the test card's bar code off the screen, many times a second.
import { spawn } from 'node:child_process';

import { readBarcode } from './barcode.mjs';
import { pause } from './pause.mjs';

/** Finds the picture with a bar code on a screenshot by the sync pattern of its first row: { x, y, width, height }. */
export function findPicture(image) {
  const bright = (x, y) =>
    (image.gray ? image.data[y * image.width + x] : image.data[(y * image.width + x) * 4 + 1]) >= 128;
  for (let y = 0; y < image.height; y += 2) {
    const runs = [];
    for (let x = 0, begin = 0; x <= image.width; x += 1) {
      if (x === image.width || bright(x, y) !== bright(begin, y)) {
        runs.push({ begin, length: x - begin, white: bright(begin, y) });
        begin = x;
      }
    }
    // 0xB2 is 1 0 1 1 0 0 1 0: white 1, black 1, white 2, black 2, white 1 cells.
    for (let at = 0; at + 5 < runs.length; at += 1) {
      const lengths = runs.slice(at, at + 5).map(({ length }) => length);
      const cell = lengths.reduce((a, b) => a + b, 0) / 7;
      const fits = [1, 1, 2, 2, 1].every(
        (cells, index) => Math.abs(lengths[index] - cells * cell) < Math.max(1.5, cell * 0.2),
      );
      if (!runs[at].white || cell < 5 || !fits) continue;
      const width = (cell * 32 * 32) / 30;
      const height = (width * 9) / 16;
      for (const wider of [0, -1, 1, -2, 2, -4, 4]) {
        const rect = {
          x: runs[at].begin - (width + wider) / 32,
          width: width + wider,
          height: ((width + wider) * 9) / 16,
        };
        for (let up = 0; up < height / 12; up += 1) {
          const found = readBarcode(image, { ...rect, y: y - height / 24 - up });
          if (found && !found.mirrored) return { ...rect, y: y - height / 24 - up };
        }
      }
    }
  }
  return null;
}

/**
 * Grabs a part of the screen `rate` times a second until stopped and hands each picture, one byte per pixel, to `take`
 * with the UNIX time in ms at which it reached us, and whether another one waits already.
 */
function grab({ x, y, width, height }, rate, shrink, take) {
  const child = spawn('ffmpeg', [
    ...['-nostdin', '-loglevel', 'error', '-f', 'x11grab', '-framerate', String(rate), '-draw_mouse', '0'],
    ...['-video_size', `${width}x${height}`, '-i', `${process.env.DISPLAY}+${x},${y}`],
    ...(shrink > 1 ? ['-vf', `scale=${width / shrink}:${height / shrink}:flags=neighbor`] : []),
    ...['-vsync', 'passthrough', '-pix_fmt', 'gray', '-f', 'rawvideo', '-flush_packets', '1', 'pipe:1'],
  ]);
  child.stderr.resume();
  const size = (width / shrink) * (height / shrink);
  let rest = [];
  let length = 0;
  child.stdout.on('data', (chunk) => {
    const now = performance.timeOrigin + performance.now();
    rest.push(chunk);
    length += chunk.length;
    if (length < size) return;
    let all = Buffer.concat(rest);
    while (all.length >= size) {
      const data = all.subarray(0, size);
      all = all.subarray(size);
      take({ width: width / shrink, height: height / shrink, data, gray: true }, now, all.length >= size);
    }
    [rest, length] = [[all], all.length];
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return async () => {
    child.kill();
    await ended;
  };
}

/**
 * Watches the bar code of the picture at `rect` of the screen from now on and hands each new one to `take`: when its picture was
 * captured, and when the grabbed screen reached us, which is later than it was drawn; both UNIX time in ms. Returns what ends it.
 */
export function frames(rect, take) {
  // From the middle of the code's first row to the middle of its last.
  const top = Math.floor(rect.y + (rect.height / 24) * 1.5) - 2;
  const strip = {
    x: Math.max(0, Math.floor(rect.x)),
    y: Math.max(0, top),
    width: Math.ceil(rect.width / 2) * 2 + 2,
    height: Math.ceil(rect.height / 12 / 2) * 2 + 6,
  };
  let last = -1;
  return grab(strip, 200, 1, (image, now, more) => {
    if (more) return;
    const code = readBarcode(image, { ...rect, x: rect.x - strip.x, y: rect.y - strip.y });
    if (!code || code.frame === last) return;
    last = code.frame;
    take(code.unixMs, now);
  });
}

/** The delays of `seconds` in ms, one for each new frame: see [`frames`]. */
export async function delays(rect, seconds) {
  const found = [];
  const stop = frames(rect, (captured, seen) => found.push(seen - captured));
  await pause(seconds * 1000);
  await stop();
  return found;
}

/** Pictures a second in which [`watch`] looks at the whole screen: seldom enough to cost what is watched little. */
const GLANCES = 25;

/**
 * Watches a screen of this size from now on. `shows` tells whether a picture with a bar code is to be seen now, and
 * takes the processor for some milliseconds; `end` ends the watch and tells since when: UNIX time in ms, null when there
 * was none.
 */
export function watch({ width, height }) {
  const seen = [];
  const stop = grab({ x: 0, y: 0, width, height }, GLANCES, 2, (image, now) => seen.push({ image, now }));
  return {
    shows: () => seen.length > 0 && findPicture(seen.at(-1).image) !== null,
    end: async () => {
      await stop();
      // Looked at afterwards, and not all of them: once it is there, a picture stays.
      let [from, to] = [0, seen.length];
      while (from < to) {
        const middle = (from + to) >> 1;
        if (findPicture(seen[middle].image)) to = middle;
        else from = middle + 1;
      }
      return seen[from]?.now ?? null;
    },
  };
}

/** The p-th percentile, 0 to 100. */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? NaN;
}
