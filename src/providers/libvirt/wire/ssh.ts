/**
 * libvirt over ssh: the system's OpenSSH client as a child process, which reaches the daemon's socket by virt-ssh-helper or
 * nc on the host. It sees no configuration, agent or known host of any user, and trusts exactly one host key.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WherryError } from '../../../model/errors.ts';
import { type LibvirtAddress, socketsOf } from '../address.ts';
import { type HostKey, knownHostsLine, scanHostKeys, trustedKey } from './host-key.ts';
import { sshSecrets } from './ssh-secrets.ts';
import { insideHost, readSshWords } from './ssh-words.ts';
import { reach } from './tcp.ts';
import { startTied } from './tied.ts';
import { reachMs, type Wire } from './wire.ts';

/**
 * @param trusted the fingerprint of the host key that the user saw; null: none yet.
 * @throws provider.name_unknown, provider.unreachable, provider.not_such_a_system, provider.host_key_*, provider.secret_missing.
 */
export async function sshWire(
  address: LibvirtAddress,
  account: { readonly trusted: string | null; readonly secrets: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<Wire> {
  await needSsh(address, signal);
  const key = trustedKey(address, await scanHostKeys(address, signal), account.trusted);
  const secrets = await sshSecrets(address.uri, account.secrets, signal);
  const knownHosts = join(secrets.directory, 'known_hosts');
  try {
    await writeFile(knownHosts, knownHostsLine(address, key), { mode: 0o600 });
    const args = [...strict(knownHosts, key), ...secrets.args, ...whereTo(address), remoteCommand(address)];
    const ssh = await startTied('ssh', args, { env: secrets.env, cwd: secrets.directory }).catch((error: unknown) => {
      const why = 'there is no ssh (package openssh-client)';
      throw new WherryError('provider.unsupported_here', { system: address.uri, why }, error);
    });
    const destroy = (): void => {
      ssh.process.kill('SIGKILL');
      void secrets.drop();
    };
    signal.addEventListener('abort', destroy, { once: true });
    void ssh.exited.then(() => secrets.drop());
    return {
      readable: ssh.process.stdout,
      writable: ssh.process.stdin,
      destroy,
      signedIn: () => {
        signal.removeEventListener('abort', destroy);
        void secrets.drop();
      },
      reason: async () => {
        const waited = new Promise((resolve) => setTimeout(resolve, 2_000).unref());
        await Promise.race([ssh.exited, waited]);
        return readSshWords(address, ssh.stderr());
      },
    };
  } catch (error) {
    await secrets.drop();
    throw error;
  }
}

/** Looks for the greeting of an ssh server, so that what answers otherwise is named for what it is. */
async function needSsh(address: LibvirtAddress, signal: AbortSignal): Promise<void> {
  const socket = await reach(address, signal);
  const system = address.uri;
  try {
    const late = AbortSignal.timeout(reachMs);
    const [first] = (await once(socket, 'data', { signal: AbortSignal.any([signal, late]) })) as [Buffer];
    const text = first.toString('latin1');
    if (text.startsWith('SSH-') || text.includes('\nSSH-')) return;
    const found = `it greets with ${JSON.stringify(text.slice(0, 60))}`;
    throw new WherryError('provider.not_such_a_system', { system, expected: 'ssh server', found });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof WherryError) throw error;
    if (socket.destroyed) throw new WherryError('provider.connection_lost', { system }, error);
    throw new WherryError('provider.hangs', { system, seconds: reachMs / 1000 }, error);
  } finally {
    socket.destroy();
  }
}

function strict(knownHosts: string, key: HostKey): string[] {
  // A key of type ssh-rsa signs with SHA-2 today; ssh does not derive that from the line alone when it is told the algorithm.
  const algorithms = key.type === 'ssh-rsa' ? 'rsa-sha2-512,rsa-sha2-256' : key.type;
  const options = [
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=yes',
    `HostKeyAlgorithms=${algorithms}`,
    'CheckHostIP=no',
    'UpdateHostKeys=no',
    'VerifyHostKeyDNS=no',
    'IdentityFile=none',
    'IdentitiesOnly=no',
    'ProxyCommand=none',
    'ProxyJump=none',
    'ControlMaster=no',
    'ControlPath=none',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    'GSSAPIAuthentication=no',
    'HostbasedAuthentication=no',
    'ConnectTimeout=15',
    'ServerAliveInterval=15',
    'ServerAliveCountMax=4',
    'LogLevel=ERROR',
  ];
  return ['-F', 'none', '-T', '-a', '-x', '-e', 'none', ...options.flatMap((option) => ['-o', option])];
}

function whereTo(address: LibvirtAddress): string[] {
  return ['-p', String(address.port), '-l', address.user ?? 'root', '--', address.host];
}

/**
 * What runs on the host, as libvirt's own client does it: virt-ssh-helper (libvirt 6.8 and newer), which finds the socket itself;
 * else nc on the first socket there is. All of it is plain characters (address.ts): nothing in it needs quoting.
 */
export function remoteCommand(address: LibvirtAddress): string {
  const query = address.socket === null ? '' : `?socket=${address.socket}`;
  const runtime = '${XDG_RUNTIME_DIR:-/run/user/$(id -u)}';
  const sockets = socketsOf(address, runtime)
    .map((path) => `"${path}"`)
    .join(' ');
  const script = [
    `echo "${insideHost}" >&2`,
    `if command -v virt-ssh-helper >/dev/null 2>&1; then exec virt-ssh-helper "${address.name}${query}"; fi`,
    'if ! command -v nc >/dev/null 2>&1; then echo "no virt-ssh-helper and no nc" >&2; exit 127; fi',
    // Where it can be told to, nc ends with its input.
    'if nc -h 2>&1 | grep -q -e "-N"; then n="-N -U"; else n=-U; fi',
    `for s in ${sockets}; do if [ -S "$s" ]; then exec nc $n "$s"; fi; done`,
    `echo "no socket at ${sockets.replaceAll('"', '')}: No such file or directory" >&2; exit 1`,
  ].join('; ');
  return `sh -c '${script}'`;
}
