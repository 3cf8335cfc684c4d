/**
 * What a copy has finished for good, in a file of this worker: it is told only what the target was flushed past, and it is
 * on disk when `append` resolves. Records are appended and never changed; a tail torn by a crash is cut off, because each
 * record carries a CRC and everything behind a bad one is copied again rather than trusted.
 *
 *     "WHERRYJ1" | u32 length | header as JSON (disk, size, identity) | u32 crc
 *     then records of 45 bytes: u8 kind | u32 first | u32 count | 32 bytes digest | u32 crc of the 41 before
 *
 * Kinds: 1 leaf `first`; 2 `count` leaves of zeros from `first`; 3 chunk `first`, its digest told by the server; 4 `count`
 * leaves from `first` are not done any more.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { type ChunkDigest, type Coverage, createCoverage } from './coverage.ts';
import { chunkCount, chunkRange, digestBytes, leafCount, leafRange, leavesOfChunk, zeroLeafDigest } from './digest.ts';

export type JournalHeader = {
  readonly diskId: string;
  readonly sizeBytes: number;
  /** Proves that source and target are still the ones the records are about; compared for equality. */
  readonly identity: string;
};

export type JournalRecord =
  | { readonly kind: 'leaf'; readonly leaf: number; readonly digest: Buffer }
  | { readonly kind: 'zeros'; readonly first: number; readonly count: number }
  | { readonly kind: 'chunk'; readonly chunk: number; readonly digest: Buffer }
  | { readonly kind: 'forget'; readonly first: number; readonly count: number };

export type Journal = AsyncDisposable & {
  /** What the records say, kept up to date by `append`. */
  readonly coverage: Coverage;
  /** Leaves were found done when it was opened. */
  readonly resumed: boolean;
  /** Why earlier records were thrown away; null when there were none, or all were used. */
  readonly startedOver: string | null;
  /** Durable when it resolves. Returns the chunks that became complete. */
  append(records: readonly JournalRecord[]): Promise<ChunkDigest[]>;
  /** Digests of single leaves of a chunk (or of so many from it on), as far as this worker copied them; reads the file again. For error messages. */
  leavesOf(chunk: number, chunks?: number): Promise<Map<number, Buffer>>;
};

const magic = Buffer.from('WHERRYJ1');
const recordBytes = 9 + digestBytes + 4;
const maxHeaderBytes = 64 * 1024;
const readBytes = recordBytes * 4096;
const kinds = ['leaf', 'zeros', 'chunk', 'forget'] as const;

/**
 * Opens or begins the journal at `path`. A file that is about something else is begun again, and so is any when `startOver`
 * says why; `startedOver` tells it.
 */
