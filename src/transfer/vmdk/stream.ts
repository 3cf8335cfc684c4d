import type { Inflow } from '../inspect/inflow.ts';
import { type Owner, refuse } from '../inspect/refuse.ts';
import type { SparseHeader } from '../inspect/vmdk-sparse.ts';
import { grainHeaderBytes, maxCompressedBytes } from './inflate.ts';

export type StreamedGrain = {
  /** Place on the disk, in bytes. */
  readonly start: number;
  /** A zlib stream. */
  readonly data: Buffer;
};

const marker = { end: 0, table: 1, directory: 2, footer: 3 };
const sector = 512;

/** The grains of a stream-optimized VMDK in the order they are stored, from the first behind the header. */
export async function* streamGrains(
  inflow: Inflow,
  header: SparseHeader,
  owner: Owner,
  signal: AbortSignal,
): AsyncGenerator<StreamedGrain> {
  const corrupt = (detail: string) => refuse(owner, 'image.corrupt', { detail });
  const truncated = () => refuse(owner, 'image.truncated', { detail: `it ends at ${inflow.position} when unpacked` });
  const { overheadBytes } = header;
  if ((await inflow.skip(overheadBytes, signal)) < overheadBytes) throw truncated();
  for (;;) {
    const at = inflow.position;
    const head = await inflow.take(sector, signal);
    // Writers that know the directory's place beforehand (QEMU) write no end marker.
    if (head.length < sector) {
      if (head.length === 0 && !header.streamed) return;
      throw truncated();
    }
    const value = Number(head.readBigUInt64LE(0));
    const length = head.readUInt32LE(8);
    if (length > 0) {
      if (length > maxCompressedBytes(header.grainBytes)) throw corrupt(`the grain at ${at} is ${length} bytes long`);
      const more = Math.max(0, Math.ceil((grainHeaderBytes + length) / sector) * sector - sector);
      const rest = await inflow.take(more, signal);
      const stored = rest.length === 0 ? head : Buffer.concat([head, rest]);
      if (stored.length < grainHeaderBytes + length) throw truncated();
      yield { start: value * sector, data: stored.subarray(grainHeaderBytes, grainHeaderBytes + length) };
      continue;
    }
    const type = head.readUInt32LE(12);
    if (type === marker.end) return;
    if (type > marker.footer) throw corrupt(`there is an unknown marker at ${at}`);
    const limit = type === marker.directory ? header.directoryEntries * 4 + sector : 4096;
    if (value * sector > limit) throw corrupt(`the marker at ${at} claims ${value} sectors`);
    if ((await inflow.skip(value * sector, signal)) < value * sector) throw truncated();
  }
}
