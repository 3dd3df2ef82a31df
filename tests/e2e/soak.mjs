// One of those in a long call: the app with its window, opened by a click on the demo page. Says "in room" when it is there and
// stays until it is told to end.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { answerConsent, processes } from './lib/app.mjs';
import { alwaysOpen, openBrowser } from './lib/browser.mjs';
import { pause } from './lib/pause.mjs';
import { move, resize, screenshot, windows } from './lib/screen.mjs';
import { out, server, until } from './lib/walk.mjs';

const room = process.env.BECKON_ROOM;
const browser = await openBrowser('soak', [], alwaysOpen);
const page = browser.pages()[0];
await page.goto(`${server}/crm/?room=${room}&action=enterRoom`, { waitUntil: 'networkidle' });
await page.getByTestId('call').click();
await answerConsent('always');
await page.locator('[data-phase="open"]').waitFor({ timeout: 30000 });
const window = await until("the room's window", () => windows('– Beckon$')[0]);
// The room stays though its page is gone; the browser is not what is looked at.
await page.goto('about:blank');
resize(window, 1280, 840);
move(window, 100, 60);
await pause(3000);
screenshot(path.join(out, 'room.png'));
console.log('in room');

await new Promise((resolve) => ['SIGTERM', 'SIGINT'].forEach((signal) => process.once(signal, resolve)));
screenshot(path.join(out, 'end.png'));
for (const pid of processes()) spawnSync('kill', ['-TERM', pid]);
await browser.close();
