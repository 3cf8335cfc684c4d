import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';

/** A web server as there are many: a list, and files by Range unless `whole`. */
export type Web = {
  whole: boolean;
  asked: string[];
  password?: string;
  /** The list itself needs no password. */
  openList?: boolean;
  list?: string;
  /** Answers end in the middle. */
  cut?: boolean;
  /** Of each file and of the list, the query without which it is refused. */
  signatures?: Readonly<Record<string, string>>;
};
const usualList = '<a href="../">up</a><a href="app.ova">app</a><a href="http://x/y.ova">y</a>';

/** On a port of its own; what it has are the files of `directory`, under /images/. */
export async function serve(directory: string, state: Web): Promise<Server & AsyncDisposable> {
  const server = createServer((request, response) => {
    state.asked.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`);
    const expected = `Basic ${Buffer.from(`joe:${state.password}`).toString('base64')}`;
    const [place = '', query = ''] = (request.url ?? '').split('?');
    const isList = place === '/images/';
    const needed = state.signatures?.[isList ? place : basename(place)] ?? '';
    if (query !== needed) return response.writeHead(403).end();
    const isOpen = isList && state.openList === true;
    if (state.password !== undefined && !isOpen && request.headers.authorization !== expected)
      return response.writeHead(401).end();
    if (isList) return response.writeHead(200).end(state.list ?? usualList);
    if (state.cut === true) {
      response.writeHead(206, { 'content-range': 'bytes 0-0/9', 'content-length': '9' }).write('x');
      return setTimeout(() => response.destroy(), 20);
    }
    void readFile(join(directory, basename(place))).then(
      (data) => {
        const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
        if (from === undefined || state.whole) return response.writeHead(200).end(data);
        const part = data.subarray(Number(from), Number(to) + 1);
        const headers = { 'content-range': `bytes ${from}-${to}/${data.length}`, etag: '"one"' };
        return response.writeHead(206, headers).end(part);
      },
      () => response.writeHead(404).end(),
    );
    return response;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
export function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
