// What the browser keeps for this page. Where a person has turned its storage off, already its name throws: nothing is kept
// then, and the page works all the same.

/** For every visit, or for this tab. */
type Where = 'localStorage' | 'sessionStorage';

export function kept(where: Where, name: string): string | null {
  try {
    return globalThis[where].getItem(name);
  } catch {
    return null;
  }
}

export function keep(where: Where, name: string, value: string): void {
  try {
    globalThis[where].setItem(name, value);
  } catch {
    // As above.
  }
}
