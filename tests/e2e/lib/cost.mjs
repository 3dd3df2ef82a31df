// What programs cost: CPU time and memory of process trees, from /proc (Linux).
import fs from 'node:fs';

import { pause } from './pause.mjs';

const TICKS_PER_SECOND = 100;

/** All processes: { pid, parent, name, seconds } with the CPU time used so far. */
function all() {
  const found = [];
  for (const entry of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = fs.readFileSync(`/proc/${entry}/stat`, 'latin1');
      const end = stat.lastIndexOf(')');
      const fields = stat.slice(end + 2).split(' ');
      found.push({
        pid: Number(entry),
        name: stat.slice(stat.indexOf('(') + 1, end),
        parent: Number(fields[1]),
        seconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      });
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** The processes that `roots` (a test on { pid, name }) picks, with all their descendants. */
export function family(roots) {
  const processes = all();
  const chosen = new Set(processes.filter(roots).map(({ pid }) => pid));
  for (let before = -1; before !== chosen.size;) {
    before = chosen.size;
    for (const { pid, parent } of processes) if (chosen.has(parent)) chosen.add(pid);
  }
  return processes.filter(({ pid }) => chosen.has(pid));
}

/** Proportional set size of processes in MiB: shared pages are divided among those who share them. */
export function memory(processes) {
  let kib = 0;
  for (const { pid } of processes) {
    try {
      kib += Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0);
    } catch {
      // It ended while we looked.
    }
  }
  return kib / 1024;
}

/** Cores used by the processes over `seconds`, and by the display server in the same time. */
export async function cores(roots, seconds) {
  const sum = (processes) => new Map(processes.map(({ pid, seconds: used }) => [pid, used]));
  const display = ({ name }) => name === 'Xvfb';
  const [before, screenBefore, begun] = [sum(family(roots)), sum(family(display)), performance.now()];
  await pause(seconds * 1000);
  const [after, screenAfter, time] = [sum(family(roots)), sum(family(display)), (performance.now() - begun) / 1000];
  const used = (from, to) => [...to].reduce((total, [pid, now]) => total + now - (from.get(pid) ?? 0), 0) / time;
  return { programs: used(before, after), display: used(screenBefore, screenAfter) };
}
