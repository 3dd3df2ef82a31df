/** Hands something to a function of the page: its fault is the page's to see, and nobody else's to suffer. */
export function hand<T>(listener: ((detail: T) => void) | undefined, detail: T): void {
  try {
    listener?.(detail);
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}
