/** The windows' words, in both languages. Each part of the windows has its own file of them under `words/`. */
import type { Language } from './types';
import * as about from './words/about';
import * as beauty from './words/beauty';
import * as common from './words/common';
import * as consent from './words/consent';
import * as devices from './words/devices';
import * as home from './words/home';
import * as permissions from './words/permissions';
import * as picture from './words/picture';
import * as room from './words/room';
import * as settings from './words/settings';
import * as shortcuts from './words/shortcuts';
import * as sound from './words/sound';
import * as share from './words/share';

const en = {
  ...common.en,
  ...room.en,
  ...consent.en,
  ...home.en,
  about: about.en,
  beauty: beauty.en,
  devices: devices.en,
  permissions: permissions.en,
  picture: picture.en,
  settings: settings.en,
  shortcuts: shortcuts.en,
  sound: sound.en,
  share: share.en,
};

export type Words = typeof en;

const zh: Words = {
  ...common.zh,
  ...room.zh,
  ...consent.zh,
  ...home.zh,
  about: about.zh,
  beauty: beauty.zh,
  devices: devices.zh,
  permissions: permissions.zh,
  picture: picture.zh,
  settings: settings.zh,
  shortcuts: shortcuts.zh,
  sound: sound.zh,
  share: share.zh,
};

let language = $state<Language>('en');

/** Chooses the language of every word from now on. */
export function speak(next: Language): void {
  language = next;
}

/** The language in use. */
export function spoken(): Language {
  return language;
}

/** The words of the language in use. */
export function words(): Words {
  return language === 'zh-CN' ? zh : en;
}
