/**
 * One pass over what of a disk is not done yet: leaves go round a ring of buffers, read → digested and written → flushed →
 * journaled. A pass ends when all is journaled or at the first thing that cannot be tried again in place; what was not
 * journaled by then counts as not copied, whatever the target acknowledged. See copy.ts for what happens then.
 */
import { setMaxListeners } from 'node:events';
import { WherryError } from '../model/errors.ts';
import { SideError } from './copy-errors.ts';
import type { CopyState } from './copy-state.ts';
import { leafBytes, leafCount, leafRange, zeroLeafDigest } from './digest.ts';
import type { Range } from './disk.ts';
import { createFlusher } from './flusher.ts';
import { type Gate, createGate } from './gate.ts';
import { mark } from './journal.ts';
import { type LeafWork, blocks, leafWork } from './leaves.ts';
import type { SharedBuffer } from './memory.ts';
import { abortable, isPassing, retrying } from './retry.ts';
import { createSlots } from './slots.ts';
import { blockFor, takeAll } from './throttle.ts';
import { type Run, runs } from './zeros.ts';

/** Longest range zeroed by one call: 1 GiB. */
const longestZero = 1024 * 1024 * 1024;

export async function runPass(copy: CopyState, outer: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  setMaxListeners(0, signal);
  let failure: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    failure ??= { error };
    if (error instanceof SideError && error.side === 'target') flusher.stop();
    stop.abort(error);
  };
  const { account, request, tuning, coverage, sizeBytes } = copy;
  const mayAct = async (): Promise<void> => {
    if (request.mayAct === undefined) return;
    account.hold('paused', true);
    try {
      await abortable(request.mayAct(), outer);
    } finally {
      account.hold('paused', false);
    }
  };
  const onTarget = async (offset: number, action: () => Promise<void>): Promise<void> => {
    try {
      await retrying(
        copy.retry,
        signal,
        async () => {
          await mayAct();
          signal.throwIfAborted();
          await action();
        },
        // Only while the connection lives: behind a lost one, what was acknowledged before may be lost too.
        {
          passing: (error) =>
            isPassing(error) && error instanceof WherryError && error.code === 'transfer.write_failed',
        },
      );
    } catch (error) {
      throw SideError.of('target', offset, error);
    }
  };
  const flusher = createFlusher({
    rule: tuning.flush,
    account,
    mayAct,
    failPoint: async (point) => request.failPoint?.(point),
    // Never tried again in place: after a failed flush a second one may succeed although data is gone. Not ended by a
    // failure elsewhere: what was written until then need not be copied again.
    flush: async () => {
      try {
        await copy.target.flush(outer);
      } catch (error) {
        throw SideError.of('target', 0, error);
      }
    },
    journal: async (records) => {
      const completed =
        copy.journal === null
          ? records.flatMap((record) => mark(coverage, record))
          : await copy.journal.append(records);
      if (completed.length > 0) request.onChunk?.(completed);
      copy.report();
    },
    fail,
  });
  const slots = createSlots(tuning.slots);
  const requests: Gate = createGate(tuning.requests);
  const inFlight: Gate = createGate(tuning.readAheadBytes);
  const tasks = new Set<Promise<void>>();

  const readBlock = async (range: Range, slot: SharedBuffer, start: number, weight: number): Promise<void> => {
    account.move('limiter', weight);
    try {
      await takeAll(request.limits ?? [], range.length, signal);
    } finally {
      account.move('limiter', -weight);
    }
    account.move('source', weight);
    await requests.enter(1, signal);
    await inFlight.enter(range.length, signal);
    try {
      await copy.read(range, slot.subarray(range.offset - start, range.offset - start + range.length), signal);
    } finally {
      inFlight.leave(range.length);
      requests.leave(1);
      account.move('source', -weight);
    }
    copy.count(range.length);
  };
  const fill = async (work: LeafWork & { kind: 'data' }, slot: SharedBuffer): Promise<void> => {
    const leaf = leafRange(work.leaf, sizeBytes);
    let at = leaf.offset;
    for (const range of [...work.data, { offset: leaf.offset + leaf.length, length: 0 }]) {
      if (range.offset > at) slot.fill(0, at - leaf.offset, range.offset - leaf.offset);
      at = range.offset + range.length;
    }
    const blockBytes = copy.source.readBytes ?? tuning.blockBytes;
    const pieces = blocks(work.data, blockFor(request.limits ?? [], blockBytes));
    if (copy.source.access === 'sequential') {
      for (const piece of pieces) await readBlock(piece, slot, leaf.offset, 1);
      return;
    }
    await settled(pieces.map((piece) => readBlock(piece, slot, leaf.offset, 1 / pieces.length)));
  };
  const put = async (leaf: number, slot: SharedBuffer): Promise<void> => {
    const { offset, length } = leafRange(leaf, sizeBytes);
    const found = runs(slot, length);
    const hole = found.length === 1 && found[0]?.zero === true;
    const digest = hole ? Promise.resolve(zeroLeafDigest(length)) : copy.digester.digest(slot.subarray(0, length));
    account.move('target', 1);
    try {
      await settled(found.map((run) => putRun(run, slot, offset, hole)));
    } finally {
      account.move('target', -1);
      account.move('cpu', 1);
      await Promise.allSettled([digest]);
      account.move('cpu', -1);
    }
    copy.written(length);
    flusher.written({ kind: 'leaf', leaf, digest: await digest }, leafBytes);
  };
  const putRun = async (run: Run, slot: SharedBuffer, start: number, hole: boolean): Promise<void> => {
    const range = { offset: start + run.start, length: run.end - run.start };
    if (run.zero) {
      // Inside a leaf with data a resumed copy trusts nothing: an earlier attempt may have got halfway here.
      if (copy.trustsZeros(!hole)) return;
      await onTarget(range.offset, () => copy.target.zero(range.offset, range.length, signal));
      return;
    }
    for (const piece of blocks([range], tuning.writeBytes)) {
      const data = slot.subarray(piece.offset - start, piece.offset - start + piece.length);
      await onTarget(piece.offset, () => copy.target.write(piece.offset, data, signal));
    }
  };
  const putZeros = async (first: number, count: number): Promise<void> => {
    const from = first * leafBytes;
    const end = Math.min((first + count) * leafBytes, sizeBytes);
    if (!copy.trustsZeros(false)) {
      account.move('target', 1);
      try {
        for (const piece of blocks([{ offset: from, length: end - from }], longestZero)) {
          await onTarget(piece.offset, () => copy.target.zero(piece.offset, piece.length, signal));
        }
      } finally {
        account.move('target', -1);
      }
    }
    copy.written(end - from);
    flusher.written({ kind: 'zeros', first, count }, 0);
  };
  const spawn = (action: () => Promise<void>): void => {
    const task: Promise<void> = action()
      .catch(fail)
      .finally(() => tasks.delete(task));
    tasks.add(task);
  };
  const copyLeaf = async (work: LeafWork & { kind: 'data' }): Promise<void> => {
    await flusher.room(leafBytes, signal);
    const slot = await slots.take(signal);
    const inOrder = copy.source.access === 'sequential';
    const skip = inOrder && coverage.has(work.leaf);
    try {
      if (inOrder) await fill(work, slot);
    } catch (error) {
      slots.give(slot);
      throw error;
    }
    if (skip) {
      slots.give(slot);
      flusher.drop(leafBytes);
      return;
    }
    spawn(async () => {
      try {
        if (!inOrder) await fill(work, slot);
        await put(work.leaf, slot);
      } finally {
        slots.give(slot);
      }
    });
  };
  try {
    const mapped = { access: copy.source.access, extents: copy.extents.bind(copy) };
    const work = leafWork(mapped, sizeBytes, 0, leafCount(sizeBytes), (leaf) => coverage.has(leaf), signal);
    for await (const one of work) {
      signal.throwIfAborted();
      if (one.kind === 'zeros') await putZeros(one.first, one.count);
      else if (!copy.discards(one.leaf)) await copyLeaf(one);
    }
  } catch (error) {
    fail(error);
  }
  while (tasks.size > 0) await Promise.all(tasks);
  await flusher.finish();
  outer.throwIfAborted();
  if (failure !== undefined) throw failure.error;
}

/** All of them, also when one fails: buffers may be given back only when nobody uses them any more. */
async function settled(actions: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(actions)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
