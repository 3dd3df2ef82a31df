import { expect, test, vi } from 'vitest';
import { described, reporter, watch } from './failures';

test('what was thrown is one line, with its place', () => {
  const error = new TypeError('room is null');
  error.stack =
    'TypeError: room is null\n    at show (tauri://localhost/assets/index.js:1:234)\n    at other (x.js:5:6)';
  expect(described(error)).toBe('TypeError: room is null (at show (tauri://localhost/assets/index.js:1:234))');
  error.stack = 'show@tauri://localhost/assets/index.js:1:234\nother@x.js:5:6';
  expect(described(error)).toBe('TypeError: room is null (show@tauri://localhost/assets/index.js:1:234)');
  expect(described('the room is over')).toBe('the room is over');
  expect(described({ code: 4021, message: 'no portal' })).toBe('no portal (4021)');
  expect(described(undefined)).toBe('undefined');
});

test('what nobody catches is told once, and not without end', async () => {
  const page = new EventTarget();
  const tell = vi.fn((_: string) => Promise.reject(new Error('the app is gone')));
  watch(page, reporter(tell));
  const fail = (reason: unknown) => page.dispatchEvent(Object.assign(new Event('unhandledrejection'), { reason }));
  fail('the room is over');
  fail('the room is over');
  page.dispatchEvent(Object.assign(new Event('error'), { error: null, message: 'ResizeObserver loop' }));
  expect(tell.mock.calls).toEqual([['the room is over'], ['ResizeObserver loop']]);
  for (let n = 0; n < 100; n += 1) fail(`number ${n}`);
  expect(tell.mock.calls.length).toBe(20);
});
