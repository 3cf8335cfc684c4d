/**
 * A file on a web server as a source: an OVA, or an OVF with its disks beside it, read in place by parts. Nothing is brought
 * here first; a server that sends no parts is refused, because a migration reads anywhere and goes on where it stopped.
 */
import { WherryError } from '../../model/errors.ts';
import type { OvaAccount } from '../../model/provider.ts';
import type { SourceSpec } from '../../model/spec.ts';
import type { ImageTools } from '../../transfer/disk.ts';
import type { Source, SourceAccess } from '../provider.ts';
import { parseOvf } from './ovf.ts';
import { archivePackage, loosePackage, type Package, type PackageFile } from './package.ts';
import { packageSource } from './source.ts';
import { nameFromHref } from './stored.ts';
import { addressOf, baseOf, type WebAddress } from './store/address.ts';
import { addressAt } from './store/at-page.ts';
import { nameOf } from './store/links.ts';
import { type WebFile, type WebServer, webServer } from './store/http-server.ts';
import { maxXmlBytes } from './xml.ts';

export type WebSpec = Extract<SourceSpec, { type: 'web' }>;

/** How a bare image becomes a VM; wired where all are known. */
export type OpenImages = (
  image: { readonly url: string; readonly fileName: string },
  open: (path: string) => Promise<WebFile>,
  signal: AbortSignal,
) => Promise<Source & AsyncDisposable>;

/** @throws provider.*, source.*, ova.* for all that keeps it from being read at all */
export async function createWebSource(
  { url, provider }: WebSpec,
  access: SourceAccess | null,
  { tools, openImages }: { readonly tools: ImageTools; readonly openImages: OpenImages },
  signal: AbortSignal,
): Promise<Source & AsyncDisposable> {
  if (provider !== undefined && access === null) throw new WherryError('provider.not_found', { provider });
  const account: OvaAccount = access?.account.type === 'ova' ? access.account : { type: 'ova', location: url };
  const secrets = access?.secrets ?? {};
  const server = webServer(account, secrets);
  try {
    const address = await addressAt(server, baseOf(account, secrets), url, signal);
    // The server has looked already: a password goes to nobody but the one it was given for.
    if (address === null) throw new WherryError('provider.setting_wrong', { setting: 'source', why: elsewhere });
    const source = await openWebAt(server, address, { tools, openImages }, signal);
    return {
      ...source,
      [Symbol.asyncDispose]: async () => {
        await source[Symbol.asyncDispose]();
        server[Symbol.dispose]();
      },
    };
  } catch (error) {
    server[Symbol.dispose]();
    throw error;
  }
}

const elsewhere = 'it is not on the web server of its provider';

/** @throws as `createWebSource` */
export async function openWebAt(
  server: WebServer,
  address: WebAddress,
  { tools, openImages }: { readonly tools: ImageTools; readonly openImages: OpenImages },
  signal: AbortSignal,
): Promise<Source & AsyncDisposable> {
  const { url, shown } = address;
  const open = (at: WebAddress): Promise<WebFile> => openSteady(server, at, signal);
  if (/\.ova$/i.test(url.pathname)) {
    return packageSource(await archivePackage(await open(address), signal), tools);
  }
  if (/\.ovf$/i.test(url.pathname)) return packageSource(await ovfPackage(address, open), tools);
  return openImages({ url: shown, fileName: nameOf(url) }, () => open(address), signal);
}

/** Without a tag or a time nobody can tell whether it is still the same file when a copy goes on. */
async function openSteady(server: WebServer, address: WebAddress, signal: AbortSignal): Promise<WebFile> {
  const file = await server.open(address, signal);
  if (file.isSteady) return file;
  throw new WherryError('source.no_version', { path: address.shown, system: server.system });
}

/** The OVF, what it refers to, and its manifest: each a file beside it. */
async function ovfPackage(address: WebAddress, open: (at: WebAddress) => Promise<WebFile>): Promise<Package> {
  const { url, shown: path } = address;
  const name = nameOf(url);
  const ovf = await open(address);
  if (ovf.sizeBytes > maxXmlBytes) {
    throw new WherryError('ova.too_large', { path, member: name, bytes: ovf.sizeBytes, limit: maxXmlBytes });
  }
  const { systems } = parseOvf(await ovf.read(0, ovf.sizeBytes), { path, member: name });
  const hrefs = systems.flatMap(({ drives }) => drives.flatMap(({ disk }) => disk.file?.href ?? []));
  const files = [named(name, ovf)];
  for (const href of new Set(hrefs)) {
    const beside = nameFromHref(href);
    // One that is missing or leads elsewhere is named when the disk is looked for.
    if (beside === null || beside.includes('/')) continue;
    const file = await orMissing(open(besideOf(url, beside)));
    if (file !== null) files.push(named(beside, file));
  }
  const manifest = name.replace(/\.ovf$/i, '.mf');
  const found = await orMissing(open(besideOf(url, manifest)));
  if (found !== null) files.push(named(manifest, found));
  return loosePackage(path, files);
}

function named(name: string, { path, sizeBytes, remote }: WebFile): PackageFile {
  return { name, path, offset: 0, lengthBytes: sizeBytes, remote };
}

/** Without its query, which speaks of the OVF alone. */
function besideOf(url: URL, name: string): WebAddress {
  return addressOf(new URL(`./${encodeURIComponent(name)}`, url));
}

async function orMissing(file: Promise<WebFile>): Promise<WebFile | null> {
  try {
    return await file;
  } catch (error) {
    const isMissing =
      error instanceof WherryError && error.code === 'provider.http_status' && error.params['status'] === 404;
    if (isMissing) return null;
    throw error;
  }
}
