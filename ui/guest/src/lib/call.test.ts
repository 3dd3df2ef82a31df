import { expect, test } from 'vitest';

import { changedTheirMind } from './call.svelte';

test('closing the browser’s question is no failure, a system that forbids it is one', () => {
  expect(changedTheirMind(new DOMException('Permission denied', 'NotAllowedError'))).toBe(true);
  expect(changedTheirMind(new DOMException('Permission denied by user', 'NotAllowedError'))).toBe(true);
  expect(changedTheirMind(new DOMException('Permission denied by system', 'NotAllowedError'))).toBe(false);
  expect(changedTheirMind(new DOMException('Could not start video source', 'NotReadableError'))).toBe(false);
  expect(changedTheirMind(new Error('no server'))).toBe(false);
});
