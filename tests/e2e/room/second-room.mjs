// A second room beside the first: of two rooms one has the devices.
import { roomWindow, type } from '../lib/room.mjs';
import { count, focus, keys, move, resize, windows } from '../lib/screen.mjs';
import { closeSettings } from '../lib/settings.mjs';
import { expect, until } from '../lib/walk.mjs';
import { WORDS } from './colours.mjs';
import { isOpen, shows } from './devices.mjs';

/** Beside a room whose camera is on and whose microphone is muted; opens the second from the same page, and closes it. */
export async function secondRoom({ walk, page, settings, cameras, told, state, shot }) {
  const open = () => isOpen(cameras);

  await walk.step(
    'a second room begins without the devices; what it takes is off in the first, which says so',
    async () => {
      await closeSettings(settings);
      type('m');
      await state('camera and microphone', ({ camera, microphone }) => camera && microphone);
      await page.evaluate(async () => {
        const { Beckon, document, location } = globalThis;
        const second = (globalThis.second = { state: undefined });
        const userdata = { ...(await Beckon.testLogin(location.origin, 'second')), userName: 'Second' };
        document.querySelector('#open').onclick = async () => {
          const roomdata = {
            serverDomain: location.origin,
            roomAction: 'createRoom',
            roomTitle: 'Other',
            template: '1v1',
          };
          const custom = { language: 'en', singleton: false };
          second.session = await Beckon.open({ userdata, roomdata, custom, patience: 20000 });
          second.session.on('state', (now) => (second.state = now));
        };
      });
      await page.locator('#open').click();
      const second = (what, fits) =>
        until(
          `the second room: ${what}`,
          async () => {
            const now = await page.evaluate(() => globalThis.second.state);
            return now && fits(now);
          },
          20000,
        );
      const other = await until('the second window', () => windows('Other.* – Beckon$')[0]);
      move(other, 20, 300);
      resize(other, 620, 560);
      await second('connected without devices', (now) => now.phase === 'connected' && !now.camera && !now.microphone);
      focus(other);
      await until('its words', () => count(other, WORDS, 3) > 10000);
      shot('13-second-room', other);
      expect((await told()).notices.length === 0, `the first was told ${(await told()).notices}`);
      keys('v');
      await second('the camera', ({ camera }) => camera);
      await state('no camera, and the microphone still', ({ camera, microphone }) => !camera && microphone);
      await until('the page is told', async () => (await told()).notices.join() === '4017');
      await until('its picture in the second room', () => shows(other));
      shot('14-it-has-the-camera', other);
      await until("the first's words", () => count(roomWindow(), WORDS, 3) > 5000);
      shot('15-the-first-says-so', roomWindow());
      await page.evaluate(() => globalThis.second.session.close());
      await until("the second window's end", () => !windows('Other.* – Beckon$')[0]);
      await until('a closed camera', () => !open());
    },
  );
}
