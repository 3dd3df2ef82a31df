import type {
  BeckonError,
  Member,
  OpenOptions,
  Progress,
  RoomState,
  Session,
  TestLogin,
} from '../../starter/EXEStarter.d.ts';
import agent from './pictures/agent.svg';
import leaf from './pictures/leaf.svg';

const { Beckon } = globalThis as unknown as typeof import('../../starter/EXEStarter.d.ts');

/** Wall time, as a log shows it. */
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

export type Phase = 'idle' | 'signing' | Progress | 'open' | 'reconnecting' | 'over' | 'failed';

/** One thing that came back over the channel. */
export interface Entry {
  time: string;
  name: string;
  detail: string;
}

/** What a test may set in the page's address: `?user=…&room=…&action=enterRoom&closeWithPage=1`. */
const wishes = new URLSearchParams(location.search);

/** The same user in each reload of this tab, another in each tab: one user is in a room only once. */
function ownUser(): string {
  const wished = wishes.get('user');
  if (wished) return wished;
  const name = 'crm.user';
  const fresh = `agent-${Math.random().toString(36).slice(2, 8)}`;
  try {
    const user = sessionStorage.getItem(name) || fresh;
    sessionStorage.setItem(name, user);
    return user;
  } catch {
    return fresh; // Storage is turned off: each load is another user's.
  }
}

/** The page's one call. */
export class Call {
  phase = $state<Phase>('idle');
  state = $state.raw<RoomState>();
  members = $state.raw<readonly Member[]>([]);
  log = $state<Entry[]>([]);
  error = $state.raw<BeckonError>();
  session = $state.raw<Session>();
  readonly user = ownUser();
  private login: Promise<TestLogin> | undefined;

  constructor() {
    // Before the click, so that the click itself opens the app.
    this.signIn().catch(() => {});
    void Beckon.resume().then((session) => session && this.attend(session, 'resume'));
  }

  get busy(): boolean {
    return !['idle', 'over', 'failed'].includes(this.phase);
  }

  async start(names: { user: string; title: string; language: string }): Promise<void> {
    this.phase = 'signing';
    this.error = undefined;
    [this.state, this.members] = [undefined, []];
    try {
      const login = await this.signIn();
      const roomID = wishes.get('room');
      const template = (wishes.get('template') ?? '1v4') as '1v4';
      const session = await Beckon.open({
        userdata: {
          ...login,
          userName: wishes.get('name') ?? names.user,
          userAvatar: `${location.origin}${agent}`,
        },
        roomdata: {
          serverDomain: location.origin,
          roomAction: (wishes.get('action') ?? 'createRoom') as 'createRoom',
          ...(roomID ? { roomID } : {}),
          roomName: names.title,
          roomTitle: names.title,
          roomLogo: `${location.origin}${leaf}`,
          template,
        },
        custom: {
          language: names.language,
          closeWithPage: wishes.get('closeWithPage') === '1',
          singleton: wishes.get('singleton') !== '0',
        },
        ...(wishes.has('patience') ? { patience: Number(wishes.get('patience')) } : {}),
        onProgress: (progress) => {
          this.phase = progress;
          this.note('progress', progress);
        },
      } satisfies OpenOptions);
      this.attend(session, 'open');
    } catch (thrown) {
      const error = this.failed(thrown);
      // A second click while a room is open only shows that room.
      if (error.code === -2 && this.session) {
        this.phase = 'open';
        return;
      }
      this.error = error;
      this.phase = 'failed';
    }
  }

  async end(): Promise<void> {
    await this.session?.close().catch((thrown: unknown) => this.failed(thrown));
  }

  /** Whether the message is on its way. */
  async say(message: string): Promise<boolean> {
    try {
      await this.session?.sendChat(message);
      return true;
    } catch (thrown) {
      this.failed(thrown);
      return false;
    }
  }

  private signIn(): Promise<TestLogin> {
    this.login ??= Beckon.testLogin(location.origin, this.user).catch((error: unknown) => {
      this.login = undefined;
      throw error;
    });
    return this.login;
  }

  private attend(session: Session, how: string): void {
    this.session = session;
    this.phase = 'open';
    this.note(how, `roomID ${session.roomID}, ${session.road}, Beckon ${session.app}`);
    session.on('state', (state) => {
      this.state = state;
      this.phase = state.phase === 'reconnecting' ? 'reconnecting' : 'open';
      this.note(
        'state',
        `${state.phase}, camera ${state.camera ? 'on' : 'off'}, microphone ${state.microphone ? 'on' : 'off'}`,
      );
    });
    session.on('members', (members) => {
      this.members = members;
      this.note('members', members.map((member) => member.userName || member.userID).join(', '));
    });
    session.on('chat', (chat) => this.note('chat', `${chat.userName || chat.userID}: ${chat.message}`));
    session.on('notice', (notice) => this.note('notice', `${notice.code} ${notice.message}`));
    session.on('closed', (closed) => {
      this.note('closed', `${closed.code} ${closed.msg}`);
      this.session = undefined;
      this.phase = 'over';
      this.members = [];
    });
  }

  private failed(thrown: unknown): BeckonError {
    const error = thrown as BeckonError;
    this.note('fail', `${error.code} ${error.message}`);
    return error;
  }

  private note(name: string, detail: string): void {
    const time = clock.format(Date.now());
    this.log.unshift({ time, name, detail });
    this.log.length = Math.min(this.log.length, 200);
  }
}
