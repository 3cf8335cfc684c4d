/**
 * An OVA with a bootable guest in it, as VMware would export it: what script/demo and the acceptance scenarios migrate.
 * From a shell: node test/peers/guest/appliance.ts DIR TOKEN [KIND], which prints a JSON description.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { runChild } from '../../../src/process/child.ts';
import { buildOva } from '../../fixtures/ova/build.ts';
import { buildGuest, type Guest, guestKinds, type GuestKind, toVmdk } from './build.ts';

export type ApplianceRequest = {
  /** Where the OVA is put; must exist. Raw images stay beside it, to compare with. */
  readonly dir: string;
  /** Part of the marker that the guest prints. */
  readonly token: string;
  /** Default `debian`. The `kvm` kinds become an oVirt export, which needs no conversion. */
  readonly kind?: GuestKind;
  readonly vmName?: string;
  readonly mac?: string;
  readonly memoryMiB?: number;
  readonly cpus?: number;
  /** A second disk of this size with random data in it. */
  readonly dataMiB?: number;
  /** See `GuestRequest`. */
  readonly deletedMiB?: number;
  /** The OVF's `compression="gzip"`: disks that can only be read in order. */
  readonly gzip?: boolean;
};

export type Appliance = {
  readonly path: string;
  readonly vmName: string;
  readonly mac: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly firmware: 'bios' | 'efi';
  /** What the guest prints on its serial port, followed by the name of its disk. */
  readonly marker: string;
  /** The logical content of each disk, as raw images. */
  readonly disks: readonly { readonly path: string; readonly sizeBytes: number }[];
};

export async function buildDemoOva(request: ApplianceRequest): Promise<Appliance> {
  const kind = request.kind ?? 'debian';
  const guest = await buildGuest({
    kind,
    token: request.token,
    dir: request.dir,
    ...(request.dataMiB === undefined ? {} : { dataMiB: request.dataMiB }),
    ...(request.deletedMiB === undefined ? {} : { deletedMiB: request.deletedMiB }),
  });
  return packAppliance(request, guest);
}

/** An OVA of a guest that is there already: the same disks can be packed more than once. */
export async function packAppliance(request: ApplianceRequest, guest: Guest): Promise<Appliance> {
  const kind = request.kind ?? 'debian';
  const vmName = request.vmName ?? 'wherry-demo';
  const vm = {
    mac: request.mac ?? '00:50:56:3c:4d:5e',
    memoryMiB: request.memoryMiB ?? 256,
    cpus: request.cpus ?? 1,
    firmware: kind.endsWith('-efi') ? ('efi' as const) : ('bios' as const),
  };
  const disks = [{ path: guest.path, sizeBytes: guest.sizeBytes }, ...(guest.data === null ? [] : [guest.data])];
  const foreign = !kind.startsWith('kvm');
  const images: { file: string; capacityBytes: number; format: 'vmdk' | 'qcow2'; gzip: boolean }[] = [];
  for (const [index, disk] of disks.entries()) {
    const name = path.join(request.dir, `${vmName}-disk${index + 1}.${foreign ? 'vmdk' : 'qcow2'}`);
    if (foreign) await rename(await toVmdk(disk.path), name);
    else await runChild('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', disk.path, name]);
    images.push({
      file: request.gzip === true ? await gzipped(name) : name,
      capacityBytes: disk.sizeBytes,
      format: foreign ? 'vmdk' : 'qcow2',
      gzip: request.gzip ?? false,
    });
  }
  const ova = path.join(request.dir, `${vmName}.ova`);
  await buildOva({
    path: ova,
    vmName,
    disks: images,
    style: foreign ? 'vmware' : 'ovirt',
    description: 'A small guest that says when it has booted',
    nics: [{ mac: vm.mac, network: 'VM Network', model: foreign ? 'VmxNet3' : 'virtio' }],
    memoryMiB: vm.memoryMiB,
    cpus: vm.cpus,
    firmware: vm.firmware,
    manifest: foreign ? 'sha256' : 'none',
  });
  for (const image of images) await rm(image.file);
  return { path: ova, vmName, ...vm, marker: guest.marker, disks };
}

async function gzipped(file: string): Promise<string> {
  await pipeline(createReadStream(file), createGzip({ level: 1 }), createWriteStream(`${file}.gz`));
  await rm(file);
  return `${file}.gz`;
}

if (import.meta.main) {
  const [dir, token, kind = 'debian'] = process.argv.slice(2);
  const known = guestKinds.find((each) => each === kind);
  if (dir === undefined || token === undefined || known === undefined) {
    process.stderr.write(`usage: appliance.ts DIR TOKEN [${guestKinds.join('|')}]\n`);
    process.exitCode = 2;
  } else {
    process.stdout.write(`${JSON.stringify(await buildDemoOva({ dir, token, kind: known }))}\n`);
  }
}
