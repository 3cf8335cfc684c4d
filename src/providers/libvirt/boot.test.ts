import { open, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../../test/peers/guest/build.ts';
import { startLibvirtd, whyNoLibvirtd } from '../../../test/peers/libvirtd.ts';
import { newId } from '../../model/ids.ts';
import type { ImageTools } from '../../transfer/disk.ts';
import { openVolume } from '../../transfer/nbd/volume.ts';
import { createLibvirtTarget } from './target.ts';
import { testDisk, testGuest, testVm } from '../domain/test-vm.ts';

const refused = (): Promise<never> => Promise.reject(new Error('a target has no stored images'));
const tools: ImageTools = { inspect: refused, openStored: refused, openVolume };
const missing = whyNoLibvirtd();

describe.skipIf(missing !== null)(`booting${missing === null ? '' : ` (${missing})`}`, () => {
  test.each([
    ['bios', 'kvm'],
    ['efi', 'kvm-efi'],
  ] as const)(
    'a %s guest boots from its copied disk under the default qemu.conf of the distribution, as an unprivileged user',
    { timeout: 180_000 },
    async (type, kind) => {
      const signal = AbortSignal.timeout(170_000);
      const directory = await mkdtemp(join(tmpdir(), 'wherry-boot-test-'));
      const daemon = await startLibvirtd({ kind: 'debian' });
      try {
        const guest = await buildGuest({ kind, token: 'libvirt-target', dir: directory });
        await using target = createLibvirtTarget(
          { type: 'libvirt', uri: daemon.uri, pool: 'default', format: 'qcow2', networks: { '*': 'user' } },
          tools,
          { accelerator: () => Promise.resolve('tcg'), logDirectory: daemon.logDirectory },
        );
        const mark = { targetCopyId: newId() };
        const firmware = { type, secureBoot: false };
        const vm = testVm({ firmware, disks: [testDisk({ sizeBytes: guest.sizeBytes })] });
        const request = { mark, vm, targetName: 'boots', diskId: 'disk0', index: 0, sizeBytes: guest.sizeBytes };
        const disk = await target.createDisk(await target.planDisk(request, signal), request, signal);
        const writer = await target.openDisk(disk, { readOnly: false, directory }, signal);
        await copyData(guest.path, (offset, data) => writer.write(offset, data, signal));
        await writer.flush(signal);
        await writer.close();
        const vmRequest = { mark, vm, targetName: 'boots', guest: testGuest({ firmware }), disks: [disk] };
        const made = await target.createVm(await target.planVm(vmRequest, signal), vmRequest, signal);
        await target.power?.on(made, signal);
        const seen = await target.power?.checkBoot(made, { settleMs: 2_000, timeoutMs: 120_000 }, signal);
        expect(seen?.evidence).toContain(guest.marker.trim());
        expect((await stat(disk.ref['path'] ?? '')).uid).not.toBe(0);
        expect(await readFile(made.ref['consoleLog'] ?? '', 'utf8')).toContain(guest.marker.trim());
        await target.finalize?.(mark, { vm: made, disks: [disk] }, { gone: false }, signal);
        expect(await target.power?.state(made, signal)).toBe('on');
        await target.power?.off(made, signal);
        expect(await stat(disk.ref['path'] ?? '')).toMatchObject({ uid: 0, gid: 0, nlink: 1 });
      } finally {
        await daemon.stop();
        await rm(directory, { recursive: true, force: true });
      }
    },
  );
});

async function copyData(path: string, write: (offset: number, data: Buffer) => Promise<void>): Promise<void> {
  await using file = await open(path);
  const { size } = await file.stat();
  const step = 256 * 1024;
  for (let offset = 0; offset < size; offset += step) {
    const data = Buffer.alloc(Math.min(step, size - offset));
    await file.read(data, 0, data.length, offset);
    if (!data.every((byte) => byte === 0)) await write(offset, data);
  }
}
