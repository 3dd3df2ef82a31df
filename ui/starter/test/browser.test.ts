// The built file in a real Chromium, against an app that is played.

import { describe } from 'vitest';
import { CHROMIUM, skipped } from '../../test/skip.ts';
import { built } from './app.ts';
import { generations } from './browser/generations.ts';
import { opening } from './browser/opening.ts';
import { rooms } from './browser/rooms.ts';
import { stand } from './browser/stand.ts';

// One file: one browser for all, and one test after the other.
describe.skipIf(skipped('EXEStarter.js in Chromium', [CHROMIUM, built]))('EXEStarter.js in Chromium', () => {
  stand();
  opening();
  rooms();
  generations();
});
