/**
 * A libvirt host as others reach it over a network: a libvirtd of its own (libvirtd.ts) in a network namespace that is linked to
 * ours by a pair of virtual cards, which listens on TCP and TLS, and an sshd in the same namespaces. Addresses are of
 * 198.18.0.0/15, which is for tests (RFC 2544). When its processes end, cards and all go with them.
 */
import { randomInt } from 'node:crypto';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { runChild } from '../../src/process/child.ts';
import { type Libvirtd, startLibvirtd, whyNoLibvirtd } from './libvirtd.ts';

export type LibvirtHost = Libvirtd & {
  readonly address: string;
  readonly tcpUri: string;
  readonly tlsUri: string;
  readonly sshUri: string;
  /** `SHA256:…` of sshd's ed25519 key. */
  readonly hostKey: string;
  /** Of root over ssh: its private key, the same with a passphrase, and its password. */
  readonly privateKey: string;
  readonly lockedKey: string;
  readonly passphrase: string;
  readonly password: string;
  /** PEM: what signed the server's certificate; and a client's certificate and key. */
  readonly ca: string;
  readonly serverCertificate: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
  /** What sshd wrote down. */
  sshdLog(): Promise<string>;
  /** Gives sshd another host key. */
  changeHostKey(): Promise<void>;
  /** Runs a program in the host's namespaces. */
  inside(...command: string[]): Promise<string>;
};

export type LibvirtHostOptions = {
  /** Without virt-ssh-helper, as older hosts are: nc has to do. */
  readonly onlyNc?: boolean;
  /** What TCP and TLS ask for: nothing, or SASL (SCRAM) with `user` and `password` wherry/wherry-sasl. */
  readonly sasl?: boolean;
};

export function whyNoLibvirtHost(): string | null {
  for (const program of ['/usr/sbin/sshd', '/usr/bin/ssh-keygen', '/usr/bin/ssh', '/usr/bin/openssl', '/sbin/ip']) {
    if (!existsSync(program)) return `${program} is not installed`;
  }
  return whyNoLibvirtd();
}

export const saslUser = 'wherry';
export const saslPassword = 'wherry-sasl-Kennwort';

