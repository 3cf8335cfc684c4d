/** A provider's daemon over each transport, and everything that may be wrong with that. Real libvirtd, real sshd. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type LibvirtHost,
  saslPassword,
  saslUser,
  startLibvirtHost,
  whyNoLibvirtHost,
} from '../../../test/peers/libvirt-host.ts';
import type { LibvirtAccount, Secrets } from '../../model/provider.ts';
import { checkLibvirt, connectLibvirt } from './connection.ts';
import { follow } from './inventory/test-watch.ts';
import { openSession } from './session.ts';

const signal = (): AbortSignal => AbortSignal.timeout(60_000);
const missing = whyNoLibvirtHost();
const account = (uri: string, rest: Partial<LibvirtAccount> = {}): LibvirtAccount => ({
  type: 'libvirt',
  uri,
  ...rest,
});

async function hostname(of: LibvirtAccount, secrets: Secrets = {}): Promise<string> {
  const session = await openSession(of, secrets, signal());
  const name = await session.calls.host.hostname(signal());
  session.close();
  return name;
}

describe.skipIf(missing !== null)(`sessions with a libvirt host${missing === null ? '' : ` (${missing})`}`, () => {
  let host: LibvirtHost;
  let name: string;
  beforeAll(async () => {
    host = await startLibvirtHost();
    name = (await host.virsh('hostname')).trim();
  });
  afterAll(() => host.stop());
  const tls = (rest: Partial<LibvirtAccount> = {}): LibvirtAccount =>
    account(host.tlsUri, { trust: { kind: 'ca', pem: host.ca }, clientCertificate: host.clientCertificate, ...rest });
  const ssh = (rest: Partial<LibvirtAccount> = {}): LibvirtAccount =>
    account(host.sshUri, { hostKey: host.hostKey, ...rest });

  test('over its socket, TCP, TLS, and ssh with a key, a locked key or a password', async () => {
    expect(await hostname(account(host.uri))).toBe(name);
    expect(await hostname(account(host.tcpUri))).toBe(name);
    expect(await hostname(tls(), { clientKey: host.clientKey })).toBe(name);
    expect(await hostname(ssh(), { privateKey: host.privateKey })).toBe(name);
    expect(await hostname(ssh(), { privateKey: host.privateKey.replaceAll('\n', '\r\n').trim() })).toBe(name);
    expect(await hostname(ssh(), { privateKey: host.lockedKey, passphrase: host.passphrase })).toBe(name);
    expect(await hostname(ssh(), { password: host.password })).toBe(name);
  });

  test('TLS: an unknown authority, another name, a certificate that is pinned or has changed', async () => {
    const secrets = { clientKey: host.clientKey };
    await expect(hostname(tls({ trust: { kind: 'system' } }), secrets)).rejects.toMatchObject({
      code: 'provider.certificate_untrusted',
      passing: false,
      certificate: { subject: 'CN=server', issuer: 'CN=test authority', names: [host.address] },
    });
    const { certificate } = await checkLibvirt({ account: tls({ trust: { kind: 'system' } }), secrets }, signal());
    const shown = certificate?.shown ?? '';
    expect(await hostname(tls({ trust: { kind: 'pinned', sha256: shown } }), secrets)).toBe(name);
    const other = 'a'.repeat(64);
    await expect(hostname(tls({ trust: { kind: 'pinned', sha256: other } }), secrets)).rejects.toMatchObject({
      code: 'provider.certificate_changed',
      params: { trusted: other, shown },
    });
    const elsewhere = host.tlsUri.replace(host.address, 'localhost');
    await expect(hostname(account(elsewhere, { trust: { kind: 'ca', pem: host.ca } }))).rejects.toMatchObject({
      code: 'provider.unreachable',
    });
  });

  test('TLS: without a certificate of ours, or with one that the daemon does not know, it lets nobody in', async () => {
    await expect(hostname(account(host.tlsUri, { trust: { kind: 'ca', pem: host.ca } }))).rejects.toMatchObject({
      code: 'provider.sign_in_refused',
    });
    await expect(hostname(tls(), {})).rejects.toMatchObject({ code: 'provider.secret_missing' });
    await expect(hostname(tls(), { clientKey: 'nonsense' })).rejects.toMatchObject({ code: 'provider.setting_wrong' });
  });

  test('ssh: a host key that nobody has seen, and another one than was seen', async () => {
    await expect(hostname(account(host.sshUri), { password: host.password })).rejects.toMatchObject({
      code: 'provider.host_key_untrusted',
      params: { shown: host.hostKey },
    });
    const other = `SHA256:${'A'.repeat(43)}`;
    await expect(hostname(ssh({ hostKey: other }), { password: host.password })).rejects.toMatchObject({
      code: 'provider.host_key_changed',
      params: { trusted: other, shown: host.hostKey },
      passing: false,
    });
    const logged = await host.sshdLog();
    expect(logged).not.toContain('Failed');
    expect(logged.split('Accepted').length).toBeGreaterThan(4);
  });

  test('ssh: a wrong password is tried exactly once; a wrong key, a wrong passphrase and nothing at all are told apart', async () => {
    const tries = async (): Promise<number> => (await host.sshdLog()).split('Failed password').length - 1;
    const before = await tries();
    await expect(hostname(ssh(), { password: 'wrong' })).rejects.toMatchObject({
      code: 'provider.sign_in_refused',
      params: { user: 'root' },
      passing: false,
    });
    await expect.poll(tries).toBe(before + 1);
    await expect(hostname(ssh(), { privateKey: host.clientKey })).rejects.toMatchObject({
      code: 'provider.sign_in_refused',
    });
    await expect(hostname(ssh(), { privateKey: 'nonsense' })).rejects.toMatchObject({ code: 'provider.setting_wrong' });
    for (const passphrase of ['', 'wrong']) {
      await expect(hostname(ssh(), { privateKey: host.lockedKey, passphrase })).rejects.toMatchObject({
        code: 'provider.setting_wrong',
        params: { setting: 'private key' },
      });
    }
    await expect(hostname(ssh(), {})).rejects.toMatchObject({ code: 'provider.secret_missing' });
    expect(await tries()).toBe(before + 1);
  });

  test('ssh: a host that hangs up after a wrong password has refused it; one that does so later has not', async () => {
    const { connect } = await import('node:net');
    const failed = async (): Promise<number> => (await host.sshdLog()).split('Failed password').length - 1;
    const before = await failed();
    const there = await leftovers();
    const sockets: Socket[] = [];
    // What the host answers is held back long enough for its log to say whether it was a refusal; that is never handed on.
    const proxy = createServer((near) => {
      const far = connect(22, host.address);
      sockets.push(near, far);
      let last = Promise.resolve();
      near.on('data', (bytes: Buffer) => void far.write(bytes)).on('error', () => undefined);
      far.on('error', () => undefined).on('close', () => void last.then(() => near.destroy()));
      far.on('data', (bytes: Buffer) => {
        last = last.then(async () => {
          await new Promise((resolve) => setTimeout(resolve, 100));
          if ((await failed()) > before) near.destroy();
          else near.write(bytes);
        });
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const listening = proxy.address();
    const port = typeof listening === 'object' && listening !== null ? listening.port : 0;
    const through = account(`qemu+ssh://root@127.0.0.1:${port}/system`, { hostKey: host.hostKey });
    try {
      const session = await openSession(through, { password: host.password }, signal());
      for (const socket of sockets.splice(0)) socket.destroy();
      expect(await session.whyEnded()).toMatchObject({ code: 'provider.connection_lost', passing: true });
      await expect(hostname(through, { password: 'wrong' })).rejects.toMatchObject({
        code: 'provider.sign_in_refused',
        passing: false,
      });
      expect(await failed()).toBe(before + 1);
    } finally {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    }
    // What follows looks for what is left.
    const left = async () => (await leftovers()).filter((one) => !there.includes(one));
    await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  });

  test('no secret is in an argument, an environment or a file while it is connected; nothing is left afterwards', async () => {
    const canaries = [
      host.password,
      host.passphrase,
      host.lockedKey.split('\n')[1] ?? '',
      host.privateKey.split('\n')[1] ?? '',
    ];
    const before = await leftovers();
    const seen: string[] = [];
    for (const secrets of [{ password: host.password }, { privateKey: host.lockedKey, passphrase: host.passphrase }]) {
      const state = { done: false };
      const work = openSession(ssh(), secrets, signal()).finally(() => {
        state.done = true;
      });
      while (!state.done) seen.push(await visible());
      seen.push(await visible());
      (await work).close();
    }
    expect(seen.join('\n')).toContain('StrictHostKeyChecking=yes');
    for (const canary of canaries) expect(seen.join('\n').includes(canary)).toBe(false);
    await expect.poll(leftovers, { timeout: 10_000 }).toEqual(before);
  });

  test('a long temporary directory is no trouble to a unix socket', async () => {
    const long = await mkdtemp(join(tmpdir(), `wherry-${'long-'.repeat(20)}`));
    vi.stubEnv('TMPDIR', long);
    try {
      expect(await hostname(ssh(), { privateKey: host.privateKey })).toBe(name);
    } finally {
      vi.unstubAllEnvs();
      await rm(long, { recursive: true });
    }
  });

  test('an abort ends ssh and what belongs to it, at any time', async () => {
    const before = await leftovers();
    for (const ms of [1, 50, 150, 300]) {
      const cancel = new AbortController();
      setTimeout(() => cancel.abort(new Error('enough')), ms);
      const work = openSession(ssh(), { password: host.password }, cancel.signal).then((session) => {
        session.close();
        return 'enough';
      });
      expect(await work.catch((error: Error) => error.message)).toBe('enough');
    }
    await expect.poll(leftovers, { timeout: 10_000 }).toEqual(before);
  });

  test('names that cannot be resolved, ports where nobody or somebody else answers', async () => {
    await expect(hostname(account('qemu+tcp://no-such-host.invalid/system'))).rejects.toMatchObject({
      code: 'provider.name_unknown',
    });
    await expect(hostname(account('qemu+tcp://127.0.0.1:1/system'))).rejects.toMatchObject({
      code: 'provider.unreachable',
      passing: true,
    });
    const mail = createServer((socket) => socket.on('error', () => undefined).end('220 mail.example.com ESMTP\r\n'));
    await new Promise<void>((resolve) => mail.listen(0, '127.0.0.1', resolve));
    const at = mail.address();
    const port = typeof at === 'object' && at !== null ? at.port : 0;
    await expect(
      hostname(account(`qemu+ssh://root@127.0.0.1:${port}/system`), { password: 'x' }),
    ).rejects.toMatchObject({
      code: 'provider.not_such_a_system',
      params: { found: expect.stringContaining('220 mail') as string },
    });
    for (const transport of ['tcp', 'tls']) {
      await expect(hostname(account(`qemu+${transport}://127.0.0.1:${port}/system`))).rejects.toMatchObject({
        code: expect.stringMatching(/provider\.(not_such_a_system|connection_lost)/) as string,
      });
    }
    mail.close();
  });

  test('a daemon that is killed while it is followed is a passing error, by every transport; a new connection works', async () => {
    for (const [of, secrets] of [
      [account(host.tcpUri), {}],
      [tls(), { clientKey: host.clientKey }],
      [ssh(), { privateKey: host.privateKey }],
    ] as const) {
      const connection = await connectLibvirt({ account: of, secrets }, signal());
      const followed = follow(connection);
      await followed.synced;
      process.kill(await host.pid(), 'SIGKILL');
      expect(await followed.ended).toMatchObject({ name: 'WherryError', passing: true });
      await connection[Symbol.asyncDispose]();
      await expect.poll(() => hostname(of, secrets).catch(() => 'down'), { timeout: 20_000 }).toBe(name);
    }
  });

  test('a check says what a read-only socket does not allow, and that TCP is not encrypted', async () => {
    const readOnly = account(`qemu:///system?socket=${host.socketPath}-ro`);
    const seen = await checkLibvirt({ account: readOnly, secrets: {} }, signal());
    expect(seen.ok).toBe(false);
    expect(seen.rows.filter((row) => !row.ok).map((row) => row.what)).toEqual(['Privileges']);
    const plain = await checkLibvirt({ account: account(host.tcpUri), secrets: {} }, signal());
    expect(plain).toMatchObject({
      ok: true,
      product: expect.stringContaining('libvirt (QEMU/KVM) ') as string,
      certificate: null,
    });
    expect(plain.rows.filter((row) => !row.ok).map((row) => row.what)).toEqual(['Encryption']);
    const key = await checkLibvirt({ account: account(host.sshUri), secrets: { password: 'x' } }, signal());
    expect(key).toMatchObject({ ok: false, certificate: { shown: host.hostKey, trusted: null } });
    expect(key.rows.at(-1)).toMatchObject({ what: 'Host key', ok: false });
    const wrong = await checkLibvirt({ account: account('qemu+libssh2://h/system'), secrets: {} }, signal());
    expect(wrong).toMatchObject({ ok: false, rows: [{ what: 'Address', ok: false }] });
  });

  // Last: it changes the host.
  test('a host that was given another key is refused until somebody has looked', async () => {
    await host.changeHostKey();
    const work = () => hostname(ssh(), { privateKey: host.privateKey }).catch((error: { code?: string }) => error.code);
    await expect.poll(work, { timeout: 20_000 }).toBe('provider.host_key_changed');
    const { certificate } = await checkLibvirt({ account: ssh(), secrets: { privateKey: host.privateKey } }, signal());
    expect(certificate).toMatchObject({ trusted: host.hostKey });
    expect(await hostname(ssh({ hostKey: certificate?.shown ?? '' }), { privateKey: host.privateKey })).toBe(name);
  });
});

describe.skipIf(missing !== null)('a host with nc alone, and SASL on TLS', () => {
  let host: LibvirtHost;
  beforeAll(async () => {
    host = await startLibvirtHost({ onlyNc: true, sasl: true });
  });
  afterAll(() => host.stop());

  test('ssh goes through nc', async () => {
    await expect(host.inside('virt-ssh-helper', '--version')).rejects.toThrow(
      /Permission denied|Exec format|ended with/,
    );
    const of = account(host.sshUri, { hostKey: host.hostKey });
    expect(await hostname(of, { privateKey: host.privateKey })).toBe((await host.virsh('hostname')).trim());
  });

  test('SASL by SCRAM: the right password, a wrong one, none', async () => {
    const uri = (user: string): string => host.tlsUri.replace('://', `://${user}@`);
    const tls = { trust: { kind: 'ca', pem: host.ca }, clientCertificate: host.clientCertificate } as const;
    const secrets = { clientKey: host.clientKey };
    const of = account(uri(saslUser), tls);
    expect(await hostname(of, { ...secrets, password: saslPassword })).not.toBe('');
    await expect(hostname(of, { ...secrets, password: 'wrong' })).rejects.toMatchObject({
      code: 'provider.sign_in_refused',
    });
    await expect(hostname(of, secrets)).rejects.toMatchObject({ code: 'provider.secret_missing' });
    await expect(hostname(account(host.tlsUri, tls), secrets)).rejects.toMatchObject({
      code: 'provider.setting_wrong',
    });
  });
});

describe.skipIf(missing !== null)('a connection of which only our half is left', () => {
  let host: LibvirtHost;
  let proxy: Server;
  const sockets: Socket[] = [];
  beforeAll(async () => {
    host = await startLibvirtHost();
  });
  afterAll(async () => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
    await host.stop();
  });

  test('is found by pings that nobody answers; one where they are answered goes on', async () => {
    let silent = false;
    const { connect } = await import('node:net');
    proxy = createServer((near) => {
      const far = connect(16_509, host.address);
      sockets.push(near, far);
      near.on('data', (bytes: Buffer) => void (silent || far.write(bytes))).on('error', () => undefined);
      far.on('data', (bytes: Buffer) => void (silent || near.write(bytes))).on('error', () => undefined);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = proxy.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const keepAlive = { intervalMs: 200, count: 3 };
    const session = await openSession(account(`qemu+tcp://127.0.0.1:${port}/system`), {}, signal(), { keepAlive });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(session.rpc.open).toBe(true);
    silent = true;
    expect(await session.whyEnded()).toMatchObject({ code: 'provider.hangs', passing: true });
  });
});

/** Command lines, environments and the files of our temporary directories, as root sees them. */
async function visible(): Promise<string> {
  const parts: string[] = [];
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    for (const file of ['cmdline', 'environ']) {
      const text = await readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
      if (/ssh|wherry-ssh/.test(text)) parts.push(text);
    }
  }
  for (const directory of (await readdir(tmpdir())).filter((entry) => entry.startsWith('wherry-ssh-'))) {
    for (const file of await readdir(`${tmpdir()}/${directory}`).catch(() => [])) {
      // A FIFO is no file: reading it would take what is in it.
      if (/^(password|passphrase|agent)$/.test(file)) continue;
      parts.push(await readFile(`${tmpdir()}/${directory}/${file}`, 'utf8').catch(() => ''));
    }
  }
  return parts.join('\n');
}

async function leftovers(): Promise<string[]> {
  const found: string[] = (await readdir(tmpdir())).filter((entry) => entry.startsWith('wherry-ssh-'));
  for (const pid of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (/wherry-ssh-|^ssh-(agent|add|keyscan)/.test(command)) found.push(command);
  }
  return found;
}
