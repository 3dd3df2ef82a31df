// What pages load must stay small.

import { existsSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const file = new URL('../dist/EXEStarter.js', import.meta.url);

it.skipIf(!existsSync(file))('EXEStarter.js is under 15 kB gzipped', () => {
  expect(gzipSync(readFileSync(file)).length).toBeLessThan(15_000);
});
