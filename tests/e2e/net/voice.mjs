// What those who send say.
import { execFileSync } from 'node:child_process';
import path from 'node:path';

import { out } from '../lib/walk.mjs';

/** A file with a voice: Opus protects that against loss, but no tone. */
export const voice = path.join(out, 'voice.wav');
execFileSync('espeak-ng', [
  '-v',
  'en-gb',
  '-s',
  '155',
  '-w',
  voice,
  'The network between us is not what it should be, and still every word of this is to be understood. ' +
    'Please write down the number of the order, and read it back to me; then we go through the list once more. ',
]);
