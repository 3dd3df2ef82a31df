// A room from both its sides: the page that opened it and is told of it, and its window, driven by mouse and keys.
import { click, focus, keys, move, place, resize, windows } from './screen.mjs';
import { until } from './walk.mjs';

/** The window of a room that a page opened as below. */
export const roomWindow = () => windows('Walk.* – Beckon$')[0];

/** The buttons in the middle of the bar, from left to right, by how far they are from the bar's middle, pixels. */
const BUTTONS = { microphone: -164, camera: -80, speaker: 4, share: 88, leave: 164 };

/** Clicks a button of the bar. */
export function press(name) {
  const window = roomWindow();
  focus(window);
  const { x, y, width, height } = place(window);
  click(x + width / 2 + BUTTONS[name], y + height - 44);
}

/** Presses keys in the room's window. */
export function type(...names) {
  focus(roomWindow());
  keys(...names);
}

/** The rooms that a page opens, and what it is told of the last one. */
export function roomsOf(page, origin) {
  const told = () => page.evaluate(() => globalThis.told);
  /** Waits until the page is told a state that fits. */
  const state = (what, fits, limit = 20000) =>
    until(
      `the page is told: ${what}`,
      async () => {
        const now = (await told()).state;
        return now && fits(now) && now;
      },
      limit,
    );
  return {
    told,
    state,
    setMedia: (set) => page.evaluate((wish) => globalThis.room.setMedia(wish), set),
    /** Forgets the notices that the page was told so far. */
    forgetNotices: () => page.evaluate(() => void (globalThis.told.notices = [])),
    /** Opens a room from the page. Gives its window. */
    async openRoom(custom) {
      await page.goto(`${origin}/crm/`);
      await page.evaluate(async (wishes) => {
        const { Beckon, document, location } = globalThis;
        const told = (globalThis.told = { state: undefined, phases: [], chats: [], notices: [], closed: undefined });
        const userdata = { ...(await Beckon.testLogin(location.origin, `walker-${Date.now()}`)), userName: 'Walker' };
        const button = document.createElement('button');
        Object.assign(button, {
          id: 'open',
          textContent: 'open',
          style: 'position: fixed; top: 0; left: 0; z-index: 9',
        });
        button.onclick = async () => {
          const roomdata = {
            serverDomain: location.origin,
            roomAction: 'createRoom',
            roomTitle: 'Walk',
            template: '1v2',
          };
          const session = await Beckon.open({ userdata, roomdata, custom: wishes, patience: 20000 });
          globalThis.room = session;
          session.on('state', (state) => {
            told.state = state;
            if (told.phases.at(-1) !== state.phase) told.phases.push(state.phase);
          });
          session.on('chat', (chat) => told.chats.push(chat.message));
          session.on('notice', (notice) => told.notices.push(notice.code));
          session.on('closed', (closed) => (told.closed = closed.code));
        };
        document.body.append(button);
      }, custom);
      await page.bringToFront();
      await page.locator('#open').click();
      const window = await until("the room's window", roomWindow, 30000);
      resize(window, 900, 640);
      move(window, 660, 300);
      await state('connected', ({ phase }) => phase === 'connected');
      return window;
    },
  };
}
