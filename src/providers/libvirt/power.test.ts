import { execFile } from 'node:child_process';
import { access, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Libvirtd, startLibvirtd, whyNoLibvirtd } from '../../../test/peers/libvirtd.ts';
import { newId } from '../../model/ids.ts';
import type { GuestCapabilities, Vm } from '../../model/vm.ts';
import { mib, testDisk, testGuest, testVm } from '../domain/test-vm.ts';
import { make, openTarget, remove, signal } from './test-target.ts';

const run = promisify(execFile);
const missing = whyNoLibvirtd();

describe.skipIf(missing !== null)(`power at libvirt${missing === null ? '' : ` (${missing})`}`, () => {
  let daemon: Libvirtd;
  let pool: string;
  beforeAll(async () => {
    daemon = await startLibvirtd({ kind: 'private' });
    pool = daemon.pools['default'] ?? '';
  });
  afterAll(() => daemon.stop());

  test('libvirt accepts a VM of every kind of guest', async () => {
    await using target = openTarget(daemon);
    const efi = { type: 'efi' as const, secureBoot: false };
    const five = testVm({ disks: [0, 1, 2, 3, 4].map((i) => testDisk({ id: `d${i}`, sizeBytes: mib })), nics: [] });
    const kinds: Record<string, { guest: GuestCapabilities; vm?: Vm }> = {
      efi: { guest: testGuest({ firmware: efi }) },
      'efi-pc': { guest: testGuest({ firmware: efi, machine: 'pc' }) },
      'secure-boot': { guest: testGuest({ firmware: { type: 'efi', secureBoot: true }, machine: 'pc' }) },
      'ide-5': { guest: testGuest({ blockBus: 'ide', machine: 'pc', nic: 'e1000' }), vm: five },
      'ide-q35': { guest: testGuest({ blockBus: 'ide', nic: 'e1000e' }), vm: five },
      scsi: { guest: testGuest({ blockBus: 'virtio-scsi', virtio10: false }), vm: five },
      sata: { guest: testGuest({ blockBus: 'sata', nic: 'rtl8139', rng: false, balloon: false }), vm: five },
      old: { guest: testGuest({ virtio10: false, os: 'win2k16' }) },
    };
    for (const [name, kind] of Object.entries(kinds)) {
      const mark = { targetCopyId: newId() };
      const made = await make(target, mark, { name, ...kind });
      await target.power?.on(made.vm, signal());
      expect([name, await target.power?.state(made.vm, signal())]).toEqual([name, 'on']);
      await target.power?.off(made.vm, signal());
      await target.power?.off(made.vm, signal());
      expect(await target.power?.state(made.vm, signal())).toBe('off');
      await remove(target, mark, made);
    }
    expect(await readdir(pool)).toEqual([]);
    expect((await run('find', [join(pool, '../lib'), '-name', '*VARS*'])).stdout).toBe('');
  });

  test('a VM that has nothing to boot does not pass for one that boots', async () => {
    await using target = openTarget(daemon);
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark, { name: 'blank' });
    await target.power?.on(made.vm, signal());
    const check = target.power?.checkBoot(made.vm, { settleMs: 500, timeoutMs: 3_000 }, signal());
    await expect(check).rejects.toMatchObject({ code: 'libvirt.boot_failed' });
    await target.power?.off(made.vm, signal());
    await expect(target.power?.checkBoot(made.vm, { settleMs: 500, timeoutMs: 3_000 }, signal())).rejects.toMatchObject(
      {
        code: 'libvirt.boot_failed',
        params: { what: expect.stringContaining('somebody stopped it') },
      },
    );
    await remove(target, mark, made);
    await expect(target.power?.on(made.vm, signal())).rejects.toMatchObject({ code: 'libvirt.vm_gone' });
  });

  test('a disk that cannot be started says so in the words of libvirt', async () => {
    await using target = openTarget(daemon);
    const mark = { targetCopyId: newId() };
    const made = await make(target, mark, { name: 'broken' });
    const path = join(pool, 'broken-disk0.qcow2');
    await writeFile(path, 'not a qcow2');
    await access(path);
    await expect(target.power?.on(made.vm, signal())).rejects.toMatchObject({
      code: 'libvirt.start_failed',
      cause: { message: expect.stringContaining('qcow2') },
    });
    await remove(target, mark, made);
    expect(await readdir(pool)).toEqual([]);
  });
});
