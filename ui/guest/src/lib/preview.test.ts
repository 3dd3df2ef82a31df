import { expect, test } from 'vitest';

import { Preview } from './preview.svelte';

/** A camera that opens, or does not, when the test says so. */
function camera() {
  const asked: { answer: (track: { stop(): void }) => void; refuse: (error: Error) => void }[] = [];
  const preview = new Preview(
    () => new Promise<{ stop(): void }>((answer, refuse) => void asked.push({ answer, refuse })),
  );
  return { preview, asked };
}

function picture() {
  const track = { open: true, stop: () => void (track.open = false) };
  return track;
}

test('a camera that opens is shown, and closed with the preview', async () => {
  const { preview, asked } = camera();
  const opened = preview.open();
  const track = picture();
  asked[0]?.answer(track);
  await opened;
  expect(preview.track).toBe(track);
  preview.close();
  expect([preview.track, track.open]).toEqual([undefined, false]);
});

test('a camera that opens after nobody wants it is closed at once', async () => {
  const { preview, asked } = camera();
  const opened = preview.open();
  preview.close();
  const track = picture();
  asked[0]?.answer(track);
  await opened;
  expect([preview.track, track.open]).toEqual([undefined, false]);
});

test('off and on again while it opens leaves one camera open', async () => {
  const { preview, asked } = camera();
  const first = preview.open();
  preview.close();
  const second = preview.open();
  const [early, late] = [picture(), picture()];
  asked[1]?.answer(late);
  asked[0]?.answer(early);
  await Promise.all([first, second]);
  expect([preview.track === late, late.open, early.open]).toEqual([true, true, false]);
});

test('why it does not open is told only to who still waits for it', async () => {
  const { preview, asked } = camera();
  const [first, second] = [preview.open(), preview.open()];
  asked[0]?.refuse(new Error('of before'));
  asked[1]?.refuse(new Error('refused'));
  await expect(first).resolves.toBeUndefined();
  await expect(second).rejects.toThrow('refused');
});
