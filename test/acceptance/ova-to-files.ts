import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VmMigrationDetail } from '../../src/migration/api.ts';
import { runChild } from '../../src/process/child.ts';
import { buildDemoOva } from '../peers/guest/appliance.ts';
import { bootUntil } from '../peers/guest/boot.ts';
import { ovaSpec } from './appliance-spec.ts';
import { fileIn } from './file-in.ts';
import { checkDigests, checkNothingLeft, checkSucceeded } from './checks.ts';
import { checkOffline } from './offline.ts';
import { type Product, startProduct } from './product.ts';
import type { Report, Scenario } from './scenario.ts';

const mib = 2 ** 20;

export const ovaToFiles: Scenario = {
  name: 'ova-to-files',
  proves:
    'an OVA becomes a converted qcow2 with a domain XML; it boots from virtio, and is byte for byte what was verified',
  run: async (report) => {
    await using product = await startProduct();
    const dir = join(product.scratch, 'ova');
    const out = join(product.scratch, 'out');
    await mkdir(dir);
    await mkdir(out);
    const token = `files-${process.pid}`;
    const appliance = await buildDemoOva({ dir, token, dataMiB: 96 });
    const target = { type: 'files', directory: out, format: 'qcow2', networks: {} } as const;
    const view = await product.migrate(ovaSpec(appliance.path, target));
    checkSucceeded(report, view);
    const detail = await product.detail(view);
    await checkDigests(report, product, detail, appliance);

    const files = (await readdir(out)).sort();
    const expected = ['wherry-demo-disk0.qcow2', 'wherry-demo-disk1.qcow2', 'wherry-demo.xml'];
    report.check(
      'the directory holds the disks and the XML, nothing else',
      files.join() === expected.join(),
      files.join(),
    );
    const xml = await readFile(join(out, 'wherry-demo.xml'), 'utf8');
    report.check('the MAC is carried over', xml.includes(appliance.mac));
    report.check(
      'the memory is carried over',
      xml.includes(`<memory unit="KiB">${appliance.memoryMiB * 1024}</memory>`),
      xml.match(/<memory.*/)?.[0],
    );
    report.check('the CPU count is carried over', new RegExp(`<vcpu[^>]*>${appliance.cpus}</vcpu>`).test(xml));

    // virt-v2v mounts every file system, which changes a superblock; what the file system holds must be the same.
    const [, second] = appliance.disks;
    const expectedFile = await fileIn(second?.path ?? '', product.scratch);
    const raw = join(product.scratch, 'disk1.raw');
    await runChild('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', join(out, 'wherry-demo-disk1.qcow2'), raw]);
    const foundFile = await fileIn(raw, product.scratch);
    report.check(
      'the file on the data disk has content',
      expectedFile.some((byte) => byte !== 0),
    );
    report.check('the file on the migrated data disk is the source’s', foundFile.equals(expectedFile));
    const first = await identical(appliance.disks[0]?.path ?? '', join(out, 'wherry-demo-disk0.qcow2'));
    report.check('(control) the system disk differs: it was converted', !first);
    await runChild('qemu-img', ['check', '-f', 'qcow2', join(out, 'wherry-demo-disk0.qcow2')]);

    await checkOffline(
      report,
      product,
      detail,
      [0, 1].map((index) => join(out, `wherry-demo-disk${index}.qcow2`)),
    );

    const disk = {
      path: join(out, 'wherry-demo-disk0.qcow2'),
      format: 'qcow2',
      bus: 'virtio',
      timeoutMs: 120_000,
    } as const;
    const line = await bootUntil(appliance.marker, disk);
    report.check('the converted guest boots from virtio', line !== null && line.includes('vda'), line ?? 'no marker');
    const source = { ...disk, path: appliance.disks[0]?.path ?? '', format: 'raw' } as const;
    const control = await bootUntil('WHERRY-GUEST-', source);
    report.check(
      '(control) before it was converted it did not',
      control === 'WHERRY-GUEST-WITHOUT-ROOT',
      control ?? '',
    );
    report.check('it got drivers for virtio, and the XML has them', /<target [^>]*bus="virtio"/.test(xml));
    await checkConversion(report, product, detail);
    report.figure('size of the OVA (MiB)', ((await stat(appliance.path)).size / 2 ** 20).toFixed(1));
    await checkNothingLeft(report, product, detail);
  },
};

/** What the conversion said of itself, and what it wrote. */
async function checkConversion(report: Report, product: Product, detail: VmMigrationDetail): Promise<void> {
  const log = await product.client.text(`/vm-migrations/${detail.id}/log.txt`);
  report.check('what virt-v2v warned of is in the log', /warning.*Grub2/i.test(log), log.slice(-2_000));
  const applied = detail.steps.find(({ name }) => name === 'apply')?.disks ?? [];
  const bytes = applied.reduce((sum, { bytesMoved }) => sum + bytesMoved, 0);
  const whole = applied.reduce((sum, { bytesTotal }) => sum + bytesTotal, 0);
  report.check('what it changed or freed was applied', bytes > mib && bytes <= whole, `${bytes} bytes of ${whole}`);
}

async function identical(raw: string, qcow2: string): Promise<boolean> {
  return runChild('qemu-img', ['compare', '-f', 'raw', '-F', 'qcow2', raw, qcow2]).then(
    () => true,
    () => false,
  );
}
