/**
 * Image files as a target: `web01-disk0.qcow2` and so on in a directory, and `web01.xml`, a libvirt domain that refers to
 * them. Nothing has its final name before all bytes are verified; until the migration is final each file also keeps its
 * partial name, which carries the mark (partial.ts), and which proves that the file may be taken back.
 */
import { access, constants, lstat, open, rename, rm, statfs } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import type { Static } from 'typebox';
import type { Concern } from '../../model/concern.ts';
import { WherryError } from '../../model/errors.ts';
import { roomOf } from '../../model/room.ts';
import type { FilesTarget } from '../../model/spec.ts';
import { isAway } from '../../model/system-errors.ts';
import { runChild } from '../../process/child.ts';
import type { GzipTools, ImageTools } from '../../transfer/disk.ts';
import { domainXml, type NicConnection } from '../domain/domain-xml.ts';
import { spaceConcerns } from '../local/space.ts';
import type { DiskRequest, Made, Missing, RandomTarget, StreamTarget, TargetDisk, VmRequest } from '../provider.ts';
import { isFresh } from '../local/fresh.ts';
import {
  codeOf,
  conceal,
  fileBase,
  fileIdentity,
  isNoHardLinks,
  partialName,
  publish,
  sameFile,
  settle,
  syncDirectory,
  withdraw,
} from '../local/partial.ts';
import { directoryIdentity, isThere, provePlace } from '../local/place.ts';

export type FilesTargetSpec = Static<typeof FilesTarget>;
type Common = Omit<RandomTarget, 'access' | 'openDisk' | 'createDisk'> & AsyncDisposable;

export function createFilesTarget(spec: FilesTargetSpec, tools: ImageTools): RandomTarget & AsyncDisposable {
  const { directory } = spec;
  return {
    ...common(spec),
    createDisk: async (planned, request, signal) => {
      const paths = pathsOf(directory, planned.ref);
      if ((await lstat(paths.partial).catch(() => undefined)) !== undefined) {
        if (await isAsPlanned(paths.partial, planned, signal)) return withIdentity(planned, paths.partial);
        await withdraw(paths.partial, paths.final);
      }
      await createImage(paths.partial, planned, request.vm.name, signal);
      return withIdentity(planned, paths.partial);
    },
    openDisk: async (disk, options, signal) => {
      const path = pathsOf(directory, disk.ref).partial;
      const startsZeroed = await isFresh(path, disk);
      return tools.openVolume(
        { path, format: disk.format, readOnly: options.readOnly, startsZeroed },
        options.directory,
        signal,
      );
    },
  };
}

/**
 * The same with raw images compressed by gzip: small, whole (holes are zeros in them), and written once in order. The
 * domain's XML names the images as they are when they are unpacked.
 */
export function createCompressedTarget(spec: FilesTargetSpec, gzip: GzipTools): StreamTarget & AsyncDisposable {
  const { directory } = spec;
  const pathOf = (disk: TargetDisk): string => pathsOf(directory, disk.ref).partial;
  return {
    ...common(spec),
    access: 'stream',
    createDisk: async (planned, request) => {
      // What is in one that is there already does not matter: its stream begins anew.
      await createEmpty(pathOf(planned), request.vm.name);
      return withIdentity(planned, pathOf(planned));
    },
    openStream: (disk) => gzip.create(pathOf(disk), disk.sizeBytes),
    openWritten: (disk, signal) => gzip.readBack(pathOf(disk), disk.sizeBytes, signal),
  };
}

