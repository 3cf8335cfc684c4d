/**
 * Disks as volumes of a file pool. A volume is made by libvirt, so that owner, mode and label are what libvirt gives its
 * own; bytes go to its path through qemu-nbd. Until the VM exists it has its partial name (files/partial.ts), which
 * carries the whole mark, as libvirt's volumes have nothing else that could.
 */
import { dirname, join } from 'node:path';
import { WherryError } from '../../model/errors.ts';
import type { WritableDisk } from '../../transfer/disk.ts';
import type { DiskRequest, Mark, TargetDisk } from '../provider.ts';
import { isFresh } from '../local/fresh.ts';
import {
  conceal,
  fileBase,
  fileIdentity,
  isNoHardLinks,
  partialName,
  publish,
  sameFile,
  settle,
  withdraw,
} from '../local/partial.ts';
import { directoryIdentity, isThere, provePlace } from '../local/place.ts';
import type { LibvirtClient } from './client.ts';
import { doing, type TargetContext } from './context.ts';
import { type FilePool, findPool, refreshPool } from './pool.ts';
import { isLibvirtError } from './rpc/libvirt-error.ts';
import type { Pool, Volume } from './rpc/calls.ts';
import { escapeXml, findXml, parseXml } from '../domain/xml.ts';

export async function planDisk(context: TargetContext, request: DiskRequest, signal: AbortSignal): Promise<TargetDisk> {
  const { format, pool } = context.spec;
  const found = await findPool(await context.client(signal), pool, signal);
  // Where it is not to be seen from here, making the disk fails, and says why.
  const directory = await directoryIdentity(found.path).catch(() => null);
  const volume = finalName(request.targetName, request.index, format);
  const partial = partialName(volume, request.mark.targetCopyId);
  const ref = { pool, volume, partial, ...(directory !== null && { directory }) };
  return { diskId: request.diskId, sizeBytes: request.sizeBytes, format, ref };
}

/** `web01-disk0.qcow2`: the name in the end. */
export function finalName(targetName: string, index: number, format: 'raw' | 'qcow2'): string {
  return `${fileBase(targetName)}-disk${index}.${format}`;
}

/** @throws libvirt.other_host when libvirt made it, but not where this worker can see it. */
export async function createDisk(
  context: TargetContext,
  planned: TargetDisk,
  request: DiskRequest,
  signal: AbortSignal,
): Promise<TargetDisk> {
  const client = await context.client(signal);
  const found = await findPool(client, refOf(planned, 'pool'), signal);
  const paths = pathsOf(found, planned);
  const created = async (): Promise<TargetDisk> => ({
    ...planned,
    ref: { ...planned.ref, path: paths.final, file: await fileIdentity(paths.partial) },
  });
  // Its final name already stands: an earlier attempt got as far as creating the VM.
  if (await sameFile(paths.partial, paths.final)) return created();
  const work = async (): Promise<void> => {
    const existing = await lookUp(client, found, refOf(planned, 'partial'), signal);
    if (existing !== null) {
      if (await isAsPlanned(client, existing, planned, signal)) return;
      await client.volumes.delete(existing, signal);
    }
    await client.volumes.create(found.pool, volumeXml(planned), signal);
  };
  await doing(`create the disk ${refOf(planned, 'volume')} in pool ${found.pool.name}`, request.targetName, work());
  try {
    return await created();
  } catch (error) {
    const volume = await lookUp(client, found, refOf(planned, 'partial'), signal);
    if (volume !== null) await client.volumes.delete(volume, signal);
    const params = { path: found.path, pool: found.pool.name, uri: context.spec.uri };
    throw new WherryError('libvirt.other_host', params, error);
  }
}

function volumeXml(disk: TargetDisk): string {
  const allocation = disk.format === 'raw' ? '<allocation unit="bytes">0</allocation>' : '';
  const compat = disk.format === 'qcow2' ? '<compat>1.1</compat>' : '';
  return `<volume>
  <name>${escapeXml(refOf(disk, 'partial'))}</name>
  <capacity unit="bytes">${disk.sizeBytes}</capacity>${allocation}
  <target><format type="${disk.format}"/>${compat}</target>
</volume>`;
}

async function isAsPlanned(
  client: LibvirtClient,
  volume: Volume,
  planned: TargetDisk,
  signal: AbortSignal,
): Promise<boolean> {
  const info = await client.volumes.info(volume, signal);
  const xml = parseXml(await client.volumes.xml(volume, signal));
  const format = findXml(xml, 'target', 'format')?.attributes['type'];
  return info.capacityBytes === planned.sizeBytes && format === planned.format;
}

/** Opened under the partial name as long as there is one: it is the one that is surely ours. */
export async function openDisk(
  context: TargetContext,
  disk: TargetDisk,
  options: { readOnly: boolean; directory: string },
  signal: AbortSignal,
): Promise<WritableDisk> {
  const found = await findPool(await context.client(signal), refOf(disk, 'pool'), signal);
  const { partial } = pathsOf(found, disk);
  const startsZeroed = await isFresh(partial, disk);
  return context.tools.openVolume(
    { path: partial, format: disk.format, readOnly: options.readOnly, startsZeroed },
    options.directory,
    signal,
  );
}

/** Gives all disks their final names. @throws libvirt.volume_exists, files.no_hard_links. */
export async function publishDisks(
  client: LibvirtClient,
  vmName: string,
  disks: readonly TargetDisk[],
  signal: AbortSignal,
): Promise<string[]> {
  const published: string[] = [];
  for (const disk of disks) {
    const found = await findPool(client, refOf(disk, 'pool'), signal);
    const paths = pathsOf(found, disk);
    const volume = refOf(disk, 'volume');
    const outcome = await publish(paths.partial, paths.final).catch((error: unknown) => {
      if (isNoHardLinks(error)) throw new WherryError('files.no_hard_links', { path: found.path }, error);
      throw new WherryError('libvirt.call_failed', { action: `name the disk ${volume}`, vm: vmName }, error);
    });
    if (outcome === 'taken') throw new WherryError('libvirt.volume_exists', { pool: found.pool.name, volume });
    published.push(paths.final);
  }
  await refreshPools(client, disks, signal);
  return published;
}

