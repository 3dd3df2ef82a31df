// The room's window, driven by mouse and keys: what page and guest then see.
import fs from 'node:fs';
import path from 'node:path';

import { press, roomWindow, type } from '../lib/room.mjs';
import { click, count, crop, doubleClick, focus, greenPicture, keys, pixels, place } from '../lib/screen.mjs';
import { expect, until } from '../lib/walk.mjs';
import { LEAVE, NOTICE, OPEN } from './colours.mjs';
import { guestSees } from './guest.mjs';

// --side: how wide chat and member list are, pixels.
const SIDE = 320;

/** With all devices on, and the chat open. */
export async function controls({ walk, window, guest, data, told, state, shot }) {
  const { video, seenMuted } = guestSees(guest);

  await walk.step('the mouse turns microphone, camera and loudspeaker off; page and guest see it', async () => {
    press('microphone');
    await state('no microphone', ({ microphone }) => !microphone);
    await until('the guest sees it', async () => (await seenMuted()) === 1);
    press('camera');
    await state('no camera', ({ camera }) => !camera);
    await video().waitFor({ state: 'detached', timeout: 15000 });
    press('speaker');
    await state('no loudspeaker', ({ speaker }) => !speaker);
    await until('nothing is made up any more', () => count(window, NOTICE, 2) < 500);
    shot('02-all-off', window);
    press('speaker');
    await state('the loudspeaker again', ({ speaker }) => speaker);
  });

  await walk.step('so do the keys, and the picker for sharing does not take them', async () => {
    type('v');
    await state('the camera', ({ camera }) => camera);
    await video().waitFor({ timeout: 15000 });
    type('s');
    // Its button is as the chat's, whose panel is open.
    await until('the picker', () => count(window, OPEN, 2) > 2500);
    keys('Tab');
    type('m');
    await state('the microphone', ({ microphone }) => microphone);
    await until('the guest sees it', async () => (await seenMuted()) === 0);
    shot('03-picker', window);
    keys('Escape');
    const closed = () => count(window, OPEN, 2) < 2500;
    await until("the picker's end", closed);
    // The keyboard is back at its button.
    keys('Return');
    await until('the picker again', () => !closed());
    keys('Escape');
    await until("the picker's end", closed);
  });

  await walk.step('what is typed in the chat reaches page and guest', async () => {
    // The window is wide enough for the chat to be open; the key closes it and opens it again, and what follows is text.
    type('c');
    await until("the chat's end", () => count(window, OPEN, 2) < 500);
    type('c');
    await until('the chat', () => count(window, OPEN, 2) > 500);
    keys('m', 'v', 's', 'p', 'c', 'Return');
    await until("the page's text", async () => (await told()).chats.includes('mvspc'));
    await guest.getByTestId('chat').click();
    await guest.getByText('mvspc').first().waitFor({ timeout: 10000 });
    const { camera, microphone } = (await told()).state;
    expect(camera && microphone, 'letters in the chat are text');
    shot('04-chat', window);
    keys('Escape');
    await until("the chat's end", () => count(window, OPEN, 2) < 500);
    // The keyboard is back at the button that opens it.
    keys('Return');
    await until('the chat', () => count(window, OPEN, 2) > 500);
    keys('h', 'i', 'Return');
    await until("the page's text", async () => (await told()).chats.includes('hi'));
    keys('Escape');
    await until("the chat's end", () => count(window, OPEN, 2) < 500);
  });

  await walk.step("toolbar, member list and a person's volume by the keyboard alone", async () => {
    // Back from the chat's button: leave, share, the loudspeaker's menu, the loudspeaker.
    keys('shift+Tab', 'shift+Tab', 'shift+Tab', 'shift+Tab', 'Return');
    await state('no loudspeaker', ({ speaker }) => !speaker);
    keys('Return');
    await state('the loudspeaker', ({ speaker }) => speaker);
    type('p');
    await until('the list', () => count(window, OPEN, 2) > 500);
    // From ourselves to the guest, to their volume; there the slider is one on.
    keys('Tab', 'Tab', 'Return', 'Tab', 'Right');
    const saved = path.join(data, 'settings.json');
    const volumes = () =>
      fs.existsSync(saved) ? JSON.stringify(JSON.parse(fs.readFileSync(saved, 'utf8')).volumes) : '';
    await until('a guest who is louder', () => /:105\b/.test(volumes()));
    shot('04-volume', window);
    keys('Escape');
    await until("the list's end", () => count(window, OPEN, 2) < 500);
    keys('Return');
    await until('the list again', () => count(window, OPEN, 2) > 500);
    type('c');
    keys('Escape');
    const { camera, microphone } = (await told()).state;
    expect(camera && microphone, 'nothing else was turned off by it');
  });

  await walk.step('a click on a picture shows whose it is in the list, a double click shows it large', async () => {
    /** Where pictures are: the guest's, as Chromium's test camera is green, and beside it our own. */
    const pictures = (panel) => {
      const guests = greenPicture(pixels(window));
      const right = place(window).width - (panel ? SIDE : 0);
      const own = { x: (guests.x + guests.width + right) / 2, y: guests.y + guests.height / 2 };
      return { own, guests: { x: guests.x + guests.width / 2, y: own.y, width: guests.width } };
    };
    const hit = (how, { x, y }) => how(place(window).x + x, place(window).y + y);
    /** How far down the list somebody is marked; none where nobody is. */
    const marked = () => {
      const { width, height } = place(window);
      const list = crop(pixels(window), { x: width - SIDE, y: 100, width: SIDE, height: height - 200 });
      const rows = [];
      for (let y = 0; y < list.height; y += 1)
        if (count({ data: list.data.subarray(y * SIDE * 4, (y + 1) * SIDE * 4) }, OPEN, 2) > SIDE / 3) rows.push(y);
      return rows.length > 20 ? (rows[0] + rows.at(-1)) / 2 : undefined;
    };
    focus(window);
    const usual = await until("the guest's picture, large", () => {
      const now = pictures();
      return now.guests.width > place(window).width / 2 && now;
    });
    const wide = () => pictures().guests.width > usual.guests.width * 0.9;
    const small = () => pictures().guests.width < usual.guests.width / 2;
    hit(click, usual.guests);
    const guests = await until('the guest in the list', marked);
    await until('the pictures beside it', () => !wide());
    shot('04-clicked', window);
    hit(click, pictures(true).own);
    await until('ourselves, who are first in it', () => marked() < guests - 20);
    type('p');
    await until("the list's end", () => count(window, OPEN, 2) < 500 && wide());
    // The list does not open under the second click.
    hit(doubleClick, usual.own);
    await until('our own picture, large', small);
    shot('04-own-large', window);
    expect(count(window, OPEN, 2) < 500, 'a double click opens no list');
    // The list knows of it: there, where we are first, one press takes it back.
    type('p');
    await until('the list', () => count(window, OPEN, 2) > 500);
    keys('Return', 'Escape');
    await until('the usual layout', wide);
    hit(doubleClick, usual.own);
    await until('our own picture, large', small);
    hit(doubleClick, usual.guests);
    await until('the usual layout', wide);
  });

  await walk.step('closing the window of a room with others in it asks first, and one can stay', async () => {
    const before = count(window, LEAVE, 3);
    focus(window);
    keys('alt+F4');
    await until('the question', () => Math.abs(count(window, LEAVE, 3) - before) > 200);
    shot('05-leave', window);
    keys('Escape');
    await until('the buttons again', () => Math.abs(count(window, LEAVE, 3) - before) < 100);
    expect(roomWindow() && (await told()).closed === undefined, 'the room goes on');
  });
}
