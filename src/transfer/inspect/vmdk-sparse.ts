import { maxDirectoryBytes, maxGrainBytes, maxVirtualBytes, minGrainBytes, sectorBytes } from './bounds.ts';
import { type Bytes, u64le } from './bytes.ts';
import { type Owner, refuse } from './refuse.ts';

/** Where things are in one hosted sparse extent. All bytes. */
export type SparseHeader = {
  readonly capacityBytes: number;
  readonly grainBytes: number;
  /** Entries of 4 bytes, one for each 512 grains. */
  readonly directoryOffset: number;
  readonly directoryEntries: number;
  /** Grains are zlib streams behind a marker with their place. */
  readonly compressed: boolean;
  /** Written as a stream: the directory is behind the grains, and the last marker ends it. */
  readonly streamed: boolean;
  /** A grain table entry of 1 means a grain of zeros. */
  readonly zeroGrains: boolean;
  /** Everything before it is header, descriptor and tables. */
  readonly overheadBytes: number;
  /** Zero length when there is none. */
  readonly descriptor: { readonly offset: number; readonly length: number };
};

export const entriesPerTable = 512;

const directoryAtEnd = 2n ** 64n - 1n;
const flag = { newLines: 1, zeroGrains: 4, compressed: 0x10000, markers: 0x20000 };
const footerMarker = 3;

/**
 * Reads the header of a sparse extent, and the footer that repeats it with the place of the grain directory when the image
 * was written as a stream ("Virtual Disk Format 5.0", Hosted Sparse Extents and Stream-Optimized Compressed).
 */
export async function readSparseHeader(bytes: Bytes, owner: Owner, signal: AbortSignal): Promise<SparseHeader> {
  const head = await bytes.read(0, sectorBytes, signal);
  if (head.readBigUInt64LE(56) !== directoryAtEnd) {
    const header = parseSparseHeader(head, owner);
    checkDirectory(header, bytes.lengthBytes, owner);
    return header;
  }
  const front = parseSparseHeader(head, owner);
  const tail = await bytes.read(Math.max(0, bytes.lengthBytes - 3 * sectorBytes), 3 * sectorBytes, signal);
  const [marker, footer, end] = [tail.subarray(0, 512), tail.subarray(512, 1024), tail.subarray(1024)];
  const marked = marker.readUInt32LE(8) === 0 && marker.readUInt32LE(12) === footerMarker;
  const ended = u64le(end, 0) === 0 && end.readUInt32LE(8) === 0 && end.readUInt32LE(12) === 0;
  if (!marked || !ended || footer.toString('latin1', 0, 4) !== 'KDMV') {
    throw refuse(owner, 'image.truncated', {
      detail: 'the footer is missing that every stream-optimized VMDK ends with',
    });
  }
  const header = parseSparseHeader(footer, owner);
  const same = (['capacityBytes', 'grainBytes', 'compressed', 'zeroGrains'] as const).every(
    (name) => front[name] === header[name],
  );
  if (!same || footer.readBigUInt64LE(56) === directoryAtEnd) {
    throw refuse(owner, 'image.corrupt', { detail: 'its header and its footer differ' });
  }
  checkDirectory(header, bytes.lengthBytes, owner);
  return { ...header, streamed: true, descriptor: front.descriptor, overheadBytes: front.overheadBytes };
}

/** Reads one header sector. The directory's place is not checked against the length: a stream has none yet. */
export function parseSparseHeader(head: Buffer, owner: Owner): SparseHeader {
  const absurd = (detail: string) => refuse(owner, 'image.absurd_size', { detail });
  const version = head.readUInt32LE(4);
  const flags = head.readUInt32LE(8);
  if (version < 1 || version > 3) throw refuse(owner, 'image.unsupported', { detail: `VMDK of version ${version}` });
  if ((flags & flag.newLines) !== 0 && head.toString('latin1', 73, 77) !== '\n \r\n') {
    throw refuse(owner, 'image.corrupt', { detail: 'it was once transferred as text (FTP ASCII mode)' });
  }
  const compressed = (flags & flag.compressed) !== 0;
  const algorithm = head.readUInt16LE(77);
  if (compressed && (algorithm !== 1 || (flags & flag.markers) === 0)) {
    throw refuse(owner, 'image.unsupported', { detail: `VMDK compressed by method ${algorithm}` });
  }
  const capacityBytes = u64le(head, 12) * sectorBytes;
  if (capacityBytes === 0 || capacityBytes > maxVirtualBytes) throw absurd(`a virtual disk of ${capacityBytes} bytes`);
  const grainBytes = u64le(head, 20) * sectorBytes;
  const powerOfTwo = Number.isInteger(Math.log2(grainBytes));
  if (!powerOfTwo || grainBytes < minGrainBytes || grainBytes > maxGrainBytes) {
    throw absurd(`grains of ${grainBytes} bytes`);
  }
  if (head.readUInt32LE(44) !== entriesPerTable) {
    throw refuse(owner, 'image.unsupported', { detail: `VMDK grain tables of ${head.readUInt32LE(44)} entries` });
  }
  const directoryEntries = Math.ceil(capacityBytes / (grainBytes * entriesPerTable));
  if (directoryEntries * 4 > maxDirectoryBytes) throw absurd(`a grain directory of ${directoryEntries} entries`);
  return {
    capacityBytes,
    grainBytes,
    directoryOffset: u64le(head, 56) * sectorBytes,
    directoryEntries,
    compressed,
    streamed: head.readBigUInt64LE(56) === directoryAtEnd,
    zeroGrains: (flags & flag.zeroGrains) !== 0,
    overheadBytes: u64le(head, 64) * sectorBytes,
    descriptor: { offset: u64le(head, 28) * sectorBytes, length: u64le(head, 36) * sectorBytes },
  };
}

function checkDirectory(header: SparseHeader, lengthBytes: number, owner: Owner): void {
  if (header.directoryOffset < sectorBytes) {
    throw refuse(owner, 'image.corrupt', { detail: 'it has no grain directory' });
  }
  if (header.directoryOffset + header.directoryEntries * 4 > lengthBytes) {
    throw refuse(owner, 'image.truncated', { detail: 'its grain directory lies past its end' });
  }
}
