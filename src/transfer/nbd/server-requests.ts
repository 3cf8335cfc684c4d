/** The server's transmission phase for one client: requests in parallel, memory bounded, every failure an answer. */
import type { Socket } from 'node:net';
import type { Disk, WritableDisk } from '../disk.ts';
import { budget } from './budget.ts';
import { commandFlags, commands, errnos, maxPayloadBytes, requestHeaderBytes } from './constants.ts';
import type { Incoming } from './incoming.ts';
import type { Agreed } from './server-handshake.ts';
import { type Alike, dataReply, doneReply, errorReply, statusReply } from './server-replies.ts';
import { ProtocolError, type Request, decodeRequest } from './wire.ts';

export type Served = {
  readonly disk: Disk;
  /** Null: read only, and nothing of a client can change the disk. */
  readonly writable: WritableDisk | null;
  readonly onError: (error: unknown, what: string) => void;
  readonly count: { reads: number; bytesRead: number; writes: number; bytesWritten: number; errors: number };
};

/** Per client; what a client leaves unread in its socket counts until the kernel has taken it. */
const inFlightBytes = 16 * 1024 * 1024;
/** Even a request without data costs something: at most 256 of one client are worked on at once. */
const requestCostBytes = 64 * 1024;
const maxExtents = 2048;
const zeroPiece = Buffer.alloc(1024 * 1024);

/** A refusal with an error number of the protocol. */
class Refusal extends Error {
  readonly errno: number;
  constructor(errno: number, words: string) {
    super(words);
    this.errno = errno;
  }
}

/** Until the client says goodbye or ends. @throws ProtocolError for what no client may send. */
export async function serveRequests(
  socket: Socket,
  from: Incoming,
  agreed: Agreed,
  served: Served,
  signal: AbortSignal,
): Promise<void> {
  const memory = budget(inFlightBytes);
  const working = new Set<Promise<void>>();
  const header = Buffer.alloc(requestHeaderBytes);
  try {
    while (!signal.aborted && (await from.fill(header))) {
      const request = decodeRequest(header);
      if (request.type === commands.disconnect) break;
      const cost = Math.max(requestCostBytes, carries(request) ? Math.min(request.length, maxPayloadBytes) : 0);
      await memory.take(cost);
      const payload = await receivePayload(request, from);
      const work = answer(socket, request, payload, agreed, served, signal)
        .catch(() => void socket.destroy())
        .finally(() => {
          memory.give(cost);
          working.delete(work);
        });
      working.add(work);
    }
  } finally {
    await Promise.all(working);
  }
}

function carries(request: Request): boolean {
  return request.type === commands.read || request.type === commands.write;
}

async function receivePayload(request: Request, from: Incoming): Promise<Buffer | null> {
  if (request.type !== commands.write) return null;
  if (request.length > maxPayloadBytes) throw new ProtocolError(`a write of ${request.length} bytes`);
  const payload = Buffer.allocUnsafeSlow(request.length);
  if (request.length > 0 && !(await from.fill(payload))) throw new ProtocolError('it ended inside a write');
  return payload;
}

/** Resolves when the kernel has the reply. Rejects when the socket is gone. */
async function answer(
  socket: Socket,
  request: Request,
  payload: Buffer | null,
  agreed: Agreed,
  served: Served,
  signal: AbortSignal,
): Promise<void> {
  let reply: Buffer[];
  try {
    reply = await perform(request, payload, agreed, served, signal);
  } catch (error) {
    if (signal.aborted) {
      socket.destroy();
      return;
    }
    served.count.errors += 1;
    const errno = error instanceof Refusal ? error.errno : errnoOf(error);
    const words = error instanceof Error ? error.message : String(error);
    if (!(error instanceof Refusal)) served.onError(error, `${request.length} bytes at ${request.offset}`);
    reply = errorReply(request, errno, words, agreed.structured);
  }
  await send(socket, reply);
}

function send(socket: Socket, parts: readonly Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.cork();
    parts.forEach((part, index) => {
      if (index < parts.length - 1) socket.write(part);
      else socket.write(part, (error) => (error === null || error === undefined ? resolve() : reject(error)));
    });
    socket.uncork();
  });
}

