/** Checks an image file or block device on this machine against its manifest. Our inspector sees it before anything else. */
import { mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WherryError } from '../model/errors.ts';
import { createImageTools } from './images.ts';
import { type CheckOptions, checkAgainstManifest, type ManifestCheck } from './manifest-check.ts';
import type { Manifest } from './manifest.ts';

export type FileToCheck = {
  readonly manifest: Manifest;
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
};

/** @throws image.* and source.* when the file is not what `format` says, cannot be read or refers to others; transfer.manifest_size */
export async function checkFile(
  { manifest, path, format }: FileToCheck,
  signal: AbortSignal,
  options: CheckOptions = {},
): Promise<ManifestCheck> {
  const lengthBytes = await sizeOf(path);
  const directory = await mkdtemp(join(tmpdir(), 'wherry-verify-'));
  try {
    const image = {
      path,
      offset: 0,
      lengthBytes,
      format,
      gzip: /\.gz$/i.test(path),
      declaredSizeBytes: manifest.coverage.sizeBytes,
      vm: manifest.about?.vm ?? '',
      disk: manifest.about?.name ?? manifest.disk,
      sibling: () => null,
    };
    const disk = await createImageTools().openStored(image, directory, signal);
    try {
      return await checkAgainstManifest(disk, manifest, signal, options);
    } finally {
      await disk.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const sectorBytes = 512;

/** A block device has no size of its own: the kernel says it in sectors. */
async function sizeOf(path: string): Promise<number> {
  try {
    const facts = await stat(path);
    if (!facts.isBlockDevice()) return facts.size;
    const name = (await realpath(path)).split('/').at(-1) ?? '';
    return Number.parseInt(await readFile(`/sys/class/block/${name}/size`, 'utf8'), 10) * sectorBytes;
  } catch (error) {
    throw new WherryError('transfer.disk_unreadable', { path }, error);
  }
}
