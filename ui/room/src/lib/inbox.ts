/** So much is kept, the newest: a page that could not be set up never takes any of it. */
const MOST = 200;

/** What the app tells a window, and who of its page takes it. */
export interface Inbox<Events> {
  /** Takes this from now on. */
  on<K extends keyof Events>(event: K, handler: (payload: Events[K]) => void): void;
  /** The app tells this. */
  tell<K extends keyof Events>(event: K, payload: Events[K]): void;
}

/**
 * Keeps what is told before the page is there, and hands it out in order once it is: a page asks for its first words, and a
 * room may have changed before it has read them. What nobody takes then is for other windows.
 */
export function inbox<Events>(): Inbox<Events> {
  const handlers = new Map<keyof Events, (payload: never) => void>();
  let early: [keyof Events, unknown][] | null = [];
  let begins = false;
  const hand = (event: keyof Events, payload: unknown): void => handlers.get(event)?.(payload as never);
  return {
    on(event, handler) {
      handlers.set(event, handler);
      if (begins) return;
      begins = true;
      // A page says all that it takes while it is set up, and is whole after that.
      setTimeout(() => {
        const waiting = early ?? [];
        early = null;
        for (const [event, payload] of waiting) hand(event, payload);
      });
    },
    tell(event, payload) {
      if (!early) return hand(event, payload);
      early.push([event, payload]);
      if (early.length > MOST) early.shift();
    },
  };
}
