/** Boots an image under TCG and watches its serial port. Bounded in time; the virtual machine ends with the call. */
import { startChild } from '../../../src/process/child.ts';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

export type BootRequest = {
  readonly path: string;
  readonly format: 'raw' | 'qcow2' | 'vmdk';
  readonly bus: 'virtio' | 'ide' | 'pvscsi';
  readonly firmware?: 'bios' | 'efi';
  readonly timeoutMs: number;
};

/** Resolves with the line that carries `marker`, or null when it did not come in time. Changes nothing in the image. */
export async function bootUntil(marker: string, request: BootRequest): Promise<string | null> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'wherry-boot-'));
  const found = Promise.withResolvers<string | null>();
  const timer = setTimeout(() => found.resolve(null), request.timeoutMs);
  try {
    const vm = await startChild('qemu-system-x86_64', [...(await flags(request, directory))], {
      onLine: (stream, line) => {
        if (stream === 'stdout' && line.includes(marker)) found.resolve(line.slice(line.indexOf(marker)).trim());
      },
    });
    try {
      const ended = vm.exited.then((exit) => {
        if (exit.code !== 0 && exit.signal === null) throw new Error(`qemu: ${exit.stderrTail}`);
        return null;
      });
      return await Promise.race([found.promise, ended]);
    } finally {
      await vm.stop(2_000);
    }
  } finally {
    clearTimeout(timer);
    await rm(directory, { recursive: true, force: true });
  }
}

async function flags(request: BootRequest, directory: string): Promise<string[]> {
  // OVMF's cloud-like "pc" would do, but it is q35 that virt-v2v chooses; the emulated IDE of q35 is AHCI, hence pc for ide.
  const machine = request.bus === 'virtio' ? 'q35' : 'pc';
  const drive = `file=${request.path.replaceAll(',', ',,')},format=${request.format},if=none,id=disk0,snapshot=on`;
  const device = {
    virtio: ['virtio-blk-pci,drive=disk0'],
    ide: ['ide-hd,drive=disk0'],
    pvscsi: ['pvscsi', 'scsi-hd,drive=disk0'],
  }[request.bus];
  const common = [
    '-machine',
    machine,
    '-accel',
    'tcg',
    '-m',
    '256',
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-no-reboot',
  ];
  const disk = ['-drive', drive, ...device.flatMap((each) => ['-device', each]), '-serial', 'stdio'];
  if (request.firmware !== 'efi') return [...common, ...disk];
  const variables = path.join(directory, 'vars.fd');
  await copyFile('/usr/share/OVMF/OVMF_VARS_4M.fd', variables);
  const code = 'if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd';
  return [...common, '-drive', code, '-drive', `if=pflash,format=raw,unit=1,file=${variables}`, ...disk];
}
