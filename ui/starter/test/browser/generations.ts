// The calls and listeners that pages of the first and the third generation know.

import { expect, it } from 'vitest';
import type * as shim from '../../EXEStarter.d.ts';
import { app, open, page, port } from './stand.ts';

export function generations(): void {
  it.each(['EXEStarter', 'RtcRoom', 'LiveRoom'] as const)('serves all calls of %s', async (kind) => {
    await page.evaluate(
      ({ kind, port }) => {
        window.seen = [];
        // The older calls leave the ports and the launch to the script.
        const { open } = window.Beckon;
        const launch = (url: string) => {
          const { launchedWith } = window as unknown as { launchedWith: (key: unknown, port: number) => void };
          launchedWith(/k=([\w-]+)/.exec(url)?.[1], port);
        };
        window.Beckon.open = (options) => open({ ...options, ports: [port], launch });
        const note =
          (name: string) =>
          ({ cmd, code, msg, roomStatus }: shim.RoomEvent) =>
            window.seen.push({ name, cmd, code, msg, roomStatus });
        window[kind].setListener({
          onRecvData: note('data'),
          onRecvEvent: note('event'),
          onRoomClose: (closed) => window.seen.push(closed),
        });
      },
      { kind, port },
    );
    const opened = await page.evaluate(
      (kind) =>
        new Promise((done) => {
          const request: shim.ExeRequest = {
            userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
            roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
            success: done,
            fail: done,
          };
          if (kind === 'EXEStarter') window.EXEStarter.createExeAsRoom(request);
          else window[kind].startEXE(request);
        }),
      kind,
    );
    expect(opened).toEqual({ errCode: 0, errMsg: 'success', roomID: 'given' });
    const type = { EXEStarter: undefined, RtcRoom: 'RTCRoom', LiveRoom: 'LiveRoom' }[kind];
    const asked = app.calls.find((call) => call.method === 'room.open')?.params as { roomdata: { type?: string } };
    expect(asked.roomdata.type).toBe(type);
    const seen = (cmd: string) =>
      page.evaluate((cmd) => window.seen.filter((event) => (event as shim.RoomEvent).cmd === cmd), cmd);
    const entered = { cmd: 'roomStatus', code: 0, msg: 'success', roomStatus: 0 };
    await expect
      .poll(() => seen('roomStatus'))
      .toEqual([
        { name: 'data', ...entered },
        { name: 'event', ...entered },
      ]);
    app.tell('notice', { roomID: 'given', code: 4004, message: 'the camera was unplugged' });
    const notice = { cmd: 'notice', code: 4004, msg: 'the camera was unplugged' };
    await expect
      .poll(() => seen('notice'))
      .toMatchObject([
        { name: 'data', ...notice },
        { name: 'event', ...notice },
      ]);

    // The page goes, and another one of the same tab comes: the room is still its own, and is closed there.
    await page.evaluate((kind) => window[kind].unload(), kind);
    await expect.poll(() => app.socket?.readyState).toBe(3);
    await page.reload();
    const closed = await page.evaluate(
      (kind) =>
        new Promise((done) => {
          window.seen = [];
          window[kind].setListener({
            onRecvEvent: ({ cmd, roomStatus }) => cmd === 'roomStatus' && window.seen.push(roomStatus),
            onRoomClose: (closed) => window.seen.push(closed),
          });
          const request = { data: { roomID: 'given' }, success: done, fail: done };
          if (kind === 'EXEStarter') window.EXEStarter.closeExeAsRoom(request);
          else window[kind].stopEXE(request);
        }),
      kind,
    );
    expect(closed).toEqual({ errCode: 0, errMsg: 'success', roomID: 'given' });
    await expect
      .poll(() => page.evaluate(() => window.seen))
      .toEqual([0, 1, { roomID: 'given', code: 0, msg: 'success' }]);
  });

  it('goes on telling a page whose own functions throw', async () => {
    const thrown: string[] = [];
    page.on('pageerror', ({ message }) => thrown.push(message));
    await page.evaluate((port) => {
      window.seen = [];
      const { open } = window.Beckon;
      window.Beckon.open = (options) =>
        open({
          ...options,
          ports: [port],
          launch: (url) => {
            const { launchedWith } = window as unknown as { launchedWith: (key: unknown, port: number) => void };
            launchedWith(/k=([\w-]+)/.exec(url)?.[1], port);
          },
        });
      window.EXEStarter.setListener({
        onRecvData: () => {
          throw new Error('in the listener');
        },
        onRecvRoomIMMsg: ({ message }) => window.seen.push(message),
        onRoomClose: ({ code }) => window.seen.push(code),
      });
      window.EXEStarter.createExeAsRoom({
        userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
        roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
        success: () => {
          window.seen.push('success');
          throw new Error('in success');
        },
      });
    }, port);
    await expect.poll(() => page.evaluate(() => window.seen)).toEqual(['success']);
    app.tell('chat', { roomID: 'given', userID: 'v', userName: 'V', userAvatar: '', message: '你好', time: 0 });
    app.tell('closed', { roomID: 'given', code: 3005, msg: 'over' });
    await expect.poll(() => page.evaluate(() => window.seen)).toEqual(['success', '你好', 3005]);
    expect(thrown).toContain('in success');
    expect(thrown).toContain('in the listener');
  });

  it('tells the older calls why a room did not open, and that none is open', async () => {
    const refused = await page.evaluate(
      () => new Promise((done) => window.RtcRoom.stopEXE({ data: { roomID: 'r' }, success: done, fail: done })),
    );
    expect(refused).toEqual({ errCode: 1009, errMsg: 'no room is open' });
    const wrong = await page.evaluate(
      () => new Promise((done) => window.LiveRoom.startEXE({ success: done, fail: done } as never)),
    );
    expect(wrong).toMatchObject({ errCode: -9998 });
    // Where the page has the installer comes back with "not installed".
    const away = await page.evaluate(() => {
      const { open } = window.Beckon;
      window.Beckon.open = (options) => open({ ...options, launch: () => {}, ports: [1], patience: 1 });
      return new Promise((done) =>
        window.EXEStarter.createExeAsRoom({
          userdata: { userID: 'u', sdkAppID: 1, userSig: 's' },
          roomdata: { serverDomain: location.origin, roomAction: 'createRoom' },
          custom: { exeUrl: 'https://x/beckon.msi' },
          success: done,
          fail: done,
        }),
      );
    });
    expect(away).toMatchObject({ errCode: -1, exeUrl: 'https://x/beckon.msi' });
  });

  it('fetches test log-ins, and says why there are none', async () => {
    const logIn = (userID: string) =>
      page.evaluate(
        (userID) =>
          new Promise((done) =>
            window.EXEStarter.getLoginInfo({ serverDomain: location.origin, userID, success: done, fail: done }),
          ),
        userID,
      );
    expect(await logIn('zhang san')).toMatchObject({ userID: 'zhang san', userSig: 'made by the server' });
    expect(await logIn('')).toEqual({ errCode: 2009, errMsg: 'off' });
  });

  it('brings events to the older listeners and closes', async () => {
    await page.evaluate(() => {
      window.seen = [];
      window.EXEStarter.setListener({
        onMemberChange: (members) => window.seen.push(['members', members.length]),
        onRecvRoomIMMsg: (message) => window.seen.push(['chat', message.message]),
        onRoomClose: ({ roomID, code }) => window.seen.push(['closed', roomID, code]),
      });
    });
    await open();
    await page.evaluate(() => {
      window.seen = [];
      window.EXEStarter.setListener({
        onMemberChange: (members) => window.seen.push(['members', members.length]),
        onRecvRoomIMMsg: (message) => window.seen.push(['chat', message.message]),
        onRoomClose: ({ roomID, code }) => window.seen.push(['closed', roomID, code]),
      });
    });
    const member = { userID: 'u', userName: 'U', userAvatar: '', role: 'creator' };
    app.tell('members', { roomID: 'given', members: [member] });
    app.tell('chat', { roomID: 'given', userID: 'v', userName: 'V', userAvatar: '', message: '你好', time: 0 });
    const closed = await page.evaluate(
      () => new Promise((success, fail) => window.EXEStarter.closeExeAsRoom({ success, fail })),
    );
    expect(closed).toMatchObject({ errCode: 0, roomID: 'given' });
    await expect.poll(() => page.evaluate(() => window.seen.length)).toBe(3);
    expect(await page.evaluate(() => window.seen)).toEqual([
      ['members', 1],
      ['chat', '你好'],
      ['closed', 'given', 0],
    ]);
  });
}
