// An app and a relay as the shim sees them, for tests in a real browser.

import { type IncomingMessage, type Server, createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Need } from '../../test/skip.ts';
import { type Handshake, keyId, proof, random, resumeKey } from '../src/proof.ts';

type Params = Record<string, unknown>;

const dist = resolve(import.meta.dirname, '../dist');

/** The file that pages load. */
export const built: Need = {
  file: resolve(dist, 'EXEStarter.js'),
  from: 'build it: npm run build --workspace starter',
};

/** Answers the channel like the app; what it was told is in `calls`. */
export class FakeApp {
  calls: { method: string; params: Params }[] = [];
  consent = true;
  allowed = false;
  room: Params | undefined;
  /** Rooms that other pages of the origin opened. */
  others = new Set<string>();
  /** The room's end is told before the call that brought it is answered. */
  closedFirst = false;
  /** Why the app does not take the launch address. */
  unfit: { code: number; message: string } | undefined;
  /** What the app says to calls within a room. */
  refusing: { code: number; message: string } | undefined;
  socket: WebSocket | undefined;
  keys = new Set<string>();
  /** Every message the page sent, as it came. */
  heard = '';
  /** The app's answer to `hello`, where a program in its place gives another. */
  forge: ((challenge: { nonce: string; proof: string }) => unknown) | undefined;
  private server: WebSocketServer | undefined;
  private held: (() => void)[] = [];

  /** Listens as after a launch. */
  async listen(port: number): Promise<void> {
    const server = (this.server = new WebSocketServer({ host: '127.0.0.1', port }));
    server.on('connection', (socket, request) => this.serve(socket, `127.0.0.1:${port}`, request.headers.origin ?? ''));
    await new Promise((done, fail) => server.once('listening', done).once('error', fail));
  }

  serve(socket: WebSocket, place: string, origin: string): void {
    let both: Handshake;
    let key: string | undefined;
    socket.on('message', (data) => {
      this.heard += String(data);
      const { id, method, params } = JSON.parse(String(data)) as { id: number; method: string; params: Params };
      const answer = (result: unknown) => socket.send(JSON.stringify({ jsonrpc: '2.0', id, result }));
      const refuse = (code: number, message: string) =>
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } }));
      this.calls.push({ method, params });
      if (method === 'hello') {
        key = [...this.keys].find((key) => keyId(key) === params['key']);
        if (key === undefined) {
          refuse(1004, 'wrong key');
          return socket.close(4401);
        }
        both = { place, origin, page: params['nonce'] as string, app: random() };
        const challenge = { version: 1, nonce: both.app, proof: proof(key, 'app', both) };
        return answer(this.forge ? this.forge(challenge) : challenge);
      }
      if (method === 'prove') {
        if (key === undefined || params['proof'] !== proof(key, 'page', both) || !this.keys.delete(key)) {
          refuse(1004, 'wrong key');
          return socket.close(4401);
        }
        this.socket = socket;
        this.keys.add(resumeKey(key, both));
        if (this.unfit) return answer({ app: '', state: 'denied' });
        this.allowed ||= this.consent;
        const state = this.allowed ? 'ready' : 'awaitingConsent';
        return answer({ app: this.allowed ? '1.2.3' : '', state, room: this.room });
      }
      if (this.unfit) {
        refuse(this.unfit.code, this.unfit.message);
        return socket.close(4405);
      }
      const act = () => {
        if (method === 'room.open') {
          const { roomID = 'given' } = params['roomdata'] as { roomID?: string };
          this.room = { roomID, phase: 'connected', camera: true, microphone: true };
          answer({ roomID });
          this.tell('room.state', this.room);
        } else if (method === 'room.close') {
          const { roomID } = params;
          if (roomID && roomID !== this.room?.['roomID']) {
            if (this.others.delete(String(roomID))) return answer(null);
            return refuse(1009, 'no room is open');
          }
          const { roomID: closed } = this.room ?? {};
          this.room = undefined;
          if (!this.closedFirst) answer(null);
          this.tell('closed', { roomID: closed, code: 0, msg: 'success' });
          if (this.closedFirst) answer(null);
        } else if (this.refusing) {
          refuse(this.refusing.code, this.refusing.message);
        } else {
          answer(null);
        }
      };
      if (this.allowed) act();
      else this.held.push(act);
    });
  }

  /** The person says yes. */
  allow(): void {
    this.allowed = true;
    this.tell('launch.state', { state: 'ready', app: '1.2.3' });
    for (const act of this.held.splice(0)) act();
  }

  tell(method: string, params: unknown): void {
    this.socket?.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** The app is killed. */
  async die(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    for (const socket of server.clients) socket.terminate();
    await new Promise((done) => server.close(done));
  }
}

/** The server's relay, as a test has it. */
export interface Relay {
  open: boolean;
  /** So many pages are dropped as soon as they have met the app. */
  drops: number;
  /** So many pages came. */
  came: number;
}

/** Serves pages (`/?policy=…` under that Content-Security-Policy), the built shim and a relay that brings a page to the app at once. */
export async function serve(app: () => FakeApp): Promise<{ server: Server; origin: string; relay: Relay }> {
  const relay: Relay = { open: false, drops: 0, came: 0 };
  const types: Record<string, string> = { js: 'text/javascript', mjs: 'text/javascript' };
  const server = createServer((request: IncomingMessage, response) => {
    const [, file] = /^\/starter\/(EXEStarter\.m?js)$/.exec(request.url ?? '') ?? [];
    if (file) {
      response.setHeader('content-type', types[file.split('.')[1] ?? ''] ?? '');
      return response.end(readFileSync(resolve(dist, file)));
    }
    const [, query] = /^\/weapp\/utils\/get_login_info(.*)$/.exec(request.url ?? '') ?? [];
    if (query !== undefined) {
      const userID = new URLSearchParams(query).get('userID');
      const login = { code: 0, message: 'success', sdkAppID: 1, accType: '', userID, userSig: 'made by the server' };
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify(userID ? login : { code: 2009, message: 'off' }));
    }
    response.setHeader('content-type', 'text/html; charset=utf-8');
    const policy = new URL(request.url ?? '', 'http://localhost').searchParams.get('policy');
    if (policy) response.setHeader('content-security-policy', policy);
    const script = request.url === '/module' ? '' : '<script src="/starter/EXEStarter.js"></script>';
    return response.end(`<!doctype html><title>page</title>${script}<button id="call">call</button>`);
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, socket, head) => {
    if (!relay.open || !request.url?.startsWith('/relay?side=page&id=')) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, (ws) => {
      relay.came += 1;
      ws.send(JSON.stringify({ jsonrpc: '2.0', method: 'relay.peer', params: {} }));
      if (relay.drops > 0) {
        relay.drops -= 1;
        return ws.close();
      }
      app().serve(ws, 'relay', request.headers.origin ?? '');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (!address || typeof address === 'string') throw new Error('no address');
  return { server, origin: `http://localhost:${address.port}`, relay };
}
