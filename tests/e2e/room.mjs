// The room's window, driven by mouse and keys: what the page and a guest then see. The settings beside it, which show what
// holds in the room and leave it its devices. A loudspeaker that is not there, a camera that is pulled out. A server that goes
// and comes back, and one that comes back as another. What is walked through lies in room/.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { keepConnections, openBrowser } from './lib/browser.mjs';
import { press, roomWindow, roomsOf } from './lib/room.mjs';
import { focus, screenshot, windows } from './lib/screen.mjs';
import { ownServer } from './lib/server.mjs';
import { Walk, expect, out, programs, until } from './lib/walk.mjs';
import { controls } from './room/controls.mjs';
import { devices, isOpen } from './room/devices.mjs';
import { opening } from './room/opening.mjs';
import { secondRoom } from './room/second-room.mjs';
import { serverLost } from './room/server-lost.mjs';
import { wishes } from './room/wishes.mjs';

const walk = new Walk();
/** In front: what lies behind another window cannot be grabbed. */
function shot(name, window) {
  focus(window);
  screenshot(path.join(out, `${name}.png`), window);
}
const data = process.env.BECKON_PROFILE;
const cameras = path.join(out, 'cameras');
for (const folder of [data, cameras]) fs.mkdirSync(folder, { recursive: true });

const server = await ownServer();
await server.start('beckond-data');

// Whoever owns this machine allows the page, and the person ticked "Always" when the browser asked.
const policy = path.join(out, 'policy.json');
fs.writeFileSync(policy, JSON.stringify({ allowOrigins: [server.origin] }));

let app;
/** Starts the app by hand: pages then find it. */
async function startApp(more) {
  const environment = { ...process.env, BECKON_POLICY: policy, ...more };
  app = spawn(path.join(programs, 'beckon'), [], { env: environment, stdio: 'ignore' });
  await until('the home window', () => windows('^Beckon$')[0], 20000);
}

async function stopApp() {
  const ended = new Promise((resolve) => app.once('exit', resolve));
  app.kill('SIGKILL');
  await ended;
}

const always = { protocol_handler: { allowed_origin_protocol_pairs: { [server.origin]: { beckon: true } } } };
const browser = await openBrowser('employee', ['--window-position=0,0', '--window-size=760,600'], always);
const page = browser.pages()[0];

await keepConnections(browser);
const { openRoom, told, forgetNotices, state, setMedia } = roomsOf(page, server.origin);
const scene = { walk, server, browser, page, data, cameras, shot, openRoom, told, forgetNotices, state, setMedia };

try {
  await startApp({ BECKON_CAMERA: 'testcard', BECKON_MICROPHONE: 'tone' });
  const call = { ...scene, ...(await opening(scene)) };
  await controls(call);
  await wishes(call);
  await serverLost(call);
  await stopApp();
  await server.kill();
  await server.start('beckond-data');

  // From here on with simulated cameras, which open once only, and with the sound server's microphone.
  fs.writeFileSync(path.join(cameras, 'video42'), '');
  fs.writeFileSync(
    path.join(data, 'settings.json'),
    JSON.stringify({ language: 'zh-CN', sound: { pushToTalk: true } }),
  );
  await startApp({
    LD_PRELOAD: process.env.BECKON_V4L2SIM,
    V4L2SIM_CONTROL: cameras,
    V4L2SIM_CAMERAS: '2',
    GTK_THEME: 'Adwaita:dark',
  });
  const settings = await devices(scene);
  await secondRoom({ ...scene, settings });

  await walk.step('the button leaves the room, and the page is told', async () => {
    press('leave');
    await until("the window's end", () => !roomWindow());
    expect((await until('the end', async () => (await told()).closed, 10000)) === 3008, 'the person left');
    await until('a closed camera', () => !isOpen(cameras));
  });

  walk.finish();
} finally {
  fs.writeFileSync(path.join(out, 'page.txt'), JSON.stringify((await told().catch(() => null)) ?? null));
  await browser.close();
  app?.kill('SIGKILL');
  await server.kill();
}
