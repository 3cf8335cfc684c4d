/**
 * The root file system of a test guest: just enough of a Debian that virt-v2v takes it for one and can convert it. Its
 * initial RAM file system knows the disks of VMware, not virtio; its `update-initramfs` adds virtio when virt-v2v has
 * asked for it in /etc/initramfs-tools/modules. So only a guest that was really converted boots from a virtio disk.
 */
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { archive, type Entry, moduleEntries } from './initramfs.ts';
import { type Kernel, loadModules } from './kernel.ts';

export const rootUuid = '22222222-2222-3333-4444-555555555555';

export type RootOptions = {
  readonly token: string;
  /** Boots from virtio as it is, as a guest of KVM does. */
  readonly virtio: boolean;
  readonly powerOff: boolean;
  readonly firmware: 'bios' | 'efi';
  /** What /etc/os-release says: virt-v2v refuses what it does not know. */
  readonly distribution: 'debian' | 'unknown';
};

const busyboxPath = '/bin/busybox';
// ext4 asks for a checksum's driver by its purpose, which modules.dep does not tell; cloud kernels have it built in.
const foreignDrivers = ['ata_piix', 'ahci', 'sd_mod', 'vmw_pvscsi', 'mptspi', 'crc32c_generic', 'ext4'];
const virtioDrivers = ['virtio_pci', 'virtio_blk', 'virtio_scsi', 'sd_mod'];

/** Writes the tree below `root`, which must exist and be empty. */
export async function writeRoot(root: string, kernel: Kernel, options: RootOptions): Promise<void> {
  const version = kernel.version;
  const put = async (name: string, content: string | Buffer, mode = 0o644): Promise<void> => {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    await chmod(file, mode);
  };
  for (const directory of [
    'proc',
    'sys',
    'dev',
    'tmp',
    'root',
    'run',
    'home',
    'var/log',
    'var/tmp',
    'boot/efi',
    'lib64',
  ]) {
    await mkdir(path.join(root, directory), { recursive: true });
  }
  await mkdir(path.join(root, 'bin'), { recursive: true });
  await copyFile(busyboxPath, path.join(root, 'bin/busybox'));
  for (const applet of [
    'sh',
    'ls',
    'cat',
    'cp',
    'mv',
    'grep',
    'mount',
    'poweroff',
    'sleep',
    'ip',
    'rm',
    'mkdir',
    'touch',
  ]) {
    await symlink('busybox', path.join(root, 'bin', applet));
  }

  await put('etc/wherry-token', `${options.token}\n`);
  if (options.powerOff) await put('etc/wherry-power-off', '');
  await put('etc/hostname', 'wherry-guest\n');
  await put('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n');
  await put('etc/fstab', fstab(options.firmware));
  if (options.distribution === 'debian') {
    await put('etc/debian_version', '12.5\n');
    await put(
      'etc/os-release',
      'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n',
    );
  } else {
    await put(
      'etc/os-release',
      'PRETTY_NAME="Wherry Test OS 1"\nNAME="Wherry Test OS"\nVERSION_ID="1"\nID=wherrytest\n',
    );
  }
  await put(
    'etc/network/interfaces',
    'auto lo\niface lo inet loopback\nauto ens192\niface ens192 inet static\n address 192.0.2.10/24\n',
  );
  await put('etc/modprobe.d/empty.conf', '');

  const foreign = await loadModules(kernel, foreignDrivers);
  const virtio = await loadModules(kernel, virtioDrivers);
  const installed = [...foreign, ...virtio, ...(await loadModules(kernel, ['virtio_net']))];
  for (const each of installed) await put(`lib/modules/${version}/${each.path}`, each.content);
  for (const list of ['modules.order', 'modules.builtin']) {
    await put(`lib/modules/${version}/${list}`, await readFile(`/lib/modules/${version}/${list}`).catch(() => ''));
  }
  await put(`lib/modules/${version}/modules.dep`, '');

  const base = archive([
    ...skeleton(await readFile(busyboxPath), await readFile(initPath)),
    ...moduleEntries('a-foreign', foreign),
  ]);
  const extra = archive(moduleEntries('b-virtio', virtio));
  await put(`boot/vmlinuz-${version}`, kernel.image);
  await put(`boot/config-${version}`, 'CONFIG_VIRTIO_BLK=m\n');
  await put(`boot/initrd.img-${version}`, options.virtio ? Buffer.concat([base, extra]) : base);
  await put('usr/share/wherry/initrd.base', base);
  await put('usr/share/wherry/initrd.virtio', extra);
  await put('boot/grub/grub.cfg', grubConfiguration(version));
  await put(
    'etc/default/grub',
    'GRUB_DEFAULT=0\nGRUB_TIMEOUT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="console=ttyS0"\n',
  );
  await put('etc/initramfs-tools/modules', '# modules to include\n');
  await put('usr/sbin/update-initramfs', updateInitramfs, 0o755);
  for (const tool of ['update-grub', 'update-grub2', 'grub-mkconfig'])
    await put(`usr/sbin/${tool}`, '#!/bin/sh\nexit 0\n', 0o755);
  await put('usr/bin/dpkg', '#!/bin/sh\ncat "/var/lib/dpkg/info/$2.list" 2>/dev/null\nexit 0\n', 0o755);
  await put('var/lib/dpkg/status', dpkgStatus([`linux-image-${version}`, 'base-files', 'libc6']));
  await put(
    `var/lib/dpkg/info/linux-image-${version}.list`,
    [
      `/boot/vmlinuz-${version}`,
      `/boot/config-${version}`,
      `/lib/modules/${version}`,
      ...installed.map((each) => `/lib/modules/${version}/${each.path}`),
    ]
      .map((line) => `${line}\n`)
      .join(''),
  );
}

