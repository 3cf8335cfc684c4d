/** raw → raw and raw → qcow2, digest and journal on, beside what people use: at most 1.10 × the best of them. */
import { join } from 'node:path';
import { own } from './own.ts';
import { inCache, makeRaw } from './images.ts';
import { type Contestant, race } from './measure.ts';
import { type Bench, against } from './result.ts';

const qemuImg = ['qemu-img', 'convert', '-t', 'none', '-W', '-m', '16', '-f', 'raw'] as const;
// nbdcopy wants a file that is there and large enough.
const intoRaw = 'truncate -s "$3" "$2" && exec nbdcopy --flush "$1" "$2"';
const intoQcow2 =
  'qemu-img create -q -f qcow2 "$2" "$3" && exec nbdcopy --flush "$1" -- [ qemu-nbd -f qcow2 --cache=none --discard=unmap "$2" ]';

export const copy: Bench = async ({ rounds, sizeMiB, dataMiB, directory }) => {
  const image = join(directory, 'source.raw');
  const output = join(directory, 'target');
  await makeRaw(image, sizeMiB, dataMiB);
  const prepare = inCache(image);
  const contestants = (['raw', 'qcow2'] as const).flatMap((format): Contestant[] => {
    const script = format === 'raw' ? intoRaw : intoQcow2;
    return [
      { name: `wherry raw → ${format}`, command: own(image, output, '--format', format), prepare, output },
      { name: `qemu-img raw → ${format}`, command: [...qemuImg, '-O', format, image, output], prepare, output },
      {
        name: `nbdcopy raw → ${format}`,
        command: ['sh', '-c', script, 'sh', image, output, `${sizeMiB}M`],
        prepare,
        output,
      },
    ];
  });
  const rows = await race(contestants, rounds);
  const findings = ['raw', 'qcow2'].map((format) => {
    const [mine = '', ...peers] = ['wherry', 'qemu-img', 'nbdcopy'].map((who) => `${who} raw → ${format}`);
    return against(rows, mine, peers, 1.1);
  });
  return { rows, findings };
};
