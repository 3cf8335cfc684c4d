import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runChild } from '../process/child.ts';
import { composedDisk } from './composed.ts';
import { copyDisk } from './copy.ts';
import type { Disk, Extent, StreamDisk } from './disk.ts';
import { gzipTools } from './gzip-file.ts';
import { inOrder } from './stream.ts';
import { testDisk, testPattern } from './test-disk.ts';
import { verifyDisk } from './verify.ts';

const MiB = 1024 * 1024;
const signal = (): AbortSignal => AbortSignal.timeout(120_000);
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-stream-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Data, a hole in the middle of a leaf, leaves of zeros, an odd end. */
function content(): Buffer {
  const made = Buffer.alloc(90 * MiB + 512);
  testPattern(9 * MiB).copy(made, 0);
  randomBytes(MiB).copy(made, 30 * MiB + 4096);
  testPattern(3 * MiB, 7).copy(made, made.length - 3 * MiB);
  return made;
}

/** Comes late, and later ones sooner than earlier ones. */
function slow(disk: Disk, delay: () => number): Disk {
  return {
    ...disk,
    read: async (offset, length, during) => {
      await sleep(delay());
      return disk.read(offset, length, during);
    },
  };
}

const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

async function unpacked(path: string): Promise<Buffer> {
  await runChild('gzip', ['--test', path]);
  const out = `${path}.out`;
  await runChild('sh', ['-c', 'gzip -dc < "$0" > "$1"', path, out]);
  return readFile(out);
}

test('a disk is streamed into a gzip file that gzip takes for whole, reads back digest by digest, and is found when flipped', async () => {
  const bytes = content();
  const path = join(directory, 'x.raw.gz');
  await writeFile(path, randomBytes(20 * MiB)); // what an earlier attempt has left
  let turn = 0;
  const source = slow(testDisk(bytes), () => (turn++ % 7) * 3);
  const stream = inOrder(await gzipTools.create(path, bytes.length));
  const { coverage, bytesMoved } = await copyDisk({ diskId: 'd', source, target: stream }, signal());
  await stream.close();
  expect(bytesMoved).toBeLessThan(20 * MiB);
  expect(sha(await unpacked(path))).toBe(sha(bytes));

  const verify = (): Promise<unknown> =>
    verifyDisk({ diskId: 'd', coverage, open: () => gzipTools.readBack(path, bytes.length, signal()) }, signal());
  expect(await verify()).toMatchObject({ chunks: 2, copiedAgain: [] });

  const file = await open(path, 'r+');
  const { size } = await file.stat();
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, Math.floor(size / 2));
  await file.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, Math.floor(size / 2));
  await expect(verify()).rejects.toMatchObject({ code: 'files.compressed_unreadable' });
  // Whole, but of something else: gzip's own checksum says nothing, ours does.
  await file.close();
  const other = Buffer.from(bytes);
  other[30 * MiB + 4096] = (other[30 * MiB + 4096] ?? 0) ^ 1;
  const wrong = inOrder(await gzipTools.create(path, other.length));
  await copyDisk({ diskId: 'd', source: testDisk(other), target: wrong }, signal());
  await wrong.close();
  await expect(verify()).rejects.toMatchObject({ code: 'transfer.verify_mismatch' });
  // Cut off.
  await runChild('truncate', ['-s', '1M', path]);
  await expect(verify()).rejects.toMatchObject({ code: 'files.compressed_unreadable' });
});

test('a source that fails in the middle is read again over a new connection, and the stream goes on where it was', async () => {
  const bytes = content();
  const parts: Buffer[] = [];
  const stream = memory(bytes.length, parts);
  let reads = 0;
  const flaky: Disk = {
    ...testDisk(bytes),
    read: async (offset, length, during) => {
      reads += 1;
      if (reads > 5 && reads < 12) throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
      return testDisk(bytes).read(offset, length, during);
    },
  };
  const retry = { attempts: 2, firstDelayMs: 1, longestDelayMs: 1 };
  const reopenSource = async (): Promise<Disk> => ({ ...flaky });
  const target = inOrder(stream);
  const { restarts } = await copyDisk({ diskId: 'd', source: flaky, target, reopenSource, retry }, signal());
  expect(restarts).toBeGreaterThan(0);
  expect(sha(Buffer.concat(parts))).toBe(sha(bytes));
});

test('a stream that breaks ends the copy, and nothing more is sent', async () => {
  const bytes = testPattern(64 * MiB);
  const parts: Buffer[] = [];
  const stream = memory(bytes.length, parts);
  const breaking: StreamDisk = {
    ...stream,
    write: async (data, during) => {
      if (parts.length >= 3) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      await stream.write(data, during);
    },
  };
  const task = copyDisk({ diskId: 'd', source: testDisk(bytes), target: inOrder(breaking) }, signal());
  await expect(task).rejects.toMatchObject({ code: 'transfer.copy_failed', params: { side: 'target' } });
  expect(parts).toHaveLength(3);
});

test('a stream that got fewer bytes than the disk has does not end', async () => {
  const stream = await gzipTools.create(await empty('short.gz'), 2 * MiB);
  await stream.write(Buffer.alloc(MiB), signal());
  await expect(stream.end(signal())).rejects.toThrow('1048576 of 2097152');
  await expect(stream.write(Buffer.alloc(2 * MiB), signal())).rejects.toThrow('3145728 bytes for a disk of 2097152');
  await stream.close();
});

test('an overlay over a source reads as what both hold, whatever is asked for', async () => {
  const block = 4096;
  const size = 64 * block;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ skip: fc.nat(6), length: fc.integer({ min: 1, max: 8 }), zero: fc.boolean() })),
      fc.nat(size - 1),
      fc.nat(size),
      async (spans, offset, wanted) => {
        const source = testPattern(size);
        source.fill(0, 20 * block, 30 * block);
        const own = testPattern(size, 9);
        const expected = Buffer.from(source);
        const clusters: Extent[] = [];
        let at = 0;
        for (const { skip, length, zero } of spans) {
          const from = at + skip * block;
          const to = Math.min(from + length * block, size);
          if (to <= from) break;
          clusters.push({ offset: from, length: to - from, kind: zero ? 'zero' : 'data' });
          if (zero) expected.fill(0, from, to);
          else own.copy(expected, from, from, to);
          at = to;
        }
        const disk = composedDisk(testDisk(source), testDisk(own), clusters);
        const length = Math.min(wanted, size - offset);
        expect((await disk.read(offset, length, signal())).equals(expected.subarray(offset, offset + length))).toBe(
          true,
        );
        let reached = offset;
        for await (const extent of disk.extents({ offset, length }, signal())) {
          expect(extent.offset).toBe(reached);
          reached += extent.length;
          const isZero = expected.subarray(extent.offset, reached).every((byte) => byte === 0);
          expect(extent.kind === 'data' || isZero).toBe(true);
        }
        expect(reached).toBe(offset + length);
      },
    ),
    { numRuns: 60 },
  );
});

function memory(sizeBytes: number, parts: Buffer[]): StreamDisk {
  return {
    sizeBytes,
    write: async (data) => void parts.push(Buffer.from(data)),
    zeros: async (length) => void parts.push(Buffer.alloc(length)),
    flush: async () => undefined,
    end: async () => undefined,
    close: async () => undefined,
  };
}

async function empty(name: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, '');
  return path;
}
