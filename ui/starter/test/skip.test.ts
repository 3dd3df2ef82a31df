import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { skipped } from '../../test/skip.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'beckon-skips-'));
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

const there = { file: import.meta.filename, from: 'this file is there' };
const away = { file: '/nowhere/chromium', from: 'install it' };
const line = 'some tests: /nowhere/chromium is missing; install it';

it('leaves tests out that miss something, and writes them into the list', () => {
  const list = join(folder, 'list');
  expect(skipped('some tests', [there], { BECKON_TEST_SKIPS: list })).toBe(false);
  expect(skipped('some tests', [there, away], { BECKON_TEST_SKIPS: list })).toBe(true);
  expect(skipped('some tests', [away], { BECKON_TEST_SKIPS: list, CI: 'false' })).toBe(true);
  expect(readFileSync(list, 'utf8')).toBe(`${line}\n${line}\n`);
  expect(skipped('some tests', [away], {})).toBe(true);
});

it('fails where nothing may be left out, and where the list cannot be written', () => {
  expect(() => skipped('some tests', [away], { CI: '1' })).toThrow(line);
  expect(() => skipped('some tests', [away], { BECKON_TEST_SKIPS: folder })).toThrow();
});
