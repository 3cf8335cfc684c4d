import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runChild } from '../../../src/process/child.ts';
import { bootUntil } from './boot.ts';
import { buildDemoOva } from './appliance.ts';
import { buildGuest, toVmdk } from './build.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'wherry-guest-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const timeoutMs = 120_000;

describe('a test guest', () => {
  // That one of KVM boots from virtio, with EFI, is seen by the scenario ova-to-libvirt, which converts nothing of it.
  it('of VMware boots from a VMDK on VMware’s paravirtual SCSI, and names its own disk and token', async () => {
    const guest = await buildGuest({ kind: 'debian', token: 'build-1', dir: directory });
    const vmdk = await toVmdk(guest.path, 'monolithicSparse');
    const line = await bootUntil(guest.marker, { path: vmdk, format: 'vmdk', bus: 'pvscsi', timeoutMs });
    expect(line).toBe('WHERRY-GUEST-BOOTED build-1 root=/dev/sda1');
  }, 180_000);

  it('does not speak from a blank disk', async () => {
    const blank = path.join(directory, 'blank.raw');
    await writeFile(blank, '');
    await truncate(blank, 64 * 1024 * 1024);
    expect(await bootUntil('WHERRY', { path: blank, format: 'raw', bus: 'virtio', timeoutMs: 10_000 })).toBeNull();
  }, 60_000);

  it('can have a second disk with random data in a file system', async () => {
    const guest = await buildGuest({ kind: 'no-os', token: 'build-3', dir: directory, dataMiB: 16 });
    expect(guest.data?.sizeBytes).toBe(16 * 1024 * 1024);
    const listed = await runChild('debugfs', ['-R', 'ls -l /', guest.data?.path ?? '']);
    expect(listed).toContain(`${8 * 1024 * 1024}`);
    expect((await stat(guest.data?.path ?? '')).blocks * 512).toBeGreaterThan(8 * 1024 * 1024);
  });

  it('is refused a token that would not fit on its console', async () => {
    await expect(buildGuest({ kind: 'no-os', token: 'a b', dir: directory })).rejects.toThrow('token');
  });
});

describe('an appliance', () => {
  it('is an OVA with the guest’s disks in it, whose content is that of the raw images', async () => {
    const appliance = await buildDemoOva({ dir: directory, token: 'build-4', dataMiB: 8 });
    const members = (await runChild('tar', ['-tf', appliance.path])).split('\n');
    expect(members).toEqual(['wherry-demo.ovf', 'wherry-demo.mf', 'wherry-demo-disk1.vmdk', 'wherry-demo-disk2.vmdk']);
    await runChild('tar', ['-xf', appliance.path, '-C', directory, 'wherry-demo-disk2.vmdk']);
    const [, data] = appliance.disks;
    const compare = ['compare', '-f', 'vmdk', '-F', 'raw', path.join(directory, 'wherry-demo-disk2.vmdk')];
    expect(await runChild('qemu-img', [...compare, data?.path ?? ''])).toContain('identical');
    await expect(runChild('qemu-img', [...compare, appliance.disks[0]?.path ?? ''])).rejects.toThrow('code 1');
  });
});
