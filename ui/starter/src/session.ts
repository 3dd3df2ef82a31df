import type { Event } from '../../protocol/index.ts';
import { CLOSE_REPLACED, Code, codeText } from '../../protocol/index.ts';
import type { MediaSet, Member, Road, RoomState, Session, SessionEvents } from '../EXEStarter.d.ts';
import type { Channel } from './channel.ts';
import { failure } from './error.ts';
import { hand } from './hand.ts';
import { type Connected, type Roads, Search, within } from './roads.ts';
import { forget, remember, standBy } from './store.ts';
import { claim, type Release } from './tab.ts';

/** How long a lost channel is looked for, ms. */
const lookFor = 5000;
/** Events kept for a listener that is not there yet, for each kind. */
const keptMax = 256;

type Kind = keyof SessionEvents;
type Listener = (detail: never) => void;

/** A room that is open in the app, as the page sees it. */
export class LiveSession implements Session {
  roomID: string;
  road: Road;
  app: string;
  state: RoomState | undefined;
  members: readonly Member[] = [];
  closed = false;
  /** Told once, when the session is over or given up. */
  onOver: () => void = () => {};
  /** The app asked the person, and this is what they said. */
  onConsent: (allowed: boolean) => void = () => {};
  /** UNIX time, ms. */
  readonly opened: number;
  private channel: Channel;
  private readonly listeners = new Map<Kind, Set<Listener>>();
  private readonly kept = new Map<Kind, unknown[]>();

  private held: Promise<Release | null> | undefined;
  /** Looks for the app after the channel was lost. */
  private search: Search | undefined;
  private detached = false;

  constructor(
    found: Connected,
    private readonly roads: Roads,
    /** What was stored of it before a reload. */
    { roomID = '', opened = Date.now() } = {},
  ) {
    this.opened = opened;
    this.roomID = found.welcome.room?.roomID ?? roomID;
    this.road = found.channel.road;
    this.app = found.welcome.app;
    this.channel = found.channel;
    this.take(found);
  }

  on<E extends Kind>(event: E, listener: (detail: SessionEvents[E]) => void): () => void {
    let listeners = this.listeners.get(event);
    if (!listeners) this.listeners.set(event, (listeners = new Set()));
    listeners.add(listener as Listener);
    const kept = this.kept.get(event) ?? [];
    this.kept.delete(event);
    for (const detail of kept) hand(listener, detail as SessionEvents[E]);
    return () => listeners.delete(listener as Listener);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    await this.closeRoom(this.roomID).catch((error: unknown) => {
      // The app told `closed` before it answered, which ended the channel: what was wished has happened.
      if (!this.closed) throw error;
    });
    // The app tells `closed` too; whichever comes first ends the session, once.
    this.end(Code.Ok);
  }

  /** Closes any room that a page of this origin opened. */
  async closeRoom(roomID: string): Promise<void> {
    await this.channel.call('room.close', { roomID });
  }

  async sendChat(message: string): Promise<void> {
    await this.channel.call('chat.send', { message });
  }

  async setMedia(set: MediaSet): Promise<void> {
    await this.channel.call('media.set', set);
  }

  async focus(): Promise<void> {
    await this.channel.call('window.focus', {});
  }

  detach(): void {
    if (this.closed) return;
    this.detached = true;
    this.search?.stop(failure(Code.ChannelLost));
    // Another status than 1000: the page may come back.
    this.channel.close(3001);
    this.over();
  }

  /** Makes this page's tab the one that has the session; a reload brings what `claim` gave along. */
  hold(held: Promise<Release | null> = claim(this.roads.tab)): void {
    this.held = held;
  }

  private over(): void {
    void this.held?.then((release) => release?.());
    this.held = undefined;
    const { onOver } = this;
    this.onOver = () => {};
    onOver();
  }

  /** Joins; part of opening. */
  async join(open: Parameters<typeof Channel.prototype.call<'room.open'>>[1]): Promise<void> {
    const { roomID } = await this.channel.call('room.open', open);
    this.roomID = roomID;
    this.save();
  }

  /** Ends what was never a room. */
  drop(): void {
    this.leave(1000);
  }

  private leave(status: number): void {
    if (this.closed) return;
    this.closed = true;
    forget(this.roads.tab);
    this.channel.close(status);
    this.over();
  }

  private take({ channel, welcome, resumeKey }: Connected): void {
    this.channel = channel;
    this.road = channel.road;
    if (welcome.app) this.app = welcome.app;
    this.roads.key = resumeKey;
    if (channel.port !== undefined) this.roads.ports = [channel.port];
    this.save();
    channel.onEvent = (event) => this.heard(event);
    channel.onGone = (code) => void this.lost(code);
    if (welcome.room) this.heard({ method: 'room.state', params: welcome.room });
  }

  private save(): void {
    remember({ ...this.roads, roomID: this.roomID, opened: this.opened });
  }

  private heard(event: Event): void {
    if (this.closed) return;
    switch (event.method) {
      case 'launch.state':
        this.app = event.params.app || this.app;
        if (event.params.state !== 'awaitingConsent') this.onConsent(event.params.state === 'ready');
        break;
      case 'room.state':
        this.state = event.params;
        if (event.params.roomID) this.roomID = event.params.roomID;
        this.tell('state', event.params);
        break;
      case 'members':
        this.members = event.params.members;
        this.tell('members', event.params.members);
        break;
      case 'chat':
        this.tell('chat', event.params);
        break;
      case 'notice':
        this.tell('notice', event.params);
        break;
      case 'closed':
        this.end(event.params.code, event.params.msg);
        break;
      // A newer app may tell more than this shim knows.
    }
  }

  /** The socket broke: the app died, the machine slept, or another tab of this page took over. */
  private async lost(code: number): Promise<void> {
    if (this.closed) return;
    if (code !== CLOSE_REPLACED && this.roomID) {
      try {
        this.search = new Search({ ...this.roads, resuming: true });
        const found = await within(this.search, lookFor);
        if (this.closed) return found.channel.close();
        this.take(found);
        return;
      } catch {
        // Told below.
      }
    }
    // Whoever let the room go is told no more of it, and may come back for it.
    if (this.detached) return;
    // Another tab that took over still needs what is stored: each tab has its own.
    this.end(Code.ChannelLost);
  }

  private end(code: number, msg?: string): void {
    if (this.closed) return;
    const { roomID } = this;
    // What came by the relay was allowed for the relay.
    if (code !== Code.ChannelLost && this.road === 'loopback') {
      standBy({ ...this.roads });
      // Another status than 1000: this page or one after it may come back for its next room.
      this.leave(3001);
    } else this.leave(1000);
    this.tell('closed', { roomID, code, msg: msg ?? codeText[code] ?? '' });
  }

  private tell<E extends Kind>(event: E, detail: SessionEvents[E]): void {
    const listeners = this.listeners.get(event);
    if (listeners?.size) {
      for (const listener of [...listeners]) hand(listener as (detail: SessionEvents[E]) => void, detail);
      return;
    }
    const latestOnly = event === 'state' || event === 'members';
    const kept = latestOnly ? [] : (this.kept.get(event) ?? []);
    if (kept.length >= keptMax) kept.shift();
    kept.push(detail);
    this.kept.set(event, kept);
  }
}
