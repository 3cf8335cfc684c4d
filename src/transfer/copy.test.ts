import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WherryError } from '../model/errors.ts';
import { copyDisk } from './copy.ts';
import { type CrashDisk, connection, contentOf, crashDisk, delay } from './crash-disk.ts';
import { chunkCount, chunkDigest, leafBytes, leafDigest, leafRange, leavesOfChunk, zeroChunkDigest } from './digest.ts';
import type { Disk, Extent, Range, WritableDisk } from './disk.ts';
import { openJournal } from './journal.ts';

const MiB = 1024 * 1024;
const never = new AbortController().signal;
/** Many small writes, so that what is stopped at a write is stopped at many places. */
const smallWrites = { writeBytes: 2 * MiB };
const quick = { attempts: 4, firstDelayMs: 1, longestDelayMs: 5 };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-copy-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** Random extents over a size that is a multiple of nothing. */
const extentsOf = (largest: number) =>
  fc
    .record({
      sizeBytes: fc.integer({ min: 1, max: largest }),
      cuts: fc.array(fc.tuple(fc.integer({ min: 1, max: 3 * MiB }), fc.boolean()), { maxLength: 12 }),
    })
    .map(({ sizeBytes, cuts }) => {
      const extents: Extent[] = [];
      let at = 0;
      for (const [length, data] of [...cuts, [sizeBytes, true] as const]) {
        const end = Math.min(sizeBytes, at + length);
        if (end > at) extents.push({ offset: at, length: end - at, kind: data ? 'data' : 'zero' });
        at = end;
      }
      return { sizeBytes, extents };
    });

function expectedChunk(content: Buffer, chunk: number): Buffer {
  const { first, end } = leavesOfChunk(chunk, content.length);
  const leaves: Buffer[] = [];
  for (let leaf = first; leaf < end; leaf += 1) {
    const { offset, length } = leafRange(leaf, content.length);
    leaves.push(leafDigest(content.subarray(offset, offset + length)));
  }
  return chunkDigest(leaves);
}

