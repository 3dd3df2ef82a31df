// Checked by the compiler only: what EXEStarter.d.ts writes out for pages is what the protocol says.

import type * as protocol from '../../protocol/index.ts';
import type * as page from '../EXEStarter.d.ts';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
const same = <T extends true>(): T | undefined => undefined;

same<Same<page.UserData, protocol.UserData>>();
same<Same<page.RoomData, protocol.RoomData>>();
same<Same<Required<page.Custom>, Required<protocol.Custom>>>();
same<Same<page.MediaSet, protocol.MediaSet>>();
same<Same<page.Member, protocol.Member>>();
same<Same<page.RoomState, protocol.RoomState>>();
same<Same<page.Chat, protocol.Chat>>();
same<Same<page.Notice, protocol.Notice>>();
same<Same<page.Closed, protocol.Closed>>();
