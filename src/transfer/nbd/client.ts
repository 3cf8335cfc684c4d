/** Any NBD server as a disk: qemu-nbd, nbdkit with its plugins, libvirt's backup exports, our own server. */
import { WherryError } from '../../model/errors.ts';
import type { Range, WritableDisk } from '../disk.ts';
import { type Status, blockStatus, extentsOf } from './block-status.ts';
import type { NbdAddress } from './connection.ts';
import { commands, transmissionFlags } from './constants.ts';
import type { Action } from './failure.ts';
import { defaultContexts } from './handshake.ts';
import { checkRange, isAligned, pieces, splitAligned, widen } from './pieces.ts';
import { type Session, openSession } from './session.ts';

export type NbdOptions = NbdAddress & {
  /** Empty: the server's default export. */
  readonly exportName?: string;
  /** At most so many sockets, where the server allows several (default 4). */
  readonly connections?: number;
  /** True when the caller knows that what was never written reads as zeros. */
  readonly startsZeroed?: boolean;
  /** Metadata contexts beside `base:allocation`, for `status`. */
  readonly metaContexts?: readonly string[];
  /** The disk in words that people know, for errors. Default: the address. */
  readonly where?: string;
  /** Resolves with the last words of the serving process once it has ended, so that errors can say what died. */
  readonly peerEnded?: Promise<string>;
};

export type NbdDisk = WritableDisk & {
  readonly readOnly: boolean;
  readonly connectionCount: number;
  readInto(offset: number, buffer: Buffer, signal: AbortSignal): Promise<void>;
  /** One metadata context over a range, as the server says it; null when the server does not have that context. */
  status(context: string, range: Range, signal: AbortSignal): AsyncIterable<Status> | null;
  /** Says that the content is no longer needed; what it reads as afterwards is undefined. Nothing where not supported. */
  trim(offset: number, length: number, signal: AbortSignal): Promise<void>;
};

/** Large reads are cut into requests of this size, so that they spread over the connections. */
const readPieceBytes = 1024 * 1024;
/** And writes: each request costs qemu-nbd an allocation (2 GiB into qcow2: 3.8 CPU seconds in pieces of 1 MiB, 3.2 of 4). */
const writePieceBytes = 4 * 1024 * 1024;
/** Zeroing and trimming carry no data; this bounds how long one of them keeps a server busy. */
const zeroPieceBytes = 256 * 1024 * 1024;
const zeros = Buffer.alloc(readPieceBytes);

/**
 * Connects and agrees on everything. The signal belongs to the connecting only.
 * @throws WherryError transfer.connect_failed (passing), transfer.nbd_refused, transfer.nbd_protocol. Calls on the disk
 * throw transfer.* and, once any connection was lost, always transfer.connection_lost (passing): open it anew.
 */
export async function connectNbd(options: NbdOptions, signal: AbortSignal): Promise<NbdDisk> {
  const where = options.where ?? ('socketPath' in options ? options.socketPath : `${options.host}:${options.port}`);
  const session = await openSession(
    {
      address: options,
      exportName: options.exportName ?? '',
      connections: options.connections ?? 4,
      contexts: [...defaultContexts, ...(options.metaContexts ?? [])],
      where,
      ...(options.peerEnded === undefined ? {} : { peerEnded: options.peerEnded }),
    },
    signal,
  );
  return nbdDisk(session, where, options.startsZeroed ?? false);
}

