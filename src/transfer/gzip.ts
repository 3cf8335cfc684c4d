import type { Disk, Extent, Range, StoredImage } from './disk.ts';
import { maxVirtualBytes, sectorBytes } from './inspect/bounds.ts';
import { type Inflow, openInflow } from './inspect/inflow.ts';
import { refuse } from './inspect/refuse.ts';
import type { SparseHeader } from './inspect/vmdk-sparse.ts';
import { inflateGrain } from './vmdk/inflate.ts';
import { type StreamedGrain, streamGrains } from './vmdk/stream.ts';

/**
 * A raw disk compressed by gzip as a whole. It ends exactly at `sizeBytes`: more is image.gzip_bomb, less image.truncated.
 */
export async function openGzipRaw(image: StoredImage, sizeBytes: number): Promise<Disk> {
  const inflow = await openInflow(image, sizeBytes);
  return inOrder(sizeBytes, inflow, async (_offset, length, signal) => {
    const part = await inflow.take(length, signal);
    if (part.length < length) {
      throw refuse(image, 'image.truncated', {
        detail: `it unpacks to ${inflow.position} bytes, but the disk has ${sizeBytes}`,
      });
    }
    return part;
  });
}

/**
 * A stream-optimized VMDK compressed by gzip as a whole. Its grains must come in the order of the disk, as all exporters
 * write them; what a read needs is inflated in parallel.
 */
export async function openGzipVmdk(image: StoredImage, header: SparseHeader): Promise<Disk> {
  const { capacityBytes, grainBytes } = header;
  // Grains that do not compress, their headers, tables, and the header again as footer.
  const most = Math.min(
    2 * maxVirtualBytes,
    header.overheadBytes * 2 + Math.ceil(capacityBytes / grainBytes) * (grainBytes + 4096),
  );
  const inflow = await openInflow(image, most + 1024 * sectorBytes);
  const lifetime = new AbortController();
  const grains = streamGrains(inflow, header, image, lifetime.signal);
  let waiting: StreamedGrain | undefined;
  let ended = false;
  let previous = -1;
  let carried: { readonly start: number; readonly content: Promise<Buffer> } | undefined;

  const peek = async (): Promise<StreamedGrain | undefined> => {
    if (waiting !== undefined || ended) return waiting;
    const next = await grains.next();
    if (next.done === true) {
      ended = true;
      return undefined;
    }
    const { start } = next.value;
    if (start % grainBytes !== 0 || start >= capacityBytes) {
      throw refuse(image, 'image.corrupt', { detail: `a grain is of sector ${start / sectorBytes}` });
    }
    if (start <= previous) throw refuse(image, 'image.gzip_format', { detail: 'its VMDK grains are not in order' });
    previous = start;
    waiting = next.value;
    return waiting;
  };
  const inflated = async (grain: StreamedGrain): Promise<Buffer> => {
    const wanted = Math.min(grainBytes, capacityBytes - grain.start);
    const content = await inflateGrain(grain.data, grainBytes).catch((error: unknown) => {
      throw refuse(image, 'image.corrupt', { detail: `the grain for ${grain.start} cannot be inflated` }, error);
    });
    if (content.length === grainBytes || content.length === wanted) return content;
    throw refuse(image, 'image.corrupt', {
      detail: `the grain for ${grain.start} inflates to ${content.length} bytes`,
    });
  };

  return inOrder(
    capacityBytes,
    inflow,
    async (offset, length, signal) => {
      const result = Buffer.alloc(length);
      const end = offset + length;
      const place = async (start: number, content: Promise<Buffer>): Promise<void> => {
        const skip = Math.max(0, offset - start);
        (await content).copy(result, start + skip - offset, skip, Math.min(grainBytes, end - start));
      };
      const work: Promise<void>[] = [];
      if (carried !== undefined && carried.start + grainBytes > offset)
        work.push(place(carried.start, carried.content));
      try {
        for (let grain = await peek(); grain !== undefined && grain.start < end; grain = await peek()) {
          signal.throwIfAborted();
          waiting = undefined;
          const content = inflated(grain);
          carried = { start: grain.start, content };
          work.push(place(grain.start, content));
        }
        if (end === capacityBytes && (await peek()) !== undefined) {
          throw refuse(image, 'image.corrupt', { detail: 'it has more grains than the disk' });
        }
      } finally {
        await Promise.allSettled(work);
      }
      await Promise.all(work);
      return result;
    },
    () => lifetime.abort(),
  );
}

/** Holds callers to the order; at the end it reads on, so that gzip's own checksum is checked and nothing follows. */
function inOrder(
  sizeBytes: number,
  inflow: Inflow,
  next: (offset: number, length: number, signal: AbortSignal) => Promise<Buffer>,
  onClose: () => void = () => {},
): Disk {
  let position = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    sizeBytes,
    access: 'sequential',
    async *extents(range: Range): AsyncGenerator<Extent> {
      if (range.length > 0) yield { ...range, kind: 'data' };
    },
    read: (offset, length, signal) => {
      if (offset !== position) return Promise.reject(new Error(`read at ${offset}, but ${position} is next`));
      position += length;
      const end = position;
      const result = last.then(async () => {
        signal.throwIfAborted();
        const part = await next(offset, length, signal);
        if (end === sizeBytes) await inflow.skip(maxVirtualBytes, signal);
        return part;
      });
      // Stays rejected: after a failure nothing that follows may be taken for good.
      last = result.then(() => {});
      last.catch(() => {});
      return result;
    },
    close: async () => {
      onClose();
      await inflow.close();
    },
  };
}
