// The settings window, by mouse and keys.
import { click, focus, keys, move, place, resize, windows } from './screen.mjs';
import { until } from './walk.mjs';

export const settingsWindow = () => windows('^Beckon – (Settings|设置)$')[0];

/** Opens the settings by their key, from this window. */
export async function openSettings(from) {
  const window = await until(
    'the settings, by their key',
    () => {
      if (settingsWindow()) return settingsWindow();
      focus(from);
      keys('ctrl+comma');
      return undefined;
    },
    20000,
  );
  resize(window, 760, 900);
  move(window, 20, 20);
  focus(window);
  return window;
}

/** Closes them by their key. */
export async function closeSettings(window) {
  focus(window);
  keys('alt+F4');
  await until("the settings' end", () => !settingsWindow());
}

/** Puts the keyboard's place into the empty part of the list of sections: the next is the section that is shown. */
export function beginning(window) {
  focus(window);
  const { x, y } = place(window);
  click(x + 80, y + 500);
}

/** Goes so many sections up or down; the keyboard's place is in the list then, before what the section has. */
export function section(window, direction, steps) {
  beginning(window);
  keys('Tab', ...Array(steps).fill(direction));
}
