import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newId } from '../model/ids.ts';
import type { SourceSpec } from '../model/spec.ts';
import type { Providers } from '../providers/provider.ts';
import { createProviders } from '../wiring.ts';
import { call } from './calls.ts';
import {
  directoriesVariable,
  lookedAtAgain,
  parseDirectories,
  permitSource,
  permitTarget,
  targetLookedAtAgain,
} from './directories.ts';

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

/** The link leads where it may until the source or target is opened, and elsewhere from then on. */
async function changingLink(to: { inside: string; outside: string }): Promise<{ path: string; providers: Providers }> {
  const path = join(allowed, 'link');
  await symlink(to.inside, path);
  const providers = createProviders();
  const change = async (): Promise<void> => {
    await rm(path);
    await symlink(to.outside, path);
  };
  return {
    path,
    providers: {
      ...providers,
      openSource: async (...asked) => {
        await change();
        return providers.openSource(...asked);
      },
      openTarget: async (...asked) => {
        await change();
        return providers.openTarget(...asked);
      },
    },
  };
}

test('a link that is changed between the look and the opening gives nothing of what it leads to then', async () => {
  const link = await changingLink({ inside: join(allowed, 'disk.raw'), outside: join(work, 'secret', 'disk.raw') });
  const listed = call(link.providers, 'listVms', { source: image(link.path), restriction: operator }, {});
  await expect(listed).rejects.toMatchObject(refused);
});

test('a disk that was opened behind a changed link is closed again, one that was made there fails the step', async () => {
  const { signal } = new AbortController();
  const secret = join(work, 'secret', 'disk.raw');
  await writeFile(secret, Buffer.alloc(512));
  const link = await changingLink({ inside: join(allowed, 'disk.raw'), outside: secret });
  const look = (): Promise<void> => permitSource(image(link.path), operator);
  await look();
  const source = lookedAtAgain(await link.providers.openSource(image(link.path), signal), look);
  const vm = await source.describe(null, signal);
  await expect(source.openDisk(vm, vm.disks[0]?.id ?? '', work, signal)).rejects.toMatchObject(refused);
  await expect(source[Symbol.asyncDispose]()).rejects.toMatchObject(refused);

  await rm(link.path);
  const out = await changingLink({ inside: join(allowed, 'in'), outside: join(work, 'allowed-too') });
  const lookThere = (): Promise<void> => permitTarget(files(out.path), operator);
  await lookThere();
  const target = targetLookedAtAgain(await out.providers.openTarget(files(out.path), signal), lookThere);
  const mark = { targetCopyId: newId() };
  const request = { mark, vm, targetName: 'web', diskId: vm.disks[0]?.id ?? '', index: 0, sizeBytes: 512 };
  const planned = await target.planDisk(request, signal);
  await expect(target.createDisk(planned, request, signal)).rejects.toMatchObject(refused);
  expect(await readdir(join(work, 'allowed-too'))).toHaveLength(1); // control: it was made there
});

test('directories are given as absolute paths, separated by commas', () => {
  expect(parseDirectories('/srv/imports, /srv/exports,')).toEqual(['/srv/imports', '/srv/exports']);
  expect(parseDirectories(undefined)).toEqual([]);
  expect(() => parseDirectories('/srv,imports')).toThrow('imports is no absolute path');
});
