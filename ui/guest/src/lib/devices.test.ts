import { expect, test } from 'vitest';

import { inCall, inLobby, troubleOf } from './devices';
import { languages } from './words';

test('each way in which a device fails has its words, before the call and in it', () => {
  const names = { NotAllowedError: 'Refused', NotFoundError: 'Absent', NotReadableError: 'Busy', AbortError: 'Busy' };
  for (const [name, trouble] of Object.entries(names)) {
    expect(troubleOf(new DOMException('', name)), name).toBe(trouble);
  }
  expect(troubleOf(new Error('not published'))).toBe('Failed');
  const said = (['camera', 'microphone'] as const).flatMap((device) =>
    (['Refused', 'Absent', 'Busy', 'Failed'] as const).flatMap((trouble) => [
      inLobby(device, trouble),
      inCall(device, trouble),
    ]),
  );
  for (const words of Object.values(languages)) expect(new Set(said.map((key) => words[key])).size).toBe(said.length);
});
