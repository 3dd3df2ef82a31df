// A server that goes and comes back, and one that comes back as another.
import { readBarcode } from '../lib/barcode.mjs';
import { videoPixels } from '../lib/browser.mjs';
import { roomWindow, type } from '../lib/room.mjs';
import { count, crop, focus, greenPicture, keys, pixels } from '../lib/screen.mjs';
import { expect, until } from '../lib/walk.mjs';
import { CLOSE, LEAVE, NOTICE } from './colours.mjs';
import { guestSees } from './guest.mjs';

/** Everybody is back in the room within this time after its server is, ms. */
const BACK = 5000;

/** Ends the room, its window and the guest's page. */
export async function serverLost({ walk, window, guest, server, told, state, setMedia, shot }) {
  const { video } = guestSees(guest);

  await walk.step(
    'the server goes: the window says so; it comes back, and within five seconds so are room and guest',
    async () => {
      type('Escape');
      await setMedia({ camera: false, microphone: false });
      await state('neither camera nor microphone', ({ camera, microphone }) => !camera && !microphone);
      await until('no words above the pictures', () => count(window, NOTICE, 2) < 500);
      await server.kill();
      await state('reconnecting', ({ phase }) => phase === 'reconnecting');
      await until('the words for it', () => count(window, NOTICE, 2) > 5000);
      shot('06-reconnecting', window);
      await guest.locator('[data-phase="reconnecting"]').waitFor();
      await setMedia({ camera: true });
      let last;
      const moves = () => {
        const image = pixels(window);
        const part = greenPicture(image);
        if (!part) return false;
        const [before, now] = [last, crop(image, part)];
        last = now;
        return (
          before?.data.length === now.data.length &&
          now.data.filter((value, at) => Math.abs(value - before.data[at]) > 40).length > 500
        );
      };
      await server.start('beckond-data');
      const up = Date.now();
      await Promise.all([
        state('connected again', ({ phase }) => phase === 'connected', BACK),
        guest.locator('[data-phase="connected"]').waitFor({ timeout: BACK }),
        until(
          "our picture of now at the guest's",
          async () => readBarcode(await videoPixels(video())).unixMs > up,
          BACK,
        ),
        until("the guest's picture, moving, in the window", moves, BACK),
      ]);
      walk.time('server_up_to_everybody_back', Date.now() - up);
      expect(Date.now() - up < BACK, `everybody was back after ${Date.now() - up} ms`);
      await setMedia({ camera: false });
      await until("the words' end", () => count(window, NOTICE, 2) < 500);
      expect((await told()).closed === undefined, 'the room has not ended');
    },
  );

  await walk.step(
    'a server that comes back as another ends the room: the window says why, and closes by Return',
    async () => {
      await server.kill();
      await state('reconnecting', ({ phase }) => phase === 'reconnecting');
      await server.start('other-data', []);
      const code = await until('the end', async () => (await told()).closed, 30000);
      expect(code >= 2000 && code < 6000, `the room ended with ${code}`);
      await until("the end's window", () => count(window, LEAVE, 3) < 50 && count(window, CLOSE, 3) > 1500);
      shot('07-ended', window);
      focus(window);
      keys('Return');
      await until("the window's end", () => !roomWindow());
      await guest.close();
    },
  );
}
