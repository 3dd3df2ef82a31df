// Sharing screens, as people do it: the app shares a window to a guest in a browser.
import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';

import { agreeToOpen, answerConsent, processes } from './lib/app.mjs';
import { openBrowser, videoPixels } from './lib/browser.mjs';
import { pause } from './lib/pause.mjs';
import { level, record, share as shareOfPitch } from './lib/sound.mjs';
import {
  click,
  crop,
  drag,
  focus,
  keys,
  move,
  pixels,
  place,
  point,
  resize,
  rightClick,
  screenshot,
  windows,
} from './lib/screen.mjs';
import { Walk, expect, out, server, until } from './lib/walk.mjs';

const walk = new Walk();
const shot = (name, window) => screenshot(path.join(out, `${name}.png`), window);
const roomWindow = () => windows('– Beckon$')[0];

/** Share of pixels near a colour. */
function share(image, [red, green, blue], within = 40) {
  let count = 0;
  for (let at = 0; at < image.data.length; at += 4) {
    const [r, g, b] = image.data.subarray(at, at + 3);
    if (Math.max(Math.abs(r - red), Math.abs(g - green), Math.abs(b - blue)) < within) count += 1;
  }
  return count / (image.width * image.height);
}

const browser = await openBrowser('employee', ['--window-size=900,700']);
const page = browser.pages()[0];
const told = (id) => page.getByTestId(id);

/** A window of one colour in a browser of its own: { paint(colour), close() }. */
async function paintedWindow(title, colour, { x, y, width, height }) {
  const own = await openBrowser(title, [
    `--app=data:text/html,<title>${title}</title>`,
    `--window-position=${x},${y}`,
    `--window-size=${width},${height}`,
  ]);
  const only = own.pages()[0] ?? (await own.waitForEvent('page'));
  const paint = (fill) => only.evaluate((to) => (document.documentElement.style.background = to), fill);
  await paint(colour);
  await until(`the window ${title}`, () => windows(`^${title}$`)[0]);
  return { page: only, paint, close: () => own.close() };
}

