/** Web servers with one OVA: one lets in whoever knows the password, the other whoever has its signatures. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildOva } from '../fixtures/ova/build.ts';

export type LockedStore = {
  readonly url: string;
  /** How often each password was tried. */
  readonly tries: ReadonlyMap<string, number>;
  stop(): Promise<void>;
};

export async function startLockedStore(user: string, password: string): Promise<LockedStore> {
  const data = await packedApp('locked-app');
  const tries = new Map<string, number>();
  const server = createServer((request, response) => {
    const given = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    const tried = given.slice(given.indexOf(':') + 1);
    tries.set(tried, (tries.get(tried) ?? 0) + 1);
    if (given !== `${user}:${password}`) return response.writeHead(401).end();
    if (request.url === '/') return response.writeHead(200).end('<a href="app.ova">app</a>');
    return sendPart(data, request, response);
  });
  return { ...(await listening(server)), tries };
}

export type SignedStore = {
  readonly url: string;
  /** Files that were opened with their own signature. */
  readonly opened: () => number;
  stop(): Promise<void>;
};

/** One that knows nobody's name: the list and the OVA each want their own signature in the query. */
export async function startSignedStore(signatures: {
  readonly list: string;
  readonly file: string;
  /** In a link, before the host. */
  readonly password: string;
}): Promise<SignedStore> {
  const data = await packedApp('signed-app');
  let opened = 0;
  const server = createServer((request, response) => {
    const [place = '', query = ''] = (request.url ?? '').split('?');
    if (place === '/' && query === `sig=${signatures.list}`) {
      const link = `<a href="http://joe:${signatures.password}@${request.headers.host ?? ''}/other.ova">other</a>`;
      return response.writeHead(200).end(`<a href="app.ova?sig=${signatures.file}">app</a>${link}`);
    }
    if (place !== '/app.ova' || query !== `sig=${signatures.file}`) return response.writeHead(403).end();
    opened += 1;
    return sendPart(data, request, response);
  });
  return { ...(await listening(server)), opened: () => opened };
}

async function packedApp(vmName: string): Promise<Buffer> {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-packed-'));
  try {
    const disk = join(directory, 'disk.raw');
    await writeFile(disk, Buffer.alloc(2 ** 20, 'data'));
    const path = join(directory, 'app.ova');
    await buildOva({ path, vmName, disks: [{ file: disk, format: 'raw' }] });
    return await readFile(path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function sendPart(data: Buffer, request: IncomingMessage, response: ServerResponse): ServerResponse {
  const [, from = '0', to = '0'] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const part = data.subarray(Number(from), Number(to) + 1);
  const headers = { 'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${data.length}`, etag: '"one"' };
  return response.writeHead(206, headers).end(part);
}

async function listening(server: Server): Promise<{ url: string; stop(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
