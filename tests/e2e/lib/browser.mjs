// A real, visible Chromium on the walk's display.
import fs from 'node:fs';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { out, server } from './walk.mjs';

/** Settings of a person who ticked "Always allow" when Chromium asked whether the server's pages may open the app. */
export const alwaysOpen = { protocol_handler: { allowed_origin_protocol_pairs: { [server]: { beckon: true } } } };

/**
 * Starts Chromium with a profile of its own, with `settings` in it; cameras and microphones are Chromium's own test
 * devices.
 */
export async function openBrowser(name, more = [], settings = undefined) {
  const profile = path.join(out, `profile-${name}`);
  if (settings) {
    fs.mkdirSync(path.join(profile, 'Default'), { recursive: true });
    fs.writeFileSync(path.join(profile, 'Default', 'Preferences'), JSON.stringify(settings));
  }
  return chromium.launchPersistentContext(profile, {
    executablePath: process.env.BECKON_CHROMIUM ?? '/usr/bin/chromium',
    headless: false,
    viewport: null,
    locale: 'en-US',
    args: [
      '--no-sandbox',
      '--test-type', // no bar about the flag above: it would cover the page
      '--no-first-run',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      ...more,
    ],
  });
}

/** Lets a guest page play what it hears, or be silent. */
export const playSound = (page, plays) =>
  page.evaluate((on) => {
    for (const audio of document.querySelectorAll('audio')) audio.muted = !on;
  }, plays);

/** Pages that are opened from now on keep their connections, for `received` to ask. */
export const keepConnections = (browser) =>
  browser.addInitScript(() => {
    const kept = (globalThis.connections = []);
    globalThis.RTCPeerConnection = class extends globalThis.RTCPeerConnection {
      constructor(...settings) {
        super(...settings);
        kept.push(this);
      }
    };
  });

/** How many packets of a kind ("audio", "video") a page that keeps its connections has received over those that are open. */
export const received = (page, kind) =>
  page.evaluate(async (wanted) => {
    let packets = 0;
    for (const connection of globalThis.connections) {
      if (connection.connectionState === 'closed') continue;
      for (const { type, kind, packetsReceived } of (await connection.getStats()).values())
        if (type === 'inbound-rtp' && kind === wanted) packets += packetsReceived;
    }
    return packets;
  }, kind);

/** What a video element of a page shows now: { width, height, data } with RGBA bytes. */
export async function videoPixels(locator) {
  const picture = await locator.evaluate((video) => {
    const canvas = document.createElement('canvas');
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let text = '';
    for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
    return { width: canvas.width, height: canvas.height, data: btoa(text) };
  });
  return { ...picture, data: new Uint8Array(Buffer.from(picture.data, 'base64')) };
}
