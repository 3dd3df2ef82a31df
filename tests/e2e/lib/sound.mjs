// What a sound device plays: recorded from the sound server, measured as level and pitch.
import { execFileSync, spawn } from 'node:child_process';

const RATE = 48000;

/** Records `seconds` of mono sound from a PulseAudio source (a sink's monitor, for what it plays). */
export async function record(source, seconds) {
  const child = spawn('parec', [
    `--device=${source}`,
    '--format=float32le',
    `--rate=${RATE}`,
    '--channels=1',
    '--latency-msec=20',
  ]);
  const wanted = Math.round(seconds * RATE) * 4;
  const chunks = [];
  let length = 0;
  for await (const chunk of child.stdout) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= wanted) break;
  }
  child.kill();
  const bytes = Buffer.concat(chunks).subarray(0, wanted);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Root mean square in dB of full scale. */
export function level(samples) {
  const sum = samples.reduce((total, sample) => total + sample * sample, 0);
  return 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12);
}

/** How much of the sound's energy lies at a frequency, 0 to 1 (Goertzel's algorithm). */
export function share(samples, frequency) {
  const step = (2 * Math.PI * frequency) / RATE;
  const coefficient = 2 * Math.cos(step);
  let energy = 0;
  let at = 0;
  const block = 4800; // 100 ms: short enough for a tone that comes and goes, 10 Hz wide
  let total = 0;
  for (; at + block <= samples.length; at += block) {
    let [one, two] = [0, 0];
    for (let i = at; i < at + block; i += 1) {
      const next = samples[i] + coefficient * one - two;
      two = one;
      one = next;
      total += samples[i] * samples[i];
    }
    energy += ((one * one + two * two - coefficient * one * two) * 2) / block;
  }
  return total > 0 ? energy / total : 0;
}

/** Speaks into the microphone until it is told to stop: a tone, −12 dB of full scale. */
export function speak() {
  const child = spawn(
    'pacat',
    ['--device=voice', '--format=s16le', '--rate=48000', '--channels=1', '--latency-msec=50'],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  const second = Buffer.alloc(96000);
  for (let n = 0; n < 48000; n += 1)
    second.writeInt16LE(Math.round(Math.sin((2 * Math.PI * 440 * n) / 48000) * 8192), n * 2);
  child.stdin.on('error', () => {}); // it ends with us in mid-sentence
  const go = () => child.stdin.writable && child.stdin.write(second, go);
  go();
  return () => child.kill();
}

/**
 * How many beeps there are as those of Chromium's own test microphone, two a second and each a fiftieth long: short and loud
 * with quiet between them. Any other sound beside them, a steady tone above all, makes them none.
 */
export function beeps(samples) {
  const block = RATE / 100;
  const levels = [];
  for (let at = 0; at + block <= samples.length; at += block) levels.push(level(samples.subarray(at, at + block)));
  const loudest = Math.max(...levels);
  if (loudest < -50) return 0;
  let found = 0;
  let quiet = 0;
  for (const now of levels) {
    if (now > loudest - 12 && quiet >= 25) found += 1;
    quiet = now < loudest - 20 ? quiet + 1 : 0;
  }
  return found;
}

/** Takes all loudspeakers and the microphone off the sound server. Returns what plugs them in again as they were. */
export function unplugSound() {
  const pactl = (...words) => execFileSync('pactl', words).toString().trim();
  const modules = pactl('list', 'short', 'modules')
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([, name]) => name === 'module-null-sink' || name === 'module-remap-source');
  const [sink, source] = [pactl('get-default-sink'), pactl('get-default-source')];
  // What stands on another goes first, and comes back last.
  for (const [number] of modules.toReversed()) pactl('unload-module', number);
  return () => {
    for (const [, name, settings] of modules) pactl('load-module', name, settings);
    pactl('set-default-sink', sink);
    pactl('set-default-source', source);
  };
}
