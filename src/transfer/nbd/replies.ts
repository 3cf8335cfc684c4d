/**
 * The client's half of the transmission phase: takes replies apart and gives them to the requests that wait for them.
 * Everything a server says is checked against what was asked before a byte of it is kept.
 */
import { chunkDone, chunkTypes, simpleReplyMagic, structuredReplyMagic } from './constants.ts';
import { type Coverage, coverage } from './coverage.ts';
import { ProtocolError, readSize } from './wire.ts';

export type StatusExtent = { readonly lengthBytes: number; readonly flags: number };

export type Pending = {
  readonly kind: 'read' | 'status' | 'other';
  readonly offset: number;
  readonly length: number;
  /** Where a read's data goes; exactly `length` bytes. */
  readonly target?: Buffer;
  /** What arrived so far. */
  coverage?: Coverage;
  statuses?: Map<number, StatusExtent[]>;
  error?: { readonly errno: number; readonly message: string };
  /** The whole reply is here; `error` tells how it went. */
  done(): void;
};

/** Requests in flight by cookie. */
export type InFlight = { get(cookie: number): Pending | undefined; delete(cookie: number): void };

/** Block status of a gigabyte in pieces of 512 bytes; no server sends that much. */
const maxStatusBytes = 16 * 1024 * 1024;
const maxErrorBytes = 64 * 1024;

/** Never returns. @throws ProtocolError at the first thing that does not fit. */
export function* readReplies(
  inFlight: InFlight,
  cookieHigh: number,
  structured: boolean,
): Generator<Buffer, void, void> {
  const magic = Buffer.allocUnsafeSlow(4);
  const simple = Buffer.allocUnsafeSlow(12);
  const chunk = Buffer.allocUnsafeSlow(16);
  for (;;) {
    yield magic;
    const kind = magic.readUInt32BE(0);
    if (kind === simpleReplyMagic) {
      yield simple;
      const { cookie, pending } = find(inFlight, cookieHigh, simple, 4);
      yield* simpleReply(pending, simple.readUInt32BE(0), structured);
      inFlight.delete(cookie);
      pending.done();
    } else if (kind === structuredReplyMagic && structured) {
      yield chunk;
      const { cookie, pending } = find(inFlight, cookieHigh, chunk, 4);
      yield* structuredChunk(pending, chunk.readUInt16BE(2), chunk.readUInt32BE(12));
      if ((chunk.readUInt16BE(0) & chunkDone) === 0) continue;
      complete(pending);
      inFlight.delete(cookie);
      pending.done();
    } else throw new ProtocolError(`a reply begins with 0x${kind.toString(16)}`);
  }
}

function find(
  inFlight: InFlight,
  cookieHigh: number,
  header: Buffer,
  at: number,
): { cookie: number; pending: Pending } {
  const cookie = header.readUInt32BE(at + 4);
  const pending = header.readUInt32BE(at) === cookieHigh ? inFlight.get(cookie) : undefined;
  if (pending === undefined) throw new ProtocolError('a reply belongs to no request');
  return { cookie, pending };
}

function* simpleReply(pending: Pending, errno: number, structured: boolean): Generator<Buffer, void, void> {
  if (errno !== 0) pending.error = { errno, message: '' };
  else if (pending.kind === 'status') throw new ProtocolError('a simple reply to a question for block status');
  else if (pending.target !== undefined) {
    if (structured) throw new ProtocolError('a simple reply to a read after structured replies were agreed');
    yield pending.target;
  }
}

function* structuredChunk(pending: Pending, type: number, length: number): Generator<Buffer, void, void> {
  if (type >= chunkTypes.errorBit) yield* errorChunk(pending, length);
  else if (type === chunkTypes.offsetData) yield* dataChunk(pending, length);
  else if (type === chunkTypes.offsetHole) yield* holeChunk(pending, length);
  else if (type === chunkTypes.blockStatus) yield* statusChunk(pending, length);
  else if (type !== chunkTypes.none) throw new ProtocolError(`a reply of unknown type ${type}`);
  else if (length !== 0) throw new ProtocolError(`an empty reply claims ${length} bytes`);
}

function* errorChunk(pending: Pending, length: number): Generator<Buffer, void, void> {
  if (length < 6 || length > maxErrorBytes) throw new ProtocolError(`an error claims ${length} bytes`);
  const payload = Buffer.alloc(length);
  yield payload;
  const words = payload.readUInt16BE(4);
  if (words > length - 6) throw new ProtocolError('an error’s text is longer than the error');
  // The first one counts. Zero is no error number, yet it came as an error: it must never look like success.
  pending.error ??= { errno: payload.readUInt32BE(0) || 5, message: payload.toString('utf8', 6, 6 + words) };
}

function* dataChunk(pending: Pending, length: number): Generator<Buffer, void, void> {
  if (length < 9) throw new ProtocolError(`data claims ${length} bytes`);
  const header = Buffer.allocUnsafe(8);
  yield header;
  yield claim(pending, readSize(header, 0), length - 8);
}

function* holeChunk(pending: Pending, length: number): Generator<Buffer, void, void> {
  if (length !== 12) throw new ProtocolError(`a hole claims ${length} bytes`);
  const payload = Buffer.allocUnsafe(12);
  yield payload;
  claim(pending, readSize(payload, 0), payload.readUInt32BE(8)).fill(0);
}

/** The part of the result that this chunk may fill. */
function claim(pending: Pending, offset: number, length: number): Buffer {
  const start = offset - pending.offset;
  if (pending.target === undefined) throw new ProtocolError('data that nobody asked for');
  if (start < 0 || start + length > pending.length) throw new ProtocolError('data outside of what was asked for');
  pending.coverage ??= coverage();
  if (!pending.coverage.add(start, length)) throw new ProtocolError('data that was sent twice');
  return pending.target.subarray(start, start + length);
}

function* statusChunk(pending: Pending, length: number): Generator<Buffer, void, void> {
  if (pending.kind !== 'status') throw new ProtocolError('block status that nobody asked for');
  if (length < 12 || (length - 4) % 8 !== 0 || length > maxStatusBytes) {
    throw new ProtocolError(`block status claims ${length} bytes`);
  }
  const payload = Buffer.allocUnsafe(length);
  yield payload;
  const extents: StatusExtent[] = [];
  for (let at = 4; at < length; at += 8) {
    const lengthBytes = payload.readUInt32BE(at);
    if (lengthBytes === 0) throw new ProtocolError('block status with an empty extent');
    extents.push({ lengthBytes, flags: payload.readUInt32BE(at + 4) });
  }
  pending.statuses ??= new Map();
  if (pending.statuses.has(payload.readUInt32BE(0))) throw new ProtocolError('block status that was sent twice');
  // Nobody grants as many contexts as this; it bounds what one reply may hold.
  if (pending.statuses.size >= 8) throw new ProtocolError('block status for contexts that were not chosen');
  pending.statuses.set(payload.readUInt32BE(0), extents);
}

function complete(pending: Pending): void {
  if (pending.error !== undefined) return;
  if (pending.kind === 'read' && (pending.coverage?.coveredBytes ?? 0) !== pending.length) {
    throw new ProtocolError('a read ended as a success without all of its data');
  }
  if (pending.kind === 'status' && pending.statuses === undefined) {
    throw new ProtocolError('a question for block status ended without an answer');
  }
}
