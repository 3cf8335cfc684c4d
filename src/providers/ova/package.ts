import { lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { WherryError } from '../../model/errors.ts';
import type { FileRange, RemoteFile } from '../../transfer/disk.ts';
import { explainUnreachable, kindOf, type LocalFile, notAFile, openLocalFile } from '../local/local-file.ts';
import { indexTar, type Member } from './tar.ts';

/** A file of a package: a part of the archive, or a file of its own in the directory. Never unpacked. */
export type PackageFile = FileRange & { readonly name: string };

/** An OVF and what belongs to it (the OVF standard's word): one archive (.ova), or a directory. */
export type Package = {
  /** As the user named it. */
  readonly path: string;
  readonly kind: 'archive' | 'directory';
  readonly files: readonly PackageFile[];
  readonly descriptor: PackageFile;
  readonly manifest: PackageFile | null;
  readonly certificate: PackageFile | null;
  /**
   * The file of that name beside the OVF; null when there is none.
   * @throws ova.bad_member when the name is not unique or not a plain file
   */
  find(name: string): PackageFile | null;
};

const maxDirectoryEntries = 10_000;

/** @throws source.*, ova.no_ovf, ova.several_ovf and all of `indexTar` */
export async function openPackage(path: string, signal: AbortSignal): Promise<Package> {
  signal.throwIfAborted();
  const stats = await stat(path).catch(async (error: unknown) => {
    throw await explainUnreachable(path, error);
  });
  if (stats.isDirectory()) return directoryPackage(path, path, null, signal);
  if (!stats.isFile()) throw notAFile(path, stats);
  if (/\.ovf$/i.test(path)) {
    const file = await openLocalFile(path); // tells who may not read it
    await file[Symbol.asyncDispose]();
    return directoryPackage(path, dirname(path), path.slice(path.lastIndexOf('/') + 1), signal);
  }
  await using file = await openLocalFile(path);
  return await archivePackage(file, signal);
}

/** An archive that is open, wherever it is. */
export async function archivePackage(
  file: LocalFile & { readonly remote?: RemoteFile },
  signal: AbortSignal,
): Promise<Package> {
  const { path, remote } = file;
  const members = await indexTar(file, signal);
  const files = members.map((member: Member): PackageFile => ({ ...member, path, remote }));
  return assemble(path, 'archive', files, new Map(), null);
}

/** Files that lie somewhere else than in a directory of this machine, each by itself. @param path as the user named it */
export function loosePackage(path: string, files: readonly PackageFile[]): Package {
  return assemble(path, 'directory', files, new Map(), null);
}

/** Reads a small file of a package. @throws ova.too_large, source.* */
export async function readPackageFile(packed: Package, file: PackageFile, limitBytes: number): Promise<Buffer> {
  await using open = await openPart(file);
  return await readMember(packed, file, open, limitBytes);
}

/** What a file of a package lies in, open: its bytes are at the same offsets. */
export async function openPart({ path, remote }: PackageFile): Promise<Pick<LocalFile, 'read'> & AsyncDisposable> {
  if (remote === undefined) return openLocalFile(path);
  return {
    read: (offset, length) => remote.read(offset, length, AbortSignal.timeout(remoteReadMs)),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const remoteReadMs = 300_000;

/** The same from what is open already. @throws ova.too_large, and what reading throws */
export async function readMember(
  packed: Package,
  file: PackageFile,
  open: Pick<LocalFile, 'read'>,
  limitBytes: number,
): Promise<Buffer> {
  if (file.lengthBytes > limitBytes) {
    const params = { path: packed.path, member: file.name, bytes: file.lengthBytes, limit: limitBytes };
    throw new WherryError('ova.too_large', params);
  }
  return open.read(file.offset, file.lengthBytes);
}

/**
 * Only what lies in the directory itself counts. Links are not followed: one could lead anywhere.
 */
async function directoryPackage(
  path: string,
  directory: string,
  descriptor: string | null,
  signal: AbortSignal,
): Promise<Package> {
  const names = await readdir(directory).catch(async (error: unknown) => {
    throw await explainUnreachable(directory, error);
  });
  if (names.length > maxDirectoryEntries) {
    throw new WherryError('ova.too_many_members', { path: directory, limit: maxDirectoryEntries });
  }
  const files: PackageFile[] = [];
  const special = new Map<string, string>();
  for (const name of names.sort()) {
    signal.throwIfAborted();
    const at = join(directory, name);
    const stats = await lstat(at).catch(async (error: unknown) => {
      throw await explainUnreachable(at, error);
    });
    if (stats.isFile()) files.push({ name, path: at, offset: 0, lengthBytes: stats.size });
    else special.set(name, `is a ${kindOf(stats)}`);
  }
  return assemble(path, 'directory', files, special, descriptor);
}

function assemble(
  path: string,
  kind: Package['kind'],
  files: readonly PackageFile[],
  special: ReadonlyMap<string, string>,
  wanted: string | null,
): Package {
  const ofType = (extension: string): PackageFile[] =>
    files.filter((file) => file.name.toLowerCase().endsWith(extension));
  const byName = new Map(files.map((file) => [file.name, file]));
  const problems = new Map(special);
  for (const file of files) {
    if (byName.get(file.name) !== file) problems.set(file.name, 'is there more than once');
  }
  const find = (name: string): PackageFile | null => {
    const problem = problems.get(name);
    if (problem !== undefined) throw new WherryError('ova.bad_member', { path, member: name, problem });
    return byName.get(name) ?? null;
  };
  const descriptors = ofType('.ovf').filter((file) => wanted === null || file.name === wanted);
  const [descriptor, other] = descriptors;
  if (descriptor === undefined) throw new WherryError('ova.no_ovf', { path });
  if (other !== undefined) {
    const names = descriptors.map((file) => file.name).join(', ');
    throw new WherryError('ova.several_ovf', { path, names });
  }
  const folder = descriptor.name.slice(0, descriptor.name.lastIndexOf('/') + 1);
  const stem = descriptor.name.slice(0, -'.ovf'.length);
  const alone = ofType('.ovf').length === 1;
  return {
    path,
    kind,
    files,
    descriptor,
    manifest: companion(stem, ofType('.mf'), alone, find),
    certificate: companion(stem, ofType('.cert'), alone, find),
    find: (name) => find(folder + name),
  };
}

/** The file that goes with the OVF: by its name, or the only one there is beside the only OVF. */
function companion(
  stem: string,
  candidates: readonly PackageFile[],
  alone: boolean,
  find: (name: string) => PackageFile | null,
): PackageFile | null {
  const named = candidates.find((file) => file.name.slice(0, file.name.lastIndexOf('.')) === stem);
  const chosen = named ?? (alone && candidates.length === 1 ? candidates[0] : undefined);
  return chosen === undefined ? null : find(chosen.name);
}
