// LiveKit from outside: access tokens of a server in development, and the browser's library.
import { createHmac } from 'node:crypto';
import fs from 'node:fs';

/** An access token for a room. */
export function token(room, identity, grant = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({
    iss: 'devkey',
    sub: identity,
    nbf: now - 5,
    exp: now + 3600,
    video: { room, roomJoin: true, canPublish: true, canSubscribe: true, canPublishData: true, ...grant },
  })}`;
  return `${body}.${createHmac('sha256', 'secret').update(body).digest('base64url')}`;
}

/** livekit-client, for a page of the test's own. */
export const library = fs.readFileSync(
  new URL('../../../ui/node_modules/livekit-client/dist/livekit-client.umd.js', import.meta.url),
  'utf8',
);