function nbdDisk(session: Session, where: string, startsZeroed: boolean): NbdDisk {
  const { sizeBytes, flags, minBlockBytes, maxPayloadBytes } = session.facts;
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const readOnly = has(transmissionFlags.readOnly);
  const readPiece = Math.min(readPieceBytes, maxPayloadBytes);
  const writePiece = Math.min(writePieceBytes, maxPayloadBytes);
  /** Changes of parts of blocks are reads and writes of whole ones: one after the other, or neighbours undo each other. */
  let partialWrites: Promise<unknown> = Promise.resolve();

  const checkWritable = (offset: number, length: number): void => {
    checkRange(offset, length, sizeBytes);
    if (readOnly) throw new WherryError('transfer.read_only', { where });
  };

  const readBlocks = async (range: Range, target: Buffer, signal: AbortSignal, borrowed = false): Promise<void> => {
    await all(pieces(range, readPiece), (part) => {
      const from = part.offset - range.offset;
      const into = target.subarray(from, from + part.length);
      return session.call('read', { kind: 'read', type: commands.read, ...part, target: into, borrowed }, signal);
    });
  };

  const read = async (offset: number, length: number, signal: AbortSignal): Promise<Buffer> => {
    checkRange(offset, length, sizeBytes);
    const whole = widen({ offset, length }, minBlockBytes, sizeBytes);
    const target = Buffer.allocUnsafeSlow(whole.length);
    await readBlocks(whole, target, signal);
    return whole.length === length ? target : target.subarray(offset - whole.offset, offset - whole.offset + length);
  };

  const readInto = async (offset: number, buffer: Buffer, signal: AbortSignal): Promise<void> => {
    const range = { offset, length: buffer.length };
    checkRange(offset, buffer.length, sizeBytes);
    if (isAligned(range, minBlockBytes, sizeBytes)) await readBlocks(range, buffer, signal, true);
    else (await read(offset, buffer.length, signal)).copy(buffer);
  };

  const writeBlocks = async (action: Action, range: Range, data: Buffer, signal: AbortSignal): Promise<void> => {
    await all(pieces(range, writePiece), (part) => {
      const from = part.offset - range.offset;
      const payload = data.subarray(from, from + part.length);
      return session.call(action, { kind: 'other', type: commands.write, ...part, payload }, signal);
    });
  };

  const writePartial = (range: Range, data: Buffer, signal: AbortSignal): Promise<void> => {
    const work = partialWrites.then(async () => {
      const whole = widen(range, minBlockBytes, sizeBytes);
      const blocks = await read(whole.offset, whole.length, signal);
      data.copy(blocks, range.offset - whole.offset);
      await writeBlocks('write', whole, blocks, signal);
    });
    partialWrites = work.catch(() => undefined);
    return work;
  };

  const write = async (offset: number, data: Buffer, signal: AbortSignal): Promise<void> => {
    checkWritable(offset, data.length);
    const range = { offset, length: data.length };
    if (isAligned(range, minBlockBytes, sizeBytes)) return writeBlocks('write', range, data, signal);
    const { partial, whole } = splitAligned(range, minBlockBytes, sizeBytes);
    const part = ({ offset: at, length }: Range): Buffer => data.subarray(at - offset, at - offset + length);
    await all(partial, (edge) => writePartial(edge, part(edge), signal));
    if (whole !== null) await writeBlocks('write', whole, part(whole), signal);
  };

  const zeroBlocks = async (range: Range, signal: AbortSignal): Promise<void> => {
    if (has(transmissionFlags.sendWriteZeroes)) {
      for (const part of pieces(range, zeroPieceBytes)) {
        await session.call('zero', { kind: 'other', type: commands.writeZeroes, ...part }, signal);
      }
      return;
    }
    for (const part of pieces(range, zeros.length)) {
      await writeBlocks('zero', part, zeros.subarray(0, part.length), signal);
    }
  };

  return {
    sizeBytes,
    access: 'random',
    startsZeroed,
    readOnly,
    connectionCount: session.connectionCount,
    read,
    readInto,
    write,
    extents(range, signal) {
      checkRange(range.offset, range.length, sizeBytes);
      return extentsOf(session, where, range, signal);
    },
    status(context, range, signal) {
      checkRange(range.offset, range.length, sizeBytes);
      return blockStatus(session, where, context, range, signal);
    },
    async zero(offset, length, signal) {
      checkWritable(offset, length);
      const { partial, whole } = splitAligned({ offset, length }, minBlockBytes, sizeBytes);
      await all(partial, (edge) => writePartial(edge, zeros.subarray(0, edge.length), signal));
      if (whole !== null) await zeroBlocks(whole, signal);
    },
    async trim(offset, length, signal) {
      checkWritable(offset, length);
      const { whole } = splitAligned({ offset, length }, minBlockBytes, sizeBytes);
      if (whole === null || !has(transmissionFlags.sendTrim)) return;
      for (const part of pieces(whole, zeroPieceBytes)) {
        await session.call('trim', { kind: 'other', type: commands.trim, ...part }, signal);
      }
    },
    async flush(signal) {
      if (readOnly) return;
      if (!has(transmissionFlags.sendFlush)) throw new WherryError('transfer.flush_unsupported', { where });
      await session.call('flush', { kind: 'other', type: commands.flush, offset: 0, length: 0 }, signal);
    },
    close: () => session.close(),
  };
}

/** Waits for all of them even when one fails: the buffers belong to requests until every one has ended. */
async function all<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const [only] = items;
  if (items.length === 1 && only !== undefined) {
    await work(only);
    return;
  }
  const failed = (await Promise.allSettled(items.map(work))).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
