// Everything the one file offers: globals for a script, `module.exports` for bundlers.

import { Beckon } from './beckon.ts';
import { EnumDef, EXEStarter, LiveRoom, RoomAction, RtcRoom, StyleType, Template } from './generations.ts';

const api = { Beckon, EXEStarter, RtcRoom, LiveRoom, EnumDef, StyleType, RoomAction, Template };

/** What the page is promised in EXEStarter.d.ts is what is here. */
const promised: typeof import('../EXEStarter.d.ts') = api;

Object.assign(window, promised);

declare const module: { exports?: unknown } | undefined;
if (typeof module === 'object' && module.exports) module.exports = promised;
