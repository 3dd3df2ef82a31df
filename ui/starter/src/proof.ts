// How page and app show each other that they know the key, without giving it away: the page's half of
// crates/protocol/src/channel/proof.rs, which says what is proved and why.

import { base64url, hmac } from './sha256.ts';

const label = 'beckon channel 1';
const half = (bytes: Uint8Array) => base64url(bytes.subarray(0, 16));

/** A fresh key or nonce: 128 random bits. */
export const random = () => base64url(crypto.getRandomValues(new Uint8Array(16)));

/** Names a key without telling it. */
export const keyId = (key: string) => half(hmac(key, `${label}\nid`));

/** What both sides know of one handshake but the key. */
export interface Handshake {
  /** `127.0.0.1:PORT` or `relay`: who passes the app's messages on from another port proves nothing. */
  place: string;
  origin: string;
  page: string;
  app: string;
}

const seal = (key: string, role: string, { place, origin, page, app }: Handshake) =>
  hmac(key, [label, role, place, origin, page, app].join('\n'));

/** What a side shows to prove that it knows the key. */
export const proof = (key: string, side: 'app' | 'page', handshake: Handshake) => base64url(seal(key, side, handshake));

/** The key with which a reload resumes what this handshake opened. */
export const resumeKey = (key: string, handshake: Handshake) => half(seal(key, 'resume', handshake));

/** Compares in a time that does not tell how much was right. */
export function same(a: string, b: string): boolean {
  let differ = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) differ |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return differ === 0;
}
