// A room opens, on a machine without a loudspeaker.
import { received } from '../lib/browser.mjs';
import { roomWindow } from '../lib/room.mjs';
import { count } from '../lib/screen.mjs';
import { unplugSound } from '../lib/sound.mjs';
import { expect, until } from '../lib/walk.mjs';
import { ALERT, NOTICE } from './colours.mjs';
import { guestSees } from './guest.mjs';

/** Gives the room's window and the page of the guest who joined. */
export async function opening({ walk, browser, openRoom, told, state, shot }) {
  let window;
  let guest;
  const plugIn = unplugSound();
  await walk.step('a room opens as its page wished it, and a guest joins', async () => {
    const beauty = { style: 'smooth', strength: 7 };
    window = await openRoom({ language: 'en', video: { resolution: '360p' }, beauty });
    const now = await state('all is on but the loudspeaker', (now) => now.camera && now.microphone && !now.speaker);
    expect(now.screen === false, 'nothing is shared yet');
    guest = await browser.newPage();
    await guest.goto(now.guestLink);
    await guest.getByTestId('name').fill('李四');
    await guest.getByTestId('join').click();
    await guest.locator('[data-phase="connected"]').waitFor({ timeout: 20000 });
  });

  const { video, seenHeight } = guestSees(guest);

  await walk.step('the guest sees the size that the page chose', async () => {
    await video().waitFor({ timeout: 15000 });
    await until('a picture of 360 lines', async () => (await seenHeight()) === 360, 20000);
  });

  await walk.step(
    'without a loudspeaker page and person are told so, all else goes on, and one that is plugged in is taken',
    async () => {
      await until('the page is told', async () => (await told()).notices.includes(4007));
      await until('the words for it', () => count(window, ALERT, 2) > 5000);
      shot('01-no-loudspeaker', window);
      const before = { audio: await received(guest, 'audio'), video: await received(guest, 'video') };
      for (const [kind, some] of [
        ['audio', 25],
        ['video', 10],
      ])
        await until(`more ${kind} at the guest's`, async () => (await received(guest, kind)) > before[kind] + some);
      expect((await told()).state.phase === 'connected', 'the room stays connected');
      plugIn();
      await state('all is on', ({ camera, microphone, speaker }) => camera && microphone && speaker);
      await until('the page is told', async () => (await told()).notices.includes(0));
      await until("the words' end", () => count(window, ALERT, 2) < 500);
    },
  );

  await walk.step('the window says that camera and microphone are made up', async () => {
    await until('the words for it', () => count(roomWindow(), NOTICE, 2) > 10000);
    shot('01-room', window);
  });

  return { window, guest };
}
