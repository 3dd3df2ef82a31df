/** Push-to-talk: when the held key counts, and when it is let go. */
import { takesSpace } from './keys';

/** What of a key press matters. */
export interface Press {
  code: string;
  repeat: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
  target: EventTarget | null;
  preventDefault(): void;
}

/** The key that is held. */
export const TALK_KEY = 'Space';

/**
 * Tells `hold` when the key goes down and up. On a button too, where the space bar would press it: whoever has just
 * clicked one wants to talk next; Enter still presses it. Losing the window lets the key go.
 */
export function pushToTalk(enabled: () => boolean, hold: (held: boolean) => void) {
  let held = false;
  const release = (): void => {
    if (held) hold((held = false));
  };
  return {
    down(event: Press): void {
      if (event.code !== TALK_KEY || (!held && !enabled()) || takesSpace(event.target)) return;
      if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
      event.preventDefault();
      if (!held && !event.repeat) hold((held = true));
    },
    up(event: Press): void {
      if (event.code !== TALK_KEY) return;
      // A button is pressed when the space bar comes up.
      if (held) event.preventDefault();
      release();
    },
    release,
  };
}
