// The calls that web developers know from the first and the third generation, as thin adapters over the core.

import type {
  ExeCloseRequest,
  ExeListener,
  ExeRequest,
  RoomKind,
  Session,
  StyleTypeValue,
  TestLogin,
  ExeFailure,
} from '../EXEStarter.d.ts';
import { Beckon } from './beckon.ts';
import { asFailure } from './error.ts';
import { hand } from './hand.ts';

export const StyleType = { LiveRoom: 'LiveRoom', RTCRoom: 'RTCRoom' } as const;
export const RoomAction = { CreateRoom: 'createRoom', EnterRoom: 'enterRoom' } as const;
export const Template = { Template1V1: '1v1', Template1V2: '1v2', Template1V3: '1v3', Template1V4: '1v4' } as const;
export const ScreenRecordType = { None: 0, ToServer: 1, ToClient: 2, ToBoth: 3 } as const;

let listener: ExeListener = {};
const listened = new WeakSet<Session>();

const told = (thrown: unknown): ExeFailure => {
  const error = asFailure(thrown);
  return { errCode: error.code, errMsg: error.message, ...(error.exeUrl ? { exeUrl: error.exeUrl } : {}) };
};

/** Hands a session's events to the page's listener, whichever that is by then. */
function listen(session: Session): void {
  if (listened.has(session)) return;
  listened.add(session);
  const event = (cmd: string, code: number, msg: string, more: object = {}) => {
    const whole = { roomID: session.roomID, cmd, code, msg, ...more };
    hand((event) => listener.onRecvData?.(event), whole);
    hand((event) => listener.onRecvEvent?.(event), whole);
  };
  let entered = false;
  session.on('state', (state) => {
    if (state.phase === 'connected' && !entered) {
      entered = true;
      event('roomStatus', 0, 'success', { roomStatus: 0 });
    }
    event('roomState', 0, state.phase, { state });
  });
  session.on('members', (members) => listener.onMemberChange?.(members));
  session.on('chat', ({ roomID, userID, userName, userAvatar, message }) =>
    listener.onRecvRoomIMMsg?.({ roomID, userID, userName, userAvatar, message }),
  );
  session.on('notice', ({ code, message }) => event('notice', code, message));
  session.on('closed', (closed) => {
    event('roomStatus', closed.code, closed.msg, { roomStatus: closed.code < 0 ? closed.code : 1 });
    listener.onRoomClose?.(closed);
  });
}

function createExeAsRoom(request: ExeRequest): void {
  const { success, fail, ...options } = request ?? {};
  Beckon.open(options).then(
    (session) => {
      // Before the room's events, as pages know it.
      hand(success, { errCode: 0, errMsg: 'success', roomID: session.roomID });
      listen(session);
    },
    (error) => fail?.(told(error)),
  );
}

function closeExeAsRoom(request: ExeCloseRequest = {}): void {
  const { data, success, fail } = request;
  Beckon.close(data?.roomID).then(
    (roomID) => success?.({ errCode: 0, errMsg: 'success', roomID }),
    (error) => fail?.(told(error)),
  );
}

function setListener(next: ExeListener): void {
  listener = next ?? {};
  // A page sets its listener when it loads: a reload finds its rooms again here.
  void Beckon.resume().then(() => Beckon.sessions.forEach(listen));
}

/** The page goes away; its rooms stay open or close as `custom.closeWithPage` said. */
function unload(): void {
  for (const session of Beckon.sessions) session.detach();
}

function getLoginInfo(request: {
  serverDomain: string;
  userID?: string;
  success?: (login: TestLogin) => void;
  fail?: (failure: ExeFailure) => void;
}): void {
  Beckon.testLogin(request.serverDomain, request.userID).then(
    (login) => request.success?.(login),
    (error) => request.fail?.(told(error)),
  );
}

export const EXEStarter = {
  createExeAsRoom,
  closeExeAsRoom,
  setListener,
  unload,
  getLoginInfo,
  StyleType,
  RoomAction,
  Template,
};

const kind = (type: StyleTypeValue): RoomKind => ({
  startEXE: (request) => createExeAsRoom({ ...request, roomdata: request?.roomdata && { ...request.roomdata, type } }),
  stopEXE: closeExeAsRoom,
  setListener,
  unload,
});

export const RtcRoom = kind('RTCRoom');
export const LiveRoom = kind('LiveRoom');
export const EnumDef = { RoomAction, Template, ScreenRecordType };
