/** streamOptimized VMDK → raw: at most 0.65 × qemu-img on two cores; how it scales is shown by one core beside them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeRaw, makeVmdk } from './images.ts';
import { race } from './measure.ts';
import { own } from './own.ts';
import { type Bench, against } from './result.ts';

export const vmdk: Bench = async ({ rounds, dataMiB, directory }) => {
  const raw = join(directory, 'source.raw');
  const image = join(directory, 'source.vmdk');
  const output = join(directory, 'target');
  await makeRaw(raw, dataMiB, dataMiB, true);
  await makeVmdk(raw, image);
  await rm(raw);
  const peer = ['qemu-img', 'convert', '-t', 'none', '-W', '-f', 'vmdk', '-O', 'raw', image, output] as const;
  const oneCore = ['taskset', '-c', '0'] as const;
  const rows = await race(
    [
      { name: 'wherry', command: own(image, output), output },
      { name: 'qemu-img', command: peer, output },
      { name: 'wherry on one core', command: [...oneCore, ...own(image, output)], output },
      { name: 'qemu-img on one core', command: [...oneCore, ...peer], output },
    ],
    rounds,
  );
  return { rows, findings: [against(rows, 'wherry', ['qemu-img'], 0.65)] };
};
