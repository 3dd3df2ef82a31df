// The devices of an open room: the settings beside it, which show what holds in the room and leave it its devices; a camera
// that is pulled out. With simulated cameras, which open once only, and with the sound server's microphone.
import fs from 'node:fs';
import path from 'node:path';

import { DevicePanels } from '../lib/panels.mjs';
import { roomWindow, type } from '../lib/room.mjs';
import { count, focus, grey, hold, keys, pixels, resize } from '../lib/screen.mjs';
import { beginning, openSettings } from '../lib/settings.mjs';
import { level, record, speak } from '../lib/sound.mjs';
import { expect, until } from '../lib/walk.mjs';
import { WORDS } from './colours.mjs';

/** Whether the picture of a simulated camera is in a window, by its luma. */
export const shows = (seen, luma = 60, least = 20000) => count(seen, grey(luma), 6) > least;

/** Whether the first camera is open. */
export const isOpen = (cameras) => fs.existsSync(path.join(cameras, 'open'));

/** Leaves the room open, its microphone muted. Gives the window of the settings. */
export async function devices({ walk, data, cameras, openRoom, told, forgetNotices, state, shot }) {
  const open = () => isOpen(cameras);
  let settings;

  await walk.step(
    'a room with its camera off leaves it to the preview, and takes it when it is turned on',
    async () => {
      await openRoom({ language: 'zh-CN', camera: false });
      await state('the microphone alone', ({ camera, microphone }) => !camera && microphone);
      settings = await openSettings(roomWindow());
      await until('the closed preview', () => count(settings, [0x1b, 0x21, 0x2a], 2) > 20000);
      beginning(settings);
      keys('Tab', 'Tab', 'Tab', 'Return');
      await until('the preview', () => open() && shows(settings));
      shot('08-preview-beside-a-room', settings);
      type('v');
      await state('the camera', ({ camera }) => camera);
      focus(settings);
      await until("the room's picture in the settings", () => shows(settings));
      shot('09-the-room-has-it', settings);
      expect((await told()).notices.length === 0, `the page was told ${(await told()).notices}`);
    },
  );

  await walk.step('what the small arrows beside the devices open is used by the keyboard alone', async () => {
    const seen = (luma, least) => shows(roomWindow(), luma, least);
    const panels = new DevicePanels({ window: roomWindow(), data, shows: seen, shot });
    await panels.begin();
    await panels.microphone();
    await panels.camera();
    await panels.speaker();
  });

  await walk.step(
    'its camera is pulled out: the page is told, the other one stands in, and leaves when it is plugged in again',
    async () => {
      focus(roomWindow());
      fs.rmSync(path.join(cameras, 'video42'));
      await until('the page is told of the loss', async () => (await told()).notices.includes(4004));
      await until('the page is told of the other', async () => (await told()).notices.includes(4013));
      await until('its picture in the room', () => shows(roomWindow(), 110));
      await until('the words for it', () => count(roomWindow(), WORDS, 3) > 5000);
      shot('12-stands-in', roomWindow());
      fs.writeFileSync(path.join(cameras, 'video42'), '');
      await until("the first one's picture", () => shows(roomWindow()));
      await state('the camera', ({ camera }) => camera);
      const { phases, closed } = await told();
      expect(
        phases.at(-1) === 'connected' && !phases.includes('reconnecting') && closed === undefined,
        'the room stays connected',
      );
      await forgetNotices();
    },
  );

  await walk.step("the level of the room's microphone is shown, muted or not", async () => {
    const bar = () => count(settings, [0x37, 0xd0, 0xa0], 3); // --accent, dark
    const moves = async (name) => {
      const quiet = speak();
      await until('the bar', () => bar() > 800);
      if (name) shot(name, settings);
      quiet();
      await until("the bar's end", () => bar() < 200);
    };
    await moves();
    type('m');
    await state('no microphone', ({ microphone }) => !microphone);
    focus(settings);
    await moves('10-muted-level');
  });

  await walk.step('the held space bar lets one talk while muted', async () => {
    focus(roomWindow());
    const release = hold('space');
    try {
      await state('the microphone', ({ microphone }) => microphone);
    } finally {
      release();
    }
    await state('no microphone', ({ microphone }) => !microphone);
  });

  await walk.step('the room plays the notes, and there is no test call beside it', async () => {
    beginning(settings);
    // Camera, microphone, loudspeaker, its notes: the room's own devices have no buttons.
    keys('Tab', 'Tab', 'Tab', 'Tab', 'Tab', 'Return');
    await until('the notes', async () => level(await record('speaker.monitor', 0.4)) > -45, 20000);
    keys('Tab', 'Return');
    await until("the notes' end", async () => level(await record('speaker.monitor', 0.4)) < -60, 20000);
    expect(open() && shows(settings), "the camera stays the room's");
    resize(settings, 430, 760);
    await until('the narrow window', () => pixels(settings).width === 430);
    shot('11-narrow', settings);
  });

  return settings;
}
