// Capture to glass: reads the test card's bar code off the screen, many times a second.
import { spawn } from "node:child_process";

import { readBarcode } from "./barcode.mjs";

/** Finds the picture with a bar code on a screenshot by the sync pattern of its first row: { x, y, width, height }. */
export function findPicture(image) {
  const bright = (x, y) => image.data[(y * image.width + x) * 4 + 1] >= 128;
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
      const fits = [1, 1, 2, 2, 1].every((cells, index) => Math.abs(lengths[index] - cells * cell) < Math.max(1.5, cell * 0.2));
      if (!runs[at].white || cell < 5 || !fits) continue;
      const width = (cell * 32 * 32) / 30;
      const height = (width * 9) / 16;
      for (const wider of [0, -1, 1, -2, 2, -4, 4]) {
        const rect = { x: runs[at].begin - (width + wider) / 32, width: width + wider, height: ((width + wider) * 9) / 16 };
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
 * Watches the bar code of the picture at `rect` of the screen for `seconds`; gives one delay in ms for each new frame:
 * from its capture to the moment in which the grabbed screen reached us, which is later than when it was drawn.
 */
export async function delays(rect, seconds) {
  const strip = {
    x: Math.max(0, Math.floor(rect.x)),
    y: Math.max(0, Math.floor(rect.y)),
    width: Math.ceil(rect.width / 2) * 2 + 2,
    height: Math.ceil(rect.height / 6 / 2) * 2,
  };
  const child = spawn("ffmpeg", [
    ...["-nostdin", "-loglevel", "error", "-f", "x11grab", "-framerate", "100", "-draw_mouse", "0"],
    ...["-video_size", `${strip.width}x${strip.height}`, "-i", `${process.env.DISPLAY}+${strip.x},${strip.y}`],
    ...["-t", String(seconds), "-vsync", "passthrough", "-pix_fmt", "rgba", "-f", "rawvideo", "-flush_packets", "1", "pipe:1"],
  ]);
  const size = strip.width * strip.height * 4;
  let rest = Buffer.alloc(0);
  let last = -1;
  const found = [];
  for await (const chunk of child.stdout) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= size) {
      const image = { width: strip.width, height: strip.height, data: rest.subarray(0, size) };
      rest = rest.subarray(size);
      const code = readBarcode(image, { ...rect, x: rect.x - strip.x, y: rect.y - strip.y });
      if (!code || code.frame === last || rest.length >= size) continue;
      last = code.frame;
      found.push(performance.timeOrigin + performance.now() - code.unixMs);
    }
  }
  return found;
}

/** The p-th percentile, 0 to 100. */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * p) / 100))] ?? NaN;
}
