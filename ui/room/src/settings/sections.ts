/**
 * The sections of the settings window. A section is one component in `sections/`, one file of words in `lib/words/`, one
 * struct in `crates/interface/src/settings/` where it keeps something, and one line here.
 */
import type { Component } from 'svelte';
import type { IconName } from '@beckon/design/Icon.svelte';
import type { Host } from '../lib/host';
import type { DeviceList, Log, Permissions, Settings, TryoutView } from '../lib/types';
import type { Words } from '../lib/words.svelte';
import About from './sections/About.svelte';
import Beauty from './sections/Beauty.svelte';
import DevicesSection from './sections/Devices.svelte';
import PermissionsSection from './sections/Permissions.svelte';
import Picture from './sections/Picture.svelte';
import Shortcuts from './sections/Shortcuts.svelte';
import Sound from './sections/Sound.svelte';

/** What every section is given; each takes what it needs. */
export interface SectionProps {
  host: Host;
  /** What the person set; a section sets its own part by `host.settingsSet`. */
  settings: Settings;
  /** What is plugged in; null until that is known. */
  devices: DeviceList | null;
  /** What is tried out now. */
  tryout: TryoutView;
  /** Of the microphone that is open, while somebody watches it: 0 … 1. */
  level: number;
  permissions: Permissions;
  version: string;
  log: Log;
}

export interface Section {
  /** Names it in `host.showSettings(section)`. */
  id: string;
  icon: IconName;
  title: (words: Words) => string;
  component: Component<SectionProps>;
}

export const sections: Section[] = [
  { id: 'devices', icon: 'camera', title: (words) => words.devices.title, component: DevicesSection },
  { id: 'picture', icon: 'picture', title: (words) => words.picture.title, component: Picture },
  { id: 'beauty', icon: 'sparkle', title: (words) => words.beauty.title, component: Beauty },
  { id: 'sound', icon: 'speaker', title: (words) => words.sound.title, component: Sound },
  { id: 'shortcuts', icon: 'keyboard', title: (words) => words.shortcuts.title, component: Shortcuts },
  { id: 'permissions', icon: 'shield', title: (words) => words.permissions.title, component: PermissionsSection },
  { id: 'about', icon: 'info', title: (words) => words.about.title, component: About },
];
