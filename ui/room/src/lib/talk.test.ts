import { expect, test } from 'vitest';
import { pushToTalk, type Press } from './talk';

function press(more: Partial<Press> = {}): Press & { prevented: boolean } {
  const event = {
    code: 'Space',
    repeat: false,
    ctrlKey: false,
    altKey: false,
    metaKey: false,
    isComposing: false,
    target: null,
    prevented: false,
    preventDefault: () => void (event.prevented = true),
    ...more,
  };
  return event;
}

function talker(enabled = true) {
  const heard: boolean[] = [];
  return {
    heard,
    talk: pushToTalk(
      () => enabled,
      (held) => heard.push(held),
    ),
  };
}

test('the key is told once down and once up, however often it repeats', () => {
  const { heard, talk } = talker();
  const [down, repeated, up] = [press(), press({ repeat: true }), press()];
  talk.down(down);
  talk.down(repeated);
  talk.down(press({ repeat: true }));
  talk.up(up);
  talk.up(press());
  expect(heard).toEqual([true, false]);
  expect([down.prevented, repeated.prevented, up.prevented]).toEqual([true, true, true]);
});

test('losing the window lets the key go, and its repeats do not take it up again', () => {
  const { heard, talk } = talker();
  talk.down(press());
  talk.release();
  talk.release();
  talk.down(press({ repeat: true }));
  expect(heard).toEqual([true, false]);
});

test('other keys, key combinations and input methods are left alone', () => {
  const { heard, talk } = talker();
  for (const more of [
    { code: 'KeyM' },
    { ctrlKey: true },
    { altKey: true },
    { metaKey: true },
    { isComposing: true },
  ]) {
    const event = press(more);
    talk.down(event);
    talk.up(event);
    expect(event.prevented).toBe(false);
  }
  expect(heard).toEqual([]);
});

test('without the setting the space bar does what it always does', () => {
  const { heard, talk } = talker(false);
  const event = press();
  talk.down(event);
  talk.up(event);
  expect(heard).toEqual([]);
  expect(event.prevented).toBe(false);
});
