/** qemu-nbd as a child process: any image that qemu knows becomes an NBD export on a unix socket. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../../model/errors.ts';
import { type Exit, startChild } from '../../process/child.ts';
import { type QemuImage, imageOptions } from './image-options.ts';

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
  readonly socketPath: string;
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  /** The same in words, for `connectNbd`. */
  readonly ended: Promise<string>;
  /** TERM: it flushes what it holds and ends its clients. */
  close(): Promise<void>;
};

const readyMs = 15_000;
const pollMs = 5;
/** Enough for four connections of a copy, four of its read-back, and some tools beside them. */
const shared = 16;

/** Resolves when it accepts clients. @throws WherryError transfer.qemu_nbd_failed with its words, or the signal's reason. */
export async function startQemuNbd(options: QemuNbdOptions, signal: AbortSignal): Promise<QemuNbd> {
  signal.throwIfAborted();
  const { path, format } = options.image;
  const socketPath = join(options.directory, `nbd-${randomBytes(4).toString('hex')}.sock`);
  const facts = await look(path);
  const direct = options.cache !== 'writeback' && facts.direct;
  const child = await startChild('qemu-nbd', [
    '--persistent',
    `--shared=${shared}`,
    `--socket=${socketPath}`,
    `--cache=${direct ? 'none' : 'writeback'}`,
    `--aio=${direct ? (options.aio ?? 'threads') : 'threads'}`,
    `--discard=${options.discard ?? 'unmap'}`,
    `--detect-zeroes=${options.detectZeroes ?? 'off'}`,
    ...(options.readOnly ? ['--read-only'] : []),
    ...(options.allocationDepth === true ? ['--allocation-depth'] : []),
    '--',
    imageOptions({ ...options.image, blockDevice: facts.blockDevice }),
  ]);
  const close = async (): Promise<void> => {
    await child.stop();
    await rm(socketPath, { force: true });
  };
  const ended = child.exited.then(lastWords);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(readyMs)]);
  try {
    const ready = await Promise.race([accepts(socketPath, deadline), child.exited.then(() => false)]);
    if (!ready) throw new Error(await ended);
  } catch (error) {
    await close();
    signal.throwIfAborted();
    const cause = deadline.aborted ? new Error(`not ready after ${readyMs} ms: ${await ended}`) : error;
    throw new WherryError('transfer.qemu_nbd_failed', { path, format }, cause);
  }
  return { socketPath, pid: child.pid, exited: child.exited, ended, close };
}

/** True once somebody accepts there; false after the deadline. */
async function accepts(socketPath: string, deadline: AbortSignal): Promise<boolean> {
  while (!deadline.aborted) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(socketPath);
      const settle = (ok: boolean): void => {
        socket.destroy();
        resolve(ok);
      };
      socket.once('connect', () => settle(true));
      socket.once('error', () => settle(false));
    });
    if (connected) return true;
    await sleep(pollMs);
  }
  return false;
}

/** What kind of file it is and whether O_DIRECT works there; qemu-nbd itself says what is wrong with a missing one. */
async function look(path: string): Promise<{ blockDevice: boolean; direct: boolean }> {
  let blockDevice = false;
  try {
    blockDevice = (await stat(path)).isBlockDevice();
    await (await open(path, constants.O_RDONLY | constants.O_DIRECT)).close();
    return { blockDevice, direct: true };
  } catch {
    return { blockDevice, direct: false };
  }
}

function lastWords({ code, signal, stderrTail }: Exit): string {
  const how = code === null ? `was killed by ${signal}` : `ended with code ${code}`;
  return `qemu-nbd ${how}: ${stderrTail.trim().slice(-2000)}`;
}
