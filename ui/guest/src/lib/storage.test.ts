import { afterEach, expect, test, vi } from 'vitest';

import { keep, kept } from './storage';

afterEach(() => {
  for (const where of ['localStorage', 'sessionStorage']) Reflect.deleteProperty(globalThis, where);
  vi.unstubAllGlobals();
});

test('what is kept is found again, in its own place', () => {
  for (const where of ['localStorage', 'sessionStorage']) {
    const all = new Map<string, string>();
    vi.stubGlobal(where, {
      getItem: (name: string) => all.get(name) ?? null,
      setItem: (name: string, value: string) => all.set(name, value),
    });
  }
  keep('localStorage', 'name', 'Wang');
  expect([kept('localStorage', 'name'), kept('sessionStorage', 'name')]).toEqual(['Wang', null]);
});

test('where storage is blocked, its very name throws: nothing is kept, and nothing breaks', () => {
  for (const where of ['localStorage', 'sessionStorage'] as const) {
    Object.defineProperty(globalThis, where, {
      configurable: true,
      get: () => {
        throw new DOMException('denied', 'SecurityError');
      },
    });
    keep(where, 'name', 'Wang');
    expect(kept(where, 'name')).toBeNull();
  }
});