const initPath = new URL('init.sh', import.meta.url);

/** What `update-initramfs -c -k VERSION` (or -u) does in this guest: virtio drivers if and only if they were asked for. */
const updateInitramfs = `#!/bin/sh
version=
while [ $# -gt 0 ]; do
  if [ "$1" = -k ]; then version=$2; shift; fi
  shift
done
[ -n "$version" ] || exit 1
cp /usr/share/wherry/initrd.base /boot/.initrd.new || exit 1
if grep -q '^virtio_blk' /etc/initramfs-tools/modules; then
  cat /usr/share/wherry/initrd.virtio >>/boot/.initrd.new || exit 1
fi
mv /boot/.initrd.new "/boot/initrd.img-$version"
`;

function skeleton(busybox: Buffer, init: Buffer): Entry[] {
  return [
    { name: 'bin', kind: 'directory' },
    { name: 'dev', kind: 'directory' },
    { name: 'dev/console', kind: 'character', major: 5, minor: 1 },
    { name: 'bin/busybox', kind: 'file', content: busybox, mode: 0o755 },
    { name: 'bin/sh', kind: 'link', to: 'busybox' },
    { name: 'init', kind: 'file', content: init, mode: 0o755 },
  ];
}

function grubConfiguration(version: string): string {
  return `set timeout=0
set default=0
menuentry 'Debian GNU/Linux' {
\tlinux /boot/vmlinuz-${version} root=UUID=${rootUuid} ro console=ttyS0 quiet
\tinitrd /boot/initrd.img-${version}
}
`;
}

function fstab(firmware: 'bios' | 'efi'): string {
  const root = `UUID=${rootUuid} / ext4 defaults 0 1\n`;
  return firmware === 'bios' ? root : `${root}UUID=5748-4552 /boot/efi vfat umask=0077 0 1\n`;
}

function dpkgStatus(names: readonly string[]): string {
  return names
    .map(
      (name) =>
        `Package: ${name}\nStatus: install ok installed\nPriority: optional\nSection: kernel\nInstalled-Size: 1\n` +
        `Maintainer: Nobody <nobody@example.com>\nArchitecture: amd64\nVersion: 12.5\nDescription: part of a test guest\n\n`,
    )
    .join('');
}
