import type { Roads } from './roads.ts';

/** What a reloaded page needs to find a session again. It dies with the tab, and holds no userSig. */
export interface Remembered extends Roads {
  roomID: string;
  /** UNIX time, ms. */
  opened: number;
}

/** Each session has its own entry. */
const prefix = 'beckon.session.';

const isWhole = ({ key, tab, ports }: Partial<Roads>): boolean =>
  typeof key === 'string' && typeof tab === 'string' && Array.isArray(ports) && ports.length > 0;

export function remember(session: Remembered): void {
  try {
    sessionStorage.setItem(prefix + session.tab, JSON.stringify(session));
  } catch {
    // Storage is turned off: this page cannot resume, everything else works.
  }
}

/** All sessions of this tab, the oldest first. */
export function recall(): Remembered[] {
  try {
    const found = Object.keys(sessionStorage)
      .filter((name) => name.startsWith(prefix))
      .map((name) => JSON.parse(sessionStorage.getItem(name) ?? '{}') as Partial<Remembered>);
    return (found.filter(isWhole) as Remembered[]).sort((a, b) => (a.opened || 0) - (b.opened || 0));
  } catch {
    return [];
  }
}

/** The app may be found without a launch, for a while after a room of this origin has ended. */
interface Standby {
  roads: Roads;
  /** UNIX time, ms. */
  until: number;
}

const standbyName = 'beckon.standby';
/** How long that is worth trying, ms; the app waits a little longer. */
const standbyFor = 55_000;

/** The app stands by: any page of this origin may open the next room with this key. It opens one channel. */
export function standBy(roads: Roads): void {
  const standby: Standby = { roads, until: Date.now() + standbyFor };
  try {
    localStorage.setItem(standbyName, JSON.stringify(standby));
  } catch {
    // Storage is turned off: the next room wants a launch.
  }
}

/** How the app that stands by is reached. Whoever asks has it, and nobody after them. */
export function takeStandby(): Roads | undefined {
  try {
    const { roads, until } = JSON.parse(localStorage.getItem(standbyName) ?? '{}') as Partial<Standby>;
    localStorage.removeItem(standbyName);
    const fresh = roads && until && until > Date.now() && until <= Date.now() + standbyFor;
    return fresh && isWhole(roads) ? roads : undefined;
  } catch {
    return undefined;
  }
}

export function forget(tab: string): void {
  try {
    sessionStorage.removeItem(prefix + tab);
  } catch {
    // Nothing was kept.
  }
}
