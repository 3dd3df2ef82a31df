// The figures of all cases beside each other, as a table in Markdown.
import { percentile } from '../lib/glass.mjs';

/** The middle one of several runs, figure by figure. */
function middle(runs) {
  return Object.fromEntries(
    Object.keys(runs[0]).map((figure) => {
      const values = runs.map((run) => run[figure]).filter((value) => value !== null);
      return [figure, values.length > 0 ? percentile(values, 50) : null];
    }),
  );
}

const cell = ({
  shown,
  freezes,
  frozen_ms,
  longest_ms,
  later_ms,
  p50_ms,
  p95_ms,
  age_p50_ms,
  age_p95_ms,
  made_up_percent,
  hole_ms,
}) =>
  [
    shown,
    `${freezes} / ${frozen_ms}`,
    `${longest_ms} / ${later_ms}`,
    `${p50_ms ?? '–'} / ${p95_ms ?? '–'}`,
    `${age_p50_ms ?? '–'} / ${age_p95_ms ?? '–'}`,
    `${made_up_percent ?? '–'} / ${hole_ms ?? '–'}`,
  ].join(' | ');

/** In how many cases ours is better, the same, worse. */
function verdict(compared, figure, least) {
  const signs = compared.map(({ ours, theirs }) => Math.sign(ours[figure] - theirs[figure]) * (least ? -1 : 1));
  return [1, 0, -1].map((sign) => signs.filter((of) => of === sign).length).join(' / ');
}

/** Prints the figures of all cases, and in how many of them ours is better. */
export function print(rows, cases) {
  const measured = rows.filter((row) => row.ours.shown !== undefined);
  const compared = [];
  for (const name of ['down', 'up']) {
    console.log(
      `\n${name}:\n\n| case | shown | freezes / ms | longest, ms / 2 s after a change | delay p50 / p95, ms | age of what is seen p50 / p95, ms | sound made up, % / longest hole, ms | shown, ratio |\n|---|---|---|---|---|---|---|---|`,
    );
    for (const { name: label } of cases) {
      const runs = measured.filter((row) => row.direction === name && row.label === label);
      if (runs.length === 0) continue;
      const [a, b] = [middle(runs.map((row) => row.ours)), middle(runs.map((row) => row.theirs))];
      compared.push({ ours: a, theirs: b });
      console.log(
        `| ${label}, ours | ${cell(a)} | ${(a.shown / Math.max(1, b.shown)).toFixed(2)} |\n| ${label}, Chromium | ${cell(b)} | |`,
      );
    }
  }
  console.log(
    `\nOurs better / the same / worse, of ${compared.length}: shown ${verdict(compared, 'shown', false)}, ` +
      `time frozen ${verdict(compared, 'frozen_ms', true)}, age p50 ${verdict(compared, 'age_p50_ms', true)}, p95 ${verdict(compared, 'age_p95_ms', true)}`,
  );
}
