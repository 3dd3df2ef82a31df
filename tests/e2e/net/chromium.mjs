// Chromium with livekit-client in a room.
/* global LivekitClient -- in the page */
import fs from 'node:fs';

import { chromium } from 'playwright-core';

import { library, token } from '../lib/livekit.mjs';
import { voice } from './voice.mjs';

/** Starts it: its pages are at work though nobody looks at them. */
export const openChromium = () =>
  chromium.launch({
    executablePath: process.env.BECKON_CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--autoplay-policy=no-user-gesture-required',
      '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
    ],
  });

/** What runs in the page: joins, and notes every picture shown and the counters of the sound. */
async function inPage({ url, token, sends, voice }) {
  const { Room, RoomEvent, VideoPresets, LocalVideoTrack, LocalAudioTrack, Track } = LivekitClient;
  const room = new Room({ adaptiveStream: false, dynacast: true });
  window.room = room;
  window.noted = [];
  const unix = (at) => performance.timeOrigin + at;
  const crc = (bytes) =>
    bytes.reduce((crc, byte) => {
      crc ^= byte << 8;
      for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
      return crc;
    }, 0xffff);
  const bytesOf = (word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff);
  /** What the painter does: a card with the bar code, at 30 pictures a second, over a picture that moves; I420. */
  function paint({ data: writable }) {
    const [width, height, rate] = [1280, 720, 30];
    const writer = writable.getWriter();
    const background = new Uint8Array((width * height * 3) / 2);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) background[y * width + x] = 60 + ((x + y) * 90) / (width + height);
    }
    background.fill(135, width * height, (width * height * 5) / 4);
    background.fill(120, (width * height * 5) / 4);
    const data = new Uint8Array(background.length);
    /** Fills a rectangle whose sides are even. */
    function fill(x, y, wide, high, [luma, blue, red]) {
      for (let row = y; row < y + high; row += 1)
        data.fill(luma, row * width + x, row * width + Math.min(width, x + wide));
      [
        [width * height, blue],
        [(width * height * 5) / 4, red],
      ].forEach(([plane, chroma]) => {
        for (let row = y / 2; row < (y + high) / 2; row += 1) {
          data.fill(chroma, plane + (row * width + x) / 2, plane + (row * width + Math.min(width, x + wide)) / 2);
        }
      });
    }
    let frame = 0;
    setInterval(() => {
      frame += 1;
      const time = Math.round((performance.timeOrigin + performance.now()) * 10);
      data.set(background);
      for (let n = 0; n < 12; n += 1) {
        const [sin, cos] = [Math.sin((n * Math.PI) / 6), Math.cos((n * Math.PI) / 6)];
        fill(((frame * (n + 2) + n * 100) % width) & ~1, 160 + n * 40, 160, 34, [130, 128 + 60 * cos, 128 + 60 * sin]);
      }
      fill(0, 0, width, 150, [16, 128, 128]);
      const first = 0xb2000000 + (frame & 0xffffff);
      const [high, low] = [Math.floor(time / 65536) >>> 0, time % 65536];
      const sum = crc([...bytesOf(first), ...bytesOf(high), low >> 8, low & 0xff]);
      [first, high, low * 65536 + sum].forEach((word, row) => {
        for (let cell = 0; cell < 32; cell += 1) {
          if ((Math.floor(word / 2 ** (31 - cell)) & 1) === 0) continue;
          const [from, to] = [cell, cell + 1].map((edge) => Math.round((40 + 37.5 * edge) / 2) * 2);
          fill(from, 30 * (row + 1), to - from, 30, [235, 128, 128]);
        }
      });
      const picture = new VideoFrame(data, {
        format: 'I420',
        codedWidth: width,
        codedHeight: height,
        timestamp: Math.round(performance.now() * 1000),
      });
      writer.write(picture).catch(() => picture.close());
    }, 1000 / rate);
  }
  const strip = new OffscreenCanvas(256, 24);
  const reader = strip.getContext('2d', { willReadFrequently: true });
  /** The bar code's frame and time, off the upper eighth of the picture (crates/media/src/barcode.rs). */
  function code(video) {
    reader.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 6, 0, 0, 256, 24);
    const { data } = reader.getImageData(0, 0, 256, 24);
    const words = [0, 1, 2].map((row) => {
      let word = 0;
      for (let cell = 0; cell < 32; cell += 1) {
        const x = Math.round(8 + 7.5 * (cell + 0.5));
        word = word * 2 + (data[(Math.round(6 * (row + 1.5) - 0.5) * 256 + x) * 4 + 1] >= 128 ? 1 : 0);
      }
      return word;
    });
    const [first, high, last] = words;
    const bytes = [...bytesOf(first), ...bytesOf(high), (last >>> 24) & 0xff, (last >>> 16) & 0xff];
    if (first >>> 24 !== 0xb2 || crc(bytes) !== (last & 0xffff)) return null;
    return { frame: first & 0xffffff, unixMs: (high * 65536 + (last >>> 16)) / 10 };
  }
  room.on(RoomEvent.TrackSubscribed, (track, _publication, participant) => {
    const element = track.attach();
    document.body.append(element);
    if (track.kind !== 'video') return;
    const shown = (at) => {
      const read = code(element);
      window.noted.push({
        kind: 'picture',
        user: participant.identity,
        at: unix(at),
        width: element.videoWidth,
        frame: read?.frame ?? null,
        delay: read ? unix(at) - read.unixMs : null,
      });
      element.requestVideoFrameCallback(shown);
    };
    element.requestVideoFrameCallback(shown);
  });
  setInterval(async () => {
    for (const participant of room.remoteParticipants.values()) {
      for (const { track } of participant.audioTrackPublications.values()) {
        const stats = await track?.receiver?.getStats();
        for (const s of stats?.values() ?? []) {
          if (s.type !== 'inbound-rtp') continue;
          window.noted.push({
            kind: 'sound',
            user: participant.identity,
            at: unix(performance.now()),
            pieces: s.totalSamplesReceived / 480,
            madeUp: s.concealedSamples / 480,
          });
        }
      }
    }
    const pair = [...((await room.engine?.pcManager?.subscriber?.getStats()) ?? new Map()).values()];
    const chosen = pair.find((s) => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded');
    const local = pair.find((s) => s.id === chosen?.localCandidateId);
    window.noted.push({
      kind: 'link',
      at: unix(performance.now()),
      transport: local?.protocol ?? '',
      phase: room.state,
    });
  }, 100);
  await room.connect(url, token);
  if (!sends) return;
  // Painted by a thread of its own, as a camera's pictures are: a canvas of the page's would take more time than to send them.
  const generator = new MediaStreamTrackGenerator({ kind: 'video' });
  const painter = new Worker(
    URL.createObjectURL(new Blob([`const crc = ${crc}; const bytesOf = ${bytesOf}; onmessage = (${paint});`])),
  );
  const { writable } = generator;
  painter.postMessage(writable, [writable]);
  const audio = new AudioContext();
  const into = audio.createMediaStreamDestination();
  const wav = Uint8Array.from(atob(voice), (c) => c.charCodeAt(0));
  const speech = new AudioBufferSourceNode(audio, { buffer: await audio.decodeAudioData(wav.buffer), loop: true });
  speech.connect(into);
  speech.start();
  await room.localParticipant.publishTrack(new LocalVideoTrack(generator, undefined, true), {
    source: Track.Source.Camera,
    videoCodec: 'h264',
    simulcast: true,
    videoEncoding: { maxBitrate: 1_500_000, maxFramerate: 30 },
    videoSimulcastLayers: [VideoPresets.h180, VideoPresets.h360],
  });
  const [sound] = into.stream.getAudioTracks();
  await room.localParticipant.publishTrack(new LocalAudioTrack(sound, undefined, true), {
    source: Track.Source.Microphone,
  });
}

/** Chromium in a room. */
export async function theirs(browser, server, room, user, sends) {
  const page = await browser.newPage({ bypassCSP: true });
  page.on('pageerror', (error) => console.error(`  Chromium: ${error.message}`));
  // A page that really comes from the server: Chromium lets one made up by the test speak to no port of this machine.
  await page.goto(`${server.url}/healthz`);
  await page.addScriptTag({ content: library });
  const joined = page.evaluate(inPage, {
    url: server.url.replace('http', 'ws'),
    token: token(room, user),
    sends,
    voice: fs.readFileSync(voice, 'base64'),
  });
  return {
    joined,
    events: () => page.evaluate(() => window.noted.splice(0)),
    stop: async () => {
      await page.evaluate(() => window.room.disconnect()).catch(() => {});
      await page.close();
    },
  };
}
