// What counts as waiting while "not installed" is not yet said.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Patience } from '../src/patience.ts';

describe('patience', () => {
  let page: { focus: boolean; visibilityState: string; hasFocus: () => boolean };
  let patience: Patience;
  let told: string[];

  /** A page that waits for two seconds of the person's attention. */
  const wait = (before: Partial<typeof page> = {}) => {
    Object.assign(page, before);
    patience = new Patience(
      2000,
      () => told.push('back'),
      () => told.push('out'),
    );
  };

  beforeEach(() => {
    vi.useFakeTimers();
    told = [];
    page = { focus: true, visibilityState: 'visible', hasFocus: () => page.focus };
    vi.stubGlobal('document', page);
  });
  afterEach(() => {
    patience.stop();
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('is out after its time, once', () => {
    wait();
    vi.advanceTimersByTime(1900);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(5000);
    expect(told).toEqual(['out']);
  });

  it('waits as long as the browser or the app has the focus, and says when the page has it again', () => {
    wait();
    vi.advanceTimersByTime(500);
    // "Open Beckon?": the person thinks for ten minutes.
    page.focus = false;
    vi.advanceTimersByTime(600_000);
    expect(told).toEqual([]);
    expect(patience.isAttentive).toBe(false);
    page.focus = true;
    vi.advanceTimersByTime(100);
    expect(told).toEqual(['back']);
    expect(patience.isAttentive).toBe(true);
    // What was left is left, whatever the question took.
    vi.advanceTimersByTime(1000);
    expect(told).toEqual(['back']);
    vi.advanceTimersByTime(700);
    expect(told).toEqual(['back', 'out']);
  });

  it('waits for a page that is not seen', () => {
    wait();
    page.visibilityState = 'hidden';
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
    page.visibilityState = 'visible';
    vi.advanceTimersByTime(2500);
    expect(told).toEqual(['back', 'out']);
  });

  it('does not wait for a focus that was never there', () => {
    // A page in a window behind another one, or one that a script drives.
    wait({ focus: false });
    vi.advanceTimersByTime(2000);
    expect(told).toEqual(['out']);
  });

  it('does not count the time of a machine that slept', () => {
    wait();
    vi.advanceTimersByTime(1000);
    const slept = performance.now() + 3_600_000;
    vi.spyOn(performance, 'now').mockImplementation(() => slept);
    vi.advanceTimersByTime(100);
    expect(told).toEqual([]);
  });

  it('says nothing once it was stopped', () => {
    wait();
    patience.stop();
    page.focus = false;
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
  });
});
