// The programs of a measurement: the relay that makes the network bad, the server behind it, and those who join.
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

import { freePort } from '../lib/server.mjs';
import { out, programs, until } from '../lib/walk.mjs';

const children = [];

/** A child whose lines of output go to `line`. */
export function start(name, args, line, env = {}) {
  const child = spawn(path.join(programs, name), args, { env: { ...process.env, ...env } });
  child.stderr.pipe(fs.createWriteStream(path.join(out, `${name}-${children.length}.log`)));
  readline.createInterface({ input: child.stdout }).on('line', line);
  children.push(child);
  return child;
}

/** Ends every child. */
export function endAll() {
  for (const child of children) child.kill('SIGTERM');
}

async function freeUdp() {
  const socket = dgram.createSocket('udp4');
  await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

/** The relay, and a server whose media clients reach through it. */
export async function network() {
  const [media, http, tcp] = [await freeUdp(), await freePort(), await freePort()];
  let announced;
  const answers = [];
  const relay = start('impair', ['--to', `127.0.0.1:${media}`], (line) => {
    if (line.startsWith('listening ')) announced = line.split(':').at(-1);
    else answers.shift()?.(JSON.parse(line));
  });
  await until('the relay', () => announced);
  const say = (command) =>
    new Promise((resolve, reject) => {
      answers.push((answer) => (answer.error ? reject(new Error(answer.error)) : resolve(answer)));
      relay.stdin.write(`${command}\n`);
    });
  start(
    'beckond',
    [
      ...['--dev', '--listen', `127.0.0.1:${http}`, '--data', path.join(out, 'data')],
      ...['--media-udp', String(media), '--media-tcp', String(tcp)],
    ],
    () => {},
    { BECKON_MEDIA__ANNOUNCE_UDP_PORT: announced },
  );
  await until('the server', async () => (await fetch(`http://127.0.0.1:${http}/healthz`)).ok);
  return { say, url: `http://127.0.0.1:${http}` };
}
