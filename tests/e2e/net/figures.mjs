// What a receiver saw and heard, in figures.
import { percentile } from '../lib/glass.mjs';

/** Figures of one receiver in a span of time (UNIX ms), of what `user` sends. */
export function figures(events, user, from, to) {
  const within = events.filter((e) => e.at >= from && e.at <= to && e.user === user);
  const pictures = within.filter((e) => e.kind === 'picture');
  // A picture counts when it is another one than before.
  const times = pictures
    .filter((e, n) => n === 0 || e.frame === null || e.frame !== pictures[n - 1].frame)
    .map((e) => e.at);
  const gaps = [from, ...times, to].slice(1).map((at, n) => at - [from, ...times][n]);
  const freezes = gaps.filter((gap) => gap >= 200);
  const delays = pictures.map((e) => e.delay).filter((d) => d !== null);
  // How old what is on the screen is, looked at a hundred times a second: who leaves out late pictures shows the one before longer.
  const coded = events.filter((e) => e.kind === 'picture' && e.user === user && e.at <= to && e.delay !== null);
  const ages = [];
  for (let at = from, n = -1; at < to; at += 10) {
    while (n + 1 < coded.length && coded[n + 1].at <= at) n += 1;
    if (n >= 0) ages.push(at - coded[n].at + coded[n].delay);
  }
  const sound = within.filter((e) => e.kind === 'sound');
  const pieces = sound.length > 1 ? sound.at(-1).pieces - sound[0].pieces : 0;
  const madeUp = sound.length > 1 ? sound.at(-1).madeUp - sound[0].madeUp : 0;
  // A hole: looks (ten a second) one after the other between which nearly all the sound was made up, or nothing was played at all.
  let [hole, longestHole] = [0, 0];
  for (let n = 1; n < sound.length; n += 1) {
    const real = sound[n].pieces - sound[n - 1].pieces - (sound[n].madeUp - sound[n - 1].madeUp);
    const whole = (sound[n].at - sound[n - 1].at) / 10;
    hole = real < whole / 5 ? hole + sound[n].at - sound[n - 1].at : 0;
    longestHole = Math.max(longestHole, hole);
  }
  return {
    shown: times.length,
    freezes: freezes.length,
    frozen_ms: Math.round(freezes.reduce((a, b) => a + b, 0)),
    longest_ms: Math.round(Math.max(...gaps)),
    p50_ms: delays.length ? Math.round(percentile(delays, 50)) : null,
    p95_ms: delays.length ? Math.round(percentile(delays, 95)) : null,
    age_p50_ms: ages.length ? Math.round(percentile(ages, 50)) : null,
    age_p95_ms: ages.length ? Math.round(percentile(ages, 95)) : null,
    hole_ms: sound.length > 1 ? Math.round(longestHole) : null,
    made_up_percent: pieces > 0 ? Math.round((madeUp / pieces) * 1000) / 10 : null,
    width: pictures.at(-1)?.width ?? 0,
  };
}
