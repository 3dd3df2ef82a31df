import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { OpenOptions } from '../EXEStarter.d.ts';
import { isLoopback, launchUrl, meetingPoint, relayOf, serverBase } from '../src/launch.ts';
import { check, withoutNulls } from '../src/parameters.ts';
import { keyId, proof, random, resumeKey, same } from '../src/proof.ts';
import { base64url, hmac, sha256 } from '../src/sha256.ts';

describe('launch', () => {
  it('hashes as everybody does', () => {
    for (const text of ['', 'abc', 'x'.repeat(55), 'x'.repeat(56), 'x'.repeat(64), 'x'.repeat(200)]) {
      const expected = createHash('sha256').update(text).digest('base64url');
      expect(base64url(sha256(text))).toBe(expected);
    }
  });

  it('seals as everybody does', () => {
    for (const [key, text] of [
      ['', ''],
      ['k', 'abc'],
      ['k'.repeat(64), 'x'.repeat(200)],
    ] as const) {
      expect(base64url(hmac(key, text))).toBe(createHmac('sha256', key).update(text).digest('base64url'));
    }
  });

  it('proves what the app proves', () => {
    // The same examples stand in the app's own tests (crates/protocol/src/channel/proof.rs).
    const key = 'AAECAwQFBgcICQoLDA0ODw';
    const handshake = {
      place: '127.0.0.1:47610',
      origin: 'https://crm.example.com',
      page: 'AAAAAAAAAAAAAAAAAAAAAA',
      app: '_____________________w',
    };
    expect(keyId(key)).toBe('w8OpUwB0NI1-vGDi7U7CQw');
    expect(proof(key, 'app', handshake)).toBe('pV8RAYkFD1ZkOcOOoVMW9TO3X3ARIz8ohgNgNjXBKgo');
    expect(proof(key, 'page', handshake)).toBe('Q-aGtYrMxDlziurdL9xfIUzpYwEgiaOp1J5-Bq7QqB8');
    expect(resumeKey(key, handshake)).toBe('qaMoKKBNfQZJQdoyrGtqBA');
    expect([same('abc', 'abc'), same('abc', 'abd'), same('abc', 'ab'), same('', 'a')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('makes keys of 128 bits and meets where the app does', () => {
    const key = random();
    expect(key).toMatch(/^[\w-]{22}$/);
    expect(random()).not.toBe(key);
    // The same example stands in the app's own tests.
    expect(meetingPoint('AAAAAAAAAAAAAAAAAAAAAA')).toBe('ilvbTMFRZBJsbvJmjendJA');
  });

  it('stays under 300 bytes and then does without the relay', () => {
    const url = launchUrl('k'.repeat(22), [47610, 47611], 'https://crm.example.com', 'wss://meet.example.com/relay');
    expect(url).toBe(
      'beckon:launch?v=1&k=kkkkkkkkkkkkkkkkkkkkkk&p=47610,47611&o=https%3A%2F%2Fcrm.example.com&r=wss%3A%2F%2Fmeet.example.com%2Frelay',
    );
    const long = launchUrl('k'.repeat(22), [47610], 'https://crm.example.com', `wss://${'x'.repeat(250)}/relay`);
    expect(long).not.toContain('&r=');
  });

  it('finds server and relay behind what older pages write', () => {
    const server = serverBase('https://meet.example.com:8443/weapp/live_room/');
    expect(server.href).toBe('https://meet.example.com:8443/');
    expect(relayOf(server)).toBe('wss://meet.example.com:8443/relay');
    expect(relayOf(new URL('http://127.0.0.1:8080'))).toBe('ws://127.0.0.1:8080/relay');
    expect(relayOf(new URL('http://meet.example.com'))).toBeUndefined();
    expect(isLoopback('127.0.0.1') && isLoopback('localhost') && !isLoopback('localhost.example.com')).toBe(true);
  });
});

describe('parameters', () => {
  const good = (): OpenOptions => ({
    userdata: { userID: 'zhang3', sdkAppID: 1400000001, userSig: 'eJx' },
    roomdata: { serverDomain: 'https://meet.example.com', roomAction: 'createRoom' },
  });
  const refused = (change: (options: OpenOptions) => void) => {
    const options = good();
    change(options);
    try {
      check(withoutNulls(options));
    } catch (error) {
      return error as { code: number; field: string };
    }
    return undefined;
  };

  it('takes what fits', () => {
    expect(refused(() => {})).toBeUndefined();
    expect(refused((o) => (o.custom = { proxy_ip: '10.0.0.1', proxy_port: '1080' }))).toBeUndefined();
    expect(refused((o) => (o.roomdata.roomID = 42))).toBeUndefined();
    const custom = { IMList: false, language: '', video: { fps: 30 as const }, beauty: { strength: 9 } };
    expect(refused((o) => (o.custom = custom))).toBeUndefined();
    expect(refused((o) => (o.userdata.userName = '名'.repeat(85)))).toBeUndefined();
  });

  it('leaves out what is null', () => {
    const custom = { proxy_ip: null, IMList: null, video: { resolution: null, fps: 15 }, camera: false };
    const whole = { ...good(), custom, patience: 1, launch: null } as unknown as OpenOptions;
    Object.assign(whole.roomdata, { roomID: null, template: null });
    Object.assign(whole.userdata, { accType: null });
    const left = withoutNulls(whole);
    expect(left).toEqual({ ...good(), custom: { video: { fps: 15 }, camera: false }, patience: 1, launch: null });
    expect(() => check(left)).not.toThrow();
    expect(withoutNulls({ ...good(), custom: null } as unknown as OpenOptions)).toEqual(good());
  });

  it.each<[number, string, (options: OpenOptions) => void]>([
    [-9998, 'userdata', (o) => delete (o as Partial<OpenOptions>).userdata],
    [-9998, 'userdata.userID', (o) => (o.userdata.userID = '')],
    [-9999, 'userdata.userID', (o) => (o.userdata.userID = 'a b')],
    [-9998, 'userdata.userSig', (o) => (o.userdata.userSig = '')],
    [-9999, 'userdata.sdkAppID', (o) => (o.userdata.sdkAppID = 'app')],
    [-9998, 'roomdata.serverDomain', (o) => (o.roomdata.serverDomain = '')],
    [-9999, 'roomdata.serverDomain', (o) => (o.roomdata.serverDomain = 'ftp://x')],
    [-9999, 'roomdata.serverDomain', (o) => (o.roomdata.serverDomain = 'meet.example.com')],
    [-9999, 'roomdata.serverDomain', (o) => (o.roomdata.serverDomain = 'meet.example.com:8443/weapp/live_room/')],
    [-9999, 'roomdata.serverDomain', (o) => (o.roomdata.serverDomain = '//meet.example.com')],
    [-9999, 'roomdata.serverDomain', (o) => (o.roomdata.serverDomain = '127.0.0.1:8080')],
    [-9999, 'roomdata.serverDomain', (o) => (o.roomdata.serverDomain = '/weapp/')],
    [-9999, 'roomdata.roomAction', (o) => (o.roomdata.roomAction = 'burnRoom' as 'createRoom')],
    [-9998, 'roomdata.roomID', (o) => (o.roomdata.roomAction = 'enterRoom')],
    [-9999, 'roomdata.roomID', (o) => (o.roomdata.roomID = 'a/b')],
    [-9999, 'roomdata.template', (o) => (o.roomdata.template = '1v9' as '1v1')],
    [-9998, 'custom.proxy_port', (o) => (o.custom = { proxy_ip: '10.0.0.1' })],
    [-9999, 'custom.proxy_port', (o) => (o.custom = { proxy_port: 70000 })],
    [-9998, 'userdata.userSig', (o) => Object.assign(o.userdata, { userSig: null })],
    [-9999, 'userdata.userName', (o) => Object.assign(o.userdata, { userName: 7 })],
    [-9999, 'userdata.userName', (o) => (o.userdata.userName = '名'.repeat(86))],
    [-9999, 'userdata.userAvatar', (o) => (o.userdata.userAvatar = 'x'.repeat(2049))],
    [-9999, 'userdata.accType', (o) => Object.assign(o.userdata, { accType: true })],
    [-9999, 'roomdata.roomID', (o) => (o.roomdata.roomID = 1.5)],
    [-9999, 'roomdata.roomTitle', (o) => (o.roomdata.roomTitle = 'x'.repeat(257))],
    [-9999, 'roomdata.roomName', (o) => (o.roomdata.roomName = 'x'.repeat(257))],
    [-9999, 'custom', (o) => Object.assign(o, { custom: 'none' })],
    [-9999, 'custom.camera', (o) => Object.assign(o, { custom: { camera: 'false' } })],
    [-9999, 'custom.language', (o) => Object.assign(o, { custom: { language: 7 } })],
    [-9999, 'custom.video', (o) => Object.assign(o, { custom: { video: '720p' } })],
    [-9999, 'custom.video.resolution', (o) => Object.assign(o, { custom: { video: { resolution: 720 } } })],
    [-9999, 'custom.video.fps', (o) => Object.assign(o, { custom: { video: { fps: 60 } } })],
    [-9999, 'custom.video.size', (o) => Object.assign(o, { custom: { video: { size: 1 } } })],
    [-9999, 'custom.beauty.ruddy', (o) => Object.assign(o, { custom: { beauty: { ruddy: 10 } } })],
    [-9999, 'custom.beauty.glow', (o) => Object.assign(o, { custom: { beauty: { glow: 1 } } })],
  ])('refuses with %i and names %s', (code, field, change) => {
    expect(refused(change)).toMatchObject({ code, field });
  });
});
