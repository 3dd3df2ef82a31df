// Each session belongs to one tab. A duplicated tab brings a copy of what was stored along, and must not take the room
// away from the tab the person duplicated: it starts without one.

/** How long a reload may take to let go of what the page before it held, ms. */
const reloadWithin = 2000;
/** How long the tab that has the session may take to say so, ms. */
const answerWithin = 300;

/** Gives the session up. */
export type Release = () => void;

/** Makes this page the one that has the session, as long as it lives or until it is given up; null where another tab has it. */
export function claim(tab: string): Promise<Release | null> {
  const name = `beckon.${tab}`;
  // Locks are there on https pages and on this machine's own names only.
  return 'locks' in navigator ? lock(name) : ask(name);
}

function lock(name: string): Promise<Release | null> {
  return new Promise((resolve) => {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), reloadWithin);
    const held = () => {
      clearTimeout(timer);
      return new Promise<void>((done) => resolve(done));
    };
    // Where locks are not allowed at all, nothing is known of other tabs.
    navigator.locks.request(name, { signal: patience.signal }, held).catch((error: Error) => {
      resolve(error.name === 'AbortError' ? null : () => {});
    });
  });
}

function ask(name: string): Promise<Release | null> {
  return new Promise((resolve) => {
    const others = new BroadcastChannel(name);
    let mine = false;
    others.onmessage = ({ data }) => {
      if (data === 'whose?' && mine) others.postMessage('mine');
      if (data === 'mine' && !mine) {
        others.close();
        resolve(null);
      }
    };
    others.postMessage('whose?');
    setTimeout(() => {
      mine = true;
      resolve(() => others.close());
    }, answerWithin);
  });
}
