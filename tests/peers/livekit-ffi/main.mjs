// A participant on LiveKit's SDK with the Rust core (livekit-ffi), over its binding for Node.js: a peer for tests.
//
// It publishes the pictures it is given, over and over, and a tone; it decodes what it receives and reads the bar codes off it.
// Orders come as lines of JSON on standard input, their end means to leave. To standard output go, each on a line, whether the SDK is
// there ("ready" or { "missing": "why" }) and then { "report": … } five times a second; other lines are the SDK's own.
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { readBarcode } from '../../e2e/lib/barcode.mjs';

const CHAT = 'lk.chat';
const REPORT_MS = 200;
const SAMPLE_RATE = 48_000;
const FRAME = SAMPLE_RATE / 100;
const TONE_HZ = 440;
/** Of 32,767. */
const TONE_PEAK = 8_000;
/** Sound that waits in the SDK at most, ms. */
const SOUND_QUEUE_MS = 100;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const { values: wish } = parseArgs({
  options: {
    url: { type: 'string' },
    token: { type: 'string' },
    /** A file of I420 pictures, one after the other. */
    pictures: { type: 'string' },
    width: { type: 'string' },
    height: { type: 'string' },
    fps: { type: 'string' },
    /** VP8, H264 …; without it the SDK's own choice. */
    codec: { type: 'string' },
  },
});

let rtc;
try {
  rtc = await import('@livekit/rtc-node');
} catch (error) {
  // Not installed, or without a library for this system.
  say({ missing: String(error.message).split('\n')[0] });
  process.exit(0);
}
say('ready');

// What a report says. It grows and is never set back; `heard` and `seen` have an entry for each of the others.
const report = {
  participants: [],
  published: [],
  // Tracks of ours that the server says somebody gets.
  awaited: 0,
  count: 0,
  seen: {},
  heard: {},
  texts: [],
  olderTexts: [],
  data: [],
  answers: [],
  muted: [],
  rejoins: 0,
};

const room = new rtc.Room();
room.on(rtc.RoomEvent.TrackSubscribed, (track, _, from) => {
  const receive = track.kind === rtc.TrackKind.KIND_VIDEO ? see : hear;
  receive(track, from.identity).catch(fail);
});
room.on(rtc.RoomEvent.DataReceived, (data, from, kind) => {
  const delivery = kind === rtc.DataPacketKind.KIND_RELIABLE ? 'reliable' : 'lossy';
  report.data.push(`${from.identity}: ${delivery}: ${Buffer.from(data)}`);
});
room.on(rtc.RoomEvent.ChatMessage, (chat, from) => report.olderTexts.push(`${from.identity}: ${chat.message}`));
room.on(rtc.RoomEvent.TrackMuted, (publication, of) => report.muted.push(`${of.identity}: ${publication.name}`));
room.on(rtc.RoomEvent.Reconnected, () => (report.rejoins += 1));
room.on(rtc.RoomEvent.Disconnected, (reason) => fail(new Error(`sent away: ${reason}`)));
room.registerTextStreamHandler(CHAT, async (reader, from) => {
  report.texts.push(`${from.identity}: ${await reader.readAll()}`);
});

function fail(error) {
  console.error(error);
  process.exit(1);
}

async function see(track, user) {
  const seen = (report.seen[user] ??= { pictures: 0, codes: 0, width: 0, height: 0 });
  for await (const { frame } of new rtc.VideoStream(track)) {
    seen.pictures += 1;
    [seen.width, seen.height] = [frame.width, frame.height];
    // The first plane of I420 is the luma.
    if (readBarcode({ width: frame.width, height: frame.height, data: frame.data, gray: true })) seen.codes += 1;
  }
}

async function hear(track, user) {
  const heard = (report.heard[user] ??= { samples: 0, crossings: 0 });
  let last = 0;
  for await (const frame of new rtc.AudioStream(track, SAMPLE_RATE, 1)) {
    heard.samples += frame.data.length;
    for (const sample of frame.data) {
      if (last < 0 && sample >= 0) heard.crossings += 1;
      last = sample;
    }
  }
}

async function publish(track, options) {
  const publication = await room.localParticipant.publishTrack(track, new rtc.TrackPublishOptions(options));
  report.published.push(publication.sid);
  publication.waitForSubscription().then(() => (report.awaited += 1));
}

async function publishPictures() {
  const [width, height, fps] = [Number(wish.width), Number(wish.height), Number(wish.fps)];
  const film = readFileSync(wish.pictures);
  const size = (width * height * 3) / 2;
  const source = new rtc.VideoSource(width, height);
  const codec = wish.codec && { videoCodec: rtc.VideoCodec[wish.codec] };
  await publish(rtc.LocalVideoTrack.createVideoTrack('camera', source), {
    source: rtc.TrackSource.SOURCE_CAMERA,
    simulcast: true,
    ...codec,
  });
  let number = 0;
  setInterval(() => {
    const at = (number % (film.length / size)) * size;
    // A copy: the SDK reads the whole buffer below the view.
    const picture = new Uint8Array(film.subarray(at, at + size));
    source.captureFrame(new rtc.VideoFrame(picture, width, height, rtc.VideoBufferType.I420));
    number += 1;
  }, 1_000 / fps);
}

async function publishTone() {
  const source = new rtc.AudioSource(SAMPLE_RATE, 1, SOUND_QUEUE_MS);
  await publish(rtc.LocalAudioTrack.createAudioTrack('microphone', source), {
    source: rtc.TrackSource.SOURCE_MICROPHONE,
  });
  const sound = async () => {
    for (let at = 0; ; at += FRAME) {
      const frame = rtc.AudioFrame.create(SAMPLE_RATE, 1, FRAME);
      for (let i = 0; i < FRAME; i += 1) {
        frame.data[i] = TONE_PEAK * Math.sin((2 * Math.PI * TONE_HZ * (at + i)) / SAMPLE_RATE);
      }
      // Returns when there is room in the queue: the tone keeps the SDK's pace.
      await source.captureFrame(frame);
    }
  };
  sound().catch(fail);
}

/** What can be ordered. */
const orders = {
  /** Writes into the chat. */
  say: (text) => room.localParticipant.sendText(text, { topic: CHAT }),
  /** Sends a data message. */
  send: ({ text, reliable }) => room.localParticipant.publishData(Buffer.from(text), { reliable }),
  /** Calls the others' method `length` with a payload of so many letters. */
  call: async ({ of, letters }) => {
    const call = { destinationIdentity: of, method: 'length', payload: 'x'.repeat(letters) };
    report.answers.push(await room.localParticipant.performRpc(call).catch((error) => error.message));
  },
};

await room.connect(wish.url, wish.token, { autoSubscribe: true, dynacast: true });
room.localParticipant.registerRpcMethod('length', async ({ payload }) => String(payload.length));
await publishPictures();
await publishTone();
setInterval(() => {
  report.participants = [...room.remoteParticipants.keys()];
  report.count = room.numParticipants;
  say({ report });
}, REPORT_MS);
for await (const line of createInterface({ input: process.stdin })) {
  const [[order, argument]] = Object.entries(JSON.parse(line));
  await orders[order](argument);
}
room.removeAllListeners(rtc.RoomEvent.Disconnected);
await room.disconnect();
// Sources that are being written to would keep the process alive.
process.exit(0);
