/**
 * An OVA with a small guest and a second disk, half of it data, to image files that boot, through the whole product (one
 * server, asked by the command line), beside virt-v2v. CPU and memory of Wherry's rows are those of the command alone; the
 * work is the server's. The accelerator of both conversions is the one that works here.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { probeAccelerator } from '../src/conversion/accelerator.ts';
import { cacheDirectory } from '../src/conversion/cache.ts';
import { startProduct, wherry } from '../test/acceptance/product.ts';
import { buildDemoOva } from '../test/peers/guest/appliance.ts';
import { type Contestant, race, say } from './measure.ts';
import { type Bench, against, type Finding, wall } from './result.ts';

export const ova: Bench = async ({ rounds, dataMiB, directory }) => {
  const dir = join(directory, 'ova');
  await mkdir(dir);
  say('  building the OVA: its data is compressed by one thread, 1 GiB in 40 s');
  // The file on it fills half of the disk.
  const appliance = await buildDemoOva({ dir, token: 'bench', vmName: 'bench', dataMiB: dataMiB * 2 });
  for (const { path } of appliance.disks) await rm(path);
  await using product = await startProduct();
  const output = join(directory, 'out');
  const prepare = async (): Promise<void> => {
    await rm(output, { recursive: true, force: true });
    await mkdir(output);
  };
  const kvm = (await probeAccelerator()) === 'kvm';
  const guestfs = [
    'LIBGUESTFS_BACKEND=direct',
    `LIBGUESTFS_BACKEND_SETTINGS=${kvm ? 'force_kvm' : 'force_tcg'}`,
    `LIBGUESTFS_CACHEDIR=${await cacheDirectory('libguestfs')}`,
  ];
  const mine = (name: string, ...options: string[]): Contestant => {
    const words = ['import', appliance.path, '--to', 'files', '--dir', output, '--quiet', ...options];
    return { name, command: ['env', `WHERRY_HOME=${product.home}`, wherry, ...words], prepare, output };
  };
  const local = ['-o', 'local', '-os', output, '-of', 'qcow2'];
  const alone = [process.execPath, join(import.meta.dirname, 'conversion-alone.ts'), appliance.path, output];
  const rows = await race(
    [
      mine('wherry, no verify', '--no-verify'),
      mine('wherry, full verify'),
      {
        name: 'virt-v2v',
        command: ['env', ...guestfs, 'virt-v2v', '-i', 'ova', appliance.path, ...local],
        prepare,
        output,
      },
      mine('wherry, copy alone', '--no-verify', '--conversion', 'never'),
      { name: 'wherry, conversion alone', command: ['env', ...alone], prepare, output },
    ],
    rounds,
  );
  const longer = Math.max(wall(rows, 'wherry, copy alone'), wall(rows, 'wherry, conversion alone'));
  const both: Finding = {
    what: 'wherry, no verify : max(copy alone, conversion alone)',
    value: wall(rows, 'wherry, no verify') / longer,
    limit: 1.15,
    unit: '×',
  };
  const findings = [
    against(rows, 'wherry, no verify', ['virt-v2v'], 0.85),
    against(rows, 'wherry, full verify', ['virt-v2v'], 1),
    both,
  ];
  return { rows, findings };
};
