// Our own client in a room.
import { token } from '../lib/livekit.mjs';
import { start } from './network.mjs';
import { voice } from './voice.mjs';

/** One of ours in a room; what it sees and hears gathers in `events`. */
export function ours(server, room, user, sends) {
  const events = [];
  let over = false;
  const child = start(
    'beckon-cli',
    [
      ...['join', '--url', server.url, '--token', token(room, user), '--for', '0s', '--trace', '--report', 'none'],
      ...['--camera', sends ? 'testcard' : 'none', '--microphone', sends ? `file:${voice}` : 'none'],
      ...['--size', '1280x720', '--fps', '30', '--bitrate', '1500000'],
      // The last line of one that is told to end may be cut.
    ],
    (line) => over || events.push(JSON.parse(line)),
  );
  const stop = async () => {
    over = true;
    child.kill('SIGINT');
  };
  return { events: async () => events.splice(0), stop };
}
