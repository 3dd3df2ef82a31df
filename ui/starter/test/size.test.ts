// What pages load must stay small.

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { skipped } from '../../test/skip.ts';
import { built } from './app.ts';

it.skipIf(skipped('the size of EXEStarter.js', [built]))('EXEStarter.js is under 15 kB gzipped', () => {
  expect(gzipSync(readFileSync(built.file)).length).toBeLessThan(15_000);
});
