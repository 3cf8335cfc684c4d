/**
 * A web server as a store: what its page links to is read in place, by parts. A web server tells no news, so it is asked again every five minutes: for its list, for what is new in it, and in
 * turn for some of the files it had, so that an idle store costs one request a minute however many there are. What has the
 * same ETag is not read again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, WherryError } from '../../../model/errors.ts';
import { emptyVm } from '../../../model/empty-vm.ts';
import type { InventoryObject, InventoryVm, Unreadable } from '../../../model/inventory.ts';
import type { OvaAccount, Secrets } from '../../../model/provider.ts';
import type { Connection, InventoryNews } from '../../provider.ts';
import { baseOf, type WebAddress } from './address.ts';
import { addressAt } from './at-page.ts';
import { type WebServer, webServer } from './http-server.ts';
import { type Links, linksIn, nameOf } from './links.ts';
import { kindOfName } from './candidates.ts';
import { changes, firstNews, type Told } from './published.ts';
import type { StoreReaders } from './read.ts';
import { storageObject } from './to-inventory.ts';
import { unreadableOf } from './unreadable.ts';
import { readWebFile, type WebPlace, type WebReading } from './web-read.ts';

export const usualAskMs = 5 * 60_000;

export async function connectWeb(
  account: OvaAccount,
  secrets: Secrets,
  readers: StoreReaders,
  signal: AbortSignal,
  askMs: number = usualAskMs,
): Promise<Connection> {
  signal.throwIfAborted();
  const server = webServer(account, secrets);
  const base = baseOf(account, secrets);
  const place: WebPlace = { server, base, readers };
  return {
    watchInventory: (during) => followWeb(place, askMs, during),
    readVm: async (ref, during) => {
      const [shown = ''] = ref.split('#');
      const address = await addressAt(server, base, shown, during);
      if (address === null) return null;
      const { objects } = await readOne(place, address, new Map(), () => undefined, during);
      return objects.find((one) => one.kind === 'vm' && one.ref === ref) ?? null;
    },
    [Symbol.asyncDispose]: async () => server[Symbol.dispose](),
  };
}

async function* followWeb(place: WebPlace, askMs: number, signal: AbortSignal): AsyncGenerator<InventoryNews> {
  const { server, base } = place;
  const known: Known = new Map();
  const snapshot: InventoryNews = { kind: 'snapshot', product: 'Web server', version: '', systemId: base.shown };
  const links = await filesAt(server, base, signal);
  // Names first: each file costs some requests, and a page may list thousands.
  const names = links.files.length > 1 ? links.files.map((file) => summaryOf(file, base)) : [];
  if (names.length > 0) yield snapshot;
  for (let at = 0; at < names.length; at += batch) yield { kind: 'put', objects: names.slice(at, at + batch) };
  let told = await lookAt(place, known, signal, links);
  if (names.length === 0) yield snapshot;
  const found = new Set(told.objects.map(({ kind, ref }) => `${kind} ${ref}`));
  const gone = names.filter(({ kind, ref }) => !found.has(`${kind} ${ref}`)).map(({ kind, ref }) => ({ kind, ref }));
  if (gone.length > 0) yield { kind: 'gone', objects: gone };
  yield* firstNews(told);
  yield { kind: 'synced' };
  for (;;) {
    await sleep(askMs, undefined, { signal });
    const now = await lookAt(place, known, signal);
    yield* changes(told, now);
    told = now;
  }
}

/** By address as it is shown, the one that was asked for longest ago first. An empty identity: it could not be read. */
type Known = Map<string, { readonly identity: string; readonly told: WebReading }>;

/** With the list, one request in each of five minutes. */
const askedInTurn = 4;

/** In one look, over all files: what is left then is known by its name until the next. */
const mostBytes = 2 ** 31;

const batch = 500;

/** A file of which no more than its name is known: what it holds may be called otherwise, or be several VMs. */
function summaryOf({ url, shown }: WebAddress, base: WebAddress): InventoryObject {
  const fileName = nameOf(url);
  const format = kindOfName(fileName) ?? 'ova';
  const data: InventoryVm = { ...emptyVm, power: 'off', facts: { 'ova.format': format, 'ova.file': shown } };
  const name = fileName.replace(/\.gz$/i, '').replace(/\.[A-Za-z0-9]+$/, '');
  return { kind: 'vm', ref: shown, name, stableId: null, parentRef: base.shown, data };
}

async function lookAt(place: WebPlace, known: Known, signal: AbortSignal, listed?: Links): Promise<Told> {
  const { server, base } = place;
  const { files, refused } = listed ?? (await filesAt(server, base, signal));
  let left = mostBytes;
  const spent = (bytes: number): void => {
    left -= bytes;
  };
  const turn = new Set([...known.keys()].slice(0, askedInTurn));
  const objects: InventoryObject[] = [storageObject(base.shown, 'web', { capacityBytes: null, freeBytes: null })];
  const unreadable: Unreadable[] = [...refused];
  const claimed = new Set<string>();
  // What describes VMs first: images may belong to one of those.
  for (const file of [...files.filter((each) => !isImage(each)), ...files.filter(isImage)]) {
    if (claimed.has(file.shown)) continue;
    const before = known.get(file.shown);
    const isKept = before !== undefined && !turn.has(file.shown);
    if (!isKept && left <= 0) {
      objects.push(...(before?.told.objects ?? [summaryOf(file, base)]));
      continue;
    }
    const one = isKept ? before.told : await readOne(place, file, known, spent, signal);
    objects.push(...one.objects);
    unreadable.push(...one.unreadable);
    for (const claim of one.claims) claimed.add(claim);
  }
  const there = new Set(files.map(({ shown }) => shown));
  for (const shown of known.keys()) if (!there.has(shown)) known.delete(shown);
  return { objects, unreadable };
}

function isImage({ url }: WebAddress): boolean {
  return kindOfName(nameOf(url)) === 'image';
}

/** The one that the address names, or those that the page there lists. @throws provider.* */
export async function filesAt(server: WebServer, base: WebAddress, signal: AbortSignal): Promise<Links> {
  if (isFile(nameOf(base.url))) return { files: [base], refused: [] };
  return linksIn(await server.page(base, signal), base.url, isFile);
}

const isFile = (name: string): boolean => kindOfName(name) !== null;

async function readOne(
  place: WebPlace,
  address: WebAddress,
  known: Known,
  spent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<WebReading> {
  const { url, shown } = address;
  const keep = (identity: string, told: WebReading): WebReading => {
    known.delete(shown);
    known.set(shown, { identity, told });
    return told;
  };
  try {
    const file = await place.server.open(address, signal);
    const before = known.get(shown);
    const isSame = before?.identity === file.identity;
    if (isSame) return keep(file.identity, before.told);
    const kind = kindOfName(nameOf(url)) ?? 'ova';
    return keep(file.identity, await readWebFile(place, { address, kind, file }, spent, signal));
  } catch (error) {
    signal.throwIfAborted();
    // Of the server, not of this file: all of them would end so, and a wrong password would be tried with each.
    if (error instanceof WherryError && error.code.startsWith('provider.') && !ofOneFile.has(error.code)) throw error;
    return keep('', { objects: [], unreadable: [unreadableOf(shown, nameOf(url), error)], claims: [] });
  }
}

const ofOneFile: ReadonlySet<ErrorCode> = new Set(['provider.http_status', 'provider.no_ranges']);
