import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { WherryError } from '../../model/errors.ts';
import type { SourceSpec } from '../../model/spec.ts';
import type { Firmware, Vm, VmDisk } from '../../model/vm.ts';
import type { Disk, ImageTools, RemoteFile, StoredImage } from '../../transfer/disk.ts';
import type { Source } from '../provider.ts';
import { firmwareOfDisk } from './firmware-of-disk.ts';
import { type FileFormat, formatOfFile } from './format-of-file.ts';
import { identityOfImage } from '../local/image-identity.ts';
import { type LocalFile, openLocalFile } from '../local/local-file.ts';
import { siblingFile } from './sibling.ts';

export type FilesSpec = Extract<SourceSpec, { type: 'files' }>;

/** What a VM gets that nobody describes. Documented for users: change it at the target. */
const defaults = { cpus: 2, memoryBytes: 2 * 2 ** 30 };

/** An image of the VM: one disk each, in the order in which they were named. */
type ImageFile = FileFormat & {
  readonly id: string;
  readonly path: string;
  readonly lengthBytes: number;
  readonly identity: string;
  readonly remote?: RemoteFile | undefined;
};

type OpenFile = (path: string) => Promise<LocalFile & { readonly remote?: RemoteFile }>;

/**
 * Bare disk images as one VM: its name is the first file's unless the user gives one; formats are found by their content;
 * it has the default CPUs and memory, one NIC without a fixed address, and the firmware that its first disk is made for.
 * @param open how its files are opened: those on a web server have bytes of their own
 * @throws source.*
 */
export async function createFilesSource(
  spec: FilesSpec,
  tools: ImageTools,
  signal: AbortSignal,
  open: OpenFile = openLocalFile,
): Promise<Source & AsyncDisposable> {
  const images = await openImages(spec.paths, open, signal);
  const first = basename(spec.paths[0] ?? '');
  const name = spec.name ?? (first.replace(/\.gz$/i, '').replace(/\.[A-Za-z0-9]+$/, '') || first);
  const stored = (image: ImageFile): StoredImage => ({
    path: image.path,
    offset: 0,
    lengthBytes: image.lengthBytes,
    format: image.format,
    gzip: image.gzip,
    vm: name,
    disk: image.id,
    remote: image.remote,
    sibling: (sibling) => (image.remote === undefined ? siblingFile(dirname(image.path), sibling) : null),
  });
  const find = (vmId: string | null): void => {
    if (vmId === null || vmId === name) return;
    throw new WherryError('source.vm_not_found', { vm: vmId, path: spec.paths.join(', '), names: name });
  };
  return {
    list: async () => [
      { id: name, name, cpus: defaults.cpus, memoryBytes: defaults.memoryBytes, diskCount: images.length },
    ],
    describe: async (vmId, during) => {
      find(vmId);
      const disks: VmDisk[] = [];
      for (const [index, image] of images.entries()) {
        const facts = await tools.inspect(stored(image), during);
        disks.push(describeDisk(image, index, facts.virtualSizeBytes));
      }
      const boot = images[0];
      const firmware = boot === undefined ? bios : await findFirmware(stored(boot), tools, during);
      return describeVm(name, disks, firmware);
    },
    identity: async (vm, during) => {
      find(vm.id);
      const entries = images.map(async (image) => [image.id, await identityOfImage(stored(image), tools, during)]);
      return Object.fromEntries(await Promise.all(entries));
    },
    openDisk: async (vm, diskId, directory, during): Promise<Disk> => {
      find(vm.id);
      const image = images.find(({ id }) => id === diskId);
      if (image === undefined) {
        throw new WherryError('source.disk_not_found', { vm: name, disk: diskId, path: spec.paths.join(', ') });
      }
      return tools.openStored(stored(image), directory, during);
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const bios: Firmware = { type: 'bios', secureBoot: false };

async function openImages(paths: readonly string[], open: OpenFile, signal: AbortSignal): Promise<ImageFile[]> {
  const images: ImageFile[] = [];
  for (const path of paths) {
    signal.throwIfAborted();
    await using file = await open(path);
    if (images.some(({ identity }) => identity === file.identity)) {
      throw new WherryError('source.duplicate_path', { path });
    }
    const base = basename(path);
    const same = images.filter((image) => basename(image.path) === base).length;
    const id = same === 0 ? base : `${base}~${same + 1}`;
    images.push({
      id,
      path,
      lengthBytes: file.sizeBytes,
      identity: file.identity,
      remote: file.remote,
      ...(await formatOfFile(file)),
    });
  }
  return images;
}

/** A compressed image is not read for this alone: from its beginning to its end is the only way. */
async function findFirmware(image: StoredImage, tools: ImageTools, signal: AbortSignal): Promise<Firmware> {
  if (image.gzip) return bios;
  const directory = await mkdtemp(join(tmpdir(), 'wherry-look-'));
  try {
    const disk = await tools.openStored(image, directory, signal);
    try {
      return await firmwareOfDisk(disk, signal);
    } finally {
      await disk.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What the format tells of where a VM was: qcow2 is KVM's own, VMDK VMware's, VHD and VHDX Hyper-V's. */
const originOf: Readonly<Record<VmDisk['format'], Vm['origin']>> = {
  qcow2: 'kvm',
  vmdk: 'vmware',
  vhd: 'hyperv',
  vhdx: 'hyperv',
  raw: 'unknown',
};

/** Buses that a guest of that origin certainly has a driver for. */
const busOf: Readonly<Record<VmDisk['format'], VmDisk['bus']>> = {
  qcow2: 'virtio',
  vmdk: 'scsi',
  vhd: 'ide',
  vhdx: 'scsi',
  raw: 'sata',
};

function describeDisk(image: ImageFile, index: number, sizeBytes: number): VmDisk {
  return {
    id: image.id,
    name: image.id,
    sizeBytes,
    format: image.format,
    storedBytes: image.lengthBytes,
    access: image.gzip ? 'sequential' : 'random',
    bus: busOf[image.format],
    controller: 0,
    unit: index,
    bootOrder: index === 0 ? 1 : null,
  };
}

function describeVm(name: string, disks: VmDisk[], firmware: Firmware): Vm {
  const origin = originOf[disks[0]?.format ?? 'raw'];
  return {
    id: name,
    name,
    description: '',
    origin,
    cpus: defaults.cpus,
    coresPerSocket: 0,
    memoryBytes: defaults.memoryBytes,
    firmware,
    os: { id: '', name: '' },
    disks,
    nics: [{ id: 'nic-1', mac: null, network: 'default', model: origin === 'kvm' ? 'virtio' : null, connected: true }],
  };
}
