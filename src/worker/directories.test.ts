import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SourceSpec } from '../model/spec.ts';
import { createProviders } from '../wiring.ts';
import { call } from './calls.ts';
import { directoriesVariable, parseDirectories, permitSource, permitTarget } from './directories.ts';

let work: string;
let allowed: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'wherry-allowed-'));
  allowed = join(work, 'allowed');
  for (const name of ['allowed/in', 'allowed-too', 'store', 'secret'])
    await mkdir(join(work, name), { recursive: true });
  await writeFile(join(work, 'secret', 'disk.raw'), 'secret');
  await writeFile(join(allowed, 'disk.raw'), Buffer.alloc(512));
  process.env[directoriesVariable] = allowed;
});
afterEach(async () => {
  delete process.env[directoriesVariable];
  await rm(work, { recursive: true });
});

const image = (path: string): SourceSpec => ({ type: 'files', paths: [path] });
const files = (directory: string) => ({ type: 'files', directory, format: 'qcow2', networks: {} }) as const;
const daemon = (uri: string) => ({ type: 'libvirt', uri, pool: 'default', format: 'qcow2', networks: {} }) as const;
const refused = { code: 'worker.directory_not_allowed', params: { allowed: expect.any(String) as string } };
const operator = { stores: [] };

test('who is no administrator names what lies in an allowed directory, links followed, and nothing else', async () => {
  await permitSource(image(join(allowed, 'disk.raw')), operator);
  await permitTarget(files(join(allowed, 'in')), operator);
  await permitTarget(files(allowed), operator);
  await symlink(join(work, 'secret'), join(allowed, 'link'));
  await symlink(join(work, 'secret', 'disk.raw'), join(allowed, 'linked.raw'));
  await symlink(allowed, join(work, 'outside-in'));
  const outside = [
    join(work, 'secret', 'disk.raw'),
    join(allowed, '..', 'secret', 'disk.raw'),
    join(allowed, 'link', 'disk.raw'),
    join(allowed, 'linked.raw'),
    join(allowed, 'link', 'not-there.raw'),
    join(work, 'allowed-too', 'disk.raw'),
  ];
  for (const path of outside) await expect(permitSource(image(path), operator)).rejects.toMatchObject(refused);
  for (const place of [join(allowed, 'link'), join(work, 'allowed-too'), '/']) {
    await expect(permitTarget(files(place), operator)).rejects.toMatchObject(refused);
  }
  await permitTarget(daemon('qemu:///system'), operator);
  await permitTarget(daemon(`qemu:///system?socket=${join(allowed, 'sock')}`), operator);
  for (const socket of [join(work, 'secret', 'sock'), `${join(allowed, 'link')}/sock`]) {
    await expect(permitTarget(daemon(`qemu:///system?socket=${socket}`), operator)).rejects.toMatchObject(refused);
  }
  // A link that leads into it is the directory itself; an administrator may name any.
  await permitSource(image(join(work, 'outside-in', 'disk.raw')), operator);
  await permitSource(image(join(work, 'secret', 'disk.raw')), undefined);
  await permitTarget(files('/'), undefined);
});

test('a store that an administrator has added is read from, not written to; without a setting nothing else is', async () => {
  delete process.env[directoriesVariable];
  const store = join(work, 'store');
  await permitSource(image(join(store, 'disk.raw')), { stores: [store] });
  await expect(permitTarget(files(store), { stores: [store] })).rejects.toMatchObject(refused);
  const none = { ...refused, params: { allowed: 'none' } };
  await expect(permitSource(image(join(allowed, 'disk.raw')), operator)).rejects.toMatchObject(none);
});

test('a question of an operator is refused by the worker itself', async () => {
  const providers = createProviders();
  const ask = (path: string, restriction?: object): Promise<unknown> =>
    call(providers, 'listVms', { source: image(path), restriction }, {});
  expect(await ask(join(allowed, 'disk.raw'), operator)).toMatchObject([{ name: 'disk' }]);
  await expect(ask(join(work, 'secret', 'disk.raw'), operator)).rejects.toMatchObject(refused);
  expect(await ask(join(work, 'secret', 'disk.raw'))).toMatchObject([{ name: 'disk' }]);
});

test('directories are given as absolute paths, separated by commas', () => {
  expect(parseDirectories('/srv/imports, /srv/exports,')).toEqual(['/srv/imports', '/srv/exports']);
  expect(parseDirectories(undefined)).toEqual([]);
  expect(() => parseDirectories('/srv,imports')).toThrow('imports is no absolute path');
});
