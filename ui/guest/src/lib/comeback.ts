// When the page tries to come back to a room it has lost.
import type { ReconnectPolicy } from 'livekit-client';

/** The app tries for as long (`GIVE_UP_AFTER` in crates/session/src/core/retry.rs), ms. */
export const GIVE_UP_AFTER = 600_000;
/**
 * Longest wait between two tries, ms. A server that was started again knows no session: one try learns that, the next joins
 * anew, and livekit-client takes two seconds more until it is connected. So everybody is back within five seconds. Its own
 * policy waits up to ten seconds, and gives up within a minute.
 */
export const LONGEST_WAIT = 1000;
/** Waits before the first tries, ms: most losses are short. */
const FIRST_WAITS = [200, 500];

/** Waits of half to the whole length, as `random` (0 … 1) says: who lost the same server does not come back at the same moment. */
export function comeback(random: () => number = Math.random): ReconnectPolicy {
  return {
    nextRetryDelayInMs: ({ retryCount, elapsedMs }) =>
      elapsedMs < GIVE_UP_AFTER ? (FIRST_WAITS[retryCount] ?? LONGEST_WAIT) * (0.5 + 0.5 * random()) : null,
  };
}
