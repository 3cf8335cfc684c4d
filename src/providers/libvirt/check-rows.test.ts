import { expect, test } from 'vitest';
import { WherryError } from '../../model/errors.ts';
import { parseAddress } from './address.ts';
import {
  disksRow,
  encryptionRow,
  failedRow,
  passedRow,
  privilegesRow,
  stageOf,
  stagesOf,
  versionRow,
  warmRow,
} from './check-rows.ts';

const at = parseAddress;

test('the stages are those of the transport', () => {
  expect(stagesOf(at('qemu:///system'))).toEqual(['port', 'sign-in']);
  expect(stagesOf(at('qemu+tcp://h/system'))).toEqual(['address', 'port', 'sign-in']);
  expect(stagesOf(at('qemu+tls://h/system'))).toEqual(['address', 'port', 'certificate', 'sign-in']);
  expect(stagesOf(at('qemu+ssh://h/system'))).toEqual(['address', 'port', 'host-key', 'sign-in']);
});

test('an error stands at its stage, in words and with what to do', () => {
  const error = new WherryError(
    'provider.unreachable',
    { system: 'qemu+tcp://h/system', port: 16_509 },
    new Error('refused'),
  );
  expect(stageOf(error)).toBe('port');
  expect(failedRow('port', at('qemu+tcp://h/system'), error)).toEqual({
    what: 'Port',
    ok: false,
    detail: 'Nothing answers at qemu+tcp://h/system on port 16509 (refused)',
    fix: expect.stringContaining('firewall') as string,
  });
  expect(stageOf(new WherryError('provider.sign_in_refused', {}))).toBe('sign-in');
  expect(stageOf(new Error('x'))).toBe('sign-in');
  expect(passedRow('port', at('qemu:///system')).what).toBe('Socket');
});

test('plain TCP is named for what it is', () => {
  expect(encryptionRow(at('qemu+tcp://h/system'))).toMatchObject({
    ok: false,
    detail: expect.stringContaining('everything') as string,
  });
  for (const uri of ['qemu:///system', 'qemu+tls://h/system', 'qemu+ssh://h/system'])
    expect(encryptionRow(at(uri)).ok).toBe(true);
});

test('versions, privileges, backups, disks', () => {
  expect(versionRow(3_009_000, '3.9.0').ok).toBe(false);
  expect(versionRow(9_000_000, '9.0.0').ok).toBe(true);
  expect(privilegesRow(false, false)).toMatchObject({
    ok: false,
    fix: expect.stringContaining('libvirt-sock-ro') as string,
  });
  expect(privilegesRow(true, true).detail).toContain('session');
  expect(warmRow(at('qemu:///system'), 7_001_000, '7.1.0').ok).toBe(false);
  expect(warmRow(at('qemu:///system'), 7_002_000, '7.2.0').ok).toBe(true);
  expect(warmRow(at('xen:///system'), 11_000_000, '11.0.0')).toMatchObject({
    ok: false,
    fix: expect.stringContaining('off') as string,
  });
  const pool = { name: 'default', path: '/x', here: true };
  expect(disksRow([], true).ok).toBe(false);
  expect(disksRow([pool], true).detail).toContain('default');
  // The same path on another host is another directory.
  expect(disksRow([pool], false).detail).toContain('does not run on the host');
});
