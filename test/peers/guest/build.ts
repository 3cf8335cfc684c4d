/**
 * Bootable test guests, built offline: no root, no loop device, no network, about a second. A guest that boots prints
 * `marker` on its first serial port every two seconds, with the name of the disk that its root file system is on.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  copyFile,
  constants,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { runChild } from '../../../src/process/child.ts';
import { findKernel } from './kernel.ts';
import { type RootOptions, rootUuid, writeRoot } from './root.ts';

export const guestKinds = ['debian', 'debian-efi', 'kvm', 'kvm-efi', 'unknown-os', 'no-os'] as const;
/**
 * `debian`: as it would come from VMware, needs conversion to boot from virtio. `kvm`: boots from virtio as it is.
 * `unknown-os`: a Linux that virt-v2v does not know. `no-os`: a file system with a file in it, nothing to boot.
 */
export type GuestKind = (typeof guestKinds)[number];

export type GuestRequest = {
  readonly kind: GuestKind;
  /** Part of the marker: letters, digits, dashes. */
  readonly token: string;
  /** Where the image is put; must exist. */
  readonly dir: string;
  /** Powers itself off once it has booted. */
  readonly powerOff?: boolean;
  /** A second disk of this size with an ext4 that holds a file of random data filling about half of it. */
  readonly dataMiB?: number;
  /** On it, random data of this size that belonged to a file which was deleted: free, and not zeros. */
  readonly deletedMiB?: number;
};

export type Guest = {
  /** A raw image. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly marker: string;
  readonly data: { readonly path: string; readonly sizeBytes: number } | null;
};

const mib = 1024 * 1024;

export async function buildGuest(request: GuestRequest): Promise<Guest> {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(request.token)) throw new Error(`not a token: ${request.token}`);
  const target = path.join(request.dir, `${request.kind}.raw`);
  const cached = await cachedImage(request);
  await copyFile(cached, target, constants.COPYFILE_FICLONE).then(() => punch(target));
  const data =
    request.dataMiB === undefined ? null : await buildData(request.dir, request.dataMiB, request.deletedMiB ?? 0);
  return {
    path: target,
    sizeBytes: (await stat(target)).size,
    marker: `WHERRY-GUEST-BOOTED ${request.token} root=`,
    data,
  };
}

/** A VMDK of a raw image next to it, as a VMware export has them. */
export async function toVmdk(
  raw: string,
  subformat: 'streamOptimized' | 'monolithicSparse' = 'streamOptimized',
): Promise<string> {
  const target = raw.replace(/\.raw$/, '.vmdk');
  await runChild('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', '-o', `subformat=${subformat}`, raw, target]);
  return target;
}

