// The desktop app from outside: its windows, its processes.
import { execFileSync } from 'node:child_process';

import { pause } from './pause.mjs';
import { click, focus, keys, place, windows } from './screen.mjs';
import { programs, until } from './walk.mjs';

/** The window in which the app asks whether a page may open a room. */
export const consentWindow = () =>
  until("the app's question", () => windows('^Beckon – (a page asks|网页请求)$')[0], 20000);

/** Answers the app's question with the keyboard: "once", "always" or "no". */
export async function answerConsent(answer) {
  const window = await consentWindow();
  // The app takes a yes only after the person had time to read.
  await pause(1500);
  focus(window);
  const presses = { no: ['Return'], always: ['Tab', 'Return'], once: ['Tab', 'Tab', 'Return'] }[answer];
  keys(...presses);
  const gone = () => windows('^Beckon – (a page asks|网页请求)$').length === 0;
  for (let tries = 0; tries < 4; tries += 1) {
    try {
      return await until("the question's end", gone, 2500);
    } catch {
      // On a busy machine the keys came before the window would take them. From a click on the sentence at its top on, the
      // buttons are gone through from the first, whichever has the focus now.
      focus(window);
      const { x, y, width } = place(window);
      click(x + width / 2, y + 100);
      const steps = { no: 1, always: 2, once: 3 }[answer];
      keys(...Array(steps).fill('Tab'), 'Return');
    }
  }
  await until("the question's end", gone, 5000);
}

/** Agrees to Chromium's own question, whose first button is the one that refuses. */
export async function agreeToOpen() {
  keys('Tab', 'Return');
}

/** The app's processes. */
export function processes() {
  try {
    return execFileSync('pgrep', ['-f', `^${programs}/beckon( |$)`])
      .toString()
      .split('\n')
      .filter(Boolean);
  } catch {
    return []; // pgrep ends with 1 when there is none
  }
}

/** Whether the app has a thread of this name: each room has one for each of its devices ("camera"), which opens it. */
export function hasThread(name) {
  const pids = processes();
  if (pids.length === 0) return false;
  return execFileSync('ps', ['-L', '-o', 'comm=', '-p', pids.join(',')])
    .toString()
    .split('\n')
    .includes(name);
}

/** Ends the app as the system does, and waits until it is gone. */
export async function endApp() {
  for (const pid of processes()) process.kill(Number(pid), 'SIGTERM');
  await until("the app's end", () => processes().length === 0, 10000);
}
