import { LAUNCH_URL_MAX, LAUNCH_VERSION, SCHEME, RELAY_PATH } from '../../protocol/index.ts';
import { base64url, sha256 } from './sha256.ts';

/** Where page and app meet on the relay; says nothing of the key. */
export const meetingPoint = (key: string) => base64url(sha256(key)).slice(0, 22);

const loopbackNames = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/** True on this machine's own names. */
export const isLoopback = (hostname: string) => loopbackNames.test(hostname);

/** The server's whole address without path: older pages put `/weapp/…` behind it. Throws where it is none. */
export function serverBase(serverDomain: string): URL {
  const url = new URL(serverDomain);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(url.protocol);
  url.pathname = (url.pathname.split('/weapp')[0] ?? '').replace(/\/+$/, '');
  url.search = url.hash = '';
  return url;
}

/** The relay of a server; none where it would be neither encrypted nor on this machine. */
export function relayOf(server: URL): string | undefined {
  const secure = server.protocol === 'https:';
  if (!secure && !isLoopback(server.hostname)) return undefined;
  return `${secure ? 'wss' : 'ws'}://${server.host}${server.pathname.replace(/\/+$/, '')}${RELAY_PATH}`;
}

/** The launch URL; the relay is left out where it would grow too long. */
export function launchUrl(key: string, ports: readonly number[], origin: string, relay: string | undefined): string {
  const base = `${SCHEME}:launch?v=${LAUNCH_VERSION}&k=${key}&p=${ports.join(',')}&o=${encodeURIComponent(origin)}`;
  const whole = relay ? `${base}&r=${encodeURIComponent(relay)}` : base;
  return whole.length <= LAUNCH_URL_MAX ? whole : base;
}

/**
 * Opens the launch URL by a hidden frame: the page stays, `beforeunload` does not fire, and where no app has the
 * scheme the browser's error page, if it shows one, is not seen. Returns what clears up.
 */
export function openUrl(url: string): () => void {
  const frame = document.createElement('iframe');
  frame.hidden = true;
  const clear = () => {
    frame.remove();
    document.removeEventListener('securitypolicyviolation', blocked);
  };
  // A page whose policy forbids the frame can still go to the address itself.
  const blocked = (event: SecurityPolicyViolationEvent) => {
    if (!event.blockedURI.startsWith(SCHEME)) return;
    clear();
    location.assign(url);
  };
  document.addEventListener('securitypolicyviolation', blocked);
  frame.src = url;
  document.body.append(frame);
  return clear;
}
