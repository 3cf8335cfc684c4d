/** Peak memory of a copy: under 400 MB, and the same within 50 MB whatever the size of the disk. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeRaw } from './images.ts';
import { race } from './measure.ts';
import { own } from './own.ts';
import { type Bench } from './result.ts';

export const memory: Bench = async ({ rounds, directory, dataMiB }) => {
  const output = join(directory, 'target');
  const sizes = [8, 256] as const;
  const images = sizes.map((gib) => join(directory, `${gib}.raw`));
  for (const [index, gib] of sizes.entries()) await makeRaw(images[index] ?? '', gib * 1024, Math.min(dataMiB, 2048));
  const contestants = sizes.flatMap((gib, index) =>
    ['raw', 'qcow2'].map((format) => ({
      name: `wherry ${gib} GiB → ${format}`,
      command: own('--verify', '--format', format, images[index] ?? '', output),
      output,
    })),
  );
  const rows = await race(contestants, rounds);
  for (const image of images) await rm(image);
  const peak = (name: string): number => rows.find((row) => row.name === name)?.sumMiB ?? Number.NaN;
  const findings = ['raw', 'qcow2'].flatMap((format) => {
    const [small = Number.NaN, large = Number.NaN] = sizes.map((gib) => peak(`wherry ${gib} GiB → ${format}`));
    return [
      { what: `all processes, 256 GiB → ${format}`, value: large, limit: 400, unit: 'MiB' as const },
      {
        what: `256 GiB : 8 GiB → ${format}, difference`,
        value: Math.abs(large - small),
        limit: 50,
        unit: 'MiB' as const,
      },
    ];
  });
  return { rows, findings };
};