try {
  const shared = await paintedWindow('Orange', '#ff8000', { x: 980, y: 60, width: 480, height: 320 });
  let guest;
  await walk.step('a room with a guest in a browser', async () => {
    await page.goto(`${server}/crm/`);
    await told('call').click();
    await pause(1200);
    agreeToOpen();
    await answerConsent('once');
    await until("the room's window", roomWindow, 20000);
    await told('guest-link').waitFor({ timeout: 20000 });
    guest = await browser.newPage();
    await guest.goto(await told('guest-link').getAttribute('href'));
    await guest.getByTestId('name').fill('李四');
    await guest.getByTestId('join').click();
    await guest.locator('[data-phase="connected"]').waitFor({ timeout: 20000 });
    resize(roomWindow(), 900, 640);
    move(roomWindow(), 40, 320);
  });

  const screen = () => guest.locator('[data-testid="tile"][data-screen="true"] video');
  await walk.step('the person chooses a window by the keyboard alone', async () => {
    focus(roomWindow());
    keys('s');
    await until("the picker with the window's small picture", () => share(pixels(roomWindow()), [255, 128, 0]) > 0.01);
    shot('01-picker', roomWindow());
    // The first card is the whole screen; windows follow, the topmost first: the guest's browser, then the orange one.
    // Enter shares what is chosen.
    keys('Tab', 'Right', 'Right');
    keys('Return');
    await screen().waitFor({ timeout: 15000 });
  });

  await walk.step('the guest sees it large, and nothing else of the desktop', async () => {
    const seen = await until('a picture of it', async () => {
      const image = await videoPixels(screen());
      return image.width > 100 && share(image, [255, 128, 0]) > 0.9 && image;
    });
    expect(seen.width < 700 && seen.height < 500, `${seen.width}×${seen.height} is more than the window`);
    shot('02-sharer', roomWindow());
    await guest.screenshot({ path: path.join(out, '03-viewer.png') });
    await guest.setViewportSize({ width: 420, height: 760 });
    await guest.screenshot({ path: path.join(out, '04-viewer-narrow.png') });
    await guest.setViewportSize({ width: 1000, height: 640 });
  });

  await walk.step('it goes on while something covers it, and ends when it is closed', async () => {
    const cover = await paintedWindow('Cover', '#202020', { x: 960, y: 40, width: 560, height: 400 });
    await shared.paint('#00a060');
    await until('its new colour', async () => share(await videoPixels(screen()), [0, 160, 96]) > 0.9);
    await cover.close();
    await shared.close();
    await screen().waitFor({ state: 'detached', timeout: 10000 });
    shot('05-ended', roomWindow());
  });

  await walk.step('of two monitors the second is shared alone, and its end is told', async () => {
    // The display split in two, as by people with one wide screen.
    const right = { x: 901, y: 0, width: 699, height: 1000 };
    const split = (name, { x, y, width, height }, output) =>
      execFileSync('xrandr', ['--setmonitor', name, `${width}/240x${height}/240+${x}+${y}`, output]);
    const output = /^(\S+) connected/m.exec(execFileSync('xrandr').toString())[1];
    split('left', { x: 0, y: 0, width: right.x, height: right.height }, output);
    split('right', right, 'none');
    const there = await paintedWindow('There', '#ff8000', { x: 1000, y: 60, width: 480, height: 320 });
    await until('the window', () => windows('^There$')[0]);
    focus(roomWindow());
    keys('s');
    await until(
      'the picker with small pictures of monitor and window',
      () => share(pixels(roomWindow()), [255, 128, 0]) > 0.012,
    );
    shot('05-two-monitors', roomWindow());
    // Monitors come first, the one with the task bar before the others.
    keys('Tab', 'Right');
    keys('Return');
    await screen().waitFor({ timeout: 15000 });
    // Where it lies on the desktop is where it lies in the picture, once all of that has come: a new one comes from top to bottom.
    const [seen, own] = await until('a picture of it with the window at its place', async () => {
      const image = await videoPixels(screen());
      const own = place(windows('^There$')[0]);
      const inside = { x: own.x - right.x + 20, y: own.y + 60, width: own.width - 40, height: own.height - 80 };
      const fits = image.width === right.width - 1 && image.height === right.height;
      return fits && share(crop(image, inside), [255, 128, 0]) > 0.99 && [image, own];
    });
    const beside = { x: 0, y: own.y, width: own.x - right.x - 10, height: own.height };
    expect(share(crop(seen, beside), [255, 128, 0]) < 0.01, 'the window is wider than it is');
    execFileSync('xrandr', ['--delmonitor', 'right']);
    await screen().waitFor({ state: 'detached', timeout: 15000 });
    shot('05-monitor-gone', roomWindow());
    execFileSync('xrandr', ['--delmonitor', 'left']);
    await there.close();
  });

  // Of a window in two colours a part is drawn that holds more of the one than of the other.
  const [red, blue] = [
    [208, 32, 32],
    [32, 64, 160],
  ];
  const halves = `linear-gradient(90deg, rgb(${red}) 50%, rgb(${blue}) 50%)`;
  const frame = [31, 111, 214];
  const ink = [242, 245, 248];
  const thick = 4;
  const bare = { x: 1000, y: 800 };
  const words = () => share(crop(pixels(), { x: bare.x + 18, y: bare.y + 22, width: 200, height: 26 }), ink);

  /** Asks for a part of the screen by the keyboard, until the words beside the pointer say what to do. */
  async function askForRegion(...atTheBoxForSound) {
    point(bare.x, bare.y);
    focus(roomWindow());
    keys('s');
    await until('the picker', () => share(pixels(roomWindow()), red) > 0.002);
    // Past the cards and the two tick boxes.
    keys('Tab', 'Tab', 'Tab', ...atTheBoxForSound, 'Tab', 'Return');
    await until('the words beside the pointer', () => words() > 0.02);
  }

  /** The four edges around a part of the screen. */
  const edges = ({ x, y, width, height }) => [
    { x: x - thick, y: y - thick, width: width + 2 * thick, height: thick },
    { x: x - thick, y: y + height, width: width + 2 * thick, height: thick },
    { x: x - thick, y, width: thick, height },
    { x: x + width, y, width: thick, height },
  ];
  const framed = (part) => {
    const display = pixels();
    return edges(part).every((edge) => share(crop(display, edge), frame) > 0.99);
  };

  let part;
  let two;
  await walk.step('Escape, the right button and a slip of the hand draw no region', async () => {
    two = await paintedWindow('Two', halves, { x: 980, y: 60, width: 560, height: 420 });
    const { x, y, width } = await until('where the window lies', () => place(windows('^Two$')[0]));
    // A third of it red, two thirds blue.
    part = { x: x + width / 2 - 120, y: y + 60, width: 360, height: 240 };
    await askForRegion();
    shot('06-drawing-hint');
    keys('Escape');
    await until('the words to go', () => words() < 0.001);
    keys('Escape');
    await askForRegion();
    drag({ x: part.x, y: part.y }, { x: part.x + 10, y: part.y + 10 });
    expect((await screen().count()) === 0, 'ten pixels are shared');
    drag(part, part);
    point(part.x + part.width - 1, part.y + part.height - 1);
    point(bare.x, bare.y);
    keys('Escape');
    await until('the words to go', () => words() < 0.001);
    keys('Escape');
    await askForRegion();
    rightClick();
    await until('the words to go', () => words() < 0.001);
    keys('Escape');
  });

  await walk.step('a region drawn with the mouse is what the guest sees, without its frame', async () => {
    await askForRegion();
    drag(part, { x: part.x + part.width - 1, y: part.y + part.height - 1 });
    point(bare.x, bare.y);
    await screen().waitFor({ timeout: 15000 });
    const seen = await until('a picture of it', async () => {
      const image = await videoPixels(screen());
      return image.width > 100 && share(image, red) + share(image, blue) > 0.97 && image;
    });
    expect(
      seen.width === part.width && seen.height === part.height,
      `${seen.width}×${seen.height} is not what was drawn`,
    );
    const third = share(seen, red);
    expect(Math.abs(third - 1 / 3) < 0.02, `${third} of it is red`);
    expect(share(seen, frame) < 0.001, 'the frame is in the shared picture');
    await until('the frame on the display', () => framed(part));
    shot('07-framed');
    shot('08-sharing-a-region', roomWindow());
  });

  await walk.step('clicks go through the frame, and it comes back to the front', async () => {
    await two.page.evaluate(() => {
      window.clicks = 0;
      addEventListener('mousedown', () => (window.clicks += 1));
    });
    click(part.x + part.width / 2, part.y - 2);
    await until('the click', () => two.page.evaluate(() => window.clicks === 1));
    point(bare.x, bare.y);
    await until('the frame on the display', () => framed(part));
  });

  await walk.step('the frame goes away when sharing stops', async () => {
    focus(roomWindow());
    keys('s');
    await screen().waitFor({ state: 'detached', timeout: 10000 });
    await until('no frame', () => {
      const display = pixels();
      return edges(part).every((edge) => share(crop(display, edge), frame) < 0.01);
    });
  });

  await walk.step('a region is drawn by the keyboard alone', async () => {
    await askForRegion('space');
    keys('Return', ...Array(8).fill('Left'), ...Array(5).fill('Up'), 'shift+Left', 'Return');
    await screen().waitFor({ timeout: 15000 });
    const [width, height] = [8 * 24 + 2, 5 * 24];
    await until('a picture of it', async () => {
      const image = await videoPixels(screen());
      return image.width === width && image.height === height;
    });
    const drawn = { x: bare.x - width, y: bare.y - height, width, height };
    await until('the frame on the display', () => framed(drawn));
    shot('09-by-keyboard');
    // A frame that outlived its room would stay on the desktop.
    part = drawn;
  });

  /** What the guest hears of a source: some 0.7 s of 48 kHz mono. */
  const heard = (source) =>
    guest.evaluate(async (wanted) => {
      // On this machine the guest's browser is another program, whose sound would be shared in turn.
      for (const element of document.querySelectorAll('audio')) element.muted = true;
      const { srcObject } = document.querySelector(`audio[data-source="${wanted}"]`);
      const context = new AudioContext({ sampleRate: 48000 });
      const analyser = new AnalyserNode(context, { fftSize: 32768 });
      context.createMediaStreamSource(srcObject).connect(analyser);
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const samples = new Float32Array(analyser.fftSize);
      analyser.getFloatTimeDomainData(samples);
      await context.close();
      return [...samples];
    }, source);

  await walk.step('the guest hears what another program plays, and not the call itself', async () => {
    await guest.locator('audio[data-source="screen_share_audio"]').waitFor({ state: 'attached', timeout: 10000 });
    await heard('screen_share_audio');
    // The app plays the guest's own voice all the while: the test device of the guest's browser beeps once a second.
    const own = level(await record('speaker.monitor', 2));
    const quiet = level(await heard('screen_share_audio'));
    const pitch = 1000;
    const amplitude = 0.25;
    const tone = Buffer.from(
      Float32Array.from({ length: 48000 * 60 }, (_, n) => amplitude * Math.sin((2 * Math.PI * pitch * n) / 48000))
        .buffer,
    );
    const program = spawn('pacat', ['--playback', '--raw', '--format=float32le', '--rate=48000', '--channels=1']);
    program.stdin.on('error', () => {}); // it is ended before it has read all
    program.stdin.write(tone);
    try {
      const loud = await until('the tone at the guest', async () => {
        const samples = await heard('screen_share_audio');
        return shareOfPitch(samples, pitch) > 0.98 && level(samples);
      });
      walk.time('call in the loudspeaker, dBFS', own);
      walk.time('call in the shared sound, dBFS', quiet);
      walk.time('other program in the shared sound, dBFS', loud);
      expect(own > -50, `the call itself is not to be heard here: ${own} dBFS`);
      expect(quiet < -70, `the call is in the shared sound: ${quiet} dBFS`);
      expect(Math.abs(loud - 20 * Math.log10(amplitude / Math.SQRT2)) < 2, `the tone comes with ${loud} dBFS`);
    } finally {
      program.kill();
    }
    await until('silence again', async () => level(await heard('screen_share_audio')) < -60);
    shot('10-with-sound', roomWindow());
  });

  await walk.step('the guest shares in turn, and stops by the keyboard', async () => {
    await guest.getByTestId('share').click();
    await guest.getByTestId('sharing').waitFor({ timeout: 10000 });
    await guest.screenshot({ path: path.join(out, '11-guest-shares.png') });
    focus(roomWindow());
    // A screen is shown whole, with bars above and below it; a camera fills its tile.
    const bars = [201, 209, 219];
    await until("the presenter's view in the app", () => share(pixels(roomWindow()), bars, 4) > 0.08);
    shot('12-presenter-in-the-app', roomWindow());
    await guest.setViewportSize({ width: 420, height: 760 });
    await guest.screenshot({ path: path.join(out, '13-guest-shares-narrow.png') });
    await guest.setViewportSize({ width: 1000, height: 640 });
    await guest.bringToFront();
    await guest.keyboard.press('s');
    await guest.getByTestId('sharing').waitFor({ state: 'detached', timeout: 10000 });
    focus(roomWindow());
    await until("the camera's view in the app", () => share(pixels(roomWindow()), bars, 4) < 0.06);
  });

  await two.close();
  await walk.step('the page closes the room', async () => {
    await told('close').click();
    await until("the room's window to go", () => !roomWindow());
    await until('the frame to go with it', () =>
      edges(part).every((edge) => share(crop(pixels(), edge), frame) < 0.01),
    );
    // The app stays for the next call; the browser that started it would wait for its end.
    for (const pid of processes()) process.kill(Number(pid), 'SIGTERM');
    await until("the app's end", () => processes().length === 0);
  });

  walk.finish();
} finally {
  await browser.close();
}
