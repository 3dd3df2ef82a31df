// Sharing screens, as people do it: the app shares a window to a guest in a browser.
import path from "node:path";

import { agreeToOpen, answerConsent, processes } from "./lib/app.mjs";
import { openBrowser, videoPixels } from "./lib/browser.mjs";
import { focus, keys, move, pixels, resize, screenshot, windows } from "./lib/screen.mjs";
import { Walk, expect, out, server, until } from "./lib/walk.mjs";

const walk = new Walk();
const shot = (name, window) => screenshot(path.join(out, `${name}.png`), window);
const roomWindow = () => windows("– Beckon$")[0];

/** Share of pixels near a colour. */
function share(image, [red, green, blue]) {
  let count = 0;
  for (let at = 0; at < image.data.length; at += 4) {
    const [r, g, b] = image.data.subarray(at, at + 3);
    if (Math.abs(r - red) < 40 && Math.abs(g - green) < 40 && Math.abs(b - blue) < 40) count += 1;
  }
  return count / (image.width * image.height);
}

const browser = await openBrowser("employee", ["--window-size=900,700"]);
const page = browser.pages()[0];
const told = (id) => page.getByTestId(id);

/** A window of one colour in a browser of its own: { paint(colour), close() }. */
async function paintedWindow(title, colour, { x, y, width, height }) {
  const own = await openBrowser(title, [`--app=data:text/html,<title>${title}</title>`, `--window-position=${x},${y}`, `--window-size=${width},${height}`]);
  const only = own.pages()[0] ?? (await own.waitForEvent("page"));
  const paint = (fill) => only.evaluate((to) => (document.documentElement.style.background = to), fill);
  await paint(colour);
  await until(`the window ${title}`, () => windows(`^${title}$`)[0]);
  return { paint, close: () => own.close() };
}

try {
  const shared = await paintedWindow("Orange", "#ff8000", { x: 980, y: 60, width: 480, height: 320 });
  let guest;
  await walk.step("a room with a guest in a browser", async () => {
    await page.goto(`${server}/crm/`);
    await told("call").click();
    await new Promise((resolve) => setTimeout(resolve, 1200));
    agreeToOpen();
    await answerConsent("once");
    await until("the room's window", roomWindow, 20000);
    await told("guest-link").waitFor({ timeout: 20000 });
    guest = await browser.newPage();
    await guest.goto(await told("guest-link").getAttribute("href"));
    await guest.getByTestId("name").fill("李四");
    await guest.getByTestId("join").click();
    await guest.locator('[data-phase="connected"]').waitFor({ timeout: 20000 });
    resize(roomWindow(), 900, 640);
    move(roomWindow(), 40, 320);
  });

  const screen = () => guest.locator('[data-testid="tile"][data-screen="true"] video');
  await walk.step("the person chooses a window by the keyboard alone", async () => {
    focus(roomWindow());
    keys("s");
    await until("the picker with the window's small picture", () => share(pixels(roomWindow()), [255, 128, 0]) > 0.01);
    shot("01-picker", roomWindow());
    // The first card is the whole screen; windows follow, the topmost first: the guest's browser, then the orange one.
    // Enter shares what is chosen.
    keys("Tab", "Right", "Right");
    keys("Return");
    await screen().waitFor({ timeout: 15000 });
  });

  await walk.step("the guest sees it large, and nothing else of the desktop", async () => {
    const seen = await until("a picture of it", async () => {
      const image = await videoPixels(screen());
      return image.width > 100 && share(image, [255, 128, 0]) > 0.9 && image;
    });
    expect(seen.width < 700 && seen.height < 500, `${seen.width}×${seen.height} is more than the window`);
    shot("02-sharer", roomWindow());
    await guest.screenshot({ path: path.join(out, "03-viewer.png") });
    await guest.setViewportSize({ width: 420, height: 760 });
    await guest.screenshot({ path: path.join(out, "04-viewer-narrow.png") });
    await guest.setViewportSize({ width: 1000, height: 640 });
  });

  await walk.step("it goes on while something covers it, and ends when it is closed", async () => {
    const cover = await paintedWindow("Cover", "#202020", { x: 960, y: 40, width: 560, height: 400 });
    await shared.paint("#00a060");
    await until("its new colour", async () => share(await videoPixels(screen()), [0, 160, 96]) > 0.9);
    await cover.close();
    await shared.close();
    await screen().waitFor({ state: "detached", timeout: 10000 });
    shot("05-ended", roomWindow());
  });

  await walk.step("the page closes the room", async () => {
    await told("close").click();
    await until("the room's window to go", () => !roomWindow());
    // The app stays for the next call; the browser that started it would wait for its end.
    for (const pid of processes()) process.kill(Number(pid), "SIGTERM");
    await until("the app's end", () => processes().length === 0);
  });

  walk.finish();
} finally {
  await browser.close();
}
