import type { Calls, Event, RpcError } from '../../protocol/index.ts';
import { Code } from '../../protocol/index.ts';
import type { Road } from '../EXEStarter.d.ts';
import { failure } from './error.ts';

interface Waiting {
  resolve: (value: never) => void;
  reject: (reason: Error) => void;
}
type Frame = { id?: number; method?: string; params?: unknown; result?: unknown; error?: RpcError };

/** JSON-RPC 2.0 over one open WebSocket. */
export class Channel {
  onEvent: (event: Event) => void = () => {};
  /** The socket is gone; `code` is its WebSocket status. */
  onGone: (code: number) => void = () => {};
  private next = 1;
  private isGone = false;
  private readonly waiting = new Map<number, Waiting>();

  constructor(
    private readonly socket: WebSocket,
    readonly road: Road,
    readonly port: number | undefined,
  ) {
    socket.onmessage = (message) => this.take(message.data);
    socket.onclose = (event) => this.gone(event.code);
  }

  call<M extends keyof Calls>(method: M, params: Calls[M]['params']): Promise<Calls[M]['result']> {
    return new Promise((resolve, reject) => {
      if (this.socket.readyState !== WebSocket.OPEN) return reject(failure(Code.ChannelLost));
      const id = this.next++;
      this.waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    });
  }

  /** Closes; 1000 says that this page does not mean to come back. */
  close(code = 1000): void {
    this.onGone = () => {};
    this.socket.close(code);
  }

  /** Gives up a socket whose other end is not the app, or does not answer, without waiting for its goodbye. */
  abandon(): void {
    this.socket.close(3000);
    this.gone(3000);
  }

  private gone(code: number): void {
    if (this.isGone) return;
    this.isGone = true;
    for (const call of this.waiting.values()) call.reject(failure(Code.ChannelLost));
    this.waiting.clear();
    this.onGone(code);
  }

  private take(data: unknown): void {
    let frame: Frame;
    try {
      frame = JSON.parse(String(data)) as Frame;
    } catch {
      return; // The app writes JSON only; whatever this is, it is not for us.
    }
    if (typeof frame.method === 'string') {
      if (frame.id === undefined) this.onEvent(frame as Event);
      return;
    }
    const call = this.waiting.get(frame.id as number);
    if (!call) return;
    this.waiting.delete(frame.id as number);
    if (frame.error) call.reject(failure(frame.error.code, frame.error.message, frame.error.field));
    else call.resolve(frame.result as never);
  }
}
