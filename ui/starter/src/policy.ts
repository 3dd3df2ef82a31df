/** Once is enough for who reads it. */
let said = false;

/**
 * Tells the page's developer what the page's own Content-Security-Policy would have to allow: a socket that it blocks looks
 * like an app that is not installed. Watches until what it returns is called.
 */
export function watchPolicy(relay: string | undefined): () => void {
  const hosts = ['127.0.0.1:'];
  const allow = ['ws://127.0.0.1:*'];
  if (relay) {
    const { host, origin } = new URL(relay);
    hosts.push(host);
    allow.push(origin);
  }
  const blocked = ({ effectiveDirective, disposition, blockedURI }: SecurityPolicyViolationEvent) => {
    if (said || effectiveDirective !== 'connect-src' || disposition !== 'enforce') return;
    // Some browsers name the address, others its scheme alone; what else of the page is blocked is none of ours.
    const [scheme, host] = blockedURI.split('://');
    if (!/^(ws|http)s?$/.test(scheme ?? '') || (host && !hosts.some((ours) => host.startsWith(ours)))) return;
    said = true;
    console.warn(
      `Beckon: the page's Content-Security-Policy blocks the way to the app. Add: connect-src ${allow.join(' ')}`,
    );
  };
  document.addEventListener('securitypolicyviolation', blocked);
  return () => document.removeEventListener('securitypolicyviolation', blocked);
}
