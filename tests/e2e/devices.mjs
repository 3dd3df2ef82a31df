// The settings window and its devices, with two simulated cameras (tests/support/v4l2sim) and the sound server's null
// sinks: nothing opens unasked, choices are kept, a camera that is pulled out or in use is told of.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { choose, count, grey, keys, pixels, resize, screenshot, windows } from './lib/screen.mjs';
import { beginning, openSettings, section } from './lib/settings.mjs';
import { level, record, speak } from './lib/sound.mjs';
import { Walk, expect, out, programs, until } from './lib/walk.mjs';

const walk = new Walk();
const data = path.join(out, 'app-data');
const cameras = path.join(out, 'cameras');
const [node, busy, open] = ['video42', 'busy', 'open'].map((name) => path.join(cameras, name));
for (const folder of [data, cameras]) fs.mkdirSync(folder, { recursive: true });

const settings = () => JSON.parse(fs.readFileSync(path.join(data, 'settings.json'), 'utf8'));
const shot = (name, window) => screenshot(path.join(out, `${name}.png`), window);

let app;
/** Starts the app and opens its settings by the key. Gives the settings' window. */
async function start(more = {}) {
  const simulated = { LD_PRELOAD: process.env.BECKON_V4L2SIM, V4L2SIM_CONTROL: cameras, V4L2SIM_CAMERAS: '2' };
  app = spawn(path.join(programs, 'beckon'), ['--data', data], {
    env: { ...process.env, ...simulated, ...more },
    stdio: 'ignore',
  });
  const home = await until('the home window', () => windows('^Beckon$')[0], 20000);
  return openSettings(home);
}

async function stop() {
  const ended = new Promise((resolve) => app.once('exit', resolve));
  app.kill('SIGKILL');
  await ended;
  await until("the windows' end", () => windows('^Beckon').length === 0);
}

const shows = (window, luma) => count(window, grey(luma), 6) > 20000;
const told = (window) => count(window, [0xfd, 0xe7, 0xe5], 2) > 3000; // --alert-soft
const closed = (window) => count(window, [0xdc, 0xe2, 0xea], 2) > 20000; // --tile, where the preview would be

/** The controls in the order of the Tab key, while the preview is closed. */
const CONTROLS = ['camera', 'preview', 'microphone', 'tryMicrophone', 'speaker', 'trySpeaker', 'testCall'];

/** Presses one of them, by the keyboard. */
function press(window, name) {
  beginning(window);
  keys(...Array(CONTROLS.indexOf(name) + 2).fill('Tab'), 'Return');
}

/** Waits until the loudspeaker plays something louder than −45 dB of full scale. */
const heard = (what) => until(what, async () => level(await record('speaker.monitor', 0.4)) > -45, 20000);

