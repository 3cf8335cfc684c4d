import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../../src/process/child.ts';
import { buildDemoOva } from '../peers/guest/appliance.ts';
import { type Libvirtd, startLibvirtd, whyNoLibvirtd } from '../peers/libvirtd.ts';
import { ovaSpec } from './appliance-spec.ts';
import { checkDigests, checkNothingLeft, checkSucceeded } from './checks.ts';
import { startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';

export const ovaToLibvirt: Scenario = {
  name: 'ova-to-libvirt',
  proves:
    'a VMware appliance becomes a running guest on libvirt with Debian’s own qemu.conf, byte for byte what was verified',
  unavailable: async () => whyNoLibvirtd(),
  run: async (report) => {
    const libvirtd = await startLibvirtd({ kind: 'debian' });
    try {
      await using product = await startProduct({ env: { WHERRY_LIBVIRT_LOGS: libvirtd.logDirectory } });
      const dir = join(product.scratch, 'ova');
      await mkdir(dir);
      // BIOS with a conversion; UEFI without one, so that the scenario stays short.
      await migrate(report, libvirtd, product, { dir, kind: 'debian', name: 'accept-bios' });
      await migrate(report, libvirtd, product, { dir, kind: 'kvm-efi', name: 'accept-efi' });
    } finally {
      await libvirtd.stop();
    }
  },
};

type Case = { readonly dir: string; readonly kind: 'debian' | 'kvm-efi'; readonly name: string };

async function migrate(
  report: Report,
  libvirtd: Libvirtd,
  product: Awaited<ReturnType<typeof startProduct>>,
  { dir, kind, name }: Case,
): Promise<void> {
  report.note(kind === 'debian' ? 'BIOS, VMware, converted' : 'UEFI, oVirt export, no conversion needed');
  const token = `${name}-${process.pid}`;
  const appliance = await buildDemoOva({ dir, token, kind, vmName: name, memoryMiB: 288, cpus: 2 });
  const target = {
    type: 'libvirt',
    uri: libvirtd.uri,
    pool: 'default',
    format: 'qcow2',
    networks: { '*': 'user' },
  } as const;
  const view = await product.migrate(ovaSpec(appliance.path, target));
  checkSucceeded(report, view);
  const detail = await product.detail(view);
  await checkDigests(report, product, detail, appliance);

  const converted = detail.steps.find((step) => step.name === 'convert')?.state;
  report.check(
    'conversion ran exactly where it was needed',
    converted === (kind === 'debian' ? 'succeeded' : 'skipped'),
    converted,
  );
  const log = await product.client.text(`/vm-migrations/${detail.id}/log.txt`);
  const evidence = log.split('\n').find((line) => line.includes('the guest runs')) ?? '';
  report.check(
    'the guest runs, and its console says so',
    evidence.includes(appliance.marker),
    evidence || 'no evidence',
  );
  // Converted, it has virtio-blk; the oVirt guest keeps the virtio-scsi that it had.
  const disk = kind === 'debian' ? '/dev/vda' : '/dev/sda';
  report.check('its root file system is on the migrated disk', evidence.includes(`root=${disk}`), evidence);
  report.check('libvirt says it runs', (await libvirtd.virsh('domstate', name)).trim() === 'running');

  const path = join(libvirtd.pools['default'] ?? '', `${name}-disk0.qcow2`);
  report.check('its QEMU is an unprivileged user’s', (await stat(path)).uid !== 0);

  const xml = await libvirtd.virsh('dumpxml', name);
  report.check('MAC carried over', xml.includes(appliance.mac));
  report.check('memory carried over', xml.includes(`<memory unit='KiB'>${appliance.memoryMiB * 1024}</memory>`));
  report.check('CPU count carried over', /<vcpu[^>]*>2<\/vcpu>/.test(xml));
  report.check('firmware carried over', (appliance.firmware === 'efi') === /<loader|firmware='efi'/.test(xml));
  report.check(
    'no trace of the migration is left in the definition',
    !xml.includes(detail.targetCopyId) || xml.includes(`<uuid>${detail.targetCopyId}`),
  );

  await libvirtd.virsh('destroy', name);
  const { uid, gid, mode } = await stat(path);
  report.check(
    'owner and mode of the volume are libvirt’s own',
    uid === 0 && gid === 0 && (mode & 0o777) === 0o600,
    `${uid}:${gid} ${mode.toString(8)}`,
  );
  await runChild('qemu-img', ['check', '-f', 'qcow2', path]);
  await libvirtd.virsh('undefine', name, '--nvram', '--remove-all-storage');
  await checkNothingLeft(report, product, detail);
}
