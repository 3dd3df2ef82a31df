import { expect, test } from 'vitest';
import { isKind, shown } from './panels';

test("a device's panel lies before the others and leaves them where they were", () => {
  expect(shown('chat', 'camera', { mayPublish: true })).toBe('camera');
  expect(shown('chat', null, { mayPublish: true })).toBe('chat');
  expect(shown(null, null, { mayPublish: true })).toBeNull();
  expect([isKind('camera'), isKind('chat'), isKind('members')]).toEqual([true, false, false]);
});

test('the audience has no camera and no microphone, but hears', () => {
  const audience = { mayPublish: false };
  expect(shown('chat', 'camera', audience)).toBe('chat');
  expect(shown(null, 'microphone', audience)).toBeNull();
  expect(shown(null, 'speaker', audience)).toBe('speaker');
});
