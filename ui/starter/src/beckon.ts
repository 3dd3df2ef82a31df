import type { RoomOpen } from '../../protocol/index.ts';
import { Code, DEFAULT_PORTS } from '../../protocol/index.ts';
import type { OpenOptions, Progress, Session, TestLogin } from '../EXEStarter.d.ts';
import { asFailure, failure } from './error.ts';
import { hand } from './hand.ts';
import { launchUrl, meetingPoint, openUrl, relayOf } from './launch.ts';
import { check, serverOf, withoutNulls } from './parameters.ts';
import { Patience } from './patience.ts';
import { watchPolicy } from './policy.ts';
import { random } from './proof.ts';
import { type Connected, type Roads, Search, within } from './roads.ts';
import { LiveSession } from './session.ts';
import { forget, recall, type Remembered, takeStandby } from './store.ts';
import { claim } from './tab.ts';

declare const __VERSION__: string;

/** The page's attention that "not installed" takes, ms: told within 5 s. */
const patienceMax = 4300;
/** How long a reloaded page looks for its room, ms. The app waits longer. */
const resumeWithin = 8000;
/** How long an app that stands by may take to answer, ms. Then it is launched. */
const standbyWithin = 400;

/** The page's sessions, the one that was opened last at the end. */
const sessions: LiveSession[] = [];
/** How many are being opened. */
let opening = 0;
let resuming: Promise<Session | null> | undefined;
/** The sessions that are this page's already, by tab: there is nothing to come back to. */
const own = new Set<string>();

function adopt(session: LiveSession): LiveSession {
  sessions.push(session);
  sessions.sort((a, b) => a.opened - b.opened);
  return session;
}

/** A session of this page from now on; `adopt` shows it. */
function begun(tab: string, session: LiveSession): LiveSession {
  own.add(tab);
  session.onOver = () => {
    own.delete(tab);
    const at = sessions.indexOf(session);
    if (at >= 0) sessions.splice(at, 1);
  };
  return session;
}

const last = (): LiveSession | null => sessions[sessions.length - 1] ?? null;

async function open(asked: OpenOptions): Promise<Session> {
  const options = withoutNulls(asked);
  check(options);
  const single = options.custom?.singleton !== false;
  if (single && (opening || sessions.length)) {
    // The person wants their room: show it. That it is not a new one is what the code says.
    last()
      ?.focus()
      .catch(() => {});
    throw failure(Code.AlreadyOpen);
  }
  opening++;
  try {
    return await begin(options);
  } catch (error) {
    throw asFailure(error, options.custom?.exeUrl);
  } finally {
    opening--;
  }
}

/** Finds the app, waits for consent and joins. */
async function begin(options: OpenOptions): Promise<Session> {
  const { userdata, roomdata, custom = {} } = options;
  const onProgress = (progress: Progress) => hand(options.onProgress, progress);
  const server = serverOf('roomdata.serverDomain', roomdata.serverDomain);
  const { found, roads } = (await standing()) ?? (await launched(options, server));

  const session = begun(roads.tab, new LiveSession(found, roads));
  try {
    onProgress('connected');
    const asked = found.welcome.state === 'awaitingConsent';
    if (asked) onProgress('awaitingConsent');
    session.onConsent = (allowed) => allowed && onProgress('joining');
    // The app holds the call until the person has answered.
    const request = { userdata, roomdata: { ...roomdata, serverDomain: server.href }, custom } as RoomOpen;
    if (!asked) onProgress('joining');
    await session.join(request);
    session.hold();
    return adopt(session);
  } catch (error) {
    session.drop();
    throw error;
  }
}

interface Reached {
  found: Connected;
  roads: Roads;
}

/** The app that stands by since this origin's last room, if it does. */
async function standing(): Promise<Reached | undefined> {
  const known = takeStandby();
  if (!known) return undefined;
  try {
    // Where it does not answer at once, a launch is quicker than a relay.
    const found = await within(new Search({ ...known, relay: undefined, resuming: true, once: true }), standbyWithin);
    if (found.welcome.state === 'ready' && !found.welcome.room) return { found, roads: known };
    found.channel.close();
  } catch {
    // It has ended.
  }
  return undefined;
}