/** Images are kept by the hash of all that goes into them; the last few are enough. */
async function cachedImage(request: GuestRequest): Promise<string> {
  const kernel = await findKernel();
  const hash = createHash('sha256');
  for (const name of ['build.ts', 'root.ts', 'initramfs.ts', 'kernel.ts', 'init.sh']) {
    hash.update(await readFile(new URL(name, import.meta.url)));
  }
  hash.update(
    JSON.stringify([kernel.version, kernel.image.length, request.kind, request.token, request.powerOff ?? false]),
  );
  const directory = path.join(process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache'), 'wherry', 'guests');
  await mkdir(directory, { recursive: true });
  const cached = path.join(directory, `${hash.digest('hex').slice(0, 32)}.raw`);
  if (
    await stat(cached).then(
      () => true,
      () => false,
    )
  )
    return cached;
  const work = await mkdtemp(path.join(directory, 'work-'));
  try {
    const image = path.join(work, 'disk.raw');
    if (request.kind === 'no-os') await buildWithoutSystem(work, image);
    else await buildSystem(work, image, kernel, request);
    await rename(image, cached);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await forgetOld(directory, 12);
  return cached;
}

async function buildSystem(
  work: string,
  image: string,
  kernel: Awaited<ReturnType<typeof findKernel>>,
  request: GuestRequest,
): Promise<void> {
  const firmware = request.kind.endsWith('-efi') ? 'efi' : 'bios';
  const options: RootOptions = {
    token: request.token,
    virtio: request.kind.startsWith('kvm'),
    powerOff: request.powerOff ?? false,
    firmware,
    distribution: request.kind === 'unknown-os' ? 'unknown' : 'debian',
  };
  const root = path.join(work, 'root');
  await mkdir(root);
  await writeRoot(root, kernel, options);
  await writeFile(image, '');
  if (firmware === 'bios') {
    await truncate(image, 160 * mib);
    await partition(work, image, 'label: dos\nlabel-id: 0x12345678\nstart=2048, type=83, bootable\n');
    await makeExt4(image, 1, 159, root, ['-U', rootUuid, '-L', 'root']);
    await installBios(work, image);
  } else {
    await truncate(image, 200 * mib);
    const layout = 'label: gpt\nstart=2048, size=65536, type=uefi, name=esp\nstart=67584, type=linux, name=root\n';
    await partition(work, image, layout);
    await makeExt4(image, 33, 166, root, ['-U', rootUuid, '-L', 'root']);
    await installEfi(work, image);
  }
}

async function buildWithoutSystem(work: string, image: string): Promise<void> {
  const root = path.join(work, 'root');
  await mkdir(root);
  await writeFile(path.join(root, 'just-a-file'), randomBytes(mib));
  await writeFile(image, '');
  await truncate(image, 64 * mib);
  await partition(work, image, 'label: dos\nstart=2048, type=83\n');
  await makeExt4(image, 1, 63, root, ['-L', 'nothing']);
}

async function buildData(
  dir: string,
  sizeMiB: number,
  deletedMiB: number,
): Promise<{ path: string; sizeBytes: number }> {
  const image = path.join(dir, 'data.raw');
  const root = await mkdtemp(path.join(dir, 'data-'));
  const fill = async (name: string, size: number): Promise<void> => {
    await using file = await open(path.join(root, name), 'w');
    for (let done = 0; done < size; done++) await file.write(randomBytes(mib));
  };
  try {
    await fill('random', sizeMiB / 2);
    if (deletedMiB > 0) await fill('deleted', deletedMiB);
    await rm(image, { force: true });
    await writeFile(image, '');
    await truncate(image, sizeMiB * mib);
    await makeExt4(image, 0, sizeMiB, root, ['-L', 'data']);
    if (deletedMiB > 0) await runChild('debugfs', ['-w', '-R', 'rm /deleted', image]);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
  return { path: image, sizeBytes: sizeMiB * mib };
}

async function makeExt4(
  image: string,
  startMiB: number,
  sizeMiB: number,
  root: string,
  flags: readonly string[],
): Promise<void> {
  const extended = `offset=${startMiB * mib},root_owner=0:0`;
  await runChild('mke2fs', ['-q', '-t', 'ext4', ...flags, '-d', root, '-E', extended, image, `${sizeMiB}M`]);
}

async function partition(work: string, image: string, layout: string): Promise<void> {
  // sfdisk reads its layout from standard input only; a child of ours has none, hence the shell, over fixed names.
  const script = path.join(work, 'layout');
  await writeFile(script, layout);
  await runChild('sh', ['-c', 'exec sfdisk -q "$1" <"$2"', 'sh', image, script]);
}

async function installBios(work: string, image: string): Promise<void> {
  const grub = '/usr/lib/grub/i386-pc';
  const core = path.join(work, 'core.img');
  const modules = ['biosdisk', 'part_msdos', 'ext2', 'normal', 'linux', 'search', 'search_fs_uuid', 'configfile'];
  await runChild('grub-mkimage', ['-d', grub, '-O', 'i386-pc', '-o', core, '-p', '(hd0,msdos1)/boot/grub', ...modules]);
  const file = await open(image, 'r+');
  try {
    // The first 440 bytes of the boot sector are code, then comes the partition table; the rest of GRUB starts at sector 1.
    await file.write((await readFile(`${grub}/boot.img`)).subarray(0, 440), 0, 440, 0);
    const rest = await readFile(core);
    await file.write(rest, 0, rest.length, 512);
  } finally {
    await file.close();
  }
}

async function installEfi(work: string, image: string): Promise<void> {
  const loader = path.join(work, 'grub.efi');
  const modules = ['part_gpt', 'fat', 'ext2', 'normal', 'linux', 'search', 'search_fs_uuid', 'configfile', 'all_video'];
  await runChild('grub-mkimage', [
    '-d',
    '/usr/lib/grub/x86_64-efi',
    '-O',
    'x86_64-efi',
    '-o',
    loader,
    '-p',
    '(hd0,gpt2)/boot/grub',
    ...modules,
  ]);
  const esp = `${image}@@${mib}`;
  const geometry = ['-T', '65536', '-h', '64', '-s', '32', '-N', '57484552', '-v', 'ESP'];
  await runChild('mformat', ['-i', esp, ...geometry, '::']);
  await runChild('mmd', ['-i', esp, '::/EFI', '::/EFI/BOOT', '::/EFI/debian']);
  await runChild('mcopy', ['-i', esp, loader, '::/EFI/BOOT/BOOTX64.EFI']);
  await runChild('mcopy', ['-i', esp, loader, '::/EFI/debian/grubx64.efi']);
  // As Debian's grub-install leaves it; virt-v2v finds the boot loader by this file.
  const stub = path.join(work, 'stub.cfg');
  await writeFile(
    stub,
    `search.fs_uuid ${rootUuid} root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n`,
  );
  await runChild('mcopy', ['-i', esp, stub, '::/EFI/debian/grub.cfg']);
}

/** Without reflinks a copy is full; tests measure holes, so it is made sparse again. */
async function punch(image: string): Promise<void> {
  await runChild('fallocate', ['--dig-holes', image]).catch(() => undefined);
}

async function forgetOld(directory: string, keep: number): Promise<void> {
  const files: { file: string; usedMs: number }[] = [];
  for (const name of await readdir(directory)) {
    const file = path.join(directory, name);
    const info = await stat(file).catch(() => undefined);
    if (info?.isFile() === true) files.push({ file, usedMs: info.mtimeMs });
  }
  files.sort((a, b) => b.usedMs - a.usedMs);
  for (const old of files.slice(keep)) await rm(old.file, { force: true });
}
