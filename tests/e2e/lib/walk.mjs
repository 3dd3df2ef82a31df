// The frame of a walk: named steps with their times, screenshots when one fails, timings.json at the end.
import fs from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';

import { pause } from './pause.mjs';
import { screenshot } from './screen.mjs';

export const out = process.env.BECKON_OUT ?? 'out';
export const server = process.env.BECKON_SERVER ?? 'http://127.0.0.1:8080';
export const programs = process.env.BECKON_PROGRAMS ?? '../../target/debug';

/** One walk: `walk.step(name, async () => …)` runs and times a step, `walk.time(name, ms)` notes a figure. */
export class Walk {
  #begun = performance.now();
  #timings = {};
  #steps = [];

  async step(name, action) {
    const begun = performance.now();
    try {
      const value = await action();
      const seconds = (performance.now() - begun) / 1000;
      this.#steps.push({ name, seconds });
      console.log(`  ok    ${name} (${seconds.toFixed(1)} s)`);
      return value;
    } catch (error) {
      console.log(`  FAIL  ${name}: ${error.message}`);
      screenshot(path.join(out, 'failed.png'));
      throw error;
    }
  }

  time(name, milliseconds) {
    this.#timings[name] = Math.round(milliseconds * 10) / 10;
  }

  finish() {
    const total = Math.round(performance.now() - this.#begun);
    const report = { total_ms: total, timings_ms: this.#timings, steps: this.#steps };
    fs.writeFileSync(path.join(out, 'timings.json'), `${JSON.stringify(report, null, 2)}\n`);
    console.log(`${this.#steps.length} passed, 0 failed`);
  }
}

/** Waits until `probe` gives something true, and returns it; fails after `limit` milliseconds with `what`. */
export async function until(what, probe, limit = 15000) {
  const begun = performance.now();
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() - begun > limit) {
      throw new Error(`${what}: not within ${limit} ms${last ? ` (${last.message})` : ''}`);
    }
    await pause(40);
  }
}

export function expect(condition, sentence) {
  if (!condition) throw new Error(sentence);
}
