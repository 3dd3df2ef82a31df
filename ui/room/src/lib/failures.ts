/**
 * What fails in a window's page and is caught by nobody. A web view's console is seen by no one: it goes into the app's log.
 */

/** So many different ones are told of a page: one that fails again and again must not fill the log. */
const MOST = 20;

/** What was thrown, in one line, with the place it came from where that is known. */
export function described(thrown: unknown): string {
  if (thrown instanceof Error) {
    const place = thrown.stack?.split('\n').find((line) => /:\d+:\d+\)?$/.test(line));
    return `${thrown.name}: ${thrown.message}${place ? ` (${place.trim()})` : ''}`;
  }
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  return typeof message === 'string' ? `${message}${code === undefined ? '' : ` (${String(code)})`}` : String(thrown);
}

/** Tells each different failure once; what cannot be told is lost. */
export function reporter(tell: (what: string) => Promise<void>): (thrown: unknown) => void {
  const told = new Set<string>();
  return (thrown) => {
    const what = described(thrown);
    if (told.size >= MOST || told.has(what)) return;
    told.add(what);
    tell(what).catch(() => {});
  };
}

/** Reports all that nobody catches from now on. */
export function watch(page: EventTarget, report: (thrown: unknown) => void): void {
  page.addEventListener('error', (event) => {
    // The browser's own complaints come without what was thrown.
    const { error, message } = event as ErrorEvent;
    report(error ?? message);
  });
  page.addEventListener('unhandledrejection', (event) => report((event as PromiseRejectionEvent).reason));
}
