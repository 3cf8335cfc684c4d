/**
 * Digest and read-back, raw and qcow2: at most the same copy without both and half of one bare read of the target, past the page cache.
 * Both have been on the disk: the read-back reads with O_DIRECT, the bare read with a page cache that was dropped.
 */
import { join } from 'node:path';
import { runChild } from '../src/process/child.ts';
import { inCache, makeRaw } from './images.ts';
import { type Contestant, race } from './measure.ts';
import { own } from './own.ts';
import { type Bench, wall } from './result.ts';

export const verify: Bench = async ({ rounds, sizeMiB, dataMiB, directory }) => {
  const image = join(directory, 'source.raw');
  const output = join(directory, 'target');
  const copied = join(directory, 'copied');
  await makeRaw(image, sizeMiB, dataMiB);
  await runChild('cp', ['--sparse=always', image, copied]);
  await runChild('sync', [copied]);
  // What dd is told not to cache is dropped, also without the right to drop all caches.
  const dropped = async (): Promise<void> => {
    await runChild('dd', [`of=${copied}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
  };
  const prepare = inCache(image);
  const contestant = (name: string, format: string, ...args: string[]): Contestant => {
    return { name: `${name}, ${format}`, command: own('--format', format, ...args, image, output), prepare, output };
  };
  const bare = 'nbdcopy target null:';
  const rows = await race(
    [
      ...['raw', 'qcow2'].flatMap((format) => [
        contestant('wherry, digest and verify', format, '--verify'),
        contestant('wherry, digest', format),
        contestant('wherry, neither', format, '--no-digest'),
      ]),
      { name: bare, command: ['nbdcopy', copied, 'null:'], prepare: dropped },
    ],
    rounds,
  );
  const findings = ['raw', 'qcow2'].map((format) => {
    const allowed = wall(rows, `wherry, neither, ${format}`) + 0.5 * wall(rows, bare);
    const value = wall(rows, `wherry, digest and verify, ${format}`) / allowed;
    return { what: `${format}: digest and verify : copy + 0.5 × bare read`, value, limit: 1, unit: '×' as const };
  });
  return { rows, findings };
};
