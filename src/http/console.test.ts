import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify from 'fastify';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { addConsole } from './console.ts';

test('a console that is built anew beside a running server stays whole: as it was when the server started', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wherry-console-'));
  const app = fastify().withTypeProvider<TypeBoxTypeProvider>();
  try {
    await mkdir(join(directory, 'assets'));
    await writeFile(join(directory, 'index.html'), '<script src="/assets/a.js">');
    await writeFile(join(directory, 'assets', 'a.js'), 'old()');
    await addConsole(app, directory);
    await rm(join(directory, 'assets', 'a.js'));
    await writeFile(join(directory, 'index.html'), '<script src="/assets/b.js">');
    expect((await app.inject('/')).body).toContain('a.js');
    expect((await app.inject('/migrations/some-id')).body).toContain('a.js'); // the page routes by itself
    const script = await app.inject({ url: '/assets/a.js', headers: { 'accept-encoding': 'gzip' } });
    expect(gunzipSync(script.rawPayload).toString()).toBe('old()');
    expect(script.headers).toMatchObject({ 'cache-control': expect.stringContaining('immutable') });
    expect((await app.inject('/assets/b.js')).statusCode).not.toBe(200); // (control) what came later is not there
  } finally {
    await app.close();
    await rm(directory, { recursive: true, force: true });
  }
});
