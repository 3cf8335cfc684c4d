import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildOva } from '../../../test/fixtures/ova/build.ts';
import { createImageTools } from '../../transfer/images.ts';
import { createOvaSource } from './source.ts';

/** virt-v2v reads OVAs of VMware and VirtualBox too: what both read must be the same, or one of us is wrong. */
const signal = AbortSignal.timeout(120_000);

function printed(text: string, label: string): string {
  return new RegExp(`${label}: (.*)`).exec(text)?.[1] ?? '';
}

for (const style of ['vmware', 'virtualbox'] as const) {
  test(`agrees with virt-v2v about an OVA in the style of ${style}`, async ({ skip }) => {
    try {
      execFileSync('virt-v2v', ['--version'], { stdio: 'pipe' });
    } catch {
      skip('virt-v2v is not installed');
    }
    const directory = await mkdtemp(join(tmpdir(), 'wherry-peer-'));
    try {
      const path = join(directory, 'vm.ova');
      await writeFile(join(directory, 'd.raw'), Buffer.alloc(2 ** 22, 'data'));
      const vmdk = join(directory, 'd.vmdk');
      const convert = ['convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized'];
      execFileSync('qemu-img', [...convert, join(directory, 'd.raw'), vmdk]);
      await buildOva({
        path,
        vmName: 'peer',
        style,
        cpus: 6,
        coresPerSocket: 3,
        memoryMiB: 1536,
        disks: [{ file: vmdk }],
      });
      const said = execFileSync('virt-v2v', ['-i', 'ova', path, '--print-source'], { encoding: 'utf8', stdio: 'pipe' });
      const source = await createOvaSource({ type: 'ova', path }, createImageTools(), signal);
      const vm = await source.describe(null, signal);
      expect(printed(said, 'memory')).toBe(`${vm.memoryBytes} (bytes)`);
      expect(printed(said, 'nr vCPUs')).toBe(String(vm.cpus));
      expect(printed(said, 'firmware')).toBe(vm.firmware.type);
      expect(said).toContain(`\t0 [${vm.disks[0]?.bus}]`);
      expect(said).toContain(`Bridge "${vm.nics[0]?.network}"`);
      expect(said).toContain(`[${vm.nics[0]?.model}]`);
      expect([vm.memoryBytes, vm.cpus]).toEqual([1536 * 2 ** 20, 6]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}
