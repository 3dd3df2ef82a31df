/**
 * How long the page waits before it says "not installed". Only time counts in which the page has the person's
 * attention: while the browser asks "Open Beckon?", or the app stands in front, the page has no focus (tried with
 * Chromium: the question takes it 0.3 to 0.7 s after the click and gives it back with the answer).
 */
export class Patience {
  private left: number;
  private last = performance.now();
  private readonly timer: ReturnType<typeof setInterval>;
  /** A page that never had the focus, in a background window, cannot lose it. */
  private readonly hadFocus = document.hasFocus();
  private attentive = true;

  constructor(limit: number, onReturn: () => void, onOut: () => void) {
    this.left = limit;
    this.timer = setInterval(() => {
      const now = performance.now();
      const before = this.attentive;
      this.attentive = document.visibilityState === 'visible' && (document.hasFocus() || !this.hadFocus);
      // A timer that was held up (a sleeping tab) does not count either.
      if (before && this.attentive) this.left -= Math.min(now - this.last, 400);
      this.last = now;
      if (!before && this.attentive) onReturn();
      if (this.left <= 0) {
        this.stop();
        onOut();
      }
    }, 100);
  }

  /** False while something else has the person's attention. */
  get isAttentive(): boolean {
    return this.attentive;
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
