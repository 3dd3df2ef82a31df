// SHA-256 (FIPS 180-4) and HMAC. `crypto.subtle` is not there on plain http pages, and the digest must be had at once,
// within the click that opens the launch URL.

const primes = (count: number) => {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p)) found.push(n);
  return found;
};
const fraction = (x: number) => ((x - Math.floor(x)) * 2 ** 32) | 0;

const ascii = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** The digest of bytes or of an ASCII text, 32 bytes. */
export function sha256(message: string | Uint8Array): Uint8Array {
  const bytes = typeof message === 'string' ? ascii(message) : message;
  const state = primes(8).map((p) => fraction(Math.sqrt(p)));
  const rounds = primes(64).map((p) => fraction(Math.cbrt(p)));
  const { length } = bytes;
  const data = new DataView(new ArrayBuffer(((length + 72) >> 6) << 6));
  bytes.forEach((byte, i) => data.setUint8(i, byte));
  data.setUint8(length, 0x80);
  data.setUint32(data.byteLength - 4, length * 8);

  const w = new Int32Array(64);
  const at = (i: number) => w[i] as number;
  const turn = (x: number, n: number) => (x >>> n) | (x << (32 - n));
  for (let block = 0; block < data.byteLength; block += 64) {
    for (let i = 0; i < 64; i++) {
      if (i < 16) {
        w[i] = data.getInt32(block + i * 4);
      } else {
        const [early, late] = [at(i - 15), at(i - 2)];
        const s0 = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
        const s1 = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
        w[i] = at(i - 16) + s0 + at(i - 7) + s1;
      }
    }
    let [a, b, c, d, e, f, g, h] = state as [number, number, number, number, number, number, number, number];
    for (let i = 0; i < 64; i++) {
      const s1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (rounds[i] as number) + at(i)) | 0;
      const s0 = turn(a, 2) ^ turn(a, 13) ^ turn(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((x, i) => (state[i] = ((state[i] as number) + x) | 0));
  }
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((x, i) => out.setInt32(i * 4, x));
  return new Uint8Array(out.buffer);
}

/** HMAC-SHA-256 (RFC 2104) of an ASCII text under an ASCII key of at most 64 letters. */
export function hmac(key: string, text: string): Uint8Array {
  const padded = (fill: number, message: Uint8Array) => {
    const whole = new Uint8Array(64 + message.length).fill(fill, 0, 64);
    ascii(key).forEach((byte, i) => (whole[i] = byte ^ fill));
    whole.set(message, 64);
    return sha256(whole);
  };
  return padded(0x5c, padded(0x36, ascii(text)));
}

/** base64url without padding. */
export function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
