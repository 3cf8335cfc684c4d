/**
 * The console's built files, read once, at start (three MB): no path of a request ever reaches the file system, and a
 * console that is built anew beside a running server does not leave pages half of the old and half of the new. Files
 * under assets/ have a hash in their name and never change; every other path is the page itself, which routes by itself.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { WherryError } from '../model/errors.ts';
import type { App } from './routes.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.txt': 'text/plain; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
};
const worthPacking = new Set(['.html', '.js', '.css', '.json', '.svg', '.map']);

const missing = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Wherry</title>
<body style="font-family: system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem">
<h1>Wherry is running</h1>
<p>The console has not been built. Run <code>script/setup</code> in Wherry’s directory, or only
<code>script/npm run ui</code>, and load this page again after a restart.</p>
<p>The API is here: <a href="/api/docs">/api/docs</a>.</p></body></html>`;

export async function addConsole(app: App, directory: string | undefined): Promise<void> {
  const files = directory === undefined ? new Map<string, Buffer>() : await readFiles(directory);
  const packed = new Map<string, Promise<Buffer>>();
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const path = decodeURI(request.url.split('?')[0] ?? '/');
    if (/^\/(api|healthz|metrics)(\/|$)/.test(path)) {
      reply.callNotFound();
      return reply;
    }
    const name = files.has(path) ? path : '/index.html';
    const isFile = name !== '/index.html';
    if (!isFile && path.startsWith('/assets/')) throw new WherryError('request.no_route', { path: path.slice(0, 200) });
    const file = files.get(name);
    if (file === undefined) return reply.type('text/html; charset=utf-8').send(missing);
    const extension = extname(name);
    reply.type(types[extension] ?? 'application/octet-stream');
    reply.header('cache-control', path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
    if (!worthPacking.has(extension)) return reply.send(file);
    reply.header('vary', 'accept-encoding');
    if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(file);
    const body = packed.get(name) ?? promisify(gzip)(file);
    packed.set(name, body);
    return reply.header('content-encoding', 'gzip').send(await body);
  };
  app.get('/*', { config: { permission: 'public', hidden: true, anonymous: true } }, answer);
}

/** By URL path. */
async function readFiles(directory: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    files.set(file.slice(directory.length).replace(/^\/?/, '/'), await readFile(file));
  }
  return files;
}
