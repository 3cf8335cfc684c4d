/** A web server with one OVA, which lets in whoever knows the password. */
import { createServer } from 'node:http';
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
  const directory = await mkdtemp(join(tmpdir(), 'wherry-locked-'));
  const disk = join(directory, 'disk.raw');
  await writeFile(disk, Buffer.alloc(2 ** 20, 'data'));
  const path = join(directory, 'app.ova');
  await buildOva({ path, vmName: 'locked-app', disks: [{ file: disk, format: 'raw' }] });
  const data = await readFile(path);
  const tries = new Map<string, number>();
  const server = createServer((request, response) => {
    const given = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
    const tried = given.slice(given.indexOf(':') + 1);
    tries.set(tried, (tries.get(tried) ?? 0) + 1);
    if (given !== `${user}:${password}`) return response.writeHead(401).end();
    if (request.url === '/') return response.writeHead(200).end('<a href="app.ova">app</a>');
    const [, from = '0', to = '0'] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const part = data.subarray(Number(from), Number(to) + 1);
    const headers = { 'content-range': `bytes ${from}-${to}/${data.length}`, etag: '"one"' };
    return response.writeHead(206, headers).end(part);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    tries,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
