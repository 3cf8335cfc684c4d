/**
 * Hostile images: real ones with bytes changed, cut, or replaced by numbers that parsers trip over. Whatever comes, the
 * inspector answers or refuses by an error of the catalogue, soon and with little memory, and what passes can be opened.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { assert, asyncProperty, constantFrom, integer, nat, oneof, record, array } from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WherryError } from '../../src/model/errors.ts';
import type { Disk, StoredImage } from '../../src/transfer/disk.ts';
import { openFileRange } from '../../src/transfer/file.ts';
import { openGzipRaw, openGzipVmdk } from '../../src/transfer/gzip.ts';
import { maxVirtualBytes } from '../../src/transfer/inspect/bounds.ts';
import { inspectImage } from '../../src/transfer/inspect/inspect.ts';
import { openVmdk } from '../../src/transfer/vmdk/open.ts';
import {
  convert,
  makeContent,
  makeDirectory,
  storedImage,
  streamOptimized,
  writeImage,
} from '../../src/transfer/vmdk/test-images.ts';

type Sample = {
  readonly name: string;
  readonly format: StoredImage['format'];
  readonly bytes: Buffer;
  readonly gzip: boolean;
};

const signal = AbortSignal.timeout(300_000);
const samples: Sample[] = [];
let directory: Awaited<ReturnType<typeof makeDirectory>>;

beforeAll(async () => {
  directory = await makeDirectory();
  const content = makeContent(1024 * 1024, 'fuzz');
  const raw = await writeImage(directory.path, 'disk.raw', content);
  const add = async (name: string, format: StoredImage['format'], ...args: string[]): Promise<void> => {
    const path = join(directory.path, name);
    await convert(raw, path, ...args);
    samples.push({ name, format, bytes: await readFile(path), gzip: false });
  };
  await add('a.qcow2', 'qcow2', 'qcow2');
  await add('b.qcow2', 'qcow2', 'qcow2', '-o', 'compat=0.10');
  await add('sparse.vmdk', 'vmdk', 'vmdk');
  await add('flat.vmdk', 'vmdk', 'vmdk', '-o', 'subformat=monolithicFlat');
  await add('dynamic.vhd', 'vhd', 'vpc');
  await add('fixed.vhd', 'vhd', 'vpc', '-o', 'subformat=fixed');
  await add('a.vhdx', 'vhdx', 'vhdx');
  const stream = streamOptimized(content);
  samples.push({ name: 'stream.vmdk', format: 'vmdk', bytes: stream, gzip: false });
  samples.push({ name: 'stream.vmdk.gz', format: 'vmdk', bytes: gzipSync(stream), gzip: true });
  samples.push({ name: 'disk.raw', format: 'raw', bytes: content, gzip: false });
  samples.push({ name: 'disk.raw.gz', format: 'raw', bytes: gzipSync(content), gzip: true });
});
afterAll(() => directory[Symbol.asyncDispose]());

/** Where headers, tables and footers are; offsets below zero count from the end. */
const places = oneof(
  nat(127),
  nat(2047),
  nat(12_000),
  integer({ min: 65_536, max: 65_536 + 128 }),
  integer({ min: 196_608, max: 196_608 + 128 }),
  integer({ min: -1536, max: -1 }),
  integer({ min: 0, max: 3 * 1024 * 1024 }),
);
const numbers = constantFrom(
  0n,
  1n,
  2n,
  3n,
  255n,
  512n,
  65_535n,
  65_536n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
);
const mutations = record({
  sample: nat(10_000),
  edits: array(record({ at: places, size: constantFrom(1, 2, 4, 8), value: numbers, big: constantFrom(true, false) }), {
    minLength: 1,
    maxLength: 6,
  }),
  keep: oneof({ weight: 5, arbitrary: constantFrom(1) }, { weight: 1, arbitrary: integer({ min: 0, max: 999 }) }),
  declared: constantFrom('own', 'own', 'own', 'raw', 'vmdk', 'qcow2', 'vhd', 'vhdx'),
});

function mutate(bytes: Buffer, edits: readonly { at: number; size: number; value: bigint; big: boolean }[]): Buffer {
  const copy = Buffer.from(bytes);
  const whole = Buffer.alloc(8);
  for (const { at, size, value, big } of edits) {
    const place = at < 0 ? copy.length + at : at;
    whole.writeBigUInt64LE(value);
    const part = whole.subarray(0, size);
    if (big) part.reverse();
    if (place >= 0 && place + size <= copy.length) part.copy(copy, place);
  }
  return copy;
}

/** Opens what passed, when it is ours to read, and reads its beginning and its end: errors are allowed, crashes are not. */
async function readSome(image: StoredImage): Promise<void> {
  const { facts, content } = await inspectImage(image, signal);
  expect(facts.virtualSizeBytes).toBeGreaterThan(0);
  expect(facts.virtualSizeBytes).toBeLessThanOrEqual(maxVirtualBytes);
  let disk: Disk | undefined;
  if (content.kind === 'vmdk') {
    disk = await openVmdk(content.layout, image, (range) => openFileRange(range, signal), signal);
  } else if (content.kind === 'gzip-raw') disk = await openGzipRaw(image, facts.virtualSizeBytes);
  else if (content.kind === 'gzip-vmdk') disk = await openGzipVmdk(image, content.header);
  if (disk === undefined) return;
  try {
    let seen = 0;
    for await (const extent of disk.extents({ offset: 0, length: disk.sizeBytes }, signal)) {
      expect(extent.offset).toBe(seen);
      seen += extent.length;
      if (seen > 2 ** 40) break;
    }
    await disk.read(0, Math.min(disk.sizeBytes, 1024 * 1024), signal);
    if (disk.access === 'random') await disk.read(disk.sizeBytes - 512, 512, signal);
  } finally {
    await disk.close();
  }
}

describe('the inspector under fire', () => {
  it('answers every changed image, or refuses it by an error of the catalogue', async () => {
    const before = process.memoryUsage();
    let [passed, refused, slowest] = [0, 0, 0];
    await assert(
      asyncProperty(mutations, async ({ sample, edits, keep, declared }) => {
        const chosen = samples[sample % samples.length];
        if (chosen === undefined) throw new Error('no samples');
        const whole = mutate(chosen.bytes, edits);
        const bytes = keep === 1 ? whole : whole.subarray(0, Math.floor((whole.length * keep) / 1000));
        const path = join(directory.path, `changed-${chosen.name}`);
        await writeFile(path, bytes);
        const format = declared === 'own' ? chosen.format : declared;
        const started = performance.now();
        try {
          await readSome(storedImage(path, format, { gzip: chosen.gzip }));
          passed++;
        } catch (error) {
          if (!(error instanceof WherryError)) throw error;
          refused++;
        } finally {
          slowest = Math.max(slowest, performance.now() - started);
          await rm(path, { force: true });
        }
      }),
      { numRuns: 800 },
    );
    expect(passed).toBeGreaterThan(25);
    expect(refused).toBeGreaterThan(100);
    expect(slowest).toBeLessThan(15_000);
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(300 * 1024 * 1024);
  }, 240_000);

  it('passes every image as it is: the control', async () => {
    for (const { name, format, gzip, bytes } of samples) {
      const path = await writeImage(directory.path, name, bytes);
      await readSome(storedImage(path, format, { gzip }));
    }
    expect(samples.length).toBe(11);
  });
});
