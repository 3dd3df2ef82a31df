// A server that the walk starts, kills and starts again by itself.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

import { out, programs, until } from './walk.mjs';

/** A TCP port nobody listens on. */
export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * `beckond` at an address of its own: { origin, start(data, more), kill() }. Its accounts lie in the folder `data`; those of
 * a server with `--dev` are the same everywhere.
 */
export async function ownServer() {
  const listen = `127.0.0.1:${await freePort()}`;
  const origin = `http://${listen}`;
  const log = fs.openSync(path.join(out, 'beckond.log'), 'a');
  let beckond;
  return {
    origin,
    async start(data, more = ['--dev']) {
      const options = [
        ...more,
        '--listen',
        listen,
        '--data',
        path.join(out, data),
        '--media-udp',
        '0',
        '--media-tcp',
        '0',
      ];
      beckond = spawn(path.join(programs, 'beckond'), options, { stdio: ['ignore', log, log] });
      await until('the server', async () => (await fetch(`${origin}/healthz`)).ok, 20000);
    },
    async kill() {
      const gone = new Promise((resolve) => beckond.once('exit', resolve));
      beckond.kill('SIGKILL');
      await gone;
    },
  };
}
