// What is written, drawn and filled stands out from what is behind it, in the light and in the dark; and the pages have the
// stage's colours.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

type Tokens = Record<string, string>;

const [day = '', night = ''] = readFileSync(new URL('tokens.css', import.meta.url), 'utf8').split('@media');
const colours = (css: string): Tokens => {
  const found = [...css.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)];
  return Object.fromEntries(found.map(([, name, value]) => [name, value]));
};
const themes: [string, Tokens][] = [
  ['light', colours(day)],
  ['dark', { ...colours(day), ...colours(night) }],
];

/** Relative luminance (WCAG 2.2). */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The stage's colours of a theme, out of crates/media. */
function stage(theme: string): Tokens {
  const source = readFileSync(new URL('../../crates/media/src/compositor/theme.rs', import.meta.url), 'utf8');
  const [, body = ''] = new RegExp(`const fn ${theme}\\(\\) -> Self \\{(.*?)\\n {4}\\}`, 's').exec(source) ?? [];
  const found = [...body.matchAll(/(\w+): Rgb::hex\(0x([0-9A-F]{6})\)/g)];
  return Object.fromEntries(found.map(([, name, value = '']) => [name, `#${value.toLowerCase()}`]));
}

/** What pages and stage share. */
const shared = ['ground', 'tile', 'accent', 'alert', 'notice'];

const grounds = ['ground', 'panel', 'tile', 'raised', 'pressed', 'own'];
const read: [string, string][] = [
  ...grounds.flatMap((ground): [string, string][] => [
    ['text', ground],
    ['text-dim', ground],
  ]),
  ['on-primary', 'primary'],
  ['on-primary', 'primary-over'],
  ['on-danger', 'danger'],
  ['on-danger', 'danger-over'],
  ['accent-text', 'accent-soft'],
  ['accent-text', 'panel'],
  ['alert-text', 'alert-soft'],
  ['alert-text', 'panel'],
  ['notice-text', 'notice-soft'],
  ['notice-text', 'panel'],
];
const seen: [string, string][] = [
  ...['ground', 'panel', 'raised', 'pressed'].map((ground): [string, string] => ['focus', ground]),
  ...['panel', 'raised', 'pressed'].map((ground): [string, string] => ['primary-line', ground]),
  // Buttons, on what they stand.
  ...['primary', 'primary-over', 'danger', 'danger-over'].map((fill): [string, string] => [fill, 'panel']),
  ['accent', 'panel'],
];

for (const [theme, tokens] of themes) {
  const faint = (pairs: [string, string][], least: number) =>
    pairs
      .map(([front, back]): [string, number] => [
        `${front} on ${back}`,
        contrast(tokens[front] ?? '#000000', tokens[back] ?? '#000000'),
      ])
      .filter(([, found]) => found < least);

  test(`what is read stands out from its ground, ${theme}`, () => expect(faint(read, 4.5)).toEqual([]));
  test(`what is seen stands out from its ground, ${theme}`, () => expect(faint(seen, 3)).toEqual([]));

  test(`the pages and the stage are one room, ${theme}`, () => {
    const drawn = stage(theme);
    for (const name of shared) expect(tokens[name], name).toBe(drawn[name] ?? 'not found in theme.rs');
  });
}
