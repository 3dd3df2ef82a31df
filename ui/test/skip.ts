/**
 * Tests that cannot run here, as something is not there. As `beckon_test_skip` does for those in Rust (tests/support/skip), it
 * writes them into the list that `cargo xtask test` shows at its end; and where nothing may be left out, it fails.
 */
import { appendFileSync, existsSync } from 'node:fs';

/** The variable that names the file of the list; without it there is none. */
const LIST = 'BECKON_TEST_SKIPS';

/** A file that tests need, and what brings it. */
export interface Need {
  file: string;
  from: string;
}

/** The browser of the tests. */
export const CHROMIUM: Need = {
  file: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
  from: 'install chromium, or name another one in CHROMIUM',
};

/** Whether this is a run in which nothing may be left out: CI systems say so. */
const isCI = ({ CI }: NodeJS.ProcessEnv): boolean => Boolean(CI) && CI !== 'false';

/**
 * Whether the tests of this name are to be left out, as one of these is missing. Says so then.
 * @throws where the variable `CI` is set, or the list cannot be written
 */
export function skipped(tests: string, needs: readonly Need[], variables: NodeJS.ProcessEnv = process.env): boolean {
  const missing = needs.find(({ file }) => !existsSync(file));
  if (!missing) return false;
  const line = `${tests}: ${missing.file} is missing; ${missing.from}`;
  if (isCI(variables)) throw new Error(`CI is set, and no test may be skipped there: ${line}`);
  console.error(`SKIPPED ${line}`);
  const list = variables[LIST];
  // One write, so that lines of several programs do not mix.
  if (list) appendFileSync(list, `${line}\n`);
  return true;
}
