/**
 * libvirt as a target: disks are volumes of a file pool on this very host, the VM is a domain.
 */
import { access, constants } from 'node:fs/promises';
import { WherryError } from '../../model/errors.ts';
import type { ImageTools } from '../../transfer/disk.ts';
import type { RandomTarget } from '../provider.ts';
import { libvirtConcerns } from './concerns.ts';
import { doing, type LibvirtTargetSpec, targetContext } from './context.ts';
import { checkReach, findPool } from './pool.ts';
import { libvirtPower } from './power.ts';
import { createVm, finalizeVm, planVm, removeVm } from './vms.ts';
import { concealDisk, createDisk, openDisk, planDisk, removeDisk } from './volumes.ts';

export type LibvirtTargetOptions = {
  /** Whether KVM really works on this host; asked at most once. */
  readonly accelerator: () => Promise<'kvm' | 'tcg'>;
  /** Where libvirt writes the guests' logs, when it is not at the usual place. */
  readonly logDirectory?: string;
};

/** Connects when it is first used, again when the daemon was restarted; dispose of it to disconnect. */
export function createLibvirtTarget(
  spec: LibvirtTargetSpec,
  tools: ImageTools,
  options: LibvirtTargetOptions,
): RandomTarget & AsyncDisposable {
  const context = targetContext(spec, tools, options);
  return {
    eligible: async (signal) => {
      const client = await context.client(signal);
      await needProgram('qemu-nbd', 'qemu-utils');
      await doing(`look at pool ${spec.pool}`, '', checkPool());

      async function checkPool(): Promise<void> {
        const found = await findPool(client, spec.pool, signal).catch((error: unknown) => {
          // A pool that is not there is a concern, on every worker alike: no reason for this one to decline.
          if (error instanceof WherryError && error.code.startsWith('libvirt.pool_')) return null;
          throw error;
        });
        if (found !== null) await checkReach(client, found, signal);
      }
    },
    concerns: (request, signal) =>
      doing('look for what stands in the way', request.targetName, libvirtConcerns(context, request, signal)),
    planDisk: (request, signal) => planDisk(context, request, signal),
    createDisk: (planned, request, signal) => createDisk(context, planned, request, signal),
    openDisk: (disk, opening, signal) => openDisk(context, disk, opening, signal),
    concealDisk: (disk, signal) => concealDisk(context, disk, signal),
    removeDisk: (mark, disk, signal) => removeDisk(context, mark, disk, signal),
    planVm: async (request) => planVm(context, request),
    createVm: (planned, request, signal) => createVm(context, planned, request, signal),
    removeVm: (mark, vm, signal) => removeVm(context, mark, vm, signal),
    finalize: (mark, made, { gone }, signal) => finalizeVm(context, { mark, ...made, gone }, signal),
    power: libvirtPower(context),
    [Symbol.asyncDispose]: async () => context.disconnect(),
  };
}

async function needProgram(tool: string, debianPackage: string): Promise<void> {
  for (const directory of ['/usr/local/bin', '/usr/bin', '/bin']) {
    const found = await access(`${directory}/${tool}`, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return;
  }
  throw new WherryError('libvirt.tool_missing', { tool, package: debianPackage });
}
