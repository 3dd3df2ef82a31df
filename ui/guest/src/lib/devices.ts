// Why a camera or a microphone does not open, and the words for it.
import type { Words } from './words';

export type Device = 'camera' | 'microphone';
/** Which devices the guest wants on. */
export type Wish = Record<Device, boolean>;
export type Trouble = 'Refused' | 'Absent' | 'Busy' | 'Failed';

/** What the errors of getUserMedia mean (Media Capture and Streams, section 10.2). */
const MEANINGS: Record<string, Trouble> = {
  NotAllowedError: 'Refused',
  SecurityError: 'Refused',
  NotFoundError: 'Absent',
  OverconstrainedError: 'Absent',
  NotReadableError: 'Busy',
  AbortError: 'Busy',
};

/** Why a device did not go on. Where none of the above is to blame, the room did not take what it gives. */
export function troubleOf(error: unknown): Trouble {
  return (error instanceof Error && MEANINGS[error.name]) || 'Failed';
}

/** Before the call, where one can go without. */
export const inLobby = (device: Device, trouble: Trouble): keyof Words => `${device}${trouble}`;

/** In the call, where one turns it on again. */
export const inCall = (device: Device, trouble: Trouble): keyof Words => `${device}${trouble}Now`;
