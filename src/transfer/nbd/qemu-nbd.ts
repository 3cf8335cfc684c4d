/** qemu-nbd as a child process: any image that qemu knows becomes an NBD export on a unix socket. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve as absolute } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../../model/errors.ts';
import { type Exit, startChild } from '../../process/child.ts';
import { alignBytes } from '../memory.ts';
import { handshakeFlags, options } from './constants.ts';
import { type QemuImage, imageOptions } from './image-options.ts';
import { encodeOption } from './wire.ts';

export type QemuNbdOptions = {
  readonly image: Omit<QemuImage, 'blockDevice'>;
  readonly readOnly: boolean;
  /** For the socket; only we may enter it. */
  readonly directory: string;
  /**
   * `direct` (default) goes past the page cache where the file system can (not on every tmpfs): what is read back has
   * been on the disk, a flush finds little left to do, and a large copy does not push everything else out of memory.
   */
  readonly cache?: 'direct' | 'writeback';
  /** Default `threads`: `native` submits writes into holes of a file in the main loop, which then waits for allocation. */
  readonly aio?: 'threads' | 'native';
  /** Whether zeroed and trimmed ranges give their space back. Default `unmap`. */
  readonly discard?: 'unmap' | 'ignore';
  readonly detectZeroes?: 'off' | 'on' | 'unmap';
  /** Offer the metadata context `qemu:allocation-depth`: 0 where a qcow2 does not hold the cluster itself. */
  readonly allocationDepth?: boolean;
};

export type QemuNbd = {
  /** For this process. */
  readonly socketPath: string;
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** The same in words, for `connectNbd`. */
  readonly ended: Promise<string>;
  /** TERM: it flushes what it holds and ends its clients. */
  close(): Promise<void>;
};

/** Bytes of a unix socket's path, without the end of the string. */
const maxSocketPath = 107;
const readyMs = 15_000;
const pollMs = 5;
/** Enough for four connections of a copy, four of its read-back, and some tools beside them. */
const shared = 16;

/**
 * glibc gives every request's buffer back to the kernel, which clears each page again: writing 2 GiB of qcow2 by nbdcopy
 * took 4.4 CPU seconds, and 3.6 with this (medians of three on a busy machine). So it may keep up to 64 MiB, in one heap.
 */
const keepBuffers = {
  MALLOC_MMAP_THRESHOLD_: '33554432',
  MALLOC_TRIM_THRESHOLD_: '67108864',
  MALLOC_ARENA_MAX: '1',
};

/** Client flags, then NBD_OPT_ABORT: so it does not look like a client that broke off. */
const goodbye = Buffer.concat([Buffer.from([0, 0, 0, handshakeFlags.fixedNewstyle]), encodeOption(options.abort)]);

/** Resolves when it accepts clients. @throws WherryError transfer.qemu_nbd_failed with its words, or the signal's reason. */
export async function startQemuNbd(wanted: QemuNbdOptions, signal: AbortSignal): Promise<QemuNbd> {
  signal.throwIfAborted();
  const { path, format } = wanted.image;
  const name = `nbd-${randomBytes(4).toString('hex')}.sock`;
  const place = await placeFor(wanted.directory, name);
  const { socketPath } = place;
  const facts = await look(path);
  // Where qemu cannot find out how requests must be aligned (a new file is all hole) it takes 4 KiB, and refuses to write
  // to a raw file of another size. There nearly everything goes past qemu-nbd anyway (direct.ts).
  const odd = format === 'raw' && !wanted.readOnly && facts.sizeBytes % alignBytes !== 0;
  const direct = wanted.cache !== 'writeback' && facts.direct && !odd;
  const args = [
    '--persistent',
    `--shared=${shared}`,
    `--socket=${place.asItsOwn}`,
    `--cache=${direct ? 'none' : 'writeback'}`,
    `--aio=${direct ? (wanted.aio ?? 'threads') : 'threads'}`,
    `--discard=${wanted.discard ?? 'unmap'}`,
    `--detect-zeroes=${wanted.detectZeroes ?? 'off'}`,
    ...(wanted.readOnly ? ['--read-only'] : []),
    ...(wanted.allocationDepth === true ? ['--allocation-depth'] : []),
    '--',
    imageOptions({ ...wanted.image, path: absolute(path), blockDevice: facts.blockDevice }),
  ];
  const child = await startChild('qemu-nbd', args, { env: keepBuffers, cwd: wanted.directory }).catch(
    async (error: unknown) => {
      await place.close();
      throw error;
    },
  );
  const close = async (): Promise<void> => {
    await child.stop();
    await rm(join(wanted.directory, name), { force: true });
    await place.close();
  };
  const ended = child.exited.then(lastWords);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(readyMs)]);
  if (!(await Promise.race([accepts(socketPath, deadline), child.exited.then(() => false)]))) {
    const late = deadline.aborted ? `not ready after ${readyMs} ms; then ` : '';
    await close();
    signal.throwIfAborted();
    throw new WherryError('transfer.qemu_nbd_failed', { path, format }, new Error(`${late}${await ended}`));
  }
  return { socketPath, pid: child.pid, exited: child.exited, ended, close };
}

/**
 * A socket's path may have 107 bytes, and a worker's directories may be deeper. Then each side has a short way of its own to
 * the same file: qemu-nbd by its working directory, this process by an open directory. `/proc/self` is right whatever PID
 * namespace we are in; a number there would not be.
 */
export async function placeFor(
  directory: string,
  name: string,
): Promise<{ readonly socketPath: string; readonly asItsOwn: string; close(): Promise<void> }> {
  const plain = join(directory, name);
  if (Buffer.byteLength(plain) <= maxSocketPath) {
    return { socketPath: plain, asItsOwn: plain, close: () => Promise.resolve() };
  }
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  let closed: Promise<void> | undefined;
  return {
    socketPath: `/proc/self/fd/${handle.fd}/${name}`,
    asItsOwn: `/proc/self/cwd/${name}`,
    close: () => (closed ??= handle.close()),
  };
}

/**
 * True once it greets; false after the deadline. That it accepts is not enough: qemu-nbd listens first and opens the image
 * afterwards.
 */
async function accepts(socketPath: string, deadline: AbortSignal): Promise<boolean> {
  while (!deadline.aborted) {
    if (await greets(socketPath, deadline)) return true;
    await sleep(pollMs);
  }
  return false;
}

function greets(socketPath: string, deadline: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: socketPath, signal: deadline });
    socket.once('data', () => {
      socket.end(goodbye);
      resolve(true);
    });
    socket.on('error', () => resolve(false));
    socket.on('close', () => resolve(false));
  });
}

/** What kind of file it is and whether O_DIRECT works there; qemu-nbd itself says what is wrong with a missing one. */
async function look(path: string): Promise<{ blockDevice: boolean; direct: boolean; sizeBytes: number }> {
  let blockDevice = false;
  let sizeBytes = 0;
  try {
    const facts = await stat(path);
    blockDevice = facts.isBlockDevice();
    sizeBytes = facts.size;
    await (await open(path, constants.O_RDONLY | constants.O_DIRECT)).close();
    return { blockDevice, direct: true, sizeBytes };
  } catch {
    return { blockDevice, direct: false, sizeBytes };
  }
}

function lastWords({ code, signal, stderrTail }: Exit): string {
  const how = code === null ? `was killed by ${signal}` : `ended with code ${code}`;
  return `qemu-nbd ${how}: ${stderrTail.trim().slice(-2000)}`;
}
