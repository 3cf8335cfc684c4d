/**
 * A directory as a store, followed by the kernel's own news of it. Network file systems tell nothing of what other machines
 * do there, so it is also looked through now and then; a look costs one stat for each file that did not change.
 */
import { type FSWatcher, watch } from 'node:fs';
import { realpath, stat, statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { WherryError } from '../../../model/errors.ts';
import type { InventoryObject } from '../../../model/inventory.ts';
import { roomOf } from '../../../model/room.ts';
import { stillThere } from '../../../model/still-there.ts';
import { explainUnreachable } from '../../local/local-file.ts';
import type { Connection, InventoryNews } from '../../provider.ts';
import { changes, firstNews, type Told } from './published.ts';
import type { StoreReaders } from './read.ts';
import { type Look, scannerOf } from './scan.ts';
import { storageObject } from './to-inventory.ts';

export type Rhythm = {
  /** News that come together are one, in ms. */
  readonly gatherMs: number;
  /** Until something that was being written is looked at again, in ms. */
  readonly settleMs: number;
  /** A look without any news, in ms. */
  readonly sweepMs: number;
};
export const usualRhythm: Rhythm = { gatherMs: 300, settleMs: 1_000, sweepMs: 60_000 };

export async function connectDirectory(
  location: string,
  readers: StoreReaders,
  signal: AbortSignal,
  rhythm: Rhythm = usualRhythm,
): Promise<Connection> {
  // Whoever connects has seen it before: in a check, or when it was saved.
  const root = await stillThere(realPathOf(location));
  signal.throwIfAborted();
  return {
    watchInventory: (during) => followDirectory(root, readers, rhythm, during),
    readVm: async (ref, during) => {
      const { objects } = await stillThere(look(root, readers)(during));
      return objects.find((one) => one.kind === 'vm' && one.ref === ref) ?? null;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** @throws source.not_found, source.unreadable; provider.setting_wrong when it is no directory */
export async function realPathOf(location: string): Promise<string> {
  try {
    const path = await realpath(location);
    if ((await stat(path)).isDirectory()) return path;
  } catch (error) {
    throw await explainUnreachable(location, error);
  }
  throw new WherryError('provider.setting_wrong', { setting: 'location', why: `${location} is no directory` });
}

async function* followDirectory(
  root: string,
  readers: StoreReaders,
  rhythm: Rhythm,
  signal: AbortSignal,
): AsyncGenerator<InventoryNews> {
  using watchers = watcherSet();
  const scan = look(root, readers);
  yield { kind: 'snapshot', product: 'Directory', version: '', systemId: `${hostname()}:${root}` };
  let told: Told = { objects: [], unreadable: [] };
  for (let first = true; ; first = false) {
    // Before the look: what changes during it is looked at again.
    const changed = watchers.next();
    const found = await stillThere(scan(signal));
    watchers.keep(found.directories);
    for (const news of first ? firstNews(found) : changes(told, found)) yield news;
    if (first) yield { kind: 'synced' };
    told = found;
    const waitMs = found.unsettled ? rhythm.settleMs : rhythm.sweepMs;
    const woken = new AbortController();
    const either = AbortSignal.any([signal, woken.signal]);
    await Promise.race([changed, sleep(waitMs, undefined, { signal: either }).catch(() => undefined)]);
    woken.abort();
    signal.throwIfAborted();
    await sleep(rhythm.gatherMs, undefined, { signal });
  }
}

/** The store's room is news too, but not every byte of it. */
function look(root: string, readers: StoreReaders): (signal: AbortSignal) => Promise<Look> {
  const scan = scannerOf(root, readers);
  return async (signal) => {
    const found = await scan(signal);
    return { ...found, objects: [await storageOf(root), ...found.objects] };
  };
}

const step = 64 * 2 ** 20;

async function storageOf(root: string): Promise<InventoryObject> {
  const stats = await statfs(root).catch(async (error: unknown): Promise<never> => {
    throw await explainUnreachable(root, error);
  });
  const { capacityBytes, freeBytes } = roomOf(stats);
  return storageObject(root, networkTypes.get(stats.type) ?? 'dir', {
    capacityBytes,
    freeBytes: Math.floor(freeBytes / step) * step,
  });
}

/** Magic numbers of statfs(2). */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
]);

type Watchers = Disposable & {
  /** Resolves with the next news of any of the directories. */
  next(): Promise<void>;
  keep(directories: readonly string[]): void;
};

function watcherSet(): Watchers {
  const watchers = new Map<string, FSWatcher>();
  let wake = Promise.withResolvers<void>();
  const drop = (directory: string): void => {
    watchers.get(directory)?.close();
    watchers.delete(directory);
  };
  return {
    next: () => {
      wake = Promise.withResolvers<void>();
      return wake.promise;
    },
    keep: (directories) => {
      const wanted = new Set(directories);
      for (const directory of watchers.keys()) if (!wanted.has(directory)) drop(directory);
      for (const directory of directories) {
        if (watchers.has(directory)) continue;
        try {
          const watcher = watch(directory, () => wake.resolve());
          watcher.on('error', () => drop(directory)); // looked through now and then all the same
          watchers.set(directory, watcher);
          // What came between the look and now was told to nobody.
          wake.resolve();
        } catch {
          // As above: out of watches, or just gone.
        }
      }
    },
    [Symbol.dispose]: () => {
      for (const directory of watchers.keys()) drop(directory);
    },
  };
}
