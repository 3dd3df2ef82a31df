// A 1v1 call at 720p30, in the app and in Chromium on the guest page, with the same peer, on the same display, in turn.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

import { agreeToOpen, answerConsent, processes } from "./lib/app.mjs";
import { openBrowser } from "./lib/browser.mjs";
import { cores, family, memory } from "./lib/cost.mjs";
import { delays, findPicture, percentile } from "./lib/glass.mjs";
import { move, pixels, resize, screenshot, windows } from "./lib/screen.mjs";
import { out, programs, server, until } from "./lib/walk.mjs";

const seconds = Number(process.env.BECKON_SECONDS ?? 20);
const runs = Number(process.env.BECKON_RUNS ?? 3);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const size = { x: 100, y: 60, width: 1280, height: 840 };

/** The peer of both calls: test card and tone from the command line. */
function peer(room, more) {
  const child = spawn(path.join(programs, "beckon-cli"), [
    ...["join", "--server", server, "--room", room, "--user", `peer-${room}`, "--dev", ...more],
    ...["--camera", "testcard", "--microphone", "tone", "--size", "1280x720", "--fps", "30", "--bitrate", "1500000"],
    ...["--for", "600s", "--report", "json"],
  ]);
  child.stdout.resume();
  child.stderr.resume();
  return child;
}

/** Waits for the peer's picture on the screen and returns when it was seen and where. */
async function onScreen(begun) {
  const rect = await until("the peer's picture on the screen", () => findPicture(pixels()), 30000);
  return { rect, first: performance.now() - begun };
}

async function measure(name, roots, rect) {
  await pause(4000);
  const used = await cores(roots, seconds);
  const mib = memory(family(roots));
  screenshot(path.join(out, `${name}.png`));
  const seen = await delays(rect, 8);
  return {
    cores: used.programs + used.display,
    programs: used.programs,
    display: used.display,
    memory_mib: mib,
    delay_p50_ms: percentile(seen, 50),
    delay_p95_ms: percentile(seen, 95),
    delays: seen.length,
  };
}

function fit(window) {
  resize(window, size.width, size.height);
  move(window, size.x, size.y);
}

/** The app: opened by the page, whose browser is then closed. */
async function ours(run, first) {
  const room = `ours-${run}`;
  const browser = await openBrowser(`ours-${run}`);
  const page = browser.pages()[0];
  await page.goto(`${server}/crm/?room=${room}&action=createRoom&template=1v1`);
  await page.getByTestId("call").click();
  await pause(900);
  agreeToOpen();
  if (first) await answerConsent("always");
  const window = await until("the room's window", () => windows("– Beckon$")[0], 30000);
  await page.locator('[data-phase="open"]').waitFor({ timeout: 20000 });
  await browser.close();
  fit(window);
  await pause(1000);
  const begun = performance.now();
  const other = peer(room, []);
  const { rect, first: joined } = await onScreen(begun);
  const figures = await measure(`ours-${run}`, ({ pid }) => processes().includes(String(pid)), rect);
  other.kill("SIGINT");
  for (const pid of processes()) process.kill(Number(pid), "SIGTERM");
  await until("the app's end", () => processes().length === 0, 10000);
  return { ...figures, peer_to_picture_ms: joined };
}

/** Chromium on the guest page; the peer makes the room. */
async function theirs(run) {
  const room = `theirs-${run}`;
  const other = peer(room, ["--create", "--template", "1v1"]);
  await until("the room", async () => (await fetch(`${server}/join/${room}`)).ok, 5000);
  await pause(2500);
  const browser = await openBrowser(`theirs-${run}`);
  const page = browser.pages()[0];
  fit(await until("Chromium's window", () => windows("Chromium$")[0]));
  await page.goto(`${server}/join/${room}`);
  await page.getByTestId("name").fill("Bench");
  const begun = performance.now();
  await page.getByTestId("join").click();
  const { rect, first: joined } = await onScreen(begun);
  const figures = await measure(`theirs-${run}`, ({ name }) => name === "chromium", rect);
  await browser.close();
  other.kill("SIGINT");
  return { ...figures, join_to_picture_ms: joined };
}

const median = (values) => percentile(values, 50);
const all = { ours: [], theirs: [] };
for (let run = 1; run <= runs; run += 1) {
  all.ours.push(await ours(run, run === 1));
  console.log("  app     ", JSON.stringify(all.ours.at(-1)));
  all.theirs.push(await theirs(run));
  console.log("  Chromium", JSON.stringify(all.theirs.at(-1)));
}
fs.writeFileSync(path.join(out, "call.json"), `${JSON.stringify(all, null, 2)}\n`);
console.log("\n| figure | app | Chromium | ratio |\n|---|---|---|---|");
for (const [label, field, digits] of [
  ["CPU, cores (with the display's share)", "cores", 3],
  ["of it the display", "display", 3],
  ["memory, MiB PSS", "memory_mib", 0],
  ["capture to screen p50, ms", "delay_p50_ms", 1],
  ["capture to screen p95, ms", "delay_p95_ms", 1],
]) {
  const [a, b] = [all.ours, all.theirs].map((list) => median(list.map((figures) => figures[field])));
  console.log(`| ${label} | ${a.toFixed(digits)} | ${b.toFixed(digits)} | ${(a / b).toFixed(2)} |`);
}
