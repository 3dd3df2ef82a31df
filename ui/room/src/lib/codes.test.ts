import { expect, test } from 'vitest';
import { Code } from '../../../protocol/index';
import { codeOf, meaning, standsIn, wished } from './codes';

/** Codes that only a developer, an administrator or the page ever meets. */
const NOT_FOR_PERSONS: number[] = [Code.TestLoginOff, Code.RecordingAbsent, Code.Internal];
/** Codes of the page API that end a room, too. */
const OF_PAGES = [Code.MissingParameter, Code.WrongParameter];

test('every code a person may meet has words of its own, in both languages', () => {
  const met = Object.values(Code).filter((code) => code >= 2000 && !NOT_FOR_PERSONS.includes(code));
  expect(met.length).toBeGreaterThan(25);
  for (const code of [...met, ...OF_PAGES]) {
    expect(meaning(code, 'en').title, `${code}`).not.toBe(meaning(Code.NotInstalled, 'en').title);
    expect(meaning(code, 'zh-CN').title, `${code}`).toMatch(/[\u4e00-\u9fff]/);
  }
});

test('what a call to the app failed with has a code', () => {
  expect(codeOf({ code: Code.ScreenUnavailable, message: 'no portal' })).toBe(Code.ScreenUnavailable);
  for (const other of ['no such command', new Error('broken'), null, undefined, { code: 'x' }])
    expect(codeOf(other)).toBe(Code.Internal);
});

test('an end that somebody wanted is no failure, and another device in place of the chosen one breaks nothing', () => {
  expect([Code.Ok, Code.RoomDestroyed, Code.Removed].map(wished)).toEqual([true, true, true]);
  expect([Code.RoomNotFound, Code.ConnectionLost, Code.MissingParameter].map(wished)).toEqual([false, false, false]);
  expect([Code.CameraReplaced, Code.MachineBusy].map(standsIn)).toEqual([true, true]);
  expect([Code.CameraLost, Code.SoundCodecUnavailable].map(standsIn)).toEqual([false, false]);
});
