/**
 * A qcow2 target that nothing was written to yet, as a disk: whole clusters go into the file by fresh-image.ts. For anything
 * else (zeroing, reading, odd edges) the image is handed over to a qemu-nbd, once and for good. Until then another qemu-nbd
 * holds the file's lock, so that nobody else writes to it: QEMU's own protection, which a worker's two attempts rely on.
 *
 * It can be read back while it is written (followed.ts), which counts where QEMU's own map of the finished image agrees.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { WherryError } from '../../model/errors.ts';
import type { WritableDisk } from '../disk.ts';
import { isPageAligned } from '../memory.ts';
import { codeOf, failure, openDirect } from '../nbd/direct.ts';
import { checkRange } from '../nbd/pieces.ts';
import { lockHeld } from '../nbd/lock-held.ts';
import { type QemuNbd, startQemuNbd } from '../nbd/qemu-nbd.ts';
import { createFollowed } from './followed.ts';
import { type FreshImage, createFreshImage } from './fresh-image.ts';
import { type FreshLayout, clusterBytes, fileStartBytes, freshLayout } from './fresh-layout.ts';
import { placesByQemu } from './qemu-map.ts';

/**
 * Null where the image is not fresh, too large, or on a file system without O_DIRECT.
 * @param handOver opens it by qemu-nbd.
 */
export async function openFresh(
  volume: { readonly path: string; readonly startsZeroed: boolean },
  directory: string,
  handOver: (signal: AbortSignal) => Promise<WritableDisk>,
  signal: AbortSignal,
): Promise<WritableDisk | null> {
  const { path } = volume;
  if ((await layoutOf(path)) === null) return null;
  const guard = await startQemuNbd({ image: { path, format: 'raw' }, readOnly: false, directory }, signal);
  const files: FileHandle[] = [];
  const release = async (): Promise<void> => {
    for (const file of files.splice(0)) await file.close();
    await guard.close();
  };
  try {
    // Looked at again behind the lock.
    const layout = await layoutOf(path);
    const data = layout === null ? null : await openDirect(path, false);
    if (data !== null) files.push(data);
    if (layout === null || data === null || !(await data.stat()).isFile()) {
      await release();
      return null;
    }
    const tables = await open(path, constants.O_RDWR);
    files.push(tables);
    return freshDisk({ ...volume, layout, image: createFreshImage(layout, data, tables), guard, release, handOver });
  } catch (error) {
    await release();
    throw error;
  }
}

function freshDisk(parts: {
  readonly path: string;
  readonly startsZeroed: boolean;
  readonly layout: FreshLayout;
  readonly image: FreshImage;
  readonly guard: QemuNbd;
  release(): Promise<void>;
  handOver(signal: AbortSignal): Promise<WritableDisk>;
}): WritableDisk {
  const { path, image, layout, startsZeroed } = parts;
  const { sizeBytes } = layout;
  const underWay = new Set<Promise<unknown>>();
  let finished: Promise<void> | undefined;
  let handed: Promise<WritableDisk> | undefined;
  let closed: Promise<void> | undefined;
  const followed = createFollowed(image, path, sizeBytes);

  const tracked = async (work: Promise<void>): Promise<void> => {
    underWay.add(work);
    try {
      await work;
    } finally {
      underWay.delete(work);
    }
  };
  const mustBeHeld = lockHeld(parts.guard.ended, path);
  /** What is written from then on goes by qemu-nbd. */
  const finish = (): Promise<void> => {
    finished ??= (async () => {
      await Promise.allSettled(underWay);
      try {
        mustBeHeld();
        await image.finish();
      } catch (error) {
        throw error instanceof WherryError ? error : failure(error, 'flush', path, 0, 0);
      } finally {
        await parts.release();
      }
    })();
    return finished;
  };
  const qemu = (): Promise<WritableDisk> => {
    handed ??= (async () => {
      await finish();
      // It is everybody's from now on: no single caller's signal ends it.
      return parts.handOver(new AbortController().signal);
    })();
    return handed;
  };
  /** What is read back of a range counts only if nobody writes there then or later. */
  const changing = async (offset: number, length: number, work: () => Promise<void>): Promise<void> => {
    followed.changed(offset, length);
    try {
      await work();
    } finally {
      followed.changed(offset, length);
    }
  };
  const write = async (offset: number, data: Buffer, signal: AbortSignal): Promise<void> => {
    const whole = offset % clusterBytes === 0 && data.length % clusterBytes === 0 && isPageAligned(data);
    if (whole && finished === undefined && closed === undefined) {
      mustBeHeld();
      try {
        await tracked(image.write(offset, data));
        return;
      } catch (error) {
        // Some file systems accept O_DIRECT and refuse the requests.
        if (codeOf(error) !== 'EINVAL') throw failure(error, 'write', path, offset, data.length);
      }
    }
    await (await qemu()).write(offset, data, signal);
  };
  const close = async (): Promise<void> => {
    if (handed !== undefined) {
      const disk = await handed.catch(() => null);
      await disk?.close();
      return;
    }
    // What cannot be given back any more (a full disk) is lost space, found by a check; what was flushed is there.
    await finish().catch(() => undefined);
  };

  return {
    sizeBytes,
    access: 'random',
    startsZeroed,
    async write(offset, data, signal) {
      signal.throwIfAborted();
      checkRange(offset, data.length, sizeBytes);
      await changing(offset, data.length, () => write(offset, data, signal));
    },
    async flush(signal) {
      signal.throwIfAborted();
      if (handed !== undefined) return (await handed).flush(signal);
      if (finished !== undefined) return finished;
      mustBeHeld();
      await tracked(image.flush()).catch((error: unknown) => {
        throw failure(error, 'flush', path, 0, 0);
      });
      mustBeHeld();
    },
    async zero(offset, length, signal) {
      await changing(offset, length, async () => (await qemu()).zero(offset, length, signal));
    },
    async read(offset, length, signal) {
      return (await qemu()).read(offset, length, signal);
    },
    async *extents(range, signal) {
      yield* (await qemu()).extents(range, signal);
    },
    async readBack() {
      // What QEMU has written since stands in tables of its own, of which ours know nothing.
      if (finished !== undefined) throw new Error(`${path} was handed over to qemu-nbd`);
      return followed.open();
    },
    async confirm(ranges, signal) {
      // Closed, it may have been opened anew and written to by others than this.
      if (ranges.length === 0 || closed !== undefined) return [];
      // Neither guard nor writer may be there any more: QEMU maps what nobody holds.
      if (handed === undefined) await finish();
      else {
        const disk = await handed;
        await disk.close();
        handed = undefined;
      }
      return followed.standing(ranges, await placesByQemu(path, sizeBytes, signal));
    },
    close() {
      closed ??= close();
      return closed;
    },
  };
}

async function layoutOf(path: string): Promise<FreshLayout | null> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return null;
  try {
    const { size } = await file.stat();
    if (size > fileStartBytes) return null;
    const start = Buffer.alloc(size);
    const { bytesRead } = await file.read(start, 0, size, 0);
    return bytesRead === size ? freshLayout(start) : null;
  } finally {
    await file.close();
  }
}
