/** `/folder/<path>?dcPath=<datacenter>&dsName=<datastore>`: files of datastores. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { whoOf } from './who.ts';
import type { Layer } from '../disk/layer.ts';
import { mayDo } from '../session/accounts.ts';
import { disksOf, fileOf, powerOf } from '../vm/vm.ts';
import { asRef, asText, type Ref } from '../values.ts';
import type { World } from '../world.ts';

const pieceBytes = 1024 * 1024;

export async function serveFolder(
  world: World,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const who = whoOf(world, request);
  const refuse = (status: number, why: string): void => {
    const challenge = status === 401 ? { 'www-authenticate': 'Basic realm="VMware HTTP server"' } : {};
    response.writeHead(status, { 'content-type': 'text/html', ...challenge });
    response.end(`<html><body><h1>${status}</h1>${why}</body></html>`);
  };
  if (who === null) return refuse(401, 'Unauthorized');
  if (who !== 'ticket' && !['Datastore.Browse', 'Datastore.FileManagement'].every((needed) => mayDo(who, needed))) {
    return refuse(403, 'Forbidden');
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Method Not Allowed');
  const datastore = datastoreOf(world, url.searchParams.get('dcPath'), url.searchParams.get('dsName'));
  if (datastore === null) return refuse(404, 'Not Found');
  const name = asText(world.store.read(datastore, 'name')) ?? '';
  const path = `[${name}] ${decodeURIComponent(url.pathname.slice('/folder/'.length))}`;
  const whole = world.disks.layerAt(path);
  if (whole !== undefined) return sendText(response, request, descriptorOf(whole));
  const layer = world.disks.layerAt(path.replace(/-flat\.vmdk$/, '.vmdk'));
  // vSAN and vVols keep no flat files; deltas are no flat ones.
  const type = asText(world.store.read(datastore, 'summary.type'));
  if (
    layer === undefined ||
    layer.parent !== null ||
    !path.endsWith('-flat.vmdk') ||
    type === 'vsan' ||
    type === 'VVOL'
  ) {
    return refuse(404, 'Not Found');
  }
  if (isLocked(world, layer)) return refuse(500, 'Unable to open the file: it is locked');
  await sendRange(layer, request, response);
}

function datastoreOf(world: World, dcPath: string | null, dsName: string | null): Ref | null {
  const { store } = world;
  const datacenter = store.ofType('Datacenter').find(({ ref }) => pathOf(world, ref) === dcPath?.replace(/^\//, ''));
  const found = store.ofType('Datastore').find(({ ref }) => {
    const folder = asRef(store.read(ref, 'parent'));
    const owner = folder === undefined ? undefined : asRef(store.read(folder, 'parent'));
    return store.read(ref, 'name') === dsName && owner?.value === datacenter?.ref.value;
  });
  return datacenter === undefined ? null : (found?.ref ?? null);
}

function pathOf({ store }: World, ref: Ref): string {
  const parent = asRef(store.read(ref, 'parent'));
  const name = asText(store.read(ref, 'name')) ?? '';
  return parent === undefined || store.read(parent, 'parent') === undefined
    ? name
    : `${pathOf({ store } as World, parent)}/${name}`;
}

/** A running VM keeps what it writes to; what lies under a snapshot is free. */
const isLocked = ({ store }: World, layer: Layer): boolean =>
  store
    .ofType('VirtualMachine')
    .some(
      ({ ref }) =>
        powerOf(store, ref) === 'poweredOn' && disksOf(store, ref).some((disk) => fileOf(disk) === layer.path),
    );

const descriptorOf = ({ path, sizeBytes }: Layer): string => {
  const file = path.replace(/^.*\//, '').replace(/\.vmdk$/, '-flat.vmdk');
  return (
    `# Disk DescriptorFile\nversion=4\nencoding="UTF-8"\nCID=fffffffe\nparentCID=ffffffff\ncreateType="vmfs"\n\n` +
    `# Extent description\nRW ${Math.ceil(sizeBytes / 512)} VMFS "${file}"\n\n# The Disk Data Base\n#DDB\n\nddb.adapterType = "lsilogic"\n`
  );
};

function sendText(response: ServerResponse, request: IncomingMessage, text: string): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': Buffer.byteLength(text) });
  response.end(request.method === 'HEAD' ? undefined : text);
}

async function sendRange(layer: Layer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const size = layer.sizeBytes;
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const first = Number(range?.[1] ?? 0);
  const last = Math.min(size - 1, range?.[2] === undefined || range[2] === '' ? size - 1 : Number(range[2]));
  if (range !== null && (first >= size || last < first)) {
    response.writeHead(416, { 'content-range': `bytes */${size}` });
    response.end();
    return;
  }
  response.writeHead(range === null ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'content-length': last - first + 1,
    ...(range === null ? {} : { 'content-range': `bytes ${first}-${last}/${size}` }),
  });
  if (request.method !== 'HEAD') {
    for (let at = first; at <= last && !response.destroyed; at += pieceBytes) {
      const piece = await layer.read(at, Math.min(pieceBytes, last + 1 - at));
      if (!response.write(piece)) await drained(response);
    }
  }
  response.end();
}

export const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    response.once('drain', resolve);
    response.once('close', resolve);
  });
