import { expect, test } from 'vitest';
import { takesLetters, takesSpace } from './keys';

const at = (tagName: string, more = {}) => ({ tagName, ...more }) as unknown as EventTarget;
const input = (type: string) => at('INPUT', { type });

test('letters belong to where one types or chooses by them, and to the room everywhere else', () => {
  for (const typing of [
    at('TEXTAREA'),
    at('SELECT'),
    input('text'),
    input('search'),
    at('DIV', { isContentEditable: true }),
  ])
    expect(takesLetters(typing)).toBe(true);
  for (const other of [input('range'), input('checkbox'), input('radio'), at('BUTTON'), at('DIV'), null])
    expect(takesLetters(other)).toBe(false);
});

test('the space bar belongs to boxes and switches too, and not to sliders', () => {
  const sw = at('BUTTON', { role: 'switch' });
  for (const taken of [at('TEXTAREA'), at('SELECT'), input('text'), input('checkbox'), input('radio'), sw])
    expect(takesSpace(taken)).toBe(true);
  for (const free of [input('range'), at('BUTTON'), at('BODY'), null]) expect(takesSpace(free)).toBe(false);
});
