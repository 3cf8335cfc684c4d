import { expect, test } from 'vitest';
import { parseAddress } from '../address.ts';
import { fingerprintOf, knownHostsLine, readHostKeys, trustedKey } from './host-key.ts';
import { readSshWords } from './ssh-words.ts';
import { unreachable } from './wire.ts';

const address = parseAddress('qemu+ssh://joe@kvm1/system');
/** As ssh-keyscan and ssh-keygen -l of OpenSSH 9.2 print one and the same key. */
const ed25519 = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const githubFingerprint = 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU';
const scanned = `# kvm1:22 SSH-2.0-OpenSSH_9.2
kvm1 ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB
kvm1 ssh-ed25519 ${ed25519}
kvm1 ssh-unknown AAAA
nonsense
`;

test('a fingerprint is what ssh-keygen prints; the best key comes first, unknown kinds are left out', () => {
  expect(fingerprintOf(ed25519)).toBe(githubFingerprint);
  expect(readHostKeys(scanned).map(({ type }) => type)).toEqual(['ssh-ed25519', 'ssh-rsa']);
  expect(readHostKeys('')).toEqual([]);
});

test('no key is trusted without somebody having seen it; another one than was seen is a change', () => {
  const keys = readHostKeys(scanned);
  expect(() => trustedKey(address, keys, null)).toThrow(
    expect.objectContaining({ code: 'provider.host_key_untrusted' }),
  );
  expect(trustedKey(address, keys, githubFingerprint).type).toBe('ssh-ed25519');
  expect(trustedKey(address, keys, keys[1]?.fingerprint ?? '').type).toBe('ssh-rsa');
  const other = `SHA256:${'B'.repeat(43)}`;
  expect(() => trustedKey(address, keys, other)).toThrow(
    expect.objectContaining({ code: 'provider.host_key_changed' }),
  );
  expect(() => trustedKey(address, [], other)).toThrow(expect.objectContaining({ code: 'provider.not_such_a_system' }));
});

test('a port that is not 22 is part of the name in known_hosts', () => {
  const key = { type: 'ssh-ed25519', key: 'A', fingerprint: '' };
  expect(knownHostsLine({ host: 'h', port: 22 }, key)).toBe('h ssh-ed25519 A\n');
  expect(knownHostsLine({ host: 'fd00::7', port: 2222 }, key)).toBe('[fd00::7]:2222 ssh-ed25519 A\n');
});

test('the words of ssh and of the program behind it are told apart', () => {
  const code = (said: string): string | undefined => readSshWords(address, said)?.code;
  expect(code('joe@kvm1: Permission denied (publickey,password).')).toBe('provider.sign_in_refused');
  expect(code('the answer was not taken')).toBe('provider.sign_in_refused');
  expect(code('Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures')).toBe(
    'provider.sign_in_refused',
  );
  expect(code('ssh: connect to host kvm1 port 22: Connection refused')).toBe('provider.unreachable');
  expect(code('ssh: Could not resolve hostname kvm1: Name or service not known')).toBe('provider.name_unknown');
  expect(code('no virt-ssh-helper and no nc')).toBe('provider.not_such_a_system');
  expect(code("virt-ssh-helper: cannot connect to '/run/libvirt/libvirt-sock': No such file or directory")).toBe(
    'libvirt.not_running',
  );
  expect(
    code("virt-ssh-helper: cannot connect to '/run/libvirt/libvirt-sock': Failed to connect socket: Permission denied"),
  ).toBe('libvirt.not_allowed');
  expect(code('Host key verification failed.')).toBe('provider.connection_lost');
  expect(code('client_loop: send disconnect: Broken pipe')).toBe('provider.connection_lost');
  expect(readSshWords(address, '')).toBeNull();
});

const read = (...lines: string[]) => readSshWords(address, lines.join('\n'));

test('a password that was given and did not lead inside is not tried again, whatever ssh says of it', () => {
  const given = 'wherry: the password was given';
  const inside = 'wherry: inside';
  const closed = 'Connection closed by 10.0.0.1 port 22';
  for (const words of [[], [closed], ['Connection reset by 10.0.0.1 port 22'], ['kex_exchange: Broken pipe']]) {
    expect(read(given, ...words)).toMatchObject({ code: 'provider.sign_in_refused', passing: false });
  }
  expect(read(given, closed)?.cause).toMatchObject({ message: closed });
  // Before it was given, and once we are inside, it is the connection.
  expect(read(closed)).toMatchObject({ code: 'provider.connection_lost', passing: true });
  expect(read(given, inside, closed)).toMatchObject({ code: 'provider.connection_lost', passing: true });
  expect(read(given, inside)).toBeNull();
  expect(read(given, inside, 'no virt-ssh-helper and no nc')?.code).toBe('provider.not_such_a_system');
});

const codeOf = (name: string): unknown => {
  const error = unreachable(address, Object.assign(new Error(name), { code: name }));
  return error instanceof Error && 'code' in error ? error.code : null;
};

test('what a failed connect means', () => {
  expect(codeOf('ENOTFOUND')).toBe('provider.name_unknown');
  expect(codeOf('EAI_AGAIN')).toBe('provider.name_unknown');
  expect(codeOf('EHOSTUNREACH')).toBe('provider.unreachable');
  expect(codeOf('ECONNRESET')).toBe('provider.connection_lost');
});
