import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain, toStored } from '../model/errors.ts';
import { type Failure, failureOf } from './failures.ts';

function failure(change: Partial<Failure>): Failure {
  const exit = { code: 1, signal: null };
  return { vm: 'web', phase: 'inspecting', errors: [], tail: [], memoryMiB: 2560, exit, ...change };
}

const blank =
  'inspection could not detect the source guest (or physical machine).\n\nAssuming that you are running virt-v2v/virt-p2v on a source which is supported (and not, for example, a blank disk), then this should not happen.\n\n';

/** Recorded from runs of 2.2, except those marked: they stand so in the tool's documentation, catalogues or reports. */
const messages: readonly (readonly [string, string, Record<string, string>])[] = [
  [`${blank}No root device found in this operating system image.`, 'conversion.no_os', {}],
  [`${blank}Inspection field ‘i_distro’ was ‘unknown’.`, 'conversion.unsupported_os', { os: 'Wherry Test OS 1' }],
  ['no bootloader detected', 'conversion.guest_broken', {}],
  // Not recorded, from here on.
  [
    'virt-v2v is unable to convert this guest type (linux/alpinelinux)',
    'conversion.unsupported_os',
    { os: 'linux/alpinelinux' },
  ],
  [
    'not enough free space for conversion on filesystem ‘/’.  12.5 MB free < 50 MB needed',
    'conversion.guest_full',
    { filesystem: '/', free: '12.5 MB', needed: '50 MB' },
  ],
  [
    'not enough available inodes for conversion on filesystem ‘/var’.  3 inodes available < 100 inodes needed',
    'conversion.guest_full',
    { filesystem: '/var', free: '3 inodes', needed: '100 inodes' },
  ],
  [
    'unable to mount the disk image for writing. This has probably happened because Windows Hibernation or Fast Restart is being used in this guest. You have to disable this (in the guest) in order to use virt-v2v.\n\nOriginal error message: mount: NTFS partition is in an unsafe state',
    'conversion.guest_dirty',
    {},
  ],
  [
    'multi-boot operating systems are not supported by virt-v2v. Use the --root option to change how virt-v2v handles this.',
    'conversion.multi_boot',
    {},
  ],
  [
    'could not find key to open LUKS encrypted /dev/sda2.\n\nTry using --key on the command line.',
    'conversion.encrypted',
    {},
  ],
  [
    'insufficient free space in the conversion server temporary directory /var/tmp (512M).\n\nEither free up space',
    'conversion.no_scratch_space',
    { directory: '/var/tmp' },
  ],
  [
    'unable to rebuild initrd (/boot/initrd.img-5.10) because update-initramfs was not found in the guest',
    'conversion.guest_broken',
    {},
  ],
  ['libguestfs error: pread_device: /dev/sda: Input/output error', 'conversion.disk_unreadable', {}],
  [
    'libguestfs error: appliance closed the connection unexpectedly.',
    'conversion.appliance_failed',
    { memory: '2560' },
  ],
];

describe('a failure of virt-v2v', () => {
  it.each(messages)('that says “%.60s” is %s', (text, code, params) => {
    const tail = ['libguestfs: trace: v2v: inspect_get_product_name = "Wherry Test OS 1"'];
    const stored = toStored(failureOf(failure({ errors: ['an earlier error', text], tail })));
    expect(stored.code).toBe(code);
    expect(stored.causes).toEqual([text]);
    expect(Object.fromEntries(Object.entries(stored.params).map(([key, value]) => [key, String(value)]))).toEqual({
      vm: 'web',
      ...params,
    });
    const { message, next } = explain(stored);
    expect(`${message} ${next}`).not.toMatch(/\{\w+\}/);
    expect(message).toContain('web');
  });

  it.each([
    ['failed to initialize device name translation cache', 'udev'],
    ['supermin: failed to find a suitable kernel (host_cpu=x86_64).', 'linux-image'],
    ["cp: cannot open '/boot/vmlinuz-6.8.0-45-generic' for reading: Permission denied", '/boot/vmlinuz'],
    [
      'libguestfs error: cannot find any suitable libguestfs supermin, fixed or old-style appliance on LIBGUESTFS_PATH',
      'supermin',
    ],
  ])('while the appliance is started names the package that is missing: %s', (line, name) => {
    const errors = ['libguestfs error: /usr/bin/supermin exited with error status 1.'];
    const stored = toStored(failureOf(failure({ phase: 'opening', errors, tail: ['x', line, 'y'] })));
    expect(stored.code).toBe('conversion.appliance_missing');
    expect(explain(stored).next).toContain(name);
  });

  it('without words is told by how it ended', () => {
    const killed = failureOf(failure({ exit: { code: null, signal: 'SIGKILL' }, phase: 'converting' }));
    expect(killed).toMatchObject({ code: 'conversion.killed', passing: true });
    const ended = failureOf(failure({ tail: ['first', 'last words'] }));
    expect(ended).toMatchObject({ code: 'conversion.failed', passing: false });
    expect(toStored(ended).causes).toEqual(['first\nlast words']);
  });

  it('always becomes an error with a cause, whatever was said', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (errors, tail) => {
        expect(toStored(failureOf(failure({ errors, tail }))).causes.length).toBeGreaterThan(0);
      }),
    );
  });
});