/** Takes the final name away again; the partial one stays. */
export async function concealDisk(context: TargetContext, disk: TargetDisk, signal: AbortSignal): Promise<void> {
  const client = await context.client(signal);
  const found = await findVolume(client, disk, signal);
  if (!(await isThere(found.partial))) await found.prove();
  await conceal(found.partial, found.final);
  if (found.pool !== null) await refreshPool(client, found.pool, signal);
}

/**
 * Drops the partial names, of volumes whose pool is gone too. Returns the ids of disks that are not there any more: where
 * their place is the right one, or, with `gone`, on their owner's word.
 * @throws libvirt.volume_away
 */
export async function settleDisks(
  client: LibvirtClient,
  vm: string,
  { disks, gone }: { readonly disks: readonly TargetDisk[]; readonly gone: boolean },
  signal: AbortSignal,
): Promise<string[]> {
  const missing: string[] = [];
  for (const disk of disks) {
    const found = await findVolume(client, disk, signal, vm).catch((error: unknown) => {
      if (gone && error instanceof WherryError && error.code === 'libvirt.volume_away') return null;
      throw error;
    });
    if (found !== null && ((await isThere(found.final)) || (await isThere(found.partial)))) {
      await settle(found.partial, found.final);
      if (found.pool !== null) await refreshPool(client, found.pool, signal);
      continue;
    }
    if (!gone) await found?.prove();
    missing.push(disk.diskId);
  }
  return missing;
}

type FoundVolume = {
  readonly partial: string;
  readonly final: string;
  /** Null: libvirt has no such pool, or it is stopped. */
  readonly pool: Pool | null;
  /** For a volume that is not there: that it would be. @throws libvirt.volume_away */
  prove(): Promise<void>;
};

/**
 * Where a volume is, or was: in its pool or, when that is gone, in the directory that it was made in.
 * @throws libvirt.volume_away where that was never written down
 */
async function findVolume(
  client: LibvirtClient,
  disk: TargetDisk,
  signal: AbortSignal,
  vm?: string,
): Promise<FoundVolume> {
  const { path: made, directory } = disk.ref;
  const away = (cause: unknown): WherryError => {
    const params = { pool: refOf(disk, 'pool'), volume: refOf(disk, 'volume') };
    return new WherryError('libvirt.volume_away', { ...params, ...(vm !== undefined && { vm }) }, cause);
  };
  let poolProblem: unknown;
  const found = await findPool(client, refOf(disk, 'pool'), signal).catch((error: unknown) => {
    if (!(error instanceof WherryError) || !error.code.startsWith('libvirt.pool_')) throw error;
    poolProblem = error;
    return null;
  });
  const path = found?.path ?? (made === undefined ? null : dirname(made));
  if (path === null) throw away(poolProblem);
  return {
    pool: found?.pool ?? null,
    ...pathsOf({ path }, disk),
    prove: async () => {
      if (found === null && directory === undefined) throw away(poolProblem);
      await provePlace(path, directory).catch((error: unknown) => {
        throw away(poolProblem ?? error);
      });
    },
  };
}

/** Whatever is there under the partial name, and under the final one while that is the same file. */
export async function removeDisk(
  context: TargetContext,
  mark: Mark,
  disk: TargetDisk,
  signal: AbortSignal,
): Promise<void> {
  const volume = refOf(disk, 'volume');
  const partial = partialName(volume, mark.targetCopyId);
  if (partial !== refOf(disk, 'partial')) throw new WherryError('libvirt.not_ours', { vm: volume });
  const client = await context.client(signal);
  const found = await findVolume(client, disk, signal);
  const work = async (): Promise<void> => {
    if (!(await isThere(found.partial))) await found.prove();
    await withdraw(found.partial, found.final);
    if (found.pool !== null) await refreshPool(client, found.pool, signal);
  };
  await doing(`remove the disk ${volume} from pool ${refOf(disk, 'pool')}`, volume, work());
}

async function refreshPools(client: LibvirtClient, disks: readonly TargetDisk[], signal: AbortSignal): Promise<void> {
  for (const name of new Set(disks.map((disk) => refOf(disk, 'pool')))) {
    await refreshPool(client, (await findPool(client, name, signal)).pool, signal);
  }
}

async function lookUp(
  client: LibvirtClient,
  found: FilePool,
  name: string,
  signal: AbortSignal,
): Promise<Volume | null> {
  try {
    return await client.volumes.byName(found.pool, name, signal);
  } catch (error) {
    if (isLibvirtError(error, 'noStorageVol')) return null;
    throw error;
  }
}

export function pathsOf(
  found: Pick<FilePool, 'path'>,
  disk: TargetDisk,
): { readonly partial: string; readonly final: string } {
  return { partial: join(found.path, refOf(disk, 'partial')), final: join(found.path, refOf(disk, 'volume')) };
}

function refOf(disk: TargetDisk, name: 'pool' | 'volume' | 'partial'): string {
  const value = disk.ref[name];
  // A ledger row is ours, but a name out of it becomes a path: it must stay inside the pool.
  if (value === undefined || value === '' || value.includes('/') || value === '.' || value === '..') {
    throw new WherryError('internal', {}, new Error(`the disk ${disk.diskId} has no ${name} that can be used`));
  }
  return value;
}
