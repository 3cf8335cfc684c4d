/** The table of what a user without rights runs into; its product runs as that user. */
import { chmod, copyFile, mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Libvirtd } from '../peers/libvirtd.ts';
import type { BadCase, Control } from './bad-case.ts';
import type { InputFiles } from './bad-input-files.ts';

const host = hostname();
export const user = { name: 'nobody', id: 65_534 };
export const asUser = ['setpriv', `--reuid=${user.id}`, `--regid=${user.id}`, '--clear-groups', '--'];

export type UserPlaces = { readonly open: string; readonly closed: string; readonly own: string };

/** Directories in the product's scratch: of root and readable, of root alone, of the user. */
export async function makeUserPlaces(scratch: string, files: InputFiles): Promise<UserPlaces> {
  const places = { open: join(scratch, 'open'), closed: join(scratch, 'closed'), own: join(scratch, 'own') };
  await mkdir(places.open, { mode: 0o755 });
  await mkdir(places.closed, { mode: 0o700 });
  await mkdir(places.own);
  await chmod(places.own, 0o777);
  for (const [path, mode] of [
    [join(places.open, 'readable.ova'), 0o644],
    [join(places.open, 'unreadable.ova'), 0o600],
    [join(places.closed, 'hidden.ova'), 0o644],
  ] as const) {
    await copyFile(files.good, path);
    await chmod(path, mode);
  }
  return places;
}

export function userCases(places: UserPlaces, libvirtd: Libvirtd): BadCase[] {
  const { open, closed, own } = places;
  const readable = join(open, 'readable.ova');
  const unreadable = join(open, 'unreadable.ova');
  const hidden = join(closed, 'hidden.ova');
  return [
    {
      name: 'a file that the user may not read',
      words: [unreadable, '--to', 'files', '--dir', own],
      code: 'source.unreadable',
      names: [user.name, host, unreadable, 'read (r) permission'],
      cause: /EACCES/,
      next: new RegExp(`${user.name} read \\(r\\) permission on ${unreadable}`),
      sources: [unreadable],
      targets: [own],
    },
    {
      name: 'a file in a directory that the user may not enter',
      words: [hidden, '--to', 'files', '--dir', own],
      code: 'source.unreadable',
      names: [user.name, host, hidden, `search (x) permission on ${closed}`],
      cause: /EACCES/,
      next: new RegExp(`${user.name} search \\(x\\) permission on ${closed} `),
      sources: [hidden],
      targets: [own],
    },
    {
      name: 'a target directory that the user may not write',
      words: [readable, '--to', 'files', '--dir', open],
      code: 'files.no_permission',
      names: [user.name, host, open, 'VM app'],
      cause: /EACCES/,
      next: new RegExp(`Give ${user.name} write`),
      sources: [readable],
      targets: [open],
    },
    {
      name: 'a socket of libvirt that the user may not reach',
      words: [readable, '--to', 'libvirt', '--uri', `qemu:///system?socket=${join(closed, 'libvirt-sock')}`],
      code: 'libvirt.not_allowed',
      names: [user.name, host, closed, 'VM app'],
      cause: /EACCES/,
      next: /group libvirt/,
      sources: [readable],
      targets: [own],
    },
    {
      name: 'a pool that the user may not write',
      words: [readable, '--to', 'libvirt', '--uri', libvirtd.uri, '--network', 'user'],
      code: 'libvirt.no_permission',
      names: [user.name, host, libvirtd.pools['default'] ?? '', 'pool default', 'VM app'],
      next: /as root/,
      sources: [readable],
      targets: [libvirtd.pools['default'] ?? ''],
    },
  ];
}

export function userControls({ open, own }: UserPlaces): Control[] {
  const words = [join(open, 'readable.ova'), '--to', 'files', '--dir', own];
  return [{ name: 'a file and a directory that the user may use', words }];
}
