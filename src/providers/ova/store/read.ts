/**
 * Reads what a store's files describe. Nothing is unpacked, no program is started: the index, the OVF and the heads of the
 * images are all that is looked at, by the same code that reads them when they are migrated.
 */
import { basename, join } from 'node:path';
import type { InventoryObject, InventoryVm, Unreadable } from '../../../model/inventory.ts';
import type { SourceSpec } from '../../../model/spec.ts';
import type { ImageTools } from '../../../transfer/disk.ts';
import type { Source } from '../../provider.ts';
import { parseOvf } from '../ovf.ts';
import { openPackage, readPackageFile } from '../package.ts';
import { nameFromHref } from '../stored.ts';
import { maxXmlBytes } from '../xml.ts';
import type { WebAddress } from './address.ts';
import type { Candidate } from './candidates.ts';
import type { WebServer } from './http-server.ts';
import { type StoredVm, vmObject } from './to-inventory.ts';
import { unreadableOf } from './unreadable.ts';

/** What the store needs of others that read sources; wired where all are known. */
export type StoreReaders = {
  readonly tools: ImageTools;
  openSource(spec: SourceSpec, signal: AbortSignal): Promise<Source & AsyncDisposable>;
  /** The same for what is on a web server that is open already. */
  openWeb(server: WebServer, address: WebAddress, signal: AbortSignal): Promise<Source & AsyncDisposable>;
  /** Names of the files that a domain's disks are in. */
  filesOfDomain(path: string, signal: AbortSignal): Promise<string[]>;
};

export type Reading = {
  readonly objects: readonly InventoryObject[];
  readonly unreadable: readonly Unreadable[];
  /** Paths of the files that belong to what was read. */
  readonly claims: readonly string[];
};

export type Place = {
  readonly directory: string;
  readonly folder: string;
  readonly parentRef: string;
  readonly storage: StoredVm['storage'];
};

export async function readCandidate(
  { kind, file }: Candidate,
  place: Place,
  readers: StoreReaders,
  signal: AbortSignal,
): Promise<Reading> {
  const claims: string[] = [];
  try {
    const described = await describeFile(kind, file.path, readers, signal);
    claims.push(...described.claims.map((name) => join(place.directory, name)));
    await using source = await readers.openSource(specOf(kind, file.path), signal);
    const listed = await source.list(signal);
    const objects: InventoryObject[] = [];
    const unreadable: Unreadable[] = [];
    for (const { id, name } of listed) {
      const ref = listed.length === 1 ? file.path : `${file.path}#${id}`;
      const facts = described.facts.get(id) ?? {};
      try {
        const vm = await source.describe(id, signal);
        objects.push(vmObject({ ...place, ref, vm, format: kind, file: file.path, facts }));
      } catch (error) {
        signal.throwIfAborted();
        unreadable.push(unreadableOf(ref, name, error));
      }
    }
    return { objects, unreadable, claims };
  } catch (error) {
    signal.throwIfAborted();
    return { objects: [], unreadable: [unreadableOf(file.path, basename(file.path), error)], claims };
  }
}

function specOf(kind: Candidate['kind'], path: string): SourceSpec {
  if (kind === 'image') return { type: 'files', paths: [path] };
  return { type: kind === 'domain-xml' ? 'domain' : 'ova', path };
}

/** Names of the files that it takes for itself, and what only the description tells, by VM id. */
async function describeFile(
  kind: Candidate['kind'],
  path: string,
  readers: StoreReaders,
  signal: AbortSignal,
): Promise<{ claims: string[]; facts: Map<string, InventoryVm['facts']> }> {
  if (kind === 'image') return { claims: [], facts: new Map() };
  if (kind === 'domain-xml') return { claims: await readers.filesOfDomain(path, signal), facts: new Map() };
  const packed = await openPackage(path, signal);
  const data = await readPackageFile(packed, packed.descriptor, maxXmlBytes);
  const { systems } = parseOvf(data, { path: packed.path, member: packed.descriptor.name });
  const hrefs = systems.flatMap(({ drives }) => drives.map(({ disk }) => disk.file?.href ?? ''));
  return {
    claims: packed.kind === 'archive' ? [] : hrefs.flatMap((href) => nameFromHref(href) ?? []),
    facts: new Map(systems.map(({ id, facts }) => [id, { ...facts }])),
  };
}
