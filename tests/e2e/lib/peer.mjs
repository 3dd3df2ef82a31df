// The other side of a call: `beckon-cli` with the test card and its tone.
import { spawn } from 'node:child_process';
import path from 'node:path';

import { programs, server, until } from './walk.mjs';

/** Makes the room, with pictures of this size thirty times a second. Returns when it is in. */
export async function peer(room, size = '1280x720') {
  const child = spawn(path.join(programs, 'beckon-cli'), [
    ...['join', '--server', server, '--room', room, '--user', `peer-${room}`, '--dev', '--create', '--template', '1v1'],
    ...['--camera', 'testcard', '--microphone', 'tone', '--size', size, '--fps', '30', '--bitrate', '1500000'],
    ...['--for', '3600s', '--report', 'json'],
  ]);
  process.once('exit', () => child.kill());
  child.stdout.resume();
  let said = '';
  child.stderr.on('data', (text) => (said += text));
  await until('the peer in its room', () => said.includes('in room'), 15000);
  return {
    end: async () => {
      child.kill('SIGINT');
      await until("the peer's end", () => child.exitCode !== null || child.signalCode !== null, 10000);
    },
  };
}
