// The panels of the devices in the room's window, opened and used by the keyboard alone.
import fs from 'node:fs';
import path from 'node:path';

import { choose, count, focus, keys, pixels, resize } from './screen.mjs';
import { level, record, speak } from './sound.mjs';
import { until } from './walk.mjs';

// Of the dark windows: --accent-soft, which the arrow of an open panel has, and --accent of switches and of the level.
const OPEN = [0x14, 0x33, 0x2c];
const ACCENT = [0x37, 0xd0, 0xa0];
/** So narrow that panels lie below the pictures: width and height, pixels. */
const NARROW = [430, 720];

/**
 * One walk through them, in a dark room window whose chat is open. `shows` tells whether the picture of a simulated camera is
 * in the window, by its luma; `shot` takes a picture of the window; `data` is the profile's folder.
 */
export class DevicePanels {
  #window;
  #data;
  #shows;
  #shot;

  constructor({ window, data, shows, shot }) {
    [this.#window, this.#data, this.#shows, this.#shot] = [window, data, shows, shot];
  }

  #settings() {
    return JSON.parse(fs.readFileSync(path.join(this.#data, 'settings.json'), 'utf8'));
  }

  #isOpen() {
    return count(this.#window, OPEN, 2) > 400;
  }

  /** Gives the keyboard to the chat's button, and closes the chat. */
  async begin() {
    focus(this.#window);
    keys('c');
    await until("the chat's end", () => !this.#isOpen());
    keys('c');
    await until('the chat', () => this.#isOpen());
    keys('Escape');
    await until("the chat's end again", () => !this.#isOpen());
  }

  /** From the chat's button, or from another arrow, to the arrow that is so many buttons from the first, and opens its panel. */
  async #open(buttons) {
    focus(this.#window);
    keys('Home', ...Array(buttons).fill('Right'), 'Return');
    await until('the panel', () => this.#isOpen());
  }

  /** Closes the panel from within; its arrow has the keyboard then, and opens it again. */
  async #close() {
    keys('Escape');
    await until("the panel's end", () => !this.#isOpen());
  }

  async microphone() {
    await this.#open(1);
    const bar = () => count(this.#window, ACCENT, 3);
    const still = bar();
    const quiet = speak();
    await until("the microphone's level", () => bar() > still + 400);
    this.#shot('12-panel-microphone', this.#window);
    quiet();
    // The button that closes, the device, the strength; the arrow keys move between its choices.
    keys('Tab', 'Tab', 'Tab', 'Right');
    await until('strong noise suppression', () => this.#settings().sound.noiseSuppression === 'high');
    keys('Tab', 'space');
    await until('no echo cancellation', () => this.#settings().sound.echoCancellation === false);
    keys('Return');
    await until('echo cancellation', () => this.#settings().sound.echoCancellation === true);
    await this.#close();
    keys('Return');
    await until('the panel again', () => this.#isOpen());
    await this.#close();
  }

  async camera() {
    await this.#open(3);
    keys('Tab', 'Tab');
    await choose('s', 'e');
    await until("the other camera's picture", () => this.#shows(110));
    this.#shot('12-other-camera', this.#window);
    await choose('s', 'i');
    await until("the first camera's picture", () => this.#shows(60));
    keys('Tab');
    await choose('3');
    await until('pictures of 360 lines', () => this.#settings().picture.preset.resolution === '360p');
    keys('Tab', 'Tab', 'Tab', 'Return');
    await until('the beauty filter', () => this.#settings().beauty.on);
    const { strength } = this.#settings().beauty;
    keys('Tab', 'Right', 'Tab', 'Right');
    await until('style and strength', () => {
      const { beauty } = this.#settings();
      return beauty.style === 'natural' && beauty.strength === strength + 1;
    });
    this.#shot('12-panel-camera', this.#window);
    const { width, height } = pixels(this.#window);
    resize(this.#window, ...NARROW);
    await until('the narrow window', () => pixels(this.#window).width === NARROW[0] && this.#shows(60, 8000));
    this.#shot('12-panel-narrow', this.#window);
    resize(this.#window, width, height);
    await until('the wide window', () => pixels(this.#window).width === width && this.#shows(60));
    await this.#close();
  }

  async speaker() {
    await this.#open(5);
    keys('Tab', 'Tab', 'Tab', 'Return');
    await until('the notes', async () => level(await record('speaker.monitor', 0.4)) > -45, 20000);
    this.#shot('12-panel-loudspeaker', this.#window);
    await this.#close();
  }
}
