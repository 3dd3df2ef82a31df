import type { Welcome } from '../../protocol/index.ts';
import { CHANNEL_VERSION, Code } from '../../protocol/index.ts';
import type { BeckonError } from '../EXEStarter.d.ts';
import { Channel } from './channel.ts';
import { failure } from './error.ts';
import { isLoopback } from './launch.ts';
import { keyId, proof, random, resumeKey, same } from './proof.ts';

declare const __VERSION__: string;

/** A channel on which both sides know who the other is. */
export interface Connected {
  channel: Channel;
  welcome: Welcome;
  /** With this key a reload comes back. */
  resumeKey: string;
}

/** How to reach the app. */
export interface Roads {
  /** The launch key or the resume key. */
  key: string;
  ports: readonly number[];
  /** The relay's address with the meeting point. */
  relay: string | undefined;
  /** Names the session among the tabs of this origin; says nothing of the key. */
  tab: string;
  /** The key is of a session that was open: where it is not taken, that session is over. */
  resuming?: boolean;
  /** One attempt at loopback and no more, and none that the person would be asked about: there is another way. */
  once?: boolean;
}

/**
 * Waits between attempts at loopback, ms; the last one repeats. Chromium holds new WebSockets of a page up to five
 * seconds back after a dozen failures, so attempts are few, and stop while something else has the attention.
 */
const waits = [0, 120, 150, 200, 250, 300, 400, 500, 700, 900];
/** Which of the ports each attempt goes to: mostly the first, since the others serve only where that one is taken. */
const order = [0, 0, 1, 0, 0, 2, 1, 0, 3, 0, 1, 2];
/** How long loopback may still try once the app is at the relay, ms: it is quicker, and nobody else sees what is said. */
const headStart = 500;
/** How long an answer to `hello` and `prove` may take, ms. Whoever has the port and says nothing must not hold us up. */
const answerWithin = { loopback: 1000, relay: 5000 };

/** Whether the browser lets this page reach loopback without asking the person. */
async function loopbackPermission(): Promise<PermissionState> {
  if (isLoopback(location.hostname)) return 'granted';
  for (const name of ['loopback-network', 'local-network-access']) {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state;
    } catch {
      // This browser does not know the name.
    }
  }
  return 'granted';
}

/** Tries all roads until one says welcome, or it is stopped. */
export class Search {
  readonly found: Promise<Connected>;
  private settle!: { resolve: (connected: Connected) => void; reject: (error: BeckonError) => void };
  private readonly sockets = new Set<WebSocket>();
  private over = false;
  private attempt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly roads: Roads,
    /** False while attempts at loopback would be wasted. */
    private readonly worthwhile: () => boolean = () => true,
  ) {
    this.found = new Promise((resolve, reject) => (this.settle = { resolve, reject }));
    void loopbackPermission().then((permission) => {
      if (this.over) return;
      // The person is not asked for what the relay does unasked.
      if (permission === 'granted' || (permission === 'prompt' && !roads.relay && !roads.once)) this.tryLoopback();
      else if (roads.once) this.stop(failure(Code.ChannelLost));
    });
    if (roads.relay) this.tryRelay(roads.relay, 0);
  }

  /** The person's attention came back: the app may be there any moment. */
  hurry(): void {
    if (this.over || this.attempt === 0) return;
    this.attempt = 1;
    this.tryLoopback();
  }

  stop(error: BeckonError): void {
    if (this.over) return;
    this.end();
    this.settle.reject(error);
  }

  private end(winner?: WebSocket): void {
    this.over = true;
    clearTimeout(this.timer);
    for (const socket of this.sockets) {
      if (socket === winner) continue;
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.sockets.clear();
  }

  private tryLoopback(): void {
    clearTimeout(this.timer);
    if (this.over) return;
    const next = () => {
      if (this.roads.once) return this.stop(failure(Code.ChannelLost));
      const wait = waits[Math.min(this.attempt, waits.length - 1)] as number;
      this.timer = setTimeout(() => this.tryLoopback(), wait);
    };
    if (this.attempt > 0 && !this.worthwhile()) return next();
    const { ports } = this.roads;
    const port = ports[(order[this.attempt % order.length] as number) % ports.length] as number;
    this.attempt++;
    const socket = this.open(`ws://127.0.0.1:${port}/`, next);
    if (socket) socket.onopen = () => void this.greet(socket, 'loopback', port, next);
  }

  private tryRelay(url: string, failures: number): void {
    const again = () => {
      if (!this.over)
        setTimeout(() => this.over || this.tryRelay(url, failures + 1), Math.min(500 * 2 ** failures, 5000));
    };
    const socket = this.open(url, again);
    if (!socket) return;
    socket.onmessage = (message) => {
      if (!String(message.data).includes('"relay.peer"')) return;
      // Once is enough: a second greeting over the same socket would end the first.
      socket.onmessage = null;
      // The app is there, so it listens on this machine too.
      this.hurry();
      setTimeout(() => {
        // Where the socket broke meanwhile the relay is tried again already.
        if (this.sockets.has(socket)) void this.greet(socket, 'relay', undefined, again);
      }, headStart);
    };
  }

  private open(url: string, onClose: () => void): WebSocket | undefined {
    try {
      const socket = new WebSocket(url);
      this.sockets.add(socket);
      socket.onclose = () => {
        this.sockets.delete(socket);
        onClose();
      };
      return socket;
    } catch {
      // The page's own policy, or an http page that may not reach loopback: this road is closed for good.
      return undefined;
    }
  }

  private async greet(
    socket: WebSocket,
    road: 'loopback' | 'relay',
    port: number | undefined,
    again: () => void,
  ): Promise<void> {
    const channel = new Channel(socket, road, port);
    channel.onGone = () => {
      this.sockets.delete(socket);
      if (!this.over) again();
    };
    const timer = setTimeout(() => channel.abandon(), answerWithin[road]);
    try {
      const found = await this.handshake(channel);
      if (this.over) return channel.close();
      this.end(socket);
      this.settle.resolve(found);
    } catch (error) {
      // Whoever has the app's port may say anything here, and so does the road that lost the race: go on with the
      // others. Only a session that shall be resumed and is not known any more is over.
      const { code } = error as Partial<BeckonError>;
      if (this.roads.resuming && code === Code.WrongKey) this.stop(error as BeckonError);
      else channel.abandon();
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nothing is said to whoever listens there before it has proved that it is the app that was launched. */
  private async handshake(channel: Channel): Promise<Connected> {
    const { key } = this.roads;
    const page = random();
    const hello = { key: keyId(key), nonce: page, version: CHANNEL_VERSION, shim: __VERSION__ };
    const challenge = await channel.call('hello', hello);
    const place = channel.port === undefined ? 'relay' : `127.0.0.1:${channel.port}`;
    const both = { place, origin: location.origin, page, app: challenge.nonce };
    if (!same(String(challenge.proof), proof(key, 'app', both))) throw failure(Code.ChannelLost);
    const welcome = await channel.call('prove', { proof: proof(key, 'page', both) });
    return { channel, welcome, resumeKey: resumeKey(key, both) };
  }
}

/** A search that ends after a while. */
export function within(search: Search, time: number): Promise<Connected> {
  const timer = setTimeout(() => search.stop(failure(Code.ChannelLost)), time);
  return search.found.finally(() => clearTimeout(timer));
}
