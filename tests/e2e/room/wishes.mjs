// What the page wishes of its open room, and how the settings show what it wished.
import fs from 'node:fs';
import path from 'node:path';

import { roomWindow } from '../lib/room.mjs';
import { count, keys } from '../lib/screen.mjs';
import { closeSettings, openSettings, section } from '../lib/settings.mjs';
import { expect, until } from '../lib/walk.mjs';
import { ACCENT } from './colours.mjs';
import { guestSees } from './guest.mjs';

/** In a room that was opened with a filter. */
export async function wishes({ walk, guest, data, state, setMedia, shot }) {
  const { seenHeight } = guestSees(guest);

  await walk.step('the page sets what the room does', async () => {
    await setMedia({ speaker: false, video: { resolution: '540p' } });
    await state('no loudspeaker', ({ speaker }) => !speaker);
    // Beside the chat our picture is so narrow that the layer of 270 lines suffices. It grows step by step, each some seconds after the
    // one before: as machine and network bear it.
    await guest.getByTestId('chat-close').click();
    await until('a picture of more than 360 lines', async () => (await seenHeight()) > 360, 60000);
    await setMedia({ speaker: true, microphone: false });
    await state('the loudspeaker, no microphone', ({ speaker, microphone }) => speaker && !microphone);
  });

  await walk.step('the settings show the filter that the page asked for, and it is turned off there', async () => {
    const settings = await openSettings(roomWindow());
    await until("the room's picture", () => count(settings, [0xdc, 0xe2, 0xea], 2) < 20000);
    section(settings, 'Down', 2);
    const on = () => count(settings, ACCENT, 3);
    await until('a filter that is on', () => on() > 700);
    shot('05-beauty-of-the-room', settings);
    const saved = path.join(data, 'settings.json');
    const own = () => (fs.existsSync(saved) ? JSON.parse(fs.readFileSync(saved, 'utf8')).beauty?.on === true : false);
    expect(!own(), 'the person has set no filter');
    keys('Tab', 'space');
    await until('a filter that is off', () => on() < 300);
    expect(!own(), 'nor do they now');
    await closeSettings(settings);
  });
}
