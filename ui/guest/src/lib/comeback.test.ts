import { expect, test } from 'vitest';

import { GIVE_UP_AFTER, LONGEST_WAIT, comeback } from './comeback';

/** The waits of a page that finds no server, until it gives up; a try itself takes no time. */
function waits(random: number): number[] {
  const policy = comeback(() => random);
  const found: number[] = [];
  for (let elapsedMs = 0; ;) {
    const wait = policy.nextRetryDelayInMs({ retryCount: found.length, elapsedMs });
    if (wait === null) return found;
    found.push(wait);
    elapsedMs += wait;
  }
}

test('waits are short at first and never long', () => {
  expect(waits(1).slice(0, 4)).toEqual([200, 500, 1000, 1000]);
  for (const random of [0, 0.5, 1]) expect(Math.max(...waits(random))).toBeLessThanOrEqual(LONGEST_WAIT);
});

test('pages that lost the same server come back at different moments', () => {
  expect(waits(0).slice(0, 4)).toEqual([100, 250, 500, 500]);
});

test('a page gives up as late as the app', () => {
  for (const random of [0, 1]) {
    const whole = waits(random).reduce((sum, wait) => sum + wait, 0);
    expect(whole).toBeGreaterThanOrEqual(GIVE_UP_AFTER);
    expect(whole).toBeLessThan(GIVE_UP_AFTER + LONGEST_WAIT);
  }
});