try {
  fs.writeFileSync(node, '');
  let window;
  await walk.step('the settings open by their key, and no camera does', async () => {
    window = await start();
    await until('the closed preview', () => closed(window), 20000);
    expect(!fs.existsSync(open), 'a camera is open though nobody asked');
    shot('01-settings', window);
  });

  await walk.step('the loudspeaker plays its notes', async () => {
    press(window, 'trySpeaker');
    await heard('the notes');
  });

  await walk.step("the microphone's bar moves when somebody speaks", async () => {
    const bar = () => count(window, [0x10, 0xa8, 0x7c], 3); // --accent
    const quiet = speak();
    press(window, 'tryMicrophone');
    await until('the bar', () => bar() > 800);
    shot('02-microphone', window);
    press(window, 'tryMicrophone');
    await until("the bar's end", () => bar() < 200);
    await until('silence', async () => level(await record('speaker.monitor', 0.4)) < -60);
    quiet();
  });

  await walk.step('a test call shows and plays what was recorded, and closes everything', async () => {
    const quiet = speak();
    press(window, 'testCall');
    await until('the recording', () => shows(window, 60));
    shot('03-test-call', window);
    await heard('our own voice');
    expect(shows(window, 60), 'the recorded picture must be shown');
    quiet();
    await until('the end of the call', () => closed(window), 20000);
    expect(!fs.existsSync(open), 'the camera is still open after the test call');
    shot('04-test-call-over', window);
  });

  await walk.step('the preview is shown when it is asked for', async () => {
    press(window, 'preview');
    await until('an open camera', () => fs.existsSync(open));
    await until("the first camera's picture", () => shows(window, 60));
    shot('05-preview', window);
  });

  await walk.step('an open preview follows the shape that is chosen', async () => {
    section(window, 'Down', 1);
    await until('the preview in its section', () => shows(window, 60));
    const [wide, opened] = [count(window, grey(60), 6), fs.statSync(open).mtimeMs];
    keys('Tab', 'Tab');
    await choose('s');
    await until('the setting', () => settings().picture?.preset.aspect === '4:3');
    await until('a camera that was opened anew', () => fs.statSync(open).mtimeMs > opened);
    await until('the taller picture', () => count(window, grey(60), 6) > wide * 1.2);
    shot('05-preview-standard', window);
    await choose('w');
    await until('the wide picture', () => {
      const now = count(window, grey(60), 6);
      return settings().picture.preset.aspect === '16:9' && now > wide * 0.9 && now < wide * 1.1;
    });
    section(window, 'Up', 1);
    await until('the preview among the devices', () => shows(window, 60));
  });

  await walk.step('the beauty filter is turned on and set by the keyboard, beside the preview', async () => {
    section(window, 'Down', 2);
    await until('the preview in its section', () => shows(window, 60));
    keys('Tab', 'space'); // the switch; then the preview's button, the styles, the sliders
    await until('the filter', () => settings().beauty?.on === true);
    const { strength } = settings().beauty;
    keys('Tab', 'Tab', 'Right', 'Tab', 'Right');
    await until(
      'style and strength',
      () => settings().beauty.style === 'natural' && settings().beauty.strength === strength + 1,
    );
    expect(shows(window, 60), 'what is no skin must stay as it is');
    shot('06-beauty', window);
    section(window, 'Up', 2);
    await until('the preview among the devices', () => shows(window, 60));
  });

  await walk.step('a camera that is pulled out is told of', async () => {
    fs.rmSync(node);
    await until('the words for it', () => told(window));
    await until("the camera's end", () => !fs.existsSync(open));
    shot('07-unplugged', window);
  });
  await stop();

  await walk.step('a chosen camera is remembered, and another stands in for one that is away', async () => {
    const chosen = { kind: 'device', id: 'name:Simulated camera', label: 'Simulated camera' };
    fs.writeFileSync(
      path.join(data, 'settings.json'),
      JSON.stringify({ language: 'zh-CN', devices: { camera: chosen } }),
    );
    window = await start();
    await until('the closed preview', () => closed(window), 20000);
    press(window, 'preview');
    await until("the second camera's picture", () => shows(window, 110));
    shot('08-stands-in-zh', window);
    expect(settings().devices.camera.label === 'Simulated camera', 'the choice must stay while the camera is away');
  });
  await stop();

  await walk.step('a camera in use is told of, in the dark and narrow', async () => {
    fs.writeFileSync(node, '');
    fs.writeFileSync(busy, '');
    window = await start({ GTK_THEME: 'Adwaita:dark' });
    await until('the closed preview', () => count(window, [0x1b, 0x21, 0x2a], 2) > 20000, 20000);
    press(window, 'preview');
    await until('the words for it', () => count(window, [0x3b, 0x1d, 0x1d], 2) > 3000);
    shot('09-in-use-dark', window);
    resize(window, 430, 760);
    await until('the narrow window', () => pixels(window).width === 430);
    shot('10-narrow', window);
    fs.rmSync(busy);
  });
  await stop();

  walk.finish();
} finally {
  app?.kill('SIGKILL');
}
