import { WherryError } from '../../model/errors.ts';
import type { TargetPower, TargetVm } from '../provider.ts';
import { checkBoot } from './boot-check.ts';
import type { LibvirtClient } from './client.ts';
import { doing, type TargetContext } from './context.ts';
import { noneIfMissing } from './mark.ts';
import type { Domain } from './rpc/calls.ts';
import { isLibvirtError, LibvirtError } from './rpc/libvirt-error.ts';
import { isActive, uuidOf } from './vms.ts';

export function libvirtPower(context: TargetContext): TargetPower {
  return {
    state: async (vm, signal) => {
      const client = await context.client(signal);
      const domain = await lookUp(client, vm, signal);
      if (domain === null) return 'off';
      return (await doing('look at the VM', vm.name, isActive(client, domain, signal))) ? 'on' : 'off';
    },
    on: async (vm, signal) => {
      const client = await context.client(signal);
      const domain = await lookUp(client, vm, signal);
      if (domain === null) throw new WherryError('libvirt.vm_gone', { vm: vm.name });
      try {
        if (await isActive(client, domain, signal)) return;
        await client.domains.create(domain, signal);
      } catch (error) {
        if (!(error instanceof LibvirtError)) throw error;
        // Somebody was faster: it runs, and that is what was wanted.
        if (isLibvirtError(error, 'operationInvalid') && (await isActive(client, domain, signal))) return;
        throw new WherryError('libvirt.start_failed', { vm: vm.name }, error);
      }
    },
    off: async (vm, signal) => {
      const client = await context.client(signal);
      const domain = await lookUp(client, vm, signal);
      if (domain === null || !(await isActive(client, domain, signal))) return;
      try {
        await client.domains.destroy(domain, signal);
      } catch (error) {
        if (isLibvirtError(error, 'operationInvalid', 'noDomain')) return;
        await doing('power off the VM', vm.name, Promise.reject(error));
      }
    },
    checkBoot: (vm, options, signal) => checkBoot(context, vm, options, signal),
  };
}

async function lookUp(client: LibvirtClient, vm: TargetVm, signal: AbortSignal): Promise<Domain | null> {
  return doing('look for the VM', vm.name, client.domains.byUuid(uuidOf(vm), signal).catch(noneIfMissing));
}