describe('a copy', () => {
  it('has the bytes and digests of its source, whatever the extents, sizes and zeros', async () => {
    await fc.assert(
      fc.asyncProperty(
        extentsOf(11 * MiB),
        fc.boolean(),
        fc.boolean(),
        async ({ sizeBytes, extents }, zeroed, into) => {
          const content = contentOf(sizeBytes, extents);
          content[sizeBytes - 1] = 7;
          const source = crashDisk(content, { extents: withData(extents, sizeBytes), readInto: into });
          const before = zeroed ? Buffer.alloc(sizeBytes) : Buffer.alloc(sizeBytes, 0xee);
          const target = crashDisk(before, { startsZeroed: zeroed });
          const result = await copyDisk({ diskId: 'd', source, target }, never);
          expect(target.content.equals(content)).toBe(true);
          expect(result.coverage.complete).toBe(true);
          expect(result.coverage.chunk(0)?.equals(expectedChunk(content, 0))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is told apart from a copy with one wrong bit (control)', async () => {
    const source = crashDisk(randomBytes(5 * MiB));
    const target = crashDisk(Buffer.alloc(5 * MiB));
    target.spoil = (_, offset, data) => {
      if (offset === 0) data[77] = (data[77] ?? 0) ^ 1;
    };
    await copyDisk({ diskId: 'd', source, target }, never);
    expect(target.content.equals(source.content)).toBe(false);
    expect(expectedChunk(target.content, 0).equals(expectedChunk(source.content, 0))).toBe(false);
  });

  it('sends no byte of a hole, nor of zeros that the source calls data', async () => {
    const content = Buffer.alloc(40 * MiB);
    randomBytes(64 * 1024).copy(content, 21 * MiB);
    const source = crashDisk(content);
    const target = crashDisk(Buffer.alloc(40 * MiB));
    await copyDisk({ diskId: 'd', source, target }, never);
    expect(target.content.equals(content)).toBe(true);
    expect(target.counts.bytesWritten).toBe(64 * 1024);
    expect(target.counts.zeros).toBe(0);
  });

  it('passes over a hole of 16 TiB without touching its bytes', async () => {
    const hole: Disk = {
      sizeBytes: 16 * 1024 ** 4,
      access: 'random',
      async *extents({ offset, length }): AsyncGenerator<Extent> {
        yield { offset, length, kind: 'zero' };
      },
      read: () => Promise.reject(new Error('a hole was read')),
      close: async () => undefined,
    };
    const target = { ...crashDisk(Buffer.alloc(1)), sizeBytes: hole.sizeBytes };
    let chunks = 0;
    const began = performance.now();
    await using journal = await openJournal(join(directory, 'j'), {
      diskId: 'd',
      sizeBytes: hole.sizeBytes,
      identity: 'i',
    });
    const onChunk = (some: readonly unknown[]): void => void (chunks += some.length);
    const result = await copyDisk({ diskId: 'd', source: hole, target, journal, onChunk }, never);
    expect(chunks).toBe(262_144);
    expect(result.coverage.chunk(262_143)?.equals(zeroChunkDigest(64 * MiB))).toBe(true);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  it('reads a sequential source in order, once, without gaps', async () => {
    const content = randomBytes(9 * MiB + 5);
    const source = crashDisk(content, { access: 'sequential' });
    let next = 0;
    let under = 0;
    source.before = async (_, offset, length) => {
      expect(offset).toBe(next);
      expect(under).toBe(0);
      under += 1;
      await delay(1);
      under -= 1;
      next = offset + length;
    };
    const target = crashDisk(Buffer.alloc(content.length));
    await copyDisk({ diskId: 'd', source, target }, never);
    expect(next).toBe(content.length);
    expect(target.content.equals(content)).toBe(true);
  });

  it('has enough reads under way to hide latency, and not without bound', async () => {
    const source = crashDisk(randomBytes(96 * MiB));
    let under = 0;
    let most = 0;
    source.before = async () => {
      under += 1;
      most = Math.max(most, under);
      await delay(10);
      under -= 1;
    };
    const target = crashDisk(Buffer.alloc(96 * MiB));
    await copyDisk({ diskId: 'd', source, target }, never);
    expect(most).toBeGreaterThanOrEqual(24);
    expect(most).toBeLessThanOrEqual(32);
    expect(target.content.equals(source.content)).toBe(true);
  });

  it('tells what was left out once, when it was copied in several passes', async () => {
    const source = crashDisk(randomBytes(4 * leafBytes));
    const target = crashDisk(Buffer.alloc(4 * leafBytes));
    const broken: WritableDisk = {
      ...target,
      write: async () => {
        await delay(50);
        throw new WherryError('transfer.connection_lost', { where: 'x' });
      },
    };
    let asked = 0;
    const whole = { offset: 0, length: 4 * leafBytes };
    // Told while the first two leaves are under way; the second pass leaves them out, too.
    const discarded = (): Range[] => (++asked <= 2 ? [] : [whole]);
    const reopenTarget = async (): Promise<WritableDisk> => target;
    const request = { diskId: 'd', source, target: broken, reopenTarget, discarded, retry: quick };
    const result = await copyDisk(request, never);
    expect(result).toMatchObject({ restarts: 1, discarded: [whole] });
  });

  it('skips what a completed conversion trimmed, and copies it when the next run no longer says so', async () => {
    const content = randomBytes(20 * MiB);
    const source = crashDisk(content);
    const target = crashDisk(Buffer.alloc(20 * MiB));
    const path = join(directory, 'j');
    const header = { diskId: 'd', sizeBytes: content.length, identity: 'i' };
    const trimmed = { offset: 3 * MiB, length: 10 * MiB };
    {
      await using journal = await openJournal(path, header);
      const result = await copyDisk({ diskId: 'd', source, target, journal, discarded: () => [trimmed] }, never);
      expect(result.discarded).toEqual([{ offset: leafBytes, length: 2 * leafBytes }]);
      expect(result.coverage.chunk(0)).toBeUndefined();
      expect(target.content.equals(content)).toBe(false);
    }
    await using journal = await openJournal(path, header);
    const again = await copyDisk({ diskId: 'd', source, target, journal }, never);
    expect(again.bytesMoved).toBe(2 * leafBytes);
    expect(target.content.equals(content)).toBe(true);
    expect(again.coverage.chunk(0)?.equals(expectedChunk(content, 0))).toBe(true);
  });

  it('zeroes what the target has beyond the source', async () => {
    const source = crashDisk(randomBytes(MiB));
    const target = crashDisk(Buffer.alloc(2 * MiB, 9), { startsZeroed: false });
    await copyDisk({ diskId: 'd', source, target }, never);
    expect(target.content.subarray(MiB).equals(Buffer.alloc(MiB))).toBe(true);
  });
});

describe('a copy that was stopped', () => {
  it('goes on after a crash of the target that lost every unflushed write, and copies at most 64 MiB again', async () => {
    const content = randomBytes(230 * MiB + 11);
    const header = { diskId: 'd', sizeBytes: content.length, identity: 'i' };
    const target = crashDisk(Buffer.alloc(content.length));
    /** Printed with a failure: where each run was stopped, and what it had read but not journaled by then. */
    const seen: string[] = [];
    const again: number[] = [];
    const outcomes: string[] = [];
    for (let run = 0; ; run += 1) {
      const source = crashDisk(content);
      const stop = new AbortController();
      await using journal = await openJournal(join(directory, 'j'), header);
      const before = journal.coverage.doneLeaves;
      // Around the window of 32 writes, but never so far that a later run could come to its end before it is stopped.
      const left = (content.length - before * leafBytes) / smallWrites.writeBytes;
      const stopAt = 1 + Math.random() * (Math.min(46, left * 0.6) - 1);
      if (run < 4) {
        target.before = (call) => {
          if (call === 'write' && target.counts.writes >= stopAt) stop.abort(new Error('killed'));
        };
      } else target.before = () => undefined;
      target.counts.writes = 0;
      const outcome = await copyDisk({ diskId: 'd', source, target, journal, tuning: smallWrites }, stop.signal).catch(
        (error: Error) => error,
      );
      const journaled = (journal.coverage.doneLeaves - before) * leafBytes;
      again.push(source.counts.bytesRead - journaled);
      seen.push(`stopped at write ${stopAt}: ${source.counts.bytesRead} bytes read, ${journaled} of them journaled`);
      if (!(outcome instanceof Error)) break;
      outcomes.push(outcome.message);
      target.crash();
    }
    const held = Math.max(...again) <= 64 * MiB;
    expect({ outcomes, held, seen }).toEqual({ outcomes: Array(4).fill('killed'), held: true, seen });
    expect(target.content.equals(content)).toBe(true);
    await using journal = await openJournal(join(directory, 'j'), header);
    for (let chunk = 0; chunk < chunkCount(content.length); chunk += 1) {
      expect(journal.coverage.chunk(chunk)?.equals(expectedChunk(content, chunk))).toBe(true);
    }
  });

  it('would be wrong if it journaled before the flush (control: the crash does lose data)', async () => {
    const content = randomBytes(8 * MiB);
    const target = crashDisk(Buffer.alloc(content.length));
    await copyDisk(
      { diskId: 'd', source: crashDisk(content), target: { ...target, flush: async () => undefined } },
      never,
    );
    expect(target.content.equals(content)).toBe(true);
    target.crash();
    expect(target.content.equals(content)).toBe(false);
  });

  it('skips the chunks that only the server knows, and starts over when the source is another one', async () => {
    const content = randomBytes(70 * MiB);
    const header = { diskId: 'd', sizeBytes: content.length, identity: 'one' };
    const path = join(directory, 'j');
    const target = crashDisk(Buffer.alloc(content.length));
    content.copy(target.content, 0, 0, 64 * MiB);
    {
      const source = crashDisk(content);
      await using journal = await openJournal(path, header);
      const known = [{ chunk: 0, digest: expectedChunk(content, 0) }];
      const told: number[] = [];
      const onChunk = (some: readonly { chunk: number }[]): void => void told.push(...some.map((one) => one.chunk));
      await copyDisk({ diskId: 'd', source, target, journal, known, onChunk }, never);
      expect(source.counts.bytesRead).toBe(6 * MiB);
      expect(told).toEqual([1]);
    }
    const other = contentOf(content.length, [{ offset: 3 * MiB, length: 5 * MiB, kind: 'data' }], 9);
    await using journal = await openJournal(path, { ...header, identity: 'two' });
    const result = await copyDisk({ diskId: 'd', source: crashDisk(other), target, journal }, never);
    expect(result.startedOver).toContain('was one, now it is two');
    expect(target.content.equals(other)).toBe(true);
  });
});

describe('a copy with failures', () => {
  it('tries reads again that fail for a while, and opens lost connections again, on both sides', async () => {
    const content = randomBytes(150 * MiB);
    const source = crashDisk(content);
    const target = crashDisk(Buffer.alloc(content.length));
    let opened = 0;
    source.before = (call) => {
      if (Math.random() < 0.1) {
        throw new WherryError('transfer.read_failed', { where: call, offset: 0, length: 0, errno: 'EIO' });
      }
      if (Math.random() < 0.02) throw new WherryError('transfer.connection_lost', { where: call });
    };
    // The target's server is killed at every 40th write: what it had not flushed is gone, and so is its connection.
    let killed = 0;
    const connect = (): WritableDisk => {
      const born = killed;
      return connection(
        target,
        () => killed !== born,
        () => new WherryError('transfer.connection_lost', { where: 'target' }),
      );
    };
    target.before = (call) => {
      if (call !== 'write' || target.counts.writes % 40 !== 0) return;
      target.crash();
      killed += 1;
    };
    const result = await copyDisk(
      {
        diskId: 'd',
        source,
        target: connect(),
        tuning: smallWrites,
        retry: quick,
        reopenSource: async () => ({ ...source }),
        reopenTarget: async () => {
          opened += 1;
          return connect();
        },
      },
      never,
    );
    expect(opened).toBeGreaterThan(0);
    expect(killed).toBe(opened);
    expect(result.restarts).toBe(opened);
    expect(target.content.equals(content)).toBe(true);
  });

  it.each([
    ['source', 'read', 'transfer.read_failed', 'transfer.copy_failed'],
    ['target', 'write', 'transfer.write_failed', 'transfer.copy_failed'],
    ['target', 'write', 'transfer.no_space', 'transfer.no_space'],
    ['target', 'flush', 'transfer.write_failed', 'transfer.copy_failed'],
    ['source', 'read', 'transfer.source_shrank', 'transfer.source_shrank'],
  ] as const)('ends clearly when the %s cannot %s any more (%s)', async (side, call, code, expected) => {
    const source = crashDisk(randomBytes(30 * MiB));
    const target = crashDisk(Buffer.alloc(30 * MiB));
    let tries = 0;
    (side === 'source' ? source : target).before = (what, offset, length) => {
      if (what !== call || offset + length < (call === 'flush' ? 0 : 17 * MiB)) return;
      tries += 1;
      throw new WherryError(code, { where: side, path: side, offset, length, errno: 'E', end: 1, needed: 2 });
    };
    const error: unknown = await copyDisk({ diskId: 'sda', source, target, retry: quick }, never).catch(
      (e: unknown) => e,
    );
    const wrapped = { code: expected, params: { disk: 'sda', side }, cause: { code } };
    expect(error).toMatchObject(expected === 'transfer.copy_failed' ? wrapped : { code: expected });
    expect(tries).toBeGreaterThan(0);
  });

  it('does not act while it may not', async () => {
    const source = crashDisk(randomBytes(30 * MiB));
    const target = crashDisk(Buffer.alloc(30 * MiB), { startsZeroed: false });
    const { promise, resolve } = Promise.withResolvers<void>();
    const copying = copyDisk({ diskId: 'd', source, target, mayAct: () => promise }, never);
    await delay(150);
    expect(target.counts).toMatchObject({ writes: 0, zeros: 0, flushes: 0 });
    expect(source.counts.reads).toBeGreaterThan(0);
    resolve();
    await copying;
    expect(target.content.equals(source.content)).toBe(true);
  });

  it('refuses a target that is smaller than the source', async () => {
    const [source, target] = [crashDisk(randomBytes(MiB)), crashDisk(Buffer.alloc(MiB - 1))];
    await expect(copyDisk({ diskId: 'd', source, target }, never)).rejects.toMatchObject({
      code: 'transfer.target_too_small',
    });
  });

  it('ends at once when canceled, also while it waits', async () => {
    const source = crashDisk(randomBytes(30 * MiB));
    const target: CrashDisk = crashDisk(Buffer.alloc(30 * MiB));
    const stop = new AbortController();
    const copying = copyDisk({ diskId: 'd', source, target, mayAct: () => new Promise(() => undefined) }, stop.signal);
    setTimeout(() => stop.abort(new Error('canceled')), 50);
    await expect(copying).rejects.toThrow('canceled');
  });
});

/** The last byte is data, whatever the extents said. */
function withData(extents: readonly Extent[], sizeBytes: number): Extent[] {
  const last = extents.at(-1);
  if (last === undefined || last.kind === 'data') return [...extents];
  const rest = extents.slice(0, -1);
  const zeros = last.length > 1 ? [{ ...last, length: last.length - 1 }] : [];
  return [...rest, ...zeros, { offset: sizeBytes - 1, length: 1, kind: 'data' }];
}
