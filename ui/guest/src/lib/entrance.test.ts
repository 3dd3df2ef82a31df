import { expect, test } from 'vitest';

import { problemOf, readAddress } from './entrance';

test('room and invitation come out of the address', () => {
  expect(readAddress('/join/crm-42', '?i=abc.def')).toEqual({ room: 'crm-42', invitation: 'abc.def' });
  expect(readAddress('/join/%E5%BC%A0', '')).toEqual({ room: '张', invitation: '' });
  expect(readAddress('/join/%zz', '').room).toBe('');
  expect(readAddress('/elsewhere', '').room).toBe('');
});

test('each refusal has its words', () => {
  expect(problemOf(3001)).toBe('noRoom');
  expect(problemOf(3002)).toBe('full');
  expect(problemOf(2010)).toBe('notInvited');
  expect(problemOf(undefined)).toBe('unreachable');
});
