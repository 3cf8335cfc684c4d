import { expect, test } from 'vitest';
import { WherryError } from '../../model/errors.ts';
import { parseAddress, socketsOf } from './address.ts';
import { remoteCommand } from './wire/ssh.ts';

/** The reason why it is refused. */
function why(uri: string): string {
  try {
    parseAddress(uri);
    return 'accepted';
  } catch (error) {
    return error instanceof WherryError && error.code === 'provider.setting_wrong' ? error.message : String(error);
  }
}

test('every transport, with its usual port', () => {
  expect(parseAddress('qemu:///system')).toMatchObject({
    driver: 'qemu',
    transport: 'unix',
    host: '',
    name: 'qemu:///system',
  });
  expect(parseAddress('qemu+tcp://kvm1/system')).toMatchObject({ transport: 'tcp', host: 'kvm1', port: 16_509 });
  expect(parseAddress('qemu+tls://kvm1/system')).toMatchObject({ transport: 'tls', port: 16_514 });
  // libvirt's own reading of a host without a transport.
  expect(parseAddress('xen://dom0/system')).toMatchObject({ driver: 'xen', transport: 'tls', name: 'xen:///system' });
  expect(parseAddress('qemu+ssh://ad%5Cjo@[fd00::7]:2222/session')).toMatchObject({
    transport: 'ssh',
    host: 'fd00::7',
    port: 2222,
    user: 'ad\\jo',
    session: true,
  });
  expect(parseAddress('test:///default')).toMatchObject({ driver: 'test', name: 'test:///default' });
});

test('what would switch a check off, run a command, or cannot be, is refused with the reason', () => {
  expect(why('qemu+tls://h/system?no_verify=1')).toContain('always verified');
  expect(why('qemu+ssh://h/system?command=/tmp/x')).toContain('command is not supported');
  expect(why('qemu+ssh://h/system?keyfile=/root/.ssh/id')).toContain('keyfile');
  expect(why('qemu+ssh://h/system?proxy=native')).toContain('proxy');
  expect(why('qemu+ext:///system')).toContain('transport ext');
  expect(why('esx://h/')).not.toBe('accepted');
  expect(why('esx://h/system')).toContain('vsphere');
  expect(why('qemu+ssh:///system')).toContain('needs a host');
  expect(why('qemu+unix://h/system')).toContain('no other host');
  expect(why('qemu+tcp://h:99999/system')).toContain('99999');
  expect(why('qemu+tcp://h/session')).toContain('session daemon');
  expect(why('xen:///session')).toContain('/system');
  expect(why('qemu+ssh://-oProxyCommand=x@h/system')).toContain('user name');
  expect(why('qemu+ssh://-oProxyCommand=x/system')).toContain('form');
  expect(why("qemu+ssh://h/system?socket=/x';reboot'")).toContain('plain characters');
  expect(why('qemu:///system#x')).toContain('form');
});

test('a password in a URI is refused and not repeated', () => {
  expect(() => parseAddress('qemu+ssh://root:hunter2@h/system')).toThrow(/does not belong/);
  expect(() => parseAddress('qemu+ssh://root:hunter2@h//system')).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('hunter2') as string }),
  );
});

test('sockets: the monolithic daemon first, then the modular one; a session daemon is where its user is', () => {
  expect(socketsOf({ driver: 'qemu', session: false, socket: null }, undefined)).toEqual([
    '/run/libvirt/libvirt-sock',
    '/run/libvirt/virtqemud-sock',
  ]);
  expect(socketsOf({ driver: 'xen', session: false, socket: null }, undefined)[1]).toBe('/run/libvirt/virtxend-sock');
  expect(socketsOf({ driver: 'qemu', session: true, socket: null }, '/run/user/7')[0]).toBe(
    '/run/user/7/libvirt/libvirt-sock',
  );
  expect(socketsOf({ driver: 'qemu', session: true, socket: null }, undefined)).toEqual([]);
  expect(socketsOf({ driver: 'qemu', session: false, socket: '/a' }, undefined)).toEqual(['/a']);
});

test('what runs on the host over ssh is one command of sh, in which nothing of the user is left to quote', () => {
  const command = remoteCommand(parseAddress('qemu+ssh://h/system?socket=/run/x/libvirt-sock'));
  expect(command).toMatch(/^sh -c '[^']+'$/);
  expect(command).toContain('exec virt-ssh-helper "qemu:///system?socket=/run/x/libvirt-sock"');
  expect(command).toContain('for s in "/run/x/libvirt-sock"; do');
});
