// The lobby's own picture. A camera takes its time to open, and the person may have turned it off or joined meanwhile.

export class Preview<T extends { stop(): void }> {
  track = $state.raw<T | undefined>();
  readonly #create: () => Promise<T>;
  /** Which opening is still wanted. */
  #wanted = 0;

  constructor(create: () => Promise<T>) {
    this.#create = create;
  }

  /** Throws why there is no picture; where nobody wants this one any more it is closed at once, and nobody is told. */
  async open(): Promise<void> {
    this.#wanted += 1;
    const opening = this.#wanted;
    let track: T;
    try {
      track = await this.#create();
    } catch (error) {
      if (opening !== this.#wanted) return;
      throw error;
    }
    if (opening === this.#wanted) this.track = track;
    else track.stop();
  }

  close(): void {
    this.#wanted += 1;
    this.track?.stop();
    this.track = undefined;
  }
}
