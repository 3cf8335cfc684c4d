/**
 * Files into a store through the whole product: in parts, gone on with after the server and the worker were killed, refused
 * before the first byte where they cannot go, and seen as a VM once they are whole.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { type ClientRequest, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ProviderView } from '../src/inventory/api.ts';
import type { UploadView } from '../src/inventory/upload-api.ts';
import { homeAt } from '../src/home.ts';
import { type Product, runWherry, type Said, startProduct } from './acceptance/product.ts';
import { buildOva } from './fixtures/ova/build.ts';

const wait = { timeout: 60_000, interval: 200 };
let directory = '';
let store = '';
let product: Product;
let provider: ProviderView;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wherry-upload-'));
  store = join(directory, 'store');
  await mkdir(store);
  product = await startProduct({ leaseMs: 3_000 });
  const added = await run('provider', 'add', 'store', store, '--type', 'ova', '--json');
  if (added.code !== 0) throw new Error(added.stderr);
  provider = JSON.parse(added.stdout) as ProviderView;
}, 120_000);
afterAll(async () => {
  await product?.[Symbol.asyncDispose]();
  if (directory !== '') await rm(directory, { recursive: true, force: true });
});

test('a file goes in by parts, survives kills, and is a VM when it is whole', { timeout: 240_000 }, async () => {
  await writeFile(join(directory, 'disk.raw'), randomBytes(3 * 2 ** 20));
  const path = join(directory, 'app.ova');
  await buildOva({ path, vmName: 'app', disks: [{ file: join(directory, 'disk.raw'), format: 'raw' }] });
  const content = await readFile(path);
  const half = 2 ** 20 + 12_345;
  const begun = await ask<UploadView>('POST', `/providers/${provider.id}/uploads`, {
    name: 'web/app.ova',
    sizeBytes: content.length,
  });
  expect(begun).toMatchObject({ status: 201, body: { doneBytes: 0, state: 'open' } });
  const { id } = begun.body;
  const first = await part(id, 0, content.subarray(0, half));
  expect(first).toMatchObject({ status: 200, body: { doneBytes: half } });
  expect(await readdir(join(store, 'web'))).toEqual([`.app.ova.${id}.partial`]);

  // The same part again, and one from elsewhere: neither is taken.
  expect(await part(id, 0, content.subarray(0, half))).toMatchObject({ status: 409 });
  expect(await part(id, half + 1, content.subarray(half + 1))).toMatchObject({ status: 409 });
  expect(await part(id, half, Buffer.alloc(content.length))).toMatchObject({ status: 413 });
  expect(await ask('POST', `/uploads/${id}/finish`)).toMatchObject({
    status: 409,
    body: { code: 'upload.incomplete' },
  });

  process.kill(await product.workerPid(), 'SIGKILL');
  await product.killServer();
  await product.startServer();
  await expect.poll(async () => (await part(id, half, content.subarray(half))).status, wait).toBe(200);
  await expect
    .poll(async () => (await ask('POST', `/uploads/${id}/finish`)).body, wait)
    .toMatchObject({ state: 'finished' });
  const there = await readFile(join(store, 'web', 'app.ova'));
  expect(digest(there)).toBe(digest(content));
  expect(digest(Buffer.concat([content.subarray(0, half), content]))).not.toBe(digest(content)); // the control
  expect(await readdir(join(store, 'web'))).toEqual(['app.ova']);
  await expect
    .poll(async () => (await ask<ProviderView>('GET', `/providers/${provider.id}`)).body.counts.vm, wait)
    .toBe(1);

  // Once more: it is there already. What was begun is gone without a trace.
  const again = await ask('POST', `/providers/${provider.id}/uploads`, { name: 'web/app.ova', sizeBytes: 10 });
  expect(again).toMatchObject({ status: 409, body: { code: 'upload.exists' } });
  const other = await ask<UploadView>('POST', `/providers/${provider.id}/uploads`, {
    name: 'new/x.raw',
    sizeBytes: 10,
  });
  expect((await ask('DELETE', `/uploads/${other.body.id}`)).body).toMatchObject({ state: 'canceled' });
  expect((await readdir(store)).sort((a, b) => (a < b ? -1 : 1))).toEqual(['web']);
});

test('two at one offset: one of them goes in as it is, the other is refused', { timeout: 120_000 }, async () => {
  const size = 8 * 2 ** 20;
  const contents = [randomBytes(size), randomBytes(size)];
  const { id } = (await begin('both.raw', size)).body;
  const both = await Promise.all(contents.map((content) => slowPart(id, content)));
  expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  expect(both.find(({ status }) => status === 409)?.body.code).toMatch(/^upload\.(busy|elsewhere)$/);
  expect(await ask('POST', `/uploads/${id}/finish`)).toMatchObject({ status: 200, body: { state: 'finished' } });
  const taken = contents[both.findIndex(({ status }) => status === 200)] ?? Buffer.alloc(0);
  expect(digest(await readFile(join(store, 'both.raw')))).toBe(digest(taken));
});

test('what cannot go in is refused before its first byte', { timeout: 120_000 }, async () => {
  for (const name of ['../x.ova', '/etc/x.ova', '.hidden.ova', 'a/b/c.ova', 'x.exe', 'a\\b.ova', 'web/..']) {
    expect(await begin(name)).toMatchObject({ status: 422, body: { code: 'upload.bad_name' } });
  }
  expect(await begin('huge.raw', 2 ** 52)).toMatchObject({ status: 507, body: { code: 'upload.no_space' } });
  await mkdir(join(directory, 'outside'));
  await symlink(join(directory, 'outside'), join(store, 'linked'));
  expect((await begin('linked/x.raw')).status).toBeGreaterThanOrEqual(400);
  expect(await readdir(join(directory, 'outside'))).toEqual([]);
});

test('wherry upload sends what a person has, and says how far it is', { timeout: 120_000 }, async () => {
  const path = join(directory, 'bare.raw');
  await writeFile(path, randomBytes(2 ** 20));
  const sent = await run('upload', path, '--to', 'store');
  expect(sent).toMatchObject({ code: 0 });
  expect(sent.stderr).toContain('1.0 MiB of 1.0 MiB');
  expect(digest(await readFile(join(store, 'bare.raw')))).toBe(digest(await readFile(path)));
  expect((await run('upload', join(directory, 'none.raw'), '--to', 'store')).code).not.toBe(0);
});

test('wherry upload goes on with the same file alone: another one of its size is begun anew', async () => {
  const path = join(directory, 'halves.raw');
  const [before, after] = [randomBytes(2 ** 20), randomBytes(2 ** 20)];
  await writeFile(path, before);
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  const file = `${ino}:${size}:${mtimeNs}`;
  const broken = await ask<UploadView>('POST', `/providers/${provider.id}/uploads`, {
    name: 'halves.raw',
    sizeBytes: before.length,
    file,
  });
  expect(broken.body).toMatchObject({ state: 'open', file });
  const half = before.length / 2;
  expect(await part(broken.body.id, 0, before.subarray(0, half))).toMatchObject({ status: 200 });

  await writeFile(path, after);
  const refused = await run('upload', path, '--to', 'store');
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain('upload.under_way');
  expect(refused.stderr).toContain('--again');
  const again = await run('upload', path, '--to', 'store', '--again');
  expect([again.code, again.stderr]).toEqual([0, expect.any(String)]);
  expect(digest(await readFile(join(store, 'halves.raw')))).toBe(digest(after));

  // The same file goes on: only the rest of it is sent.
  const other = join(directory, 'rest.raw');
  await writeFile(other, before);
  const rest = await stat(other, { bigint: true });
  const { body } = await ask<UploadView>('POST', `/providers/${provider.id}/uploads`, {
    name: 'rest.raw',
    sizeBytes: before.length,
    file: `${rest.ino}:${rest.size}:${rest.mtimeNs}`,
  });
  const marked = Buffer.from(before).fill(7, 0, half);
  expect(await part(body.id, 0, marked.subarray(0, half))).toMatchObject({ status: 200 });
  expect(await run('upload', other, '--to', 'store')).toMatchObject({ code: 0 });
  expect(digest(await readFile(join(store, 'rest.raw')))).toBe(digest(marked));
}, 120_000);

function begin(name: string, sizeBytes = 10): Promise<Answer<UploadView>> {
  return ask('POST', `/providers/${provider.id}/uploads`, { name, sizeBytes });
}
function digest(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
function run(...words: string[]): Promise<Said> {
  return runWherry(product, words);
}

type Answer<T> = { status: number; body: T & { code?: string } };
function ask<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
  return send(method, path, 'application/json', body === undefined ? undefined : Buffer.from(JSON.stringify(body)));
}
/** In pieces with pauses, so that another one has the time to come between. */
function slowPart(id: string, content: Buffer): Promise<Answer<UploadView>> {
  return send('PUT', `/uploads/${id}?offset=0`, 'application/octet-stream', content, 200);
}
function part(id: string, offset: number, content: Buffer): Promise<Answer<UploadView>> {
  return send('PUT', `/uploads/${id}?offset=${offset}`, 'application/octet-stream', content);
}
function send<T>(method: string, path: string, type: string, content?: Buffer, pauseMs = 0): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: homeAt(product.home).serverSocket,
      method,
      path: `/api/v1${path}`,
      headers: {
        host: 'wherry',
        'idempotency-key': randomBytes(8).toString('hex'),
        ...(content === undefined ? {} : { 'content-type': type, 'content-length': content.length }),
      },
    });
    // A refusal may come before all was sent; what then breaks is the sending.
    let answered = false;
    sent.on('error', (error) => answered || reject(error));
    sent.on('response', (answer) => {
      answered = true;
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text || '{}') as T & { code?: string } }),
      );
    });
    if (pauseMs === 0) sent.end(content);
    else void sendSlowly(sent, content ?? Buffer.alloc(0), pauseMs);
  });
}

async function sendSlowly(sent: ClientRequest, content: Buffer, pauseMs: number): Promise<void> {
  const pieceBytes = 2 ** 20;
  for (let at = 0; at < content.length && !sent.destroyed; at += pieceBytes) {
    sent.write(content.subarray(at, at + pieceBytes));
    await sleep(pauseMs);
  }
  sent.end();
}
