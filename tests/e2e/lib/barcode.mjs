// Reads the test card's bar code out of pixels (its layout is described in crates/media/src/barcode.rs).

const CELLS = 32;
const SYNC = 0xb2;

/** CRC-16/CCITT-FALSE. */
function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}

function luma({ width, data, gray }, x, y) {
  const pixel = Math.round(y) * width + Math.round(x);
  if (gray) return data[pixel];
  const at = pixel * 4;
  return 0.2126 * data[at] + 0.7152 * data[at + 1] + 0.0722 * data[at + 2];
}

/**
 * Reads a bar code from the picture that fills `rect` ({ x, y, width, height }) of an RGBA image, or of one with a byte
 * per pixel where the image says `gray`.
 * Returns { frame, unixMs, mirrored }, or null when there is none.
 */
export function readBarcode(image, rect = { x: 0, y: 0, width: image.width, height: image.height }) {
  for (const mirrored of [false, true]) {
    const words = [0, 1, 2].map((row) => {
      let word = 0;
      const y = rect.y + (rect.height / 24) * (row + 1.5);
      for (let cell = 0; cell < CELLS; cell += 1) {
        const along = rect.width / 32 + ((rect.width * 30) / 32 / CELLS) * (cell + 0.5);
        const x = rect.x + (mirrored ? rect.width - along : along);
        word = word * 2 + (luma(image, x, y) >= 128 ? 1 : 0);
      }
      return word;
    });
    const [first, high, last] = words;
    if (first >>> 24 !== SYNC) continue;
    const bytes = [24, 16, 8, 0].map((shift) => (first >>> shift) & 0xff);
    bytes.push(...[24, 16, 8, 0].map((shift) => (high >>> shift) & 0xff), (last >>> 24) & 0xff, (last >>> 16) & 0xff);
    if (crc16(bytes) !== (last & 0xffff)) continue;
    const ticks = high * 65536 + (last >>> 16);
    return { frame: first & 0xffffff, unixMs: ticks / 10, mirrored };
  }
  return null;
}