/** Opens the launch URL and finds the app. */
async function launched(options: OpenOptions, server: URL): Promise<Reached> {
  const key = random();
  const ports = options.ports ?? DEFAULT_PORTS;
  const relay = relayOf(server);
  const url = launchUrl(key, ports, location.origin, relay);
  const meeting = relay && url.includes('&r=') ? `${relay}?side=page&id=${meetingPoint(key)}` : undefined;
  const roads: Roads = { key, ports, relay: meeting, tab: meetingPoint(key) };

  const clear = options.launch ? void options.launch(url) : openUrl(url);
  hand(options.onProgress, 'launching');
  const unwatch = watchPolicy(meeting);
  const found = await find(roads, options.patience ?? patienceMax).finally(() => {
    unwatch();
    clear?.();
  });
  return { found, roads };
}

function find(roads: Roads, limit: number): Promise<Connected> {
  // eslint-disable-next-line prefer-const -- each needs the other
  let patience: Patience | undefined;
  const search = new Search(roads, () => patience?.isAttentive ?? true);
  patience = new Patience(
    limit,
    () => search.hurry(),
    () => search.stop(failure(Code.NotInstalled)),
  );
  return search.found.finally(() => patience?.stop());
}

function resume(): Promise<Session | null> {
  resuming ??= comeBack().finally(() => (resuming = undefined));
  return resuming;
}

/** Finds all rooms again that this page had open. */
async function comeBack(): Promise<Session | null> {
  const lost = recall().filter(({ tab }) => !own.has(tab));
  for (const session of await Promise.all(lost.map(findAgain))) if (session) adopt(session);
  return last();
}

async function findAgain(stored: Remembered): Promise<LiveSession | null> {
  const { key, ports, relay, tab } = stored;
  own.add(tab);
  const held = claim(tab);
  try {
    const release = await held;
    if (!release) throw failure(Code.ChannelLost);
    const roads: Roads = { key, ports, relay, tab, resuming: true };
    const found = await within(new Search(roads), resumeWithin).catch((error: unknown) => {
      release();
      throw error;
    });
    const session = begun(tab, new LiveSession(found, roads, stored));
    session.hold(held);
    if (found.welcome.room || found.welcome.state === 'ready') return session;
    // The page was reloaded before the person answered: the question has no asker any more.
    session.drop();
  } catch {
    forget(tab);
    own.delete(tab);
  }
  return null;
}

async function close(roomID: string | number = ''): Promise<string> {
  const wanted = String(roomID);
  const mine = () => (wanted ? sessions.find((session) => session.roomID === wanted) : last());
  // A page that was just reloaded has its rooms in a moment.
  if (!mine()) await resume();
  const session = mine();
  if (session) {
    const closed = session.roomID;
    await session.close();
    return closed;
  }
  // Another page of this origin opened it; the app knows which.
  const any = last();
  if (!any) throw failure(Code.NoRoom);
  await any.closeRoom(wanted);
  return wanted;
}

async function testLogin(serverDomain: string, userID?: string): Promise<TestLogin> {
  const url = serverOf('serverDomain', serverDomain);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/weapp/utils/get_login_info`;
  if (userID) url.searchParams.set('userID', userID);
  let answer: Partial<TestLogin> & { code?: number; message?: string };
  try {
    answer = (await (await fetch(url)).json()) as typeof answer;
  } catch {
    throw failure(Code.ServerUnreachable);
  }
  if (answer.code !== 0 || !answer.userSig) throw failure(answer.code || Code.ProtocolMismatch, answer.message);
  return answer as TestLogin;
}

export const Beckon = {
  version: __VERSION__,
  open,
  resume,
  close,
  testLogin,
  get session(): Session | null {
    return last();
  },
  get sessions(): readonly Session[] {
    return [...sessions];
  },
};
