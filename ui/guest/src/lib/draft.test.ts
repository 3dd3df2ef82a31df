import { expect, test } from 'vitest';

import { Draft } from './draft.svelte';

test('what is sent leaves the field, and what is typed meanwhile stays', async () => {
  const draft = new Draft();
  const sent: string[] = [];
  draft.text = ' hello ';
  await draft.submit(async (text) => {
    sent.push(text);
    draft.text += 'more';
    // Enter once more, before the first is through.
    await draft.submit(() => Promise.reject(new Error('twice')));
  });
  expect([sent, draft.text, draft.failed]).toEqual([['hello'], 'more', false]);
});

test('what cannot be sent stays, and goes with the next try', async () => {
  const draft = new Draft();
  draft.text = 'hello';
  await draft.submit(() => Promise.reject(new Error('no connection')));
  expect([draft.text, draft.failed]).toEqual(['hello', true]);
  await draft.submit(() => Promise.resolve());
  expect([draft.text, draft.failed]).toEqual(['', false]);
});

test('there is nothing to send in blanks', async () => {
  const draft = new Draft();
  draft.text = '  ';
  await draft.submit(() => Promise.reject(new Error('sent')));
  expect(draft.failed).toBe(false);
});
