/** What can lie beside the stage, one at a time: nothing of the page may lie over it. */
import type { Kind } from '../controls/devices';
import type { RoomView } from '../lib/types';

/** What stays open until it is closed. */
export type Side = 'members' | 'chat';
/** What belongs to a device lies before that, and leaves it where it was. */
export type Panel = Side | Kind;

/** Whether it belongs to a device. */
export function isKind(panel: Panel): panel is Kind {
  return panel !== 'members' && panel !== 'chat';
}

/** What is to be seen: the audience of a live room has no camera and no microphone. */
export function shown(
  side: Side | null,
  device: Kind | null,
  { mayPublish }: Pick<RoomView, 'mayPublish'>,
): Panel | null {
  return device !== null && (device === 'speaker' || mayPublish) ? device : side;
}