function common(spec: FilesTargetSpec): Common {
  const { directory, format } = spec;
  return {
    eligible: async () => checkDirectory(directory),
    concerns: async ({ mark, vm, targetName }) => {
      const concerns: Concern[] = [];
      if (spec.compressed === true && format !== 'raw') {
        concerns.push({ code: 'files.compressed_format', severity: 'critical', params: { format } });
      }
      const names = vm.disks.map((_, index) => diskName(targetName, index, spec));
      let ownBytes = 0;
      for (const name of [...names, vmName(targetName)]) {
        const partial = join(directory, partialName(name, mark.targetCopyId));
        ownBytes += ((await lstat(partial).catch(() => undefined))?.blocks ?? 0) * 512;
        const path = join(directory, name);
        if ((await lstat(path).catch(() => undefined)) !== undefined && !(await sameFile(partial, path))) {
          concerns.push({ code: 'files.exists', severity: 'critical', params: { path } });
        }
      }
      const fs = await statfs(directory).catch((error: unknown) => {
        throw directoryError(directory, error);
      });
      const room = { availableBytes: roomOf(fs).freeBytes, ownBytes, subject: 'files', where: { path: directory } };
      const stored = spec.compressed === true ? 'gzip' : format;
      return [...concerns, ...spaceConcerns(vm, stored, { ...room, subject: 'files' })];
    },
    planDisk: (request) => planDisk(spec, request),
    concealDisk: async (disk) => {
      const paths = pathsOf(directory, disk.ref);
      await foundOrProved(directory, disk.ref);
      await conceal(paths.partial, paths.final);
    },
    removeDisk: async (mark, disk) => withdrawOurs(directory, mark.targetCopyId, disk.ref),
    planVm: async ({ targetName, mark }) => {
      const name = vmName(targetName);
      const ref = { name, partial: partialName(name, mark.targetCopyId), directory: await identityOf(directory) };
      return { name: targetName, ref };
    },
    createVm: async (planned, request) => {
      const paths = pathsOf(directory, planned.ref);
      for (const disk of request.disks) {
        await syncFile(pathsOf(directory, disk.ref).partial, request.targetName);
        await publishFile(pathsOf(directory, disk.ref), request.targetName);
      }
      // A complete file under the partial name, whatever an earlier attempt left of it; then the final name, all or nothing.
      if (!(await sameFile(paths.partial, paths.final))) {
        await writeWhole(paths.partial, describeVm(spec, request)).catch((error: unknown) => {
          throw createError(paths.partial, request.targetName, error);
        });
      }
      await publishFile(paths, request.targetName);
      return planned;
    },
    removeVm: async (mark, vm) => withdrawOurs(directory, mark.targetCopyId, vm.ref),
    finalize: (_mark, made, { gone }) =>
      handOver(directory, made, gone).catch((error: unknown) => {
        const params = { path: directory, vm: made.vm.name };
        if (error instanceof WherryError)
          throw new WherryError(error.code, { ...error.params, ...params }, error.cause);
        throw new WherryError(isAway(error) ? 'files.away' : 'files.hand_over_failed', params, error);
      }),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function withIdentity(disk: TargetDisk, path: string): Promise<TargetDisk> {
  return { ...disk, ref: { ...disk.ref, file: await fileIdentity(path) } };
}

type Ref = TargetDisk['ref'];
type Paths = { readonly partial: string; readonly final: string };

async function planDisk(spec: FilesTargetSpec, request: DiskRequest): Promise<TargetDisk> {
  const name = diskName(request.targetName, request.index, spec);
  const partial = partialName(name, request.mark.targetCopyId);
  const path = join(spec.directory, name);
  const ref = { name, partial, path, directory: await identityOf(spec.directory) };
  return { diskId: request.diskId, sizeBytes: request.sizeBytes, format: spec.format, ref };
}

function diskName(targetName: string, index: number, { format, compressed }: FilesTargetSpec): string {
  return `${fileBase(targetName)}-disk${index}.${format}${compressed === true ? '.gz' : ''}`;
}

function vmName(targetName: string): string {
  return `${fileBase(targetName)}.xml`;
}

/** Names out of a ledger row become paths: they must stay inside the directory. */
function pathsOf(directory: string, ref: Ref): Paths {
  const [partial, final] = [ref['partial'], ref['name']].map((name) => {
    if (name === undefined || name === '' || name.includes('/') || name === '.' || name === '..') {
      throw new WherryError('internal', {}, new Error(`${name} is no file name`));
    }
    return join(directory, name);
  });
  return { partial: partial ?? '', final: final ?? '' };
}

async function withdrawOurs(directory: string, targetCopyId: string, ref: Ref): Promise<void> {
  const paths = pathsOf(directory, ref);
  if (partialName(paths.final, targetCopyId) !== paths.partial) {
    throw new WherryError('files.exists', { path: paths.final });
  }
  await foundOrProved(directory, ref);
  const place = await directoryIdentity(directory);
  await rm(draftOf(paths.partial), { force: true });
  await withdraw(paths.partial, paths.final);
  // A mount that was lost meanwhile took the file with it.
  await provePlace(directory, place);
}

/** A partial name is its own proof, wherever it is found; that there is none means something only in the directory it was made in. */
async function foundOrProved(directory: string, ref: Ref): Promise<void> {
  if (!(await isThere(pathsOf(directory, ref).partial))) await provePlace(directory, ref['directory']);
}

async function identityOf(directory: string): Promise<string> {
  return directoryIdentity(directory).catch((error: unknown) => {
    throw directoryError(directory, error);
  });
}

/** Nothing is settled before it is certain what is there. */
async function handOver(directory: string, { vm, disks }: Made, gone: boolean): Promise<Missing> {
  const found: Paths[] = [];
  const isMissing = async (ref: Ref): Promise<boolean> => {
    const paths = pathsOf(directory, ref);
    if ((await isThere(paths.final)) || (await isThere(paths.partial))) {
      found.push(paths);
      return false;
    }
    if (!gone) await provePlace(directory, ref['directory']);
    return true;
  };
  const diskIds: string[] = [];
  for (const disk of disks) if (await isMissing(disk.ref)) diskIds.push(disk.diskId);
  const missing = { vm: await isMissing(vm.ref), diskIds };
  for (const { partial, final } of found) await settle(partial, final);
  return missing;
}

async function checkDirectory(directory: string): Promise<void> {
  try {
    if (!(await lstat(`${directory}/`)).isDirectory()) throw new Error('it is not a directory');
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw directoryError(directory, error);
  }
}

function directoryError(path: string, error: unknown): WherryError {
  if (['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error) ?? '')) {
    return new WherryError('files.no_permission', { user: userInfo().username, path }, error);
  }
  return new WherryError('files.directory_missing', { path }, error);
}

function createError(path: string, vm: string, error: unknown): WherryError {
  if (['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error) ?? '')) {
    return new WherryError('files.no_permission', { user: userInfo().username, path }, error);
  }
  return new WherryError('files.create_failed', { path, vm }, error);
}

/** `-f` says the format; nothing is ever probed. Owner and mode are those of any file that this user makes. */
async function createImage(path: string, disk: TargetDisk, vm: string, signal: AbortSignal): Promise<void> {
  try {
    {
      await using file = await open(path, 'wx', 0o640);
      // Not by qemu-img: it would write a first block, and the file would no longer be seen to be fresh.
      if (disk.format === 'raw') await file.truncate(disk.sizeBytes);
    }
    if (disk.format === 'qcow2') {
      const args = ['create', '-q', '-f', 'qcow2', '-o', 'compat=1.1', path, String(disk.sizeBytes)];
      await runChild('qemu-img', args, { signal, timeoutMs: 120_000 });
    }
    await syncFile(path, vm);
  } catch (error) {
    await rm(path, { force: true });
    signal.throwIfAborted();
    throw error instanceof WherryError ? error : createError(path, vm, error);
  }
}

async function createEmpty(path: string, vm: string): Promise<void> {
  try {
    await using file = await open(path, 'a', 0o640);
    await file.sync();
    await syncDirectory(join(path, '..'));
  } catch (error) {
    throw createError(path, vm, error);
  }
}

async function isAsPlanned(path: string, planned: TargetDisk, signal: AbortSignal): Promise<boolean> {
  try {
    const args = ['info', '--output=json', '-f', planned.format, '-U', path];
    const facts: unknown = JSON.parse(await runChild('qemu-img', args, { signal, timeoutMs: 60_000 }));
    return typeof facts === 'object' && facts !== null && 'virtual-size' in facts
      ? facts['virtual-size'] === planned.sizeBytes
      : false;
  } catch {
    signal.throwIfAborted();
    return false; // cut off while it was made
  }
}

async function publishFile(paths: Paths, vm: string): Promise<void> {
  const outcome = await publish(paths.partial, paths.final).catch((error: unknown) => {
    if (isNoHardLinks(error)) throw new WherryError('files.no_hard_links', { path: paths.final }, error);
    throw createError(paths.final, vm, error);
  });
  if (outcome === 'taken') throw new WherryError('files.exists', { path: paths.final });
}

function draftOf(path: string): string {
  return `${path}.new`;
}

async function writeWhole(path: string, text: string): Promise<void> {
  const draft = draftOf(path);
  await rm(draft, { force: true });
  {
    await using file = await open(draft, 'wx', 0o644);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(draft, path);
  await syncDirectory(join(path, '..'));
}

/** A sync that failed is final, whatever it says: a second one may succeed although the first has lost data. */
async function syncFile(path: string, vm: string): Promise<void> {
  await using file = await open(path, 'r+').catch((error: unknown) => {
    throw createError(path, vm, error);
  });
  await file.sync().catch((error: unknown) => {
    throw createError(path, vm, error);
  });
}

/** For whoever defines it later: no UUID, no mark, KVM (which most hosts have), networks by the names that were mapped. */
function describeVm(spec: FilesTargetSpec, request: VmRequest): string {
  return domainXml({
    name: request.targetName,
    uuid: null,
    targetCopyId: null,
    accelerator: 'kvm',
    vm: request.vm,
    guest: request.guest,
    disks: request.disks.map((disk) => {
      const path = pathsOf(spec.directory, disk.ref).final;
      return { path: spec.compressed === true ? path.replace(/\.gz$/, '') : path, format: disk.format };
    }),
    nics: request.vm.nics.map((nic): NicConnection => {
      const mapped = Object.hasOwn(spec.networks, nic.network) ? spec.networks[nic.network] : spec.networks['*'];
      if (mapped === 'user') return { kind: 'user' };
      return { kind: 'network', name: mapped ?? 'default' };
    }),
    consoleLog: null,
  });
}
