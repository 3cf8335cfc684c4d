import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Disk, FileRange, ImageTools, RemoteFile, StoredImage } from './disk.ts';
import { openFileRange } from './file.ts';
import { openGzipRaw, openGzipVmdk } from './gzip.ts';
import { type Content, type Inspection, inspectImage } from './inspect/inspect.ts';
import { refuse } from './inspect/refuse.ts';
import { serveNbd } from './nbd/server.ts';
import { placeFor } from './nbd/qemu-nbd.ts';
import { openRawRange } from './nbd/sparse.ts';
import { openImage, openVolume } from './nbd/volume.ts';
import { openVmdk } from './vmdk/open.ts';

/** A map of holes costs a qemu-nbd for each file: not for VMDKs in more pieces than this. */
const mappedPieces = 4;

/** Inspecting and opening of stored images; see `ImageTools`. */
export function createImageTools(): ImageTools {
  return {
    inspect: async (image, signal) => (await inspectImage(image, signal)).facts,
    openStored: async (image, directory, signal) =>
      openInspected(image, await inspectImage(image, signal), directory, signal),
    openVolume,
  };
}

async function openInspected(
  image: StoredImage,
  { facts, content }: Inspection,
  directory: string,
  signal: AbortSignal,
): Promise<Disk> {
  const openRange = (range: FileRange) => openRawRange(range, directory, signal);
  if (content.kind === 'range') return openRange(content.range);
  if (content.kind === 'gzip-raw') return openGzipRaw(image, facts.virtualSizeBytes);
  if (content.kind === 'gzip-vmdk') return openGzipVmdk(image, content.header);
  if (content.kind === 'vmdk') {
    const few = content.layout.parts.length <= mappedPieces;
    return openVmdk(content.layout, image, few ? openRange : (range) => openFileRange(range, signal), signal);
  }
  const disk = await openByQemu(image, content.format, directory, signal);
  if (disk.sizeBytes === facts.virtualSizeBytes) return disk;
  await disk.close();
  // QEMU would take the size of some VHDs from their geometry, which cuts the end of the disk off.
  throw refuse(image, 'image.corrupt', {
    detail: `it says that the disk has ${facts.virtualSizeBytes} bytes, QEMU says ${disk.sizeBytes}`,
  });
}

type QemuFormat = Extract<Content, { kind: 'qemu' }>['format'];

async function openByQemu(
  image: StoredImage,
  format: QemuFormat,
  directory: string,
  signal: AbortSignal,
): Promise<Disk> {
  const { path, offset, lengthBytes, remote } = image;
  if (remote !== undefined) return openRemoteByQemu({ ...image, remote }, format, directory, signal);
  return openImage({ image: { path, format, part: { offset, lengthBytes } }, readOnly: true, directory }, signal);
}

/**
 * qemu-nbd gets the bytes from us, by a socket: it never speaks to the network, and knows no password. Of what fails far away it
 * says no more than that reading failed, which would be tried again whatever it was (a password that is refused by now); so the
 * reason is told in its place.
 */
async function openRemoteByQemu(
  image: StoredImage & { readonly remote: RemoteFile },
  format: QemuFormat,
  directory: string,
  signal: AbortSignal,
): Promise<Disk> {
  const stored = await openFileRange(image, signal);
  const serving = new AbortController();
  let failure: unknown;
  const onError = (error: unknown): void => {
    failure = error;
  };
  await using begun = new AsyncDisposableStack();
  const folder = await mkdtemp(join(directory, 'far-'));
  begun.defer(() => rm(folder, { recursive: true, force: true }));
  const place = await placeFor(folder, 's');
  begun.defer(() => place.close());
  const { socketPath, asItsOwn } = place;
  const server = await serveNbd(stored, { socketPath, readOnly: true, onError }, serving.signal);
  begun.defer(async () => {
    await server.close();
    serving.abort();
  });
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      const done = await work;
      failure = undefined;
      return done;
    } catch (error) {
      throw failure ?? error;
    }
  };
  const far = {
    path: image.path,
    format,
    nbdSocket: asItsOwn.replace(/^\/proc\/self\/cwd\//, `/proc/self/cwd/${basename(folder)}/`),
  };
  const disk = await told(openImage({ image: far, readOnly: true, directory }, signal));
  const readInto = disk.readInto?.bind(disk);
  const opened = begun.move();
  return {
    ...disk,
    async *extents(range, during) {
      try {
        yield* disk.extents(range, during); // tables are read for these
      } catch (error) {
        throw failure ?? error;
      }
    },
    read: (offset, length, during) => told(disk.read(offset, length, during)),
    ...(readInto && { readInto: (offset, buffer, during) => told(readInto(offset, buffer, during)) }),
    close: async () => {
      await disk.close();
      await opened.disposeAsync();
    },
  };
}
