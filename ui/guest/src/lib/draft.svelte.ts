// What is being written: it stays in its field until it has been sent.

export class Draft {
  text = $state('');
  failed = $state(false);
  #sending = false;

  /** Sends what is written. What is typed meanwhile stays, and so does what cannot be sent. */
  async submit(send: (text: string) => Promise<void>): Promise<void> {
    const written = this.text;
    if (this.#sending || !written.trim()) return;
    this.#sending = true;
    try {
      await send(written.trim());
      this.failed = false;
      this.text = this.text.startsWith(written) ? this.text.slice(written.length) : this.text;
    } catch {
      this.failed = true;
    } finally {
      this.#sending = false;
    }
  }
}
