import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { codeOf, meaning } from './codes';

/** Codes that only a developer, an administrator or the page ever meets. */
const NOT_FOR_PERSONS = [2009, 4030, 5999];
/** Codes of the page API that end a room, too. */
const OF_PAGES = [-9998, -9999];

test('every code a person may meet has words of its own, in both languages', () => {
  const source = readFileSync(new URL('../../../../crates/protocol/src/code.rs', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/^ {4}\w+ = (\d{4}),/gm)].map((found) => Number(found[1]));
  const met = codes.filter((code) => code >= 2000 && !NOT_FOR_PERSONS.includes(code));
  expect(met.length).toBeGreaterThan(25);
  for (const code of [...met, ...OF_PAGES]) {
    expect(meaning(code, 'en').title, `${code}`).not.toBe(meaning(-1, 'en').title);
    expect(meaning(code, 'zh-CN').title, `${code}`).toMatch(/[\u4e00-\u9fff]/);
  }
});

test('what a call to the app failed with has a code', () => {
  expect(codeOf({ code: 4021, message: 'no portal' })).toBe(4021);
  for (const other of ['no such command', new Error('broken'), null, undefined, { code: 'x' }])
    expect(codeOf(other)).toBe(5999);
});
