/**
 * Which directories of this machine those may name who are no administrators: for files to migrate, and for files to make. It
 * is looked at here, because only here is known what a path really is: links are followed first.
 *
 * A path is looked at and opened by name, one after the other, by us and by qemu. So it is looked at again once each disk was
 * opened or made, and when all is closed: who has changed a link in between gets nothing, and what was begun fails and is
 * undone. What remains: somebody who may write in an allowed directory of this machine, and changes a link there and back
 * between two looks, each time at the right moment, which also have to find the same file (migration/steps/same-source.ts).
 * Give away only directories in which nobody but Wherry and administrators may make links.
 */
import { realpath } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { WherryError } from '../model/errors.ts';
import type { SourceSpec, TargetSpec } from '../model/spec.ts';
import type { Source, Target } from '../providers/provider.ts';
import { pathsOf } from '../model/source-paths.ts';

/** Absent: an administrator asked, who may name any. `stores`: directories of providers that administrators have added. */
export type Restriction = { readonly stores: readonly string[] } | undefined;

/** The worker's setting, as its children get it. */
export const directoriesVariable = 'WHERRY_DIRECTORIES';

/** `/srv/imports,/srv/exports` @throws client.usage */
export function parseDirectories(text: string | undefined): string[] {
  const directories = (text ?? '').split(',').map((each) => each.trim());
  const wrong = directories.find((each) => each !== '' && !isAbsolute(each));
  if (wrong === undefined) return directories.filter((each) => each !== '');
  throw new WherryError('client.usage', { problem: `${directoriesVariable}: ${wrong} is no absolute path` });
}

/** @throws worker.directory_not_allowed */
export async function permitSource(source: SourceSpec, restriction: Restriction): Promise<void> {
  if (restriction === undefined || source.type === 'web') return;
  for (const path of pathsOf(source)) await permit(path, [...setting(), ...restriction.stores]);
}

/** A socket is a path too: who listens there says where volumes are. @throws worker.directory_not_allowed */
export async function permitTarget(target: TargetSpec, restriction: Restriction): Promise<void> {
  if (restriction === undefined) return;
  const path = target.type === 'files' ? target.directory : socketOf(target.uri);
  if (path !== null) await permit(path, setting());
}

type Look = () => Promise<void>;

/** The same source, of which nothing comes that was opened while its path led elsewhere. */
export function lookedAtAgain(source: Source & AsyncDisposable, look: Look): Source & AsyncDisposable {
  return {
    ...source,
    openDisk: async (...asked) => {
      const disk = await source.openDisk(...asked);
      await look().catch(async (error: unknown) => {
        await disk.close();
        throw error;
      });
      return disk;
    },
    [Symbol.asyncDispose]: () => closed(source, look),
  };
}

/** The same target, which fails once something was made while its path led elsewhere. */
export function targetLookedAtAgain(target: Target & AsyncDisposable, look: Look): Target & AsyncDisposable {
  return {
    ...target,
    createDisk: async (...asked) => {
      const made = await target.createDisk(...asked);
      await look();
      return made;
    },
    [Symbol.asyncDispose]: () => closed(target, look),
  };
}

async function closed(opened: AsyncDisposable, look: Look): Promise<void> {
  await opened[Symbol.asyncDispose]();
  await look();
}

function socketOf(uri: string): string | null {
  return new URLSearchParams(/\?(.*)$/.exec(uri)?.[1] ?? '').get('socket');
}

function setting(): string[] {
  return parseDirectories(process.env[directoriesVariable]);
}

async function permit(path: string, allowed: readonly string[]): Promise<void> {
  const real = await realPlace(path);
  for (const directory of allowed) if (isWithin(real, await realPlace(directory))) return;
  const params = { path: real === path ? path : `${path} (${real})`, host: hostname() };
  throw new WherryError('worker.directory_not_allowed', { ...params, allowed: allowed.join(', ') || 'none' });
}

/** What is not there yet lies where its nearest directory that is there really lies. */
async function realPlace(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(await realPlace(above), relative(above, path));
  }
}

function isWithin(path: string, directory: string): boolean {
  const below = relative(directory, path);
  return below === '' || (below !== '..' && !below.startsWith('../') && !isAbsolute(below));
}
