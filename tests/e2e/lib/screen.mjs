// The display as a person sees and touches it: windows, keys, clicks, pixels.
import { execFileSync, spawnSync } from 'node:child_process';

import { pause } from './pause.mjs';

const quiet = { stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28 };

/** Writes the whole screen, or one window, to a PNG file. */
export function screenshot(file, window = 'root') {
  execFileSync('import', ['-window', String(window), file], quiet);
}

/** Pixels of the screen or of a window: { width, height, data } with RGBA bytes. */
export function pixels(window = 'root') {
  const ppm = execFileSync('import', ['-window', String(window), '-depth', '8', 'ppm:-'], quiet);
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(ppm.subarray(0, 64).toString('latin1'));
  if (!header) throw new Error('the screenshot is no 8-bit PPM');
  const [width, height] = [Number(header[1]), Number(header[2])];
  const rgb = ppm.subarray(header[0].length);
  const data = new Uint8Array(width * height * 4);
  for (let from = 0, to = 0; to < data.length; from += 3, to += 4) {
    data[to] = rgb[from];
    data[to + 1] = rgb[from + 1];
    data[to + 2] = rgb[from + 2];
    data[to + 3] = 255;
  }
  return { width, height, data };
}

/** The visible windows whose title fits the pattern, as X window numbers. */
export function windows(pattern) {
  for (let tries = 1; ; tries += 1) {
    const found = spawnSync('xdotool', ['search', '--onlyvisible', '--name', pattern], { encoding: 'utf8' });
    // A window that closes while it is looked at ends the search.
    if (tries < 5 && found.stderr.includes('X Error')) continue;
    return found.stdout.split('\n').filter(Boolean);
  }
}

/** Where a window lies: { x, y, width, height } in pixels. */
export function place(window) {
  const text = execFileSync('xdotool', ['getwindowgeometry', '--shell', window], quiet).toString();
  const number = (name) => Number(new RegExp(`^${name}=(-?\\d+)`, 'm').exec(text)?.[1]);
  return { x: number('X'), y: number('Y'), width: number('WIDTH'), height: number('HEIGHT') };
}

/** The window that has the keyboard. */
export const active = () => execFileSync('xdotool', ['getactivewindow'], quiet).toString().trim();

export function focus(window) {
  execFileSync('xdotool', ['windowactivate', '--sync', window], { ...quiet, timeout: 5000 });
}

export function move(window, x, y) {
  execFileSync('xdotool', ['windowmove', window, String(x), String(y)], quiet);
}

export function resize(window, width, height) {
  execFileSync('xdotool', ['windowsize', window, String(width), String(height)], quiet);
}

/** Presses keys by their X names: "Tab", "Return", "ctrl+d". */
export function keys(...names) {
  execFileSync('xdotool', ['key', '--delay', '60', ...names], quiet);
}

/** How long a box of choices takes letters for one word, ms: one second, and a little. */
const WORD = 1200;

/** Types the first letters of a choice into the box that has the keyboard, as a word of their own. */
export async function choose(...letters) {
  await pause(WORD);
  keys(...letters);
}

/** Holds a key down; returns what lets it go. */
export function hold(name) {
  execFileSync('xdotool', ['keydown', name], quiet);
  return () => execFileSync('xdotool', ['keyup', name], quiet);
}

/** Clicks at a point of the screen. */
export function click(x, y) {
  execFileSync('xdotool', ['mousemove', String(Math.round(x)), String(Math.round(y)), 'click', '1'], quiet);
}

/** Clicks twice there, as fast as people do, ms from one press to the next. */
export function doubleClick(x, y, between = 150) {
  const at = ['mousemove', String(Math.round(x)), String(Math.round(y))];
  execFileSync('xdotool', [...at, 'click', '--repeat', '2', '--delay', String(between), '1'], quiet);
}

/** Clicks the right button where the pointer is. */
export function rightClick() {
  execFileSync('xdotool', ['click', '3'], quiet);
}

/** Moves the pointer. */
export function point(x, y) {
  execFileSync('xdotool', ['mousemove', String(x), String(y)], quiet);
}

/** Drags with the left button from one point of the screen to another, by way of the middle. */
export function drag(from, to) {
  point(from.x, from.y);
  execFileSync('xdotool', ['mousedown', '1'], quiet);
  point(Math.round((from.x + to.x) / 2), Math.round((from.y + to.y) / 2));
  point(to.x, to.y);
  execFileSync('xdotool', ['mouseup', '1'], quiet);
}

/** How many pixels of a window, or of a picture, have about this colour, each part of it within `near`. */
export function count(seen, [red, green, blue], near) {
  const { data: rgba } = typeof seen === 'string' ? pixels(seen) : seen;
  let found = 0;
  for (let at = 0; at < rgba.length; at += 4)
    if (
      Math.abs(rgba[at] - red) <= near &&
      Math.abs(rgba[at + 1] - green) <= near &&
      Math.abs(rgba[at + 2] - blue) <= near
    )
      found += 1;
  return found;
}

/** The colour of a simulated camera's pictures by their luma in limited range: 60 of the first camera, 110 of the second. */
export const grey = (luma) => Array(3).fill(Math.round(((luma - 16) * 255) / 219));

/**
 * Where the picture of a test camera of Chromium's lies, which is green all over: { x, y, width, height }; null where there is
 * none. Of several green things it is the widest: our own test card has a green bar.
 */
export function greenPicture({ width, height, data }) {
  const green = (x, y) => {
    const at = (y * width + x) * 4;
    return data[at + 1] > 90 && data[at] < 90 && data[at + 2] < 90;
  };
  const enough = 60;
  let [found, begin] = [{ x: 0, width: 0 }, 0];
  for (let x = 0; x <= width; x += 1) {
    let pixels = 0;
    for (let y = 0; x < width && y < height; y += 1) pixels += green(x, y);
    if (pixels > enough) continue;
    if (x - begin > found.width) found = { x: begin, width: x - begin };
    begin = x + 1;
  }
  if (found.width < enough) return null;
  const middle = found.x + Math.round(found.width / 4);
  const rows = Array.from({ length: height }, (_, y) => y).filter((y) => green(middle, y));
  return { ...found, y: rows[0], height: rows.at(-1) - rows[0] + 1 };
}

/** A part of a picture. */
export function crop(image, { x, y, width, height }) {
  const data = new Uint8Array(width * height * 4);
  for (let row = 0; row < height; row += 1) {
    const from = ((y + row) * image.width + x) * 4;
    data.set(image.data.subarray(from, from + width * 4), row * width * 4);
  }
  return { width, height, data };
}
