/** Choices of a device as a `select` holds them, and what a choice means to the settings. */
import type { DeviceEntry, DeviceList, DeviceSetting, Devices, RoomView } from '../lib/types';

export type Kind = keyof Devices;

/** What is plugged in of a kind; nothing as long as that is not known. */
export function connected(devices: DeviceList | null, kind: Kind): DeviceEntry[] {
  return devices?.[`${kind}s`] ?? [];
}

/** What the `select` holds for a setting: the device's ID, or nothing for the system's default. */
export function held(setting: DeviceSetting): string {
  return setting.kind === 'device' ? setting.id : '';
}

/** What was chosen there; null where it is no device that is plugged in. */
export function chosen(id: string, there: DeviceEntry[]): DeviceSetting | null {
  if (!id) return { kind: 'default' };
  const device = there.find((entry) => entry.id === id);
  return device ? { kind: 'device', id, label: device.label } : null;
}

/** The device that is set and is not plugged in. */
export function absent(setting: DeviceSetting, there: DeviceEntry[]): { id: string; label: string } | null {
  return setting.kind === 'device' && !there.some((entry) => entry.id === setting.id) ? setting : null;
}

/** Whether a room's microphone is open: unmuted, or muted and open all the same as the person set it. */
export function listens({ microphone, talk }: Pick<RoomView, 'microphone' | 'talk'>): boolean {
  return talk.ready || (microphone.on && microphone.running && microphone.problem === null);
}
