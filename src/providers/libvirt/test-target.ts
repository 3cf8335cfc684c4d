/** A target on a private libvirtd, and what the steps do with it. */
import type { Libvirtd } from '../../../test/peers/libvirtd.ts';
import type { GuestCapabilities, Vm } from '../../model/vm.ts';
import type { ImageTools } from '../../transfer/disk.ts';
import { openVolume } from '../../transfer/nbd/volume.ts';
import type { Mark, RandomTarget, TargetDisk, TargetVm } from '../provider.ts';
import { testGuest, testVm } from '../domain/test-vm.ts';
import type { LibvirtTargetSpec } from './context.ts';
import { createLibvirtTarget } from './target.ts';

export type TestTarget = RandomTarget & AsyncDisposable;
type Made = { readonly disks: TargetDisk[]; readonly vm: TargetVm };

export const signal = (): AbortSignal => AbortSignal.timeout(60_000);

const refused = (): Promise<never> => Promise.reject(new Error('a target has no stored images'));
const tools: ImageTools = { inspect: refused, openStored: refused, openVolume };

export function openTarget(daemon: Libvirtd, change: Partial<LibvirtTargetSpec> = {}): TestTarget {
  return createLibvirtTarget(
    { type: 'libvirt', uri: daemon.uri, pool: 'default', format: 'qcow2', networks: { '*': 'user' }, ...change },
    tools,
    { accelerator: () => Promise.resolve('tcg'), logDirectory: daemon.logDirectory },
  );
}

/** Disks and VM as the steps make them. */
export async function make(
  target: TestTarget,
  mark: Mark,
  change: { name?: string; vm?: Vm; guest?: GuestCapabilities } = {},
): Promise<Made> {
  const vm = change.vm ?? testVm();
  const targetName = change.name ?? vm.name;
  const disks: TargetDisk[] = [];
  for (const [index, disk] of vm.disks.entries()) {
    const request = { mark, vm, targetName, diskId: disk.id, index, sizeBytes: disk.sizeBytes ?? 0 };
    disks.push(await target.createDisk(await target.planDisk(request, signal()), request, signal()));
  }
  const request = { mark, vm, targetName, guest: change.guest ?? testGuest(), disks };
  return { disks, vm: await target.createVm(await target.planVm(request, signal()), request, signal()) };
}

export async function remove(target: TestTarget, mark: Mark, made: Made): Promise<void> {
  await target.removeVm(mark, made.vm, signal());
  for (const disk of made.disks) await target.removeDisk(mark, disk, signal());
}
