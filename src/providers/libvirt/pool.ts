/** The storage pool that disks go to, and whether this process may and can write there. */
import { access, constants, stat, statfs } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../../model/errors.ts';
import { roomOf } from '../../model/room.ts';
import type { LibvirtClient } from './client.ts';
import type { Pool } from './rpc/calls.ts';
import { isLibvirtError } from './rpc/libvirt-error.ts';
import { findXml, parseXml } from '../domain/xml.ts';

export type FilePool = { readonly pool: Pool; readonly path: string; readonly availableBytes: number };

const filePoolTypes = new Set(['dir', 'fs', 'netfs']);

/** @throws libvirt.pool_missing, libvirt.pool_inactive, libvirt.pool_unsupported, each with the pools that would do. */
export async function findPool(client: LibvirtClient, name: string, signal: AbortSignal): Promise<FilePool> {
  let pool: Pool;
  try {
    pool = await client.pools.byName(name, signal);
  } catch (error) {
    if (!isLibvirtError(error, 'noStoragePool')) throw error;
    throw new WherryError('libvirt.pool_missing', { pool: name, pools: await poolNames(client, signal) }, error);
  }
  const xml = parseXml(await client.pools.xml(pool, signal));
  const type = xml.attributes['type'] ?? '';
  const path = findXml(xml, 'target', 'path')?.text ?? '';
  if (!filePoolTypes.has(type) || path === '') {
    throw new WherryError('libvirt.pool_unsupported', { pool: name, type, pools: await poolNames(client, signal) });
  }
  const info = await client.pools.info(pool, signal);
  if (!info.active) {
    throw new WherryError('libvirt.pool_inactive', { pool: name, pools: await poolNames(client, signal) });
  }
  return { pool, path, availableBytes: info.availableBytes };
}

/** Names of the active pools that hold files, for people. */
async function poolNames(client: LibvirtClient, signal: AbortSignal): Promise<string> {
  const names: string[] = [];
  for (const pool of await client.pools.list(signal)) {
    const type = parseXml(await client.pools.xml(pool, signal)).attributes['type'] ?? '';
    if (filePoolTypes.has(type) && (await client.pools.info(pool, signal)).active) names.push(pool.name);
  }
  return names.sort().join(', ') || '(there is none)';
}

/**
 * Whether the pool's directory is the one that libvirt sees, and may be written.
 * @throws libvirt.other_host, libvirt.no_permission.
 */
export async function checkReach(client: LibvirtClient, found: FilePool, signal: AbortSignal): Promise<void> {
  const { pool, path } = found;
  const elsewhere = (cause: unknown): WherryError =>
    new WherryError('libvirt.other_host', { path, pool: pool.name, uri: client.uri }, cause);
  const owner = client.daemonUid === 0 ? 'root' : `uid ${client.daemonUid}`;
  const user = userInfo().username;
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0 && uid !== client.daemonUid) {
    throw new WherryError('libvirt.no_permission', { user, pool: pool.name, path, owner });
  }
  try {
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw elsewhere(error);
    throw new WherryError('libvirt.no_permission', { user, pool: pool.name, path, owner }, error);
  }
  if (!(await stat(path)).isDirectory()) throw elsewhere(new Error('it is not a directory here'));
  // libvirt's capacity comes from the same system call: two file systems of exactly one size are not likely.
  const { capacityBytes } = await client.pools.info(pool, signal);
  const hereBytes = roomOf(await statfs(path)).capacityBytes;
  if (capacityBytes !== hereBytes) {
    throw elsewhere(new Error(`libvirt sees ${capacityBytes} bytes in all there, this worker ${hereBytes}`));
  }
}

/** Makes libvirt look at the directory again. It refuses while it makes a volume for somebody else: then it waits. */
export async function refreshPool(client: LibvirtClient, pool: Pool, signal: AbortSignal): Promise<void> {
  for (const end = performance.now() + 60_000; ; ) {
    try {
      await client.pools.refresh(pool, signal);
      return;
    } catch (error) {
      const busy = isLibvirtError(error, 'operationInvalid', 'internalError');
      if (!busy || performance.now() > end) throw error;
      await sleep(200, undefined, { signal });
    }
  }
}
