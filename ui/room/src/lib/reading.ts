/**
 * How long a person takes to see that something new is in the window, ms. A click or a key that comes sooner was meant for
 * what was there before, and must not answer or close what they have not read.
 */
export const READ_MS = 700;
