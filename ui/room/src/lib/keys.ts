/** Which key presses are the room's, and which belong to whatever has the keyboard. */

/** Boxes that are ticked and sliders that are moved: a letter means nothing to them. */
const NO_TEXT = ['checkbox', 'radio', 'range', 'button', 'submit', 'reset', 'color', 'file', 'image'];

/** What of the thing with the keyboard matters. */
interface Target {
  tagName?: string;
  type?: string;
  role?: string | null;
  isContentEditable?: boolean;
}

/** Whether a letter typed there is text, or chooses something by its first letter. */
export function takesLetters(target: EventTarget | null): boolean {
  const { tagName = '', type = '', isContentEditable = false } = (target ?? {}) as Target;
  if (tagName === 'INPUT') return !NO_TEXT.includes(type);
  return isContentEditable || tagName === 'TEXTAREA' || tagName === 'SELECT';
}

/** Whether the space bar typed there is text, ticks something or turns a switch. */
export function takesSpace(target: EventTarget | null): boolean {
  const { tagName, type = '', role } = (target ?? {}) as Target;
  return takesLetters(target) || role === 'switch' || (tagName === 'INPUT' && type !== 'range');
}
