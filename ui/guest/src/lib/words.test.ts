import { expect, test } from 'vitest';

import { languages, preferred } from './words';

test('the chosen language wins over the browser', () => {
  expect(preferred('en', ['zh-CN'])).toBe('en');
  expect(preferred(null, ['zh-Hant-TW', 'en'])).toBe('zh');
  expect(preferred('klingon', ['de'])).toBe('en');
});

test('both languages keep the same places to fill in', () => {
  for (const key of Object.keys(languages.en) as (keyof typeof languages.en)[]) {
    const places = (text: string) => text.match(/\{\w+\}/g) ?? [];
    expect(places(languages.zh[key]), key).toEqual(places(languages.en[key]));
    expect(languages.zh[key].length, key).toBeGreaterThan(0);
  }
});
