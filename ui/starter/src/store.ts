import type { Roads } from './roads.ts';

/** What a reloaded page needs to find its session again. It dies with the tab, and holds no userSig. */
export interface Remembered extends Roads {
  roomID: string;
}

const name = 'beckon.session';

export function remember(session: Remembered): void {
  try {
    sessionStorage.setItem(name, JSON.stringify(session));
  } catch {
    // Storage is turned off: this page cannot resume, everything else works.
  }
}

export function recall(): Remembered | undefined {
  try {
    const text = sessionStorage.getItem(name);
    const found = text ? (JSON.parse(text) as Partial<Remembered>) : undefined;
    const whole =
      found &&
      typeof found.key === 'string' &&
      typeof found.tab === 'string' &&
      Array.isArray(found.ports) &&
      found.ports.length > 0;
    return whole ? (found as Remembered) : undefined;
  } catch {
    return undefined;
  }
}

export function forget(): void {
  try {
    sessionStorage.removeItem(name);
  } catch {
    // Nothing was kept.
  }
}
