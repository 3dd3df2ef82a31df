// What becomes of a page's rooms: more than one, reloads, other tabs, the next one, their end.

import { expect, it } from 'vitest';
import type * as shim from '../../EXEStarter.d.ts';
import { app, open, openSecond, origin, page, port } from './stand.ts';

export function rooms(): void {
  it('leaves the room to the tab that was duplicated', async () => {
    await open();
    const stored = await page.evaluate(() => ({ ...sessionStorage }));
    const copy = await page.context().newPage();
    await copy.goto(origin);
    for (const secure of [true, false]) {
      // Plain http pages have no locks; they ask each other.
      const hide = 'delete Navigator.prototype.locks';
      if (!secure) {
        await page.addInitScript(hide);
        await copy.addInitScript(hide);
        await page.reload();
        expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('given');
        Object.assign(stored, await page.evaluate(() => ({ ...sessionStorage })));
        await copy.reload();
      }
      await copy.evaluate((stored) => Object.assign(sessionStorage, stored), stored);
      expect(await copy.evaluate(() => window.Beckon.resume())).toBeNull();
      expect(await copy.evaluate(() => sessionStorage.length)).toBe(0);
    }
    await page.evaluate(async () => window.Beckon.session?.sendChat('mine'));
    expect(app.calls.at(-1)?.params).toEqual({ message: 'mine' });
    // Still its own after one more reload.
    await page.reload();
    expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('given');
  });

  it('tells the second opening -2 and shows the room', async () => {
    await open();
    expect(await open()).toMatchObject({ code: -2 });
    // The page hears its -2 at once; the wish to show the room is still on its way to the app.
    await expect.poll(() => app.calls.at(-1)?.method).toBe('window.focus');
  });

  it('keeps two rooms of one page apart', async () => {
    await open({ roomID: 'first', custom: { singleton: false } });
    const second = await openSecond();
    const ids = () => page.evaluate(() => window.Beckon.sessions.map((session) => session.roomID));
    expect(await ids()).toEqual(['first', 'second']);
    expect(await page.evaluate(() => window.Beckon.session?.roomID)).toBe('second');

    // Both are found again, and both are heard.
    await page.reload();
    await page.evaluate(
      () =>
        new Promise<void>((done) => {
          window.seen = [];
          window.EXEStarter.setListener({
            onRecvRoomIMMsg: ({ roomID, message }) => window.seen.push([roomID, message]),
            onRoomClose: ({ roomID, code }) => window.seen.push([roomID, code]),
          });
          void window.Beckon.resume().then(() => done());
        }),
    );
    expect(await ids()).toEqual(['first', 'second']);
    const chat = { userID: 'v', userName: 'V', userAvatar: '', time: 0 };
    app.tell('chat', { ...chat, roomID: 'first', message: 'one' });
    second.tell('chat', { ...chat, roomID: 'second', message: 'two' });
    const seen = () => page.evaluate(() => window.seen.map((event) => JSON.stringify(event)).sort());
    await expect.poll(seen).toEqual(['["first","one"]', '["second","two"]']);

    // The end of one is not the end of the other, which a reload finds.
    const close = (roomID: string) =>
      page.evaluate(
        (roomID) =>
          new Promise((done) => window.EXEStarter.closeExeAsRoom({ data: { roomID }, success: done, fail: done })),
        roomID,
      );
    expect(await close('elsewhere')).toMatchObject({ errCode: 1009 });
    expect(await close('first')).toMatchObject({ errCode: 0, roomID: 'first' });
    expect(app.room).toBeUndefined();
    expect(second.room).toMatchObject({ roomID: 'second' });
    expect(await ids()).toEqual(['second']);
    await expect.poll(seen).toContain('["first",0]');
    await page.reload();
    expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('second');
    expect(await ids()).toEqual(['second']);
    await second.die();
  });

  it('lets all rooms go at once, and finds them again', async () => {
    await open({ roomID: 'first', custom: { singleton: false } });
    const second = await openSecond();
    const gone = () => Promise.all([app, second].map(({ socket }) => socket?.readyState === 3));
    expect(await gone()).toEqual([false, false]);
    await page.evaluate(() => window.EXEStarter.unload());
    await expect.poll(gone).toEqual([true, true]);
    expect(await page.evaluate(() => window.Beckon.sessions.length)).toBe(0);
    expect([app.room, second.room]).toMatchObject([{ roomID: 'first' }, { roomID: 'second' }]);
    expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('second');
    expect(await page.evaluate(() => window.Beckon.sessions.length)).toBe(2);
    await second.die();
  });

  it('closes its room where the app tells of the end before it answers', async () => {
    app.closedFirst = true;
    await open();
    expect(await page.evaluate(() => window.session.close().then(() => window.session.closed))).toBe(true);
    expect(app.room).toBeUndefined();
  });

  it('closes a room that another page of its origin opened', async () => {
    await open();
    app.others.add('of another page');
    const closed = await page.evaluate(() => window.Beckon.close('of another page'));
    expect(closed).toBe('of another page');
    expect(app.others.size).toBe(0);
    expect(await page.evaluate(() => window.Beckon.session?.roomID)).toBe('given');
  });

  it('closes a room that a reloaded page is just finding again', async () => {
    await open({ roomID: 'r' });
    for (const listens of [false, true]) {
      if (listens) await open({ roomID: 'r' });
      await page.reload();
      const closed = await page.evaluate(
        (listens) =>
          new Promise((done) => {
            if (listens) window.EXEStarter.setListener({});
            window.EXEStarter.closeExeAsRoom({ data: { roomID: 'r' }, success: done, fail: done });
          }),
        listens,
      );
      expect(closed).toMatchObject({ errCode: 0, roomID: 'r' });
      expect(app.room).toBeUndefined();
    }
    const none = await page.evaluate(() => new Promise((done) => window.EXEStarter.closeExeAsRoom({ fail: done })));
    expect(none).toMatchObject({ errCode: 1009 });
  });

  it('passes what a page sets on to the app, and the answer back', async () => {
    await open();
    await page.evaluate(() => window.session.setMedia({ camera: false, video: { resolution: '540p' } }));
    expect(app.calls.at(-1)).toEqual({
      method: 'media.set',
      params: { camera: false, video: { resolution: '540p' } },
    });
    app.refusing = { code: 5999, message: 'the pictures stay as they are' };
    const refused = await page.evaluate(() =>
      window.session.setMedia({ camera: true }).catch(({ code, message }: shim.BeckonError) => ({ code, message })),
    );
    expect(refused).toEqual(app.refusing);
  });

  it('finds its room again after a reload', async () => {
    await open();
    await page.reload();
    const resumed = await page.evaluate(async () => {
      const session = await window.Beckon.resume();
      return session && { roomID: session.roomID, phase: session.state?.phase };
    });
    expect(resumed).toEqual({ roomID: 'given', phase: 'connected' });
    // And a page that had none has none.
    expect(await page.evaluate(() => (sessionStorage.clear(), window.Beckon.session?.roomID))).toBe('given');
  });

  it('opens the next room without a launch while the app stands by', async () => {
    await open();
    await page.evaluate(() => window.session.close());
    await page.goto(origin);
    app.calls = [];
    expect(await open()).toEqual({ roomID: 'given', road: 'loopback', app: '1.2.3' });
    expect(await page.evaluate(() => window.launched)).toBeUndefined();
    expect(await page.evaluate(() => window.seen)).toEqual(['connected', 'joining']);
    expect(app.calls.map((call) => call.method)).toEqual(['hello', 'prove', 'room.open']);
    // A reload comes back to this room, not to the one before.
    await page.goto(origin);
    expect(await page.evaluate(async () => (await window.Beckon.resume())?.roomID)).toBe('given');
  });

  it('launches for the next room where the app is gone or knows the page no more', async () => {
    await open();
    await page.evaluate(() => window.session.close());
    app.keys.clear();
    expect(await open({ starts: false })).toEqual({ roomID: 'given', road: 'loopback', app: '1.2.3' });
    expect(await page.evaluate(() => window.launched)).toContain('beckon:');
    await page.evaluate(() => window.session.close());
    await app.die();
    await page.evaluate(() => (window.launched = ''));
    expect(await open()).toEqual({ roomID: 'given', road: 'loopback', app: '1.2.3' });
    expect(await page.evaluate(() => window.launched)).toContain('beckon:');
  });

  it('tells -2000 when the app dies', async () => {
    await open();
    await page.evaluate(() => window.session.on('closed', (closed) => window.seen.push(closed)));
    await app.die();
    const last = () => page.evaluate(() => window.seen.at(-1));
    await expect.poll(last, { timeout: 9000 }).toMatchObject({ roomID: 'given', code: -2000 });
    expect(await page.evaluate(() => window.Beckon.session)).toBeNull();
  });

  it('finds a room again that was let go while its channel was looked for', async () => {
    await open();
    await app.die();
    await page.waitForTimeout(300); // the page has noticed
    await page.evaluate(() => window.EXEStarter.unload());
    await app.listen(port);
    const resumed = () => page.evaluate(async () => (await window.Beckon.resume())?.roomID);
    expect(await resumed()).toBe('given');
    await page.reload();
    expect(await resumed()).toBe('given');
  });

  it('comes back by itself when only the socket broke', async () => {
    await open();
    app.socket?.terminate();
    await expect.poll(() => app.calls.filter((call) => call.method === 'prove').length).toBe(2);
    // The page has its session back once it has read the welcome.
    const sent = () =>
      page.evaluate(() =>
        window.session.sendChat('still here').then(
          () => true,
          () => false,
        ),
      );
    await expect.poll(sent).toBe(true);
    expect(app.calls.at(-1)).toEqual({ method: 'chat.send', params: { message: 'still here' } });
  });
}
