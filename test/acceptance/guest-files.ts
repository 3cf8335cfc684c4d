/** What is inside a guest's disks, by a read-only look with libguestfs: every name, and the digest of every regular file. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeAccelerator } from '../../src/conversion/accelerator.ts';
import { cacheDirectory } from '../../src/conversion/cache.ts';
import { runChild } from '../../src/process/child.ts';

/** Path, with the file system that it is on before it ("/dev/sda1:/etc/fstab"), to SHA-256; empty for what is no regular file. */
export type GuestFiles = ReadonlyMap<string, string>;

/** @param disks qcow2 images, in the guest's order. @param fileSystems devices as libguestfs calls them: sda1, sdb. */
export async function guestFiles(disks: readonly string[], fileSystems: readonly string[]): Promise<GuestFiles> {
  const directory = await mkdtemp(join(tmpdir(), 'look-'));
  try {
    const drives = disks.flatMap((path) => ['--format=qcow2', '-a', path]);
    const commands = fileSystems.flatMap((name) =>
      [
        ['mount-ro', `/dev/${name}`, '/'],
        ['find0', '/', join(directory, `${name}.names`)],
        ['checksums-out', 'sha256', '/', join(directory, `${name}.sums`)],
        ['umount', '/'],
      ].flatMap((command) => [':', ...command]),
    );
    await runChild('guestfish', ['--ro', ...drives, 'run', ...commands], {
      timeoutMs: 300_000,
      env: {
        LIBGUESTFS_BACKEND: 'direct',
        LIBGUESTFS_BACKEND_SETTINGS: (await probeAccelerator()) === 'kvm' ? 'force_kvm' : 'force_tcg',
        LIBGUESTFS_CACHEDIR: await cacheDirectory('libguestfs'),
        TMPDIR: directory,
      },
    });
    const files = new Map<string, string>();
    for (const name of fileSystems) {
      const names = (await readFile(join(directory, `${name}.names`), 'utf8')).split('\0');
      for (const path of names.filter((each) => each !== '')) files.set(`${name}:/${path}`, '');
      const sums = (await readFile(join(directory, `${name}.sums`), 'utf8')).split('\n');
      for (const line of sums) {
        const [, digest = '', path = ''] = /^([0-9a-f]{64}) {2}\.(\/.*)$/.exec(line) ?? [];
        if (path !== '') files.set(`${name}:${path}`, digest);
      }
    }
    return files;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Paths that only one has, or whose content differs. */
export function differences(one: GuestFiles, other: GuestFiles): string[] {
  const paths = new Set([...one.keys(), ...other.keys()]);
  return [...paths].filter((path) => one.get(path) !== other.get(path)).sort();
}
