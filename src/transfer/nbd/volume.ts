/** Our own target images as disks: qemu-nbd and a connection to it, opened and closed as one. */
import { WherryError } from '../../model/errors.ts';
import { runChild } from '../../process/child.ts';
import type { ImageTools } from '../disk.ts';
import { type NbdDisk, connectNbd } from './client.ts';
import { openFresh } from '../qcow2/fresh.ts';
import { direct } from './direct.ts';
import { type QemuNbdOptions, startQemuNbd } from './qemu-nbd.ts';

/**
 * An image as a disk, served by a qemu-nbd of its own that ends with `close`.
 * @throws WherryError transfer.qemu_nbd_failed, and everything that `connectNbd` throws. When its qemu-nbd dies, calls
 * fail with transfer.connection_lost (passing), whose cause is what it said last.
 */
export async function openImage(options: ImageOptions, signal: AbortSignal): Promise<NbdDisk> {
  return (await openWithServer(options, signal)).disk;
}

type ImageOptions = QemuNbdOptions & { readonly startsZeroed?: boolean };

async function openWithServer(
  options: ImageOptions,
  signal: AbortSignal,
): Promise<{ readonly disk: NbdDisk; readonly ended: Promise<string> }> {
  const server = await startQemuNbd(options, signal);
  try {
    const disk = await connectNbd(
      {
        socketPath: server.socketPath,
        where: options.image.path,
        peerEnded: server.ended,
        startsZeroed: options.startsZeroed ?? false,
        metaContexts: options.allocationDepth === true ? [allocationDepthContext] : [],
      },
      signal,
    );
    const close = async (): Promise<void> => {
      try {
        await disk.close();
      } finally {
        await server.close();
      }
    };
    return { disk: { ...disk, close }, ended: server.ended };
  } catch (error) {
    await server.close();
    throw error;
  }
}

/** Its flags are a depth: 0 nowhere, 1 in the image itself, 2 in its backing file, and so on. */
export const allocationDepthContext = 'qemu:allocation-depth';

/** @see ImageTools.openVolume. @throws WherryError transfer.read_only when it should be writable and is not. */
export const openVolume: ImageTools['openVolume'] = async (volume, directory, signal) => {
  const { path, format, readOnly } = volume;
  if (format === 'qcow2' && !readOnly) {
    await freeLeaks(path, signal);
    const handOver = (opening: AbortSignal) => openServed(volume, directory, opening);
    const fresh = await openFresh(volume, directory, handOver, signal);
    if (fresh !== null) return fresh;
  }
  return openServed(volume, directory, signal);
};

const openServed: ImageTools['openVolume'] = async (volume, directory, signal) => {
  const { path, format, readOnly, startsZeroed } = volume;
  const options = { image: { path, format }, readOnly, directory, startsZeroed };
  const { disk, ended } = await openWithServer(options, signal);
  if (readOnly || !disk.readOnly) return format === 'raw' ? direct(disk, path, readOnly, ended) : disk;
  await disk.close();
  throw new WherryError('transfer.read_only', { where: path });
};

/**
 * A qemu-nbd that was killed leaves clusters of a qcow2 that it had taken and not yet entered: harmless, but lost to the
 * image for ever. Every copy that was cut off opens its target again, so here is the place to give them back.
 */
async function freeLeaks(path: string, signal: AbortSignal): Promise<void> {
  try {
    await runChild('qemu-img', ['check', '-q', '-r', 'leaks', '-f', 'qcow2', path], { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new WherryError('transfer.qemu_nbd_failed', { path, format: 'qcow2' }, error);
  }
}
