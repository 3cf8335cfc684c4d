/**
 * Reads one file of a web server, by parts, with the code that reads it when it is migrated. Its work is bounded: a list of
 * hostile images must not keep a worker busy.
 */
import { WherryError } from '../../../model/errors.ts';
import type { InventoryObject, Unreadable } from '../../../model/inventory.ts';
import type { LocalFile } from '../../local/local-file.ts';
import { parseOvf } from '../ovf.ts';
import { archivePackage, readMember } from '../package.ts';
import { describeSystem } from '../source.ts';
import { fileOfDisk, nameFromHref } from '../stored.ts';
import { maxXmlBytes } from '../xml.ts';
import { addressOf, type WebAddress } from './address.ts';
import type { CandidateKind } from './candidates.ts';
import type { WebFile, WebServer } from './http-server.ts';
import type { StoreReaders } from './read.ts';
import { vmObject } from './to-inventory.ts';

/** For one file: tables and heads of images, firmware looked for on the first disk. */
export const mostBytesOfFile = 128 * 2 ** 20;

export type WebReading = {
  readonly objects: readonly InventoryObject[];
  readonly unreadable: readonly Unreadable[];
  /** Addresses, as they are shown, of files that belong to it. */
  readonly claims: readonly string[];
};
export type WebPlace = { readonly server: WebServer; readonly base: WebAddress; readonly readers: StoreReaders };

/** @param spent is told of the bytes that were asked for @throws source.*, ova.*, image.*, provider.* */
export async function readWebFile(
  { server, base, readers }: WebPlace,
  { address, kind, file }: { readonly address: WebAddress; readonly kind: CandidateKind; readonly file: WebFile },
  spent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<WebReading> {
  const bounded = boundedServer(server, spent);
  if (kind === 'ova') return { objects: await vmsOfOva(bounded.of(file), base, signal), unreadable: [], claims: [] };
  if (kind === 'domain-xml') throw new WherryError('source.domain_on_web', { path: address.shown });
  const claims = kind === 'ovf' ? await filesOfOvf(bounded.of(file), address) : [];
  await using source = await readers.openWeb(bounded, address, signal);
  const objects: InventoryObject[] = [];
  const listed = await source.list(signal);
  for (const { id } of listed) {
    const ref = listed.length === 1 ? address.shown : `${address.shown}#${id}`;
    const vm = await source.describe(id, signal);
    objects.push(vmObject({ ...placeIn(base), ref, vm, format: kind, file: address.shown, facts: {} }));
  }
  return { objects, unreadable: [], claims };
}

/** What is read of one file, and of those beside it, is counted together. */
function boundedServer(server: WebServer, spent: (bytes: number) => void): WebServer & { of(file: WebFile): WebFile } {
  let left = mostBytesOfFile;
  const count = (path: string, bytes: number): void => {
    left -= bytes;
    spent(bytes);
    if (left < 0) throw new WherryError('source.too_much_to_list', { path, limit: mostBytesOfFile });
  };
  const of = (file: WebFile): WebFile => ({
    ...file,
    read: async (offset, length) => {
      count(file.path, length);
      return file.read(offset, length);
    },
    remote: {
      ...file.remote,
      read: async (offset, length, during) => {
        count(file.path, length);
        return file.remote.read(offset, length, during);
      },
    },
  });
  return { ...server, of, open: async (at, signal) => of(await server.open(at, signal)) };
}

function placeIn({ shown }: WebAddress) {
  return { folder: '', parentRef: shown, storage: { ref: shown, name: shown } };
}

async function filesOfOvf(file: WebFile, { url, shown: path }: WebAddress): Promise<string[]> {
  const member = path.slice(path.lastIndexOf('/') + 1);
  if (file.sizeBytes > maxXmlBytes) {
    throw new WherryError('ova.too_large', { path, member, bytes: file.sizeBytes, limit: maxXmlBytes });
  }
  const { systems } = parseOvf(await file.read(0, file.sizeBytes), { path, member });
  const names = systems.flatMap(({ drives }) =>
    drives.flatMap(({ disk }) => nameFromHref(disk.file?.href ?? '') ?? []),
  );
  return names.map((name) => addressOf(new URL(`./${encodeURIComponent(name)}`, url)).shown);
}

/** By its index and its OVF alone: images in it are not looked into before a migration. */
async function vmsOfOva(file: LocalFile, base: WebAddress, signal: AbortSignal): Promise<InventoryObject[]> {
  const packed = await archivePackage(file, signal);
  const data = await readMember(packed, packed.descriptor, file, maxXmlBytes);
  const { systems } = parseOvf(data, { path: packed.path, member: packed.descriptor.name });
  return systems.map((system) => {
    const findings = system.drives.map((drive) => {
      const who = { vm: system.name, disk: drive.name };
      return { drive, file: drive.disk.file === null ? null : fileOfDisk(packed, drive.disk.file, who), facts: null };
    });
    const vm = describeSystem(system, findings);
    const disks = vm.disks.map((disk, index) => ({
      ...disk,
      format: system.drives[index]?.disk.format ?? disk.format,
    }));
    return vmObject({
      ...placeIn(base),
      ref: systems.length === 1 ? packed.path : `${packed.path}#${system.id}`,
      vm: { ...vm, disks },
      format: 'ova',
      file: packed.path,
      facts: { ...system.facts },
    });
  });
}