export async function startLibvirtHost(options: LibvirtHostOptions = {}): Promise<LibvirtHost> {
  // A /30 of its own: .1 is here, .2 is there.
  const net = `198.${18 + randomInt(2)}.${randomInt(256)}.${randomInt(63) * 4}`;
  const at = (offset: number): string => net.replace(/\d+$/, (last) => String(Number(last) + offset));
  const address = at(2);
  const card = `wh${randomInt(16 ** 8)
    .toString(16)
    .padStart(8, '0')}`;
  const password = `pass word'$HOME-${randomInt(1e9)}`;
  const passphrase = `phrase "${randomInt(1e9)}`;
  const auth = options.sasl === true ? 'sasl' : 'none';
  const daemon = await startLibvirtd({
    kind: 'private',
    listen: true,
    conf: `listen_tcp = 1
listen_tls = 1
listen_addr = "${address}"
auth_tcp = "none"
auth_tls = "${auth}"
key_file = "/etc/libvirt/tls/server.key"
cert_file = "/etc/libvirt/tls/server.pem"
ca_file = "/etc/libvirt/tls/ca.pem"
crl_file = ""
keepalive_interval = 1
keepalive_count = 30
host_uuid = "${crypto.randomUUID()}"
`,
    before: `
    until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
    ip addr add ${address}/30 dev eth0
    ip link set eth0 up
    mount --bind "$BASE/ssh/shadow" /etc/shadow
    ${options.onlyNc === true ? 'mount --bind /dev/null /usr/bin/virt-ssh-helper' : ''}
    ${options.sasl === true ? 'mkdir -p /etc/sasl2; mount -t tmpfs none /etc/sasl2; cp "$BASE/sasl/libvirt.conf" /etc/sasl2/' : ''}
    while :; do /usr/sbin/sshd -D -e -f "$BASE/ssh/sshd_config" >>"$BASE/sshd.txt" 2>&1 || true; sleep 0.1; done &`,
    prepare: async (directory) => {
      await prepareSsh(directory, { password, passphrase, address });
      await prepareTls(directory, address);
      if (options.sasl === true) await prepareSasl(directory);
    },
    connect: async (pid) => {
      await ip('link', 'add', card, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
      await ip('addr', 'add', `${at(1)}/30`, 'dev', card);
      await ip('link', 'set', card, 'up');
    },
  });
  const read = (name: string): Promise<string> => readFile(join(daemon.directory, name), 'utf8');
  const inside = async (...command: string[]): Promise<string> =>
    runChild('nsenter', ['-m', '-n', '-t', String(await daemon.pid()), ...command], { timeoutMs: 60_000 });
  return {
    ...daemon,
    address,
    tcpUri: `qemu+tcp://${address}/system`,
    tlsUri: `qemu+tls://${address}/system`,
    sshUri: `qemu+ssh://root@${address}/system`,
    hostKey: await fingerprint(join(daemon.directory, 'ssh/host.pub')),
    privateKey: await read('ssh/user'),
    lockedKey: await read('ssh/locked'),
    passphrase,
    password,
    ca: await read('etc/tls/ca.pem'),
    serverCertificate: await read('etc/tls/server.pem'),
    clientCertificate: await read('etc/tls/client.pem'),
    clientKey: await read('etc/tls/client.key'),
    inside,
    sshdLog: () => read('sshd.txt'),
    stop: async () => {
      await daemon.stop();
      // The kernel takes the cards of a dead namespace away a little later; nothing of ours is left when we are done.
      await ip('link', 'del', card).catch(() => undefined);
    },
    changeHostKey: async () => {
      const file = join(daemon.directory, 'ssh/host');
      await rm(file);
      await rm(`${file}.pub`);
      await keygen(file, '');
      // sshd reads its key when it starts; the loop above starts it again.
      process.kill(await sshdPid(daemon), 'SIGKILL');
    },
  };
}

async function ip(...args: string[]): Promise<void> {
  await runChild('ip', args, { timeoutMs: 20_000 });
}

async function prepareSsh(
  directory: string,
  secret: { password: string; passphrase: string; address: string },
): Promise<void> {
  const ssh = join(directory, 'ssh');
  await mkdir(ssh);
  // sshd wants it; an empty directory hurts nobody.
  await mkdir('/run/sshd', { recursive: true });
  await keygen(join(ssh, 'host'), '');
  await keygen(join(ssh, 'user'), '');
  await keygen(join(ssh, 'locked'), secret.passphrase);
  const keys = await Promise.all(['user.pub', 'locked.pub'].map((name) => readFile(join(ssh, name), 'utf8')));
  await writeFile(join(ssh, 'authorized_keys'), keys.join(''), { mode: 0o600 });
  const hash = await runChild('bash', ['-c', 'openssl passwd -6 -stdin <"$0"', await secretFile(ssh, secret.password)]);
  await writeFile(join(ssh, 'shadow'), `root:${hash.trim()}:19000:0:99999:7:::\n`, { mode: 0o600 });
  await writeFile(
    join(ssh, 'sshd_config'),
    `ListenAddress ${secret.address}
Port 22
HostKey ${join(ssh, 'host')}
AuthorizedKeysFile ${join(ssh, 'authorized_keys')}
PidFile ${join(ssh, 'pid')}
PermitRootLogin yes
PasswordAuthentication yes
UsePAM no
StrictModes no
MaxAuthTries 2
`,
  );
}

async function secretFile(directory: string, text: string): Promise<string> {
  const path = join(directory, 'plain');
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function keygen(file: string, passphrase: string): Promise<void> {
  await runChild('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', 'test', '-f', file]);
}

async function fingerprint(file: string): Promise<string> {
  return (await runChild('ssh-keygen', ['-lf', file])).split(' ')[1] ?? '';
}

async function prepareTls(directory: string, address: string): Promise<void> {
  const tls = join(directory, 'etc/tls');
  await mkdir(tls);
  const run = (...args: string[]): Promise<string> => runChild('openssl', args, { cwd: tls, timeoutMs: 60_000 });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'];
  await run(
    'req',
    '-x509',
    ...ec,
    ...authority,
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
  );
  const usages = {
    server: `extendedKeyUsage=serverAuth\nsubjectAltName=IP:${address}`,
    client: 'extendedKeyUsage=clientAuth',
  };
  for (const [name, extensions] of Object.entries(usages)) {
    await writeFile(join(tls, 'ext'), `${extensions}\nkeyUsage=critical,digitalSignature,keyEncipherment\n`);
    await run('req', ...ec, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'ext'];
    await run('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.pem`);
  }
  await chmod(join(tls, 'server.key'), 0o600);
}

async function prepareSasl(directory: string): Promise<void> {
  const sasl = join(directory, 'sasl');
  await mkdir(sasl);
  const database = join(sasl, 'passwd.db');
  await writeFile(join(sasl, 'libvirt.conf'), `mech_list: scram-sha-256\nsasldb_path: ${database}\n`);
  const file = await secretFile(sasl, saslPassword);
  await runChild('bash', ['-c', 'saslpasswd2 -p -c -a libvirt -f "$0" "$1" <"$2"', database, saslUser, file]);
}

async function sshdPid(daemon: Libvirtd): Promise<number> {
  const inner = Number((await readFile(join(daemon.directory, 'ssh/pid'), 'utf8')).trim());
  // The pid file holds the namespace's number: /proc says which of ours it is.
  const pids = (
    await runChild('bash', ['-c', 'grep -l "^NSpid:.*\\b$0$" /proc/[0-9]*/status 2>/dev/null || true', String(inner)])
  ).split('\n');
  for (const line of pids) {
    const pid = Number(/\/proc\/(\d+)\//.exec(line)?.[1]);
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes(daemon.directory)) return pid;
  }
  throw new Error(`no sshd for ${userInfo().username} in ${daemon.directory}`);
}
