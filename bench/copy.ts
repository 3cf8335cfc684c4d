/**
 * `script/bench copy`: the same image through Wherry (digest and journal on), qemu-img and nbdcopy, interleaved. Each row:
 * medians of wall time, CPU seconds of all processes, and the largest process.
 * Another contestant (virt-v2v of a whole OVA) is one more entry in `contestants`.
 */
import { randomFillSync } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Contestant, type Row, race } from './measure.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    size: { type: 'string', default: '8192' },
    data: { type: 'string', default: '4096' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const MiB = 1024 * 1024;
const directory = await mkdtemp(join(values.directory, 'wherry-bench-'));

/** Data and holes in alternating stripes of 64 MiB until the data is used up. */
async function makeImage(path: string, sizeMiB: number, dataMiB: number): Promise<void> {
  await using file = await open(path, 'w');
  await file.truncate(sizeMiB * MiB);
  const block = Buffer.alloc(8 * MiB);
  const dense = dataMiB * 2 > sizeMiB;
  for (let written = 0, at = 0; written < dataMiB && at < sizeMiB; at += 8) {
    if (!dense && Math.floor(at / 64) % 2 === 1) continue;
    await file.write(randomFillSync(block), 0, block.length, at * MiB);
    written += 8;
  }
  await file.sync();
}

const to = (name: string): string => join(directory, name);

function contestants(image: string): Contestant[] {
  const own = join(import.meta.dirname, 'copy-wherry.ts');
  const qemu = ['convert', '-t', 'none', '-W', '-m', '16', '-f', 'raw'] as const;
  const served =
    'qemu-img create -q -f qcow2 "$2" "$3" && exec nbdcopy --flush "$1" -- [ qemu-nbd -f qcow2 --cache=none --discard=unmap "$2" ]';
  // nbdcopy wants a file that is there and large enough.
  const intoFile = 'truncate -s "$3" "$2" && exec nbdcopy --flush "$1" "$2"';
  return [
    { name: 'raw-raw wherry', command: ['node', own, image, to('a'), 'raw'], output: to('a') },
    { name: 'raw-raw qemu-img', command: ['qemu-img', ...qemu, '-O', 'raw', image, to('b')], output: to('b') },
    {
      name: 'raw-raw nbdcopy',
      command: ['sh', '-c', intoFile, 'sh', image, to('c'), `${values.size}M`],
      output: to('c'),
    },
    { name: 'raw-qcow2 wherry', command: ['node', own, image, to('d'), 'qcow2'], output: to('d') },
    { name: 'raw-qcow2 qemu-img', command: ['qemu-img', ...qemu, '-O', 'qcow2', image, to('e')], output: to('e') },
    {
      name: 'raw-qcow2 nbdcopy',
      command: ['sh', '-c', served, 'sh', image, to('f'), `${values.size}M`],
      output: to('f'),
    },
    { name: 'raw-raw wherry + verify', command: ['node', own, image, to('g'), 'raw', '--verify'], output: to('g') },
  ];
}

function ratio(rows: readonly Row[], kind: string): { kind: string; wallRatio: number } {
  const wall = (name: string): number => rows.find((row) => row.name === `${kind} ${name}`)?.wallSeconds ?? Number.NaN;
  return { kind, wallRatio: wall('wherry') / Math.min(wall('qemu-img'), wall('nbdcopy')) };
}

try {
  const image = join(directory, 'source.raw');
  await makeImage(image, Number(values.size), Number(values.data));
  const rows = await race(contestants(image), Number(values.rounds), directory);
  const ratios = ['raw-raw', 'raw-qcow2'].map((kind) => ratio(rows, kind));
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ bench: 'copy', ...values, rows, ratios })}\n`);
  } else {
    for (const row of rows) {
      const numbers = `${row.wallSeconds.toFixed(2)} s wall  ${row.cpuSeconds.toFixed(2)} s CPU  ${row.peakMiB.toFixed(0)} MiB`;
      process.stdout.write(`${row.name.padEnd(26)} ${numbers}\n`);
    }
    for (const { kind, wallRatio } of ratios)
      process.stdout.write(`${kind}: ${wallRatio.toFixed(2)} × the best peer\n`);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
