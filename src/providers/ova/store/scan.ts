/** One look at a whole store. What did not change since the look before is not read again. */
import { basename } from 'node:path';
import { catalogue, type ErrorCode, type ErrorEntry } from '../../../model/errors.ts';
import type { InventoryObject, Unreadable } from '../../../model/inventory.ts';
import { type Candidate, candidatesIn } from './candidates.ts';
import { type Place, type Reading, readCandidate, type StoreReaders } from './read.ts';
import { folderObject } from './to-inventory.ts';
import { unreadableOf } from './unreadable.ts';
import { type StoreDirectory, walk } from './walk.ts';

export type Look = {
  readonly objects: readonly InventoryObject[];
  readonly unreadable: readonly Unreadable[];
  /** The directories there are, to be watched. */
  readonly directories: readonly string[];
  /** Something was still being written: worth another look soon. */
  readonly unsettled: boolean;
};

/** Files that were written to this recently may be half there: an upload, a copy under way. */
const settleMs = 2_000;

export type Scanner = (signal: AbortSignal) => Promise<Look>;

/** @param root the store's directory, its real path */
export function scannerOf(root: string, readers: StoreReaders): Scanner {
  let known = new Map<string, { readonly stamp: string; readonly reading: Reading }>();
  return async (signal) => {
    const { directories, closed } = await walk(root, signal);
    const now = Date.now();
    const kept: typeof known = new Map();
    const objects: InventoryObject[] = [];
    const unreadable: Unreadable[] = closed.map(({ path, error }) => unreadableOf(path, basename(path), error));
    let unsettled = false;
    const read = async (candidate: Candidate, directory: StoreDirectory): Promise<readonly string[]> => {
      const { path } = candidate.file;
      // Its neighbours count too: a disk that arrives later makes the OVF beside it whole.
      const stamp = candidate.kind === 'ova' ? candidate.file.stamp : stampOf(directory);
      const before = known.get(path);
      const reading =
        before?.stamp === stamp
          ? before.reading
          : await readCandidate(candidate, placeOf(root, directory), readers, signal);
      // What may pass is looked at again, although its file does not change.
      if (!reading.unreadable.some(isPassing)) kept.set(path, { stamp, reading });
      objects.push(...reading.objects);
      unreadable.push(...reading.unreadable);
      return reading.claims;
    };
    for (const directory of directories) {
      const parent = directory.path.slice(0, directory.path.lastIndexOf('/'));
      const name = directory.names.at(-1) ?? root;
      objects.push(folderObject(directory.path, name, directory.names.length === 0 ? null : parent));
      const settled = directory.files.filter(({ modifiedMs }) => modifiedMs <= now - settleMs || modifiedMs > now);
      unsettled ||= settled.length < directory.files.length;
      const { described, images } = candidatesIn(settled);
      const claimed = new Set<string>();
      for (const candidate of described) for (const path of await read(candidate, directory)) claimed.add(path);
      for (const image of images) if (!claimed.has(image.file.path)) await read(image, directory);
    }
    known = kept;
    return { objects, unreadable, directories: directories.map(({ path }) => path), unsettled };
  };
}

function stampOf({ files }: StoreDirectory): string {
  return files.map(({ name, stamp }) => `${name} ${stamp}`).join('\n');
}

function placeOf(root: string, { path, names }: StoreDirectory): Place {
  return { directory: path, folder: names.join('/'), parentRef: path, storage: { ref: root, name: root } };
}

function isPassing({ code }: Unreadable): boolean {
  const entry: ErrorEntry | undefined = catalogue[code as ErrorCode];
  return entry?.passing === true;
}