export async function openJournal(path: string, header: JournalHeader, startOver?: string): Promise<Journal> {
  const file = await open(path, 'a+', 0o600);
  try {
    const coverage = createCoverage(header.sizeBytes);
    const found = await readHeader(file);
    const startedOver = startOver ?? difference(found, header);
    const start = encodeHeader(header);
    if (found === null || startedOver !== null) {
      await file.truncate(0);
      await file.appendFile(start);
      await file.datasync();
      await syncDirectory(dirname(path));
    } else {
      let end = start.length;
      for await (const record of readRecords(file, end)) {
        if (!fits(record, header.sizeBytes)) break;
        mark(coverage, record);
        end += recordBytes;
      }
      await file.truncate(end);
    }
    return journalOn(file, coverage, startedOver, start.length);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function journalOn(file: FileHandle, coverage: Coverage, startedOver: string | null, firstRecord: number): Journal {
  const resumed = coverage.doneLeaves > 0;
  return {
    coverage,
    resumed,
    startedOver,
    async append(records) {
      await file.appendFile(Buffer.concat(records.map(encode)));
      await file.datasync();
      return records.flatMap((record) => mark(coverage, record));
    },
    async leavesOf(chunk, chunks = 1) {
      const leaves = new Map<number, Buffer>();
      const { first } = leavesOfChunk(chunk, coverage.sizeBytes);
      const { end } = leavesOfChunk(chunk + chunks - 1, coverage.sizeBytes);
      for await (const record of readRecords(file, firstRecord)) {
        if (record.kind === 'chunk') continue;
        if (record.kind === 'leaf') {
          if (record.leaf >= first && record.leaf < end) leaves.set(record.leaf, record.digest);
          continue;
        }
        for (let leaf = Math.max(first, record.first); leaf < Math.min(end, record.first + record.count); leaf += 1) {
          if (record.kind === 'forget') leaves.delete(leaf);
          else leaves.set(leaf, zeroLeafDigest(leafRange(leaf, coverage.sizeBytes).length));
        }
      }
      return leaves;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Marks in memory what a record says; returns chunks that became complete. */
export function mark(coverage: Coverage, record: JournalRecord): ChunkDigest[] {
  if (record.kind === 'zeros') return [...coverage.markZeros(record.first, record.count)];
  if (record.kind === 'leaf') {
    const completed = coverage.markLeaf(record.leaf, record.digest);
    return completed === undefined ? [] : [completed];
  }
  if (record.kind === 'chunk') coverage.markChunk(record.chunk, record.digest);
  else coverage.forget(record.first, record.count);
  return [];
}

function difference(found: { header: JournalHeader | null } | null, wanted: JournalHeader): string | null {
  if (found === null) return null;
  if (found.header === null) return 'the journal of the earlier copy cannot be read';
  if (found.header.diskId !== wanted.diskId) return `the journal belongs to disk ${found.header.diskId}`;
  if (found.header.sizeBytes !== wanted.sizeBytes) {
    return `the size of the disk changed from ${found.header.sizeBytes} to ${wanted.sizeBytes} bytes`;
  }
  if (found.header.identity !== wanted.identity) {
    return `source or target changed: it was ${found.header.identity}, now it is ${wanted.identity}`;
  }
  return null;
}

function encodeHeader(header: JournalHeader): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const whole = Buffer.alloc(magic.length + 4 + text.length + 4);
  magic.copy(whole);
  whole.writeUInt32BE(text.length, magic.length);
  text.copy(whole, magic.length + 4);
  whole.writeUInt32BE(crc32(whole.subarray(0, whole.length - 4)), whole.length - 4);
  return whole;
}

/** Null: the file is empty. `header: null`: it holds something that is no header of ours. */
async function readHeader(file: FileHandle): Promise<{ header: JournalHeader | null } | null> {
  const start = await readAt(file, 0, magic.length + 4);
  if (start.length === 0) return null;
  const unreadable = { header: null };
  if (start.length < magic.length + 4 || !start.subarray(0, magic.length).equals(magic)) return unreadable;
  const length = start.readUInt32BE(magic.length);
  if (length > maxHeaderBytes) return unreadable;
  const whole = await readAt(file, 0, magic.length + 4 + length + 4);
  if (whole.length < magic.length + 4 + length + 4) return unreadable;
  if (crc32(whole.subarray(0, whole.length - 4)) !== whole.readUInt32BE(whole.length - 4)) return unreadable;
  const header: unknown = JSON.parse(whole.toString('utf8', magic.length + 4, whole.length - 4));
  return isHeader(header) ? { header } : unreadable;
}

/** By hand: a schema library would double the time until the first byte is copied (0.25 s of loading). */
function isHeader(value: unknown): value is JournalHeader {
  if (typeof value !== 'object' || value === null) return false;
  const { diskId, sizeBytes, identity }: { diskId?: unknown; sizeBytes?: unknown; identity?: unknown } = value;
  return typeof diskId === 'string' && typeof identity === 'string' && Number.isSafeInteger(sizeBytes);
}

function encode(record: JournalRecord): Buffer {
  const bytes = Buffer.alloc(recordBytes);
  bytes.writeUInt8(kinds.indexOf(record.kind) + 1, 0);
  if (record.kind === 'leaf' || record.kind === 'chunk') {
    bytes.writeUInt32BE(record.kind === 'leaf' ? record.leaf : record.chunk, 1);
    bytes.writeUInt32BE(1, 5);
    record.digest.copy(bytes, 9);
  } else {
    bytes.writeUInt32BE(record.first, 1);
    bytes.writeUInt32BE(record.count, 5);
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(0, recordBytes - 4)), recordBytes - 4);
  return bytes;
}

function decode(bytes: Buffer): JournalRecord | null {
  if (crc32(bytes.subarray(0, recordBytes - 4)) !== bytes.readUInt32BE(recordBytes - 4)) return null;
  const first = bytes.readUInt32BE(1);
  const count = bytes.readUInt32BE(5);
  const digest = Buffer.from(bytes.subarray(9, 9 + digestBytes));
  const kind = kinds[bytes.readUInt8(0) - 1];
  if (kind === undefined) return null;
  if (kind === 'leaf') return { kind, leaf: first, digest };
  return kind === 'chunk' ? { kind, chunk: first, digest } : { kind, first, count };
}

function fits(record: JournalRecord, sizeBytes: number): boolean {
  if (record.kind === 'chunk')
    return record.chunk < chunkCount(sizeBytes) && chunkRange(record.chunk, sizeBytes).length > 0;
  if (record.kind === 'leaf') return record.leaf < leafCount(sizeBytes);
  return record.first + record.count <= leafCount(sizeBytes);
}

/** Whole, sound records from `from` on; ends at the first that is not. */
async function* readRecords(file: FileHandle, from: number): AsyncGenerator<JournalRecord> {
  for (let at = from; ; ) {
    const bytes = await readAt(file, at, readBytes);
    for (let inside = 0; inside + recordBytes <= bytes.length; inside += recordBytes) {
      const record = decode(bytes.subarray(inside, inside + recordBytes));
      if (record === null) return;
      yield record;
    }
    if (bytes.length < readBytes) return;
    at += bytes.length;
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