async function perform(
  request: Request,
  payload: Buffer | null,
  agreed: Agreed,
  served: Served,
  signal: AbortSignal,
): Promise<Buffer[]> {
  const { offset, length, flags, type } = request;
  const { disk, count } = served;
  const allowed = allowedFlags(type, agreed.structured, served.writable !== null);
  if (allowed === null) throw new Refusal(errnos.EINVAL, `unknown command ${type}`);
  if ((flags & ~allowed) !== 0) throw new Refusal(errnos.EINVAL, `command ${type} does not know flags ${flags}`);
  if (type === commands.flush) {
    await served.writable?.flush(signal);
    return doneReply(request, agreed.structured);
  }
  if (offset + length > disk.sizeBytes) {
    const errno = type === commands.write || type === commands.writeZeroes ? errnos.ENOSPC : errnos.EINVAL;
    throw new Refusal(errno, `${length} bytes at ${offset} go past the end of the disk`);
  }
  if (length === 0) throw new Refusal(errnos.EINVAL, 'a request for nothing');
  if (type === commands.read) {
    if (length > maxPayloadBytes) throw new Refusal(errnos.EINVAL, `a read of ${length} bytes`);
    const data = await disk.read(offset, length, signal);
    if (data.length !== length) throw new Error(`the disk gave ${data.length} of ${length} bytes`);
    count.reads += 1;
    count.bytesRead += length;
    return dataReply(request, data, agreed.structured);
  }
  if (type === commands.blockStatus) {
    if (!agreed.contexts) throw new Refusal(errnos.EINVAL, 'no metadata context was chosen');
    return statusReply(request, await findExtents(request, disk, signal));
  }
  if (served.writable === null) throw new Refusal(errnos.EPERM, 'the export is read only');
  await change(request, payload, served.writable, signal);
  count.writes += 1;
  count.bytesWritten += length;
  if ((flags & commandFlags.fua) !== 0) await served.writable.flush(signal);
  return doneReply(request, agreed.structured);
}

async function change(
  request: Request,
  payload: Buffer | null,
  disk: WritableDisk,
  signal: AbortSignal,
): Promise<void> {
  const { offset, length, flags } = request;
  if (payload !== null) return disk.write(offset, payload, signal);
  if (request.type === commands.trim || (flags & commandFlags.noHole) === 0) return disk.zero(offset, length, signal);
  // Zeros that must not become a hole are written: a disk has no other way to say that.
  for (let at = 0; at < length; at += zeroPiece.length) {
    await disk.write(offset + at, zeroPiece.subarray(0, Math.min(zeroPiece.length, length - at)), signal);
  }
}

/** Null for a command that we do not have. */
function allowedFlags(type: number, structured: boolean, writable: boolean): number | null {
  // Linux and qemu set FUA on more than it is for; with flush offered it must be accepted everywhere.
  const fua = writable ? commandFlags.fua : 0;
  switch (type) {
    case commands.read:
      return fua | (structured ? commandFlags.df : 0);
    case commands.blockStatus:
      return fua | commandFlags.reqOne;
    case commands.write:
    case commands.trim:
    case commands.flush:
      return fua;
    case commands.writeZeroes:
      return fua | commandFlags.noHole;
    default:
      return null;
  }
}

/** At most so many extents in one answer; the client asks again for the rest. */
async function findExtents(request: Request, disk: Disk, signal: AbortSignal): Promise<Alike[]> {
  const limit = (request.flags & commandFlags.reqOne) === 0 ? maxExtents : 1;
  const extents: Alike[] = [];
  for await (const { length, kind } of disk.extents(request, signal)) {
    const last = extents.at(-1);
    if (last?.kind === kind) last.length += length;
    else if (extents.length < limit) extents.push({ length, kind });
    else break;
  }
  return extents;
}

function errnoOf(error: unknown): number {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOSPC' || code === 'transfer.no_space' ? errnos.ENOSPC : errnos.EIO;
}
