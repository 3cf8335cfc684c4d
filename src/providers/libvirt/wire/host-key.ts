/** Whose word is taken for an ssh host: the one key that the user saw. Pure, but for `scanHostKeys`. */
import { createHash } from 'node:crypto';
import { WherryError } from '../../../model/errors.ts';
import type { LibvirtAddress } from '../address.ts';
import { runTied } from './tied.ts';

export type HostKey = {
  /** ssh-ed25519, ecdsa-sha2-nistp256, ssh-rsa, … */
  readonly type: string;
  /** base64, as in a known_hosts file. */
  readonly key: string;
  /** `SHA256:…`, as ssh-keygen -l prints it. */
  readonly fingerprint: string;
};

/** The best first: the one that is shown to the user. */
const order = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'ssh-rsa'];

/** The keys in what ssh-keyscan prints, best first; lines that are none are left out. */
export function readHostKeys(text: string): HostKey[] {
  const keys: HostKey[] = [];
  for (const line of text.split('\n')) {
    const [, type = '', key = ''] = /^[^#\s]\S* (\S+) ([A-Za-z0-9+/]+={0,2})(?:\s|$)/.exec(line) ?? [];
    if (order.includes(type)) keys.push({ type, key, fingerprint: fingerprintOf(key) });
  }
  return keys.sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type));
}

export function fingerprintOf(key: string): string {
  const digest = createHash('sha256').update(Buffer.from(key, 'base64')).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

/**
 * The key that the user trusts, out of those the host shows.
 * @throws provider.host_key_untrusted when none was trusted yet, provider.host_key_changed when the trusted one is not there.
 */
export function trustedKey(address: LibvirtAddress, shown: readonly HostKey[], trusted: string | null): HostKey {
  const system = address.uri;
  const [best] = shown;
  if (best === undefined) {
    throw new WherryError('provider.not_such_a_system', {
      system,
      expected: 'ssh server',
      found: 'it shows no host key',
    });
  }
  if (trusted === null) throw new WherryError('provider.host_key_untrusted', { system, shown: best.fingerprint });
  const match = shown.find((key) => key.fingerprint === trusted);
  if (match === undefined)
    throw new WherryError('provider.host_key_changed', { system, trusted, shown: best.fingerprint });
  return match;
}

/** The line of a known_hosts file that lets ssh accept this key for this host, and no other. */
export function knownHostsLine(address: Pick<LibvirtAddress, 'host' | 'port'>, key: HostKey): string {
  const name = address.port === 22 ? address.host : `[${address.host}]:${address.port}`;
  return `${name} ${key.type} ${key.key}\n`;
}

/** Asks the host for its keys. Nothing of ours is sent. */
export async function scanHostKeys(address: LibvirtAddress, signal: AbortSignal): Promise<HostKey[]> {
  const args = ['-T', '15', '-p', String(address.port), '-t', 'ed25519,ecdsa,rsa', '--', address.host];
  const { stdout, stderr } = await runTied('ssh-keyscan', args, { timeoutMs: 60_000 }, signal);
  const keys = readHostKeys(stdout);
  if (keys.length > 0) return keys;
  const said = stderr
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .trim();
  const params = { system: address.uri, expected: 'ssh server', found: 'it shows no host key' };
  throw new WherryError('provider.not_such_a_system', params, said === '' ? undefined : new Error(said));
}
