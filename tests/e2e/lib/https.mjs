// A server as the world sees it: beckond behind TLS, under this machine's own name, with a certificate of a CA that only
// the walk knows.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';

import { freePort } from './server.mjs';
import { out, programs, until } from './walk.mjs';

/** A CA and a certificate for `name`: { ca, key, cert } as files under `folder`. */
function certificates(folder, name) {
  fs.mkdirSync(folder, { recursive: true });
  const file = (part) => path.join(folder, part);
  const openssl = (...options) => execFileSync('openssl', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  openssl('req', '-x509', ...fresh, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=Beckon test CA');
  openssl(
    ...['req', '-x509', ...fresh, '-keyout', file('key.pem'), '-out', file('cert.pem'), '-subj', `/CN=${name}`],
    ...['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-addext', `subjectAltName=DNS:${name}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth'],
  );
  return { ca: file('ca.pem'), key: file('key.pem'), cert: file('cert.pem') };
}

/**
 * Starts beckond behind TLS: { origin, port, name, ca, stop() }. Programs that shall reach it need the CA in
 * `SSL_CERT_FILE`.
 */
export async function startSecureServer() {
  const name = os.hostname();
  const [inner, port] = [await freePort(), await freePort()];
  const folder = path.join(out, 'secure-server');
  const files = certificates(folder, name);
  const origin = `https://${name}:${port}`;
  const log = fs.openSync(path.join(folder, 'beckond.log'), 'w');
  const beckond = spawn(
    path.join(programs, 'beckond'),
    [
      ...['--dev', '--listen', `127.0.0.1:${inner}`, '--data', path.join(folder, 'data'), '--public-url', origin],
      ...['--media-udp', '0', '--media-tcp', '0'],
    ],
    { stdio: ['ignore', log, log] },
  );
  const proxy = tls.createServer({ key: fs.readFileSync(files.key), cert: fs.readFileSync(files.cert) }, (outside) => {
    const inside = net.connect(inner, '127.0.0.1');
    outside.on('error', () => inside.destroy());
    inside.on('error', () => outside.destroy());
    outside.pipe(inside).pipe(outside);
  });
  await new Promise((resolve) => proxy.listen(port, resolve));
  const ca = fs.readFileSync(files.ca);
  await until(
    'beckond behind TLS',
    () =>
      new Promise((resolve, reject) =>
        https
          .get(`${origin}/healthz`, { ca }, (answer) => resolve(answer.resume().statusCode === 200))
          .on('error', reject),
      ),
  );
  return {
    origin,
    port,
    name,
    ca: files.ca,
    stop() {
      beckond.kill('SIGTERM');
      proxy.close();
    },
  };
}
