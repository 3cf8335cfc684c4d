/** What ssh and the program behind it said, as an error of ours. Pure. */
import { type ErrorParams, WherryError } from '../../../model/errors.ts';
import type { LibvirtAddress } from '../address.ts';
import { passwordGiven } from './ssh-secrets.ts';

/** What our command on the host says before anything else: ssh has let us in. */
export const insideHost = 'wherry: inside';

type Rule = { readonly words: RegExp; error(address: LibvirtAddress, cause: Error): WherryError };

const because =
  (code: 'provider.unreachable' | 'provider.connection_lost', params: (address: LibvirtAddress) => ErrorParams) =>
  (address: LibvirtAddress, cause: Error): WherryError =>
    new WherryError(code, params(address), cause);

/** In this order: what ssh says of its own connection comes before what the remote end says. */
const rules: readonly Rule[] = [
  {
    words: /Could not resolve hostname/,
    error: ({ uri, host }, cause) => new WherryError('provider.name_unknown', { host, system: uri }, cause),
  },
  {
    words:
      /Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|no hostkey alg|No ED25519 host key is known|No \S+ host key is known/,
    error: ({ uri }, cause) => new WherryError('provider.connection_lost', { system: uri }, cause),
  },
  {
    words:
      /^\S+@\S+: Permission denied|the answer was not taken|Too many authentication failures|^Connection closed by \S+ port \d+ \[preauth\]/m,
    error: (address, cause) =>
      new WherryError('provider.sign_in_refused', { system: address.uri, user: address.user ?? 'root' }, cause),
  },
  {
    words: /connect to host \S+ port \d+: /,
    error: because('provider.unreachable', ({ uri, port }) => ({ system: uri, port })),
  },
  {
    words: /no virt-ssh-helper and no nc/,
    error: ({ uri, host }, cause) =>
      new WherryError(
        'provider.not_such_a_system',
        {
          system: uri,
          expected: 'libvirt host',
          found: `${host} has no virt-ssh-helper (package libvirt-clients) and no nc`,
        },
        cause,
      ),
  },
  {
    words: /sock[^\n]*Permission denied|Permission denied$/m,
    error: ({ uri, user }, cause) => new WherryError('libvirt.not_allowed', { uri, user: user ?? 'root' }, cause),
  },
  {
    words:
      /(libvirt|virt\w+d)[^\n]*sock[^\n]*(No such file|Connection refused|Failed to connect)|(No such file or directory|Connection refused)[^\n]*$/m,
    error: ({ uri, host }, cause) => new WherryError('libvirt.not_running', { uri, host }, cause),
  },
];

/**
 * A password that was handed to ssh, and nothing from inside the host since: whatever ended it (a host that hangs up after a
 * wrong one says no more than "Connection closed"), a second try might be the one that locks the account. It waits for a person.
 *
 * @param said the last lines of its standard error; empty: it said nothing, and neither do we.
 */
export function readSshWords(address: LibvirtAddress, said: string): WherryError | null {
  const lines = said.split('\n').map((line) => line.trim());
  const words = lines.filter((line) => line !== passwordGiven && line !== insideHost).join('\n');
  const cause = new Error(words.slice(-2_000) || 'the connection was closed');
  if (lines.includes(passwordGiven) && !lines.includes(insideHost)) {
    return new WherryError('provider.sign_in_refused', { system: address.uri, user: address.user ?? 'root' }, cause);
  }
  if (words === '') return null;
  const rule = rules.find((each) => each.words.test(words));
  if (rule !== undefined) return rule.error(address, cause);
  return new WherryError('provider.connection_lost', { system: address.uri }, cause);
}
