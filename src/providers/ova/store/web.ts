/**
 * OVAs on a web server as a store: their index and OVF are read in place, by parts; images are not looked into before a
 * migration. A web server tells no news, so it is asked again every five minutes: for its list, for what is new in it, and in
 * turn for some of the files it had, so that an idle store costs one request a minute however many there are. What has the
 * same ETag is not read again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, WherryError } from '../../../model/errors.ts';
import { emptyVm, type InventoryObject, type InventoryVm, type Unreadable } from '../../../model/inventory.ts';
import type { OvaAccount, Secrets } from '../../../model/provider.ts';
import type { LocalFile } from '../../local/local-file.ts';
import type { Connection, InventoryNews } from '../../provider.ts';
import { parseOvf } from '../ovf.ts';
import { archivePackage, readMember } from '../package.ts';
import { describeSystem } from '../source.ts';
import { fileOfDisk } from '../stored.ts';
import { maxXmlBytes } from '../xml.ts';
import { baseOf, type WebAddress } from './address.ts';
import { addressAt } from './at-page.ts';
import { type WebServer, webServer } from './http-server.ts';
import { type Links, linksIn, nameOf } from './links.ts';
import { changes, firstNews, type Told } from './published.ts';
import { storageObject, vmObject } from './to-inventory.ts';
import { unreadableOf } from './unreadable.ts';

export const usualAskMs = 5 * 60_000;

export async function connectWeb(
  account: OvaAccount,
  secrets: Secrets,
  signal: AbortSignal,
  askMs: number = usualAskMs,
): Promise<Connection> {
  signal.throwIfAborted();
  const server = webServer(account, secrets);
  const base = baseOf(account, secrets);
  return {
    watchInventory: (during) => followWeb(server, base, askMs, during),
    readVm: async (ref, during) => {
      const [shown = ''] = ref.split('#');
      const address = await addressAt(server, base, shown, during);
      if (address === null) return null;
      const { objects } = await readOva(server, address, base, new Map(), during);
      return objects.find((one) => one.kind === 'vm' && one.ref === ref) ?? null;
    },
    [Symbol.asyncDispose]: async () => server[Symbol.dispose](),
  };
}

async function* followWeb(
  server: WebServer,
  base: WebAddress,
  askMs: number,
  signal: AbortSignal,
): AsyncGenerator<InventoryNews> {
  const known: Known = new Map();
  const snapshot: InventoryNews = { kind: 'snapshot', product: 'Web server', version: '', systemId: base.shown };
  const links = await ovasAt(server, base, signal);
  // Names first: each file costs some requests, and a page may list thousands.
  const names = links.files.length > 1 ? links.files.map((file) => summaryOf(file, base)) : [];
  if (names.length > 0) yield snapshot;
  for (let at = 0; at < names.length; at += batch) yield { kind: 'put', objects: names.slice(at, at + batch) };
  let told = await lookAt(server, base, known, signal, links);
  if (names.length === 0) yield snapshot;
  const found = new Set(told.objects.map(({ kind, ref }) => `${kind} ${ref}`));
  const gone = names.filter(({ kind, ref }) => !found.has(`${kind} ${ref}`)).map(({ kind, ref }) => ({ kind, ref }));
  if (gone.length > 0) yield { kind: 'gone', objects: gone };
  yield* firstNews(told);
  yield { kind: 'synced' };
  for (;;) {
    await sleep(askMs, undefined, { signal });
    const now = await lookAt(server, base, known, signal);
    yield* changes(told, now);
    told = now;
  }
}

/** By address as it is shown, the one that was asked for longest ago first. An empty identity: it could not be read. */
type Known = Map<string, { readonly identity: string; readonly told: Told }>;

/** With the list, one request in each of five minutes. */
const askedInTurn = 4;

const batch = 500;

/** A file of which no more than its name is known: what it holds may be called otherwise, or be several VMs. */
function summaryOf({ url, shown }: WebAddress, base: WebAddress): InventoryObject {
  const data: InventoryVm = { ...emptyVm, power: 'off', facts: { 'ova.format': 'ova', 'ova.file': shown } };
  const name = nameOf(url).replace(/\.ova$/i, '');
  return { kind: 'vm', ref: shown, name, stableId: null, parentRef: base.shown, data };
}

async function lookAt(
  server: WebServer,
  base: WebAddress,
  known: Known,
  signal: AbortSignal,
  listed?: Links,
): Promise<Told> {
  const { files, refused } = listed ?? (await ovasAt(server, base, signal));
  const turn = new Set([...known.keys()].slice(0, askedInTurn));
  const objects: InventoryObject[] = [storageObject(base.shown, 'web', { capacityBytes: null, freeBytes: null })];
  const unreadable: Unreadable[] = [...refused];
  for (const file of files) {
    const before = known.get(file.shown);
    const isKept = before !== undefined && !turn.has(file.shown);
    const one = isKept ? before.told : await readOva(server, file, base, known, signal);
    objects.push(...one.objects);
    unreadable.push(...one.unreadable);
  }
  const there = new Set(files.map(({ shown }) => shown));
  for (const shown of known.keys()) if (!there.has(shown)) known.delete(shown);
  return { objects, unreadable };
}

/** The one that the address names, or those that the page there lists. @throws provider.* */
export async function ovasAt(server: WebServer, base: WebAddress, signal: AbortSignal): Promise<Links> {
  if (isOva(base.url.pathname)) return { files: [base], refused: [] };
  return linksIn(await server.page(base, signal), base.url, isOva);
}

const isOva = (name: string): boolean => /\.ova$/i.test(name);

async function readOva(
  server: WebServer,
  address: WebAddress,
  base: WebAddress,
  known: Known,
  signal: AbortSignal,
): Promise<Told> {
  const { url, shown } = address;
  const keep = (identity: string, told: Told): Told => {
    known.delete(shown);
    known.set(shown, { identity, told });
    return told;
  };
  try {
    const file = await server.open(address, signal);
    const before = known.get(shown);
    const isSame = before?.identity === file.identity;
    return keep(file.identity, isSame ? before.told : { objects: await vmsOf(file, base, signal), unreadable: [] });
  } catch (error) {
    signal.throwIfAborted();
    // Of the server, not of this file: all of them would end so, and a wrong password would be tried with each.
    if (error instanceof WherryError && error.code.startsWith('provider.') && !ofOneFile.has(error.code)) throw error;
    return keep('', { objects: [], unreadable: [unreadableOf(shown, nameOf(url), error)] });
  }
}

const ofOneFile: ReadonlySet<ErrorCode> = new Set(['provider.http_status', 'provider.no_ranges']);

async function vmsOf(file: LocalFile, base: WebAddress, signal: AbortSignal): Promise<InventoryObject[]> {
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
      ref: systems.length === 1 ? packed.path : `${packed.path}#${system.id}`,
      vm: { ...vm, disks },
      format: 'ova',
      file: packed.path,
      folder: '',
      parentRef: base.shown,
      storage: { ref: base.shown, name: base.shown },
      facts: { ...system.facts },
    });
  });
}
